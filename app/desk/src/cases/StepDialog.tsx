// Where a step stands from now on, in words that the next reader can check.

import { useState } from 'react'

import { useLabels } from '../app/ViewerProvider'
import type { CaseDetailFragment, StepState } from '../gql/graphql'
import type { Word } from '../i18n/en'
import { useTranslation } from '../i18n/language'
import { ActionForm } from './ActionForm'
import type { Step } from './steps'
import { TextArea } from './TextArea'
import { useAction } from './useAction'

const STATES = ['DONE', 'NOT_NEEDED', 'OPEN'] as const satisfies StepState[]
const QUESTIONS: Record<StepState, Word> = { DONE: 'whoWasReached', NOT_NEEDED: 'whyNotNeeded', OPEN: 'whyOpenAgain' }

type Properties = { shown: CaseDetailFragment; step: Step; onClose: () => void }

export function StepDialog({ shown, step, onClose }: Properties) {
  const { t } = useTranslation()
  const label = useLabels()
  const action = useAction(shown, onClose)
  const [state, setState] = useState<StepState>('DONE')
  const [comment, setComment] = useState('')
  const submit = () =>
    action.perform('recordStep', {
      caseId: shown.id,
      step: step.key,
      state,
      comment,
      expectedVersion: action.expectedVersion,
    })
  // A step that nobody has recorded is open: to say so again would be of no use.
  const states = STATES.filter((known) => known !== 'OPEN' || step.action)
  return (
    <ActionForm title={step.label} submit={t('recordStep')} action={action} onSubmit={submit} onClose={onClose}>
      <fieldset>
        <legend>{t('stepState')}</legend>
        <div className="choices">
          {states.map((known) => (
            <label key={known} className="choice">
              <input type="radio" name="state" checked={state === known} onChange={() => setState(known)} />
              {label('StepState', known)}
            </label>
          ))}
        </div>
      </fieldset>
      <TextArea label={t(QUESTIONS[state])} value={comment} isRequired onChange={setComment} />
    </ActionForm>
  )
}
