// What is kept and not sent yet, and what was refused when it was sent.

import { useState } from 'react'

import { Since } from '../cases/Since'
import { useFormat } from '../i18n/format'
import { useTranslation } from '../i18n/language'
import { CaseLink } from '../app/CaseLink'
import { Dialog } from '../ui/Dialog'
import { useEntries, useQueue } from './OutboxProvider'
import { NAMES, messageOf } from './entries'
import type { Entry, Refusal } from './queue'

export function OutboxButton() {
  const { t } = useTranslation()
  const entries = useEntries()
  const [isOpen, setIsOpen] = useState(false)
  if (entries.length === 0 && !isOpen) return null
  const hasRefused = entries.some(({ refusals }) => refusals)
  return (
    <>
      <button type="button" className={hasRefused ? 'button alarm' : 'button'} onClick={() => setIsOpen(true)}>
        {t('outboxCount', { count: entries.length })}
      </button>
      {isOpen && (
        <Dialog title={t('outbox')} onClose={() => setIsOpen(false)}>
          <p className="hint">{entries.length === 0 ? t('outboxEmpty') : t('outboxHint')}</p>
          <ol className="outbox">
            {entries.map((entry) => (
              <OutboxEntry key={entry.key} entry={entry} onLeave={() => setIsOpen(false)} />
            ))}
          </ol>
        </Dialog>
      )}
    </>
  )
}

function OutboxEntry({ entry, onLeave }: { entry: Entry; onLeave: () => void }) {
  const { t } = useTranslation()
  const { moment } = useFormat()
  const queue = useQueue()
  return (
    <li>
      <strong>{t(NAMES[entry.name])}</strong> {entry.case?.reference}{' '}
      <span className="muted">{moment(new Date(entry.at).toISOString())}</span>
      {entry.refusals ? <Refusals refusals={entry.refusals} /> : <p>{t('waiting')}</p>}
      {entry.refusals && (
        <div className="buttons">
          {entry.case && (
            <CaseLink reference={entry.case.reference} onClick={onLeave}>
              {t('openItsCase', { reference: entry.case.reference })}
            </CaseLink>
          )}
          <button type="button" className="button" onClick={() => queue.remove(entry.key)}>
            {t('dismiss')}
          </button>
        </div>
      )}
    </li>
  )
}

function Refusals({ refusals }: { refusals: readonly Refusal[] }) {
  const { t } = useTranslation()
  return refusals.map((refusal) => (
    <div key={refusal.code + refusal.message} className="refusal">
      <p>{t('labelled', { label: t('refused'), value: messageOf(refusal, t) })}</p>
      {refusal.actionsSince && refusal.actionsSince.length > 0 && (
        <>
          <p>{t('sinceThen')}</p>
          <Since entries={refusal.actionsSince} />
        </>
      )}
    </div>
  ))
}
