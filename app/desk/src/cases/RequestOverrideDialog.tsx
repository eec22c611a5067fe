import { useState } from 'react'

import { useLabels } from '../app/ViewerProvider'
import { FileDrop } from '../documents/FileDrop'
import { useUploads } from '../documents/useUploads'
import type { RequestedStatus } from '../gql/graphql'
import { useTranslation } from '../i18n/language'
import { ActionForm } from './ActionForm'
import { Reviewers } from './Reviewers'
import { TextArea } from './TextArea'
import { useAction, type ActionDialogProperties } from './useAction'

const WANTED = ['FAVORABLE', 'UNFAVORABLE'] as const satisfies RequestedStatus[]

export function RequestOverrideDialog({ shown, onClose }: ActionDialogProperties) {
  const { t } = useTranslation()
  const label = useLabels()
  const action = useAction(shown, onClose)
  const uploads = useUploads()
  const [wanted, setWanted] = useState<RequestedStatus>(
    shown.subject?.evaluationStatus === 'FAVORABLE' ? 'UNFAVORABLE' : 'FAVORABLE',
  )
  const [reviewerIds, setReviewerIds] = useState<readonly string[]>([])
  const [reason, setReason] = useState('')
  const submit = () =>
    action.perform('requestOverride', {
      caseId: shown.id,
      requestedStatus: wanted,
      reviewerIds: [...reviewerIds],
      reason,
      documentIds: uploads.documentIds,
      expectedVersion: action.expectedVersion,
    })
  return (
    <ActionForm title={t('requestOverride')} submit={t('request')} action={action} onSubmit={submit} onClose={onClose}>
      <fieldset>
        <legend>{t('wantedResult')}</legend>
        <div className="choices">
          {WANTED.map((status) => (
            <label key={status} className="choice">
              <input type="radio" name="wanted" checked={wanted === status} onChange={() => setWanted(status)} />
              {label('RequestedStatus', status)}
            </label>
          ))}
        </div>
      </fieldset>
      <Reviewers caseId={shown.id} chosen={reviewerIds} onChange={setReviewerIds} />
      <TextArea label={t('reason')} value={reason} isRequired onChange={setReason} />
      <FileDrop uploads={uploads} />
    </ActionForm>
  )
}
