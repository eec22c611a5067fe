import { useState } from 'react'

import { useLabels } from '../app/ViewerProvider'
import type { Resolution } from '../gql/graphql'
import { useTranslation } from '../i18n/language'
import { ActionForm } from './ActionForm'
import { TextArea } from './TextArea'
import { useAction, type ActionDialogProperties } from './useAction'

const RESOLUTIONS = [
  'OVERRIDE_APPLIED',
  'RESULT_CONFIRMED',
  'NOT_CONCLUSIVE',
  'DUPLICATE',
  'OPENED_IN_ERROR',
] as const satisfies Resolution[]

export function CloseCaseDialog({ shown, onClose }: ActionDialogProperties) {
  const { t } = useTranslation()
  const label = useLabels()
  const action = useAction(shown, onClose)
  const [resolution, setResolution] = useState<Resolution | null>(null)
  const [comment, setComment] = useState('')
  const choose = (value: string) => setResolution(RESOLUTIONS.find((known) => known === value) ?? null)
  const submit = () =>
    action.perform('closeCase', {
      caseId: shown.id,
      resolution,
      comment: comment.trim() || null,
      expectedVersion: action.expectedVersion,
    })
  return (
    <ActionForm title={t('closeCase')} submit={t('closeCase')} isDangerous action={action} onSubmit={submit} onClose={onClose}>
      <label>
        {t('resolution')}
        <select value={resolution ?? ''} onChange={(event) => choose(event.target.value)}>
          <option value="">{t('byDefault')}</option>
          {RESOLUTIONS.map((known) => (
            <option key={known} value={known}>
              {label('Resolution', known)}
            </option>
          ))}
        </select>
      </label>
      <TextArea label={t('commentOptional')} value={comment} onChange={setComment} />
    </ActionForm>
  )
}
