// The steps that the account wants taken on the case: where each stands, who says so and in what words, and what waits for them.

import { useState } from 'react'

import { useLabels } from '../app/ViewerProvider'
import type { ActionType, CaseDetailFragment, StepState } from '../gql/graphql'
import type { Word } from '../i18n/en'
import { useFormat } from '../i18n/format'
import { useTranslation } from '../i18n/language'
import { Icon } from '../ui/Icon'
import { StepDialog } from './StepDialog'
import { neededFor, type Step } from './steps'

const ICONS = { DONE: 'check', NOT_NEEDED: 'minus', OPEN: 'circle' } as const satisfies Record<StepState, string>
const HELD_UP: Partial<Record<ActionType, Word>> = { ACCEPT: 'accept', CLOSE: 'closeCase' }

export function Checklist({ shown }: { shown: CaseDetailFragment }) {
  const { t } = useTranslation()
  const [recorded, setRecorded] = useState<Step | null>(null)
  const { availableActions, checklist } = shown
  if (checklist.length === 0) return null
  const canRecord = availableActions.some(({ action, allowed }) => action === 'RECORD_STEP' && allowed)
  const heldUp = availableActions.flatMap(({ action, code, message }) => {
    const word = HELD_UP[action]
    return code === 'CHECKLIST_OPEN' && word ? [{ action, word, message }] : []
  })
  return (
    <section aria-labelledby="checklist-heading" className="checklist">
      <h2 id="checklist-heading">{t('checklist')}</h2>
      {heldUp.map(({ action, word, message }) => (
        <p key={action} className="held-up">
          {t('labelled', { label: t(word), value: message ?? '' })}
        </p>
      ))}
      <ol className="steps">
        {checklist.map((step) => (
          <StepItem key={step.key} step={step} onRecord={canRecord ? () => setRecorded(step) : null} />
        ))}
      </ol>
      {recorded && <StepDialog shown={shown} step={recorded} onClose={() => setRecorded(null)} />}
    </section>
  )
}

function StepItem({ step, onRecord }: { step: Step; onRecord: (() => void) | null }) {
  const { t } = useTranslation()
  const label = useLabels()
  const { moment } = useFormat()
  const needed = neededFor(step)
  const { action } = step
  return (
    <li className={`step ${step.state.toLowerCase()}`}>
      <Icon name={ICONS[step.state]} />
      <div className="step-text">
        <p>
          <span className="step-label">{step.label}</span> <span className="step-state">{label('StepState', step.state)}</span>
        </p>
        {step.state === 'OPEN' && needed && <p className="muted">{t(needed)}</p>}
        {action && (
          <p className="muted">
            {t('recordedBy', { name: action.user?.displayName ?? t('somebody'), time: moment(action.createdAt) })}
          </p>
        )}
        {action?.comment?.body && <blockquote>{action.comment.body}</blockquote>}
      </div>
      {onRecord && (
        <button
          type="button"
          className="button"
          aria-label={t('labelled', { label: t('record'), value: step.label })}
          onClick={onRecord}
        >
          {t('record')}
        </button>
      )}
    </li>
  )
}
