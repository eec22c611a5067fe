// What the viewer can do, and for everything else why not: the gateway says both, by the rules that the mutations obey.

import { useState, type ComponentType } from 'react'

import type { ActionType, CaseDetailFragment } from '../gql/graphql'
import type { Word } from '../i18n/en'
import { useTranslation } from '../i18n/language'
import { CloseCaseDialog } from './CloseCaseDialog'
import { AcceptDialog, RefuseDialog } from './DecisionDialog'
import { RequestOverrideDialog } from './RequestOverrideDialog'
import { TakeBackDialog } from './TakeBackDialog'
import type { ActionDialogProperties } from './useAction'

// Comments have their form in the log. What else the gateway knows is not for this page.
const DIALOGS: Partial<Record<ActionType, { word: Word; dialog: ComponentType<ActionDialogProperties> }>> = {
  ACCEPT: { word: 'accept', dialog: AcceptDialog },
  REFUSE: { word: 'refuse', dialog: RefuseDialog },
  REQUEST_OVERRIDE: { word: 'requestOverride', dialog: RequestOverrideDialog },
  CANCEL: { word: 'takeBack', dialog: TakeBackDialog },
  CLOSE: { word: 'closeCase', dialog: CloseCaseDialog },
}

export function Actions({ shown }: { shown: CaseDetailFragment }) {
  const { t } = useTranslation()
  const [open, setOpen] = useState<ActionType | null>(null)
  const known = shown.availableActions.flatMap(({ action, allowed, message }) => {
    const found = DIALOGS[action]
    return found ? [{ ...found, action, allowed, message }] : []
  })
  const possible = known.filter(({ allowed }) => allowed)
  const impossible = known.filter(({ allowed }) => !allowed)
  const OpenDialog = open && DIALOGS[open]?.dialog
  return (
    <section aria-labelledby="actions-heading" className="actions">
      <h2 id="actions-heading">{t('actions')}</h2>
      {possible.length > 0 && (
        <div className="buttons">
          {possible.map(({ action, word }, index) => (
            <button
              key={action}
              type="button"
              className={index === 0 ? 'button primary' : 'button'}
              onClick={() => setOpen(action)}
            >
              {t(word)}
            </button>
          ))}
        </div>
      )}
      {impossible.length > 0 && (
        <details open={possible.length === 0 || undefined}>
          <summary>{t('notNow')}</summary>
          <dl className="reasons">
            {impossible.map(({ action, word, message }) => (
              <div key={action}>
                <dt>{t(word)}</dt>
                <dd>{message}</dd>
              </div>
            ))}
          </dl>
        </details>
      )}
      {OpenDialog && <OpenDialog shown={shown} onClose={() => setOpen(null)} />}
    </section>
  )
}
