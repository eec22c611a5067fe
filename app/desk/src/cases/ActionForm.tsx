// The frame of every form that does something to a case: its fields, what was refused, what has changed, and its buttons.

import type { FormEvent, ReactNode } from 'react'

import { useTranslation } from '../i18n/language'
import { messageOf } from '../outbox/entries'
import { Dialog } from '../ui/Dialog'
import { ErrorMessages } from '../ui/ErrorMessages'
import { Since } from './Since'
import type { Action, Changes } from './useAction'

type Properties = {
  title: string
  submit: string
  isDangerous?: boolean
  action: Action
  onSubmit: () => void
  onClose: () => void
  children: ReactNode
}

export function ActionForm({ title, submit, isDangerous = false, action, onSubmit, onClose, children }: Properties) {
  const { t } = useTranslation()
  const send = (event: FormEvent) => {
    event.preventDefault()
    onSubmit()
  }
  return (
    <Dialog title={title} onClose={onClose}>
      <form className="form" onSubmit={send}>
        {children}
        {action.refusals.length > 0 && <ErrorMessages messages={action.refusals.map((refusal) => messageOf(refusal, t))} />}
        <Changed changes={action.changes} />
        <div className="buttons">
          <button type="submit" className={isDangerous ? 'button danger' : 'button primary'} disabled={action.isSending}>
            {action.isSending ? t('sending') : submit}
          </button>
          <button type="button" className="button" onClick={onClose}>
            {t('cancel')}
          </button>
        </div>
      </form>
    </Dialog>
  )
}

export function Changed({ changes }: { changes: Changes }) {
  const { t } = useTranslation()
  if (changes.entries.length === 0) return null
  return (
    <div className="changed" role="alert">
      <p>
        <strong>{t('changedTitle')}</strong>
      </p>
      <Since entries={changes.entries} />
      <p>{t('changedHint')}</p>
      {changes.unshown > 0 ? (
        <p>{t('changedMore', { count: changes.unshown })}</p>
      ) : (
        <button type="button" className="button" onClick={changes.acknowledge}>
          {t('readIt')}
        </button>
      )}
    </div>
  )
}
