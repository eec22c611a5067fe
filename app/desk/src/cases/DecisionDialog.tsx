// Accepting and refusing an override. The decision names the request and the version that were read when the form was opened.

import { useState } from 'react'

import { useLabels } from '../app/ViewerProvider'
import { useFormat } from '../i18n/format'
import { useTranslation } from '../i18n/language'
import { ActionForm } from './ActionForm'
import { TextArea } from './TextArea'
import { useAction, type ActionDialogProperties } from './useAction'

export function AcceptDialog(properties: ActionDialogProperties) {
  return <DecisionDialog {...properties} decision="accept" />
}

export function RefuseDialog(properties: ActionDialogProperties) {
  return <DecisionDialog {...properties} decision="refuse" />
}

type Properties = ActionDialogProperties & { decision: 'accept' | 'refuse' }

function DecisionDialog({ shown, onClose, decision }: Properties) {
  const { t } = useTranslation()
  const label = useLabels()
  const { moment } = useFormat()
  const action = useAction(shown, onClose)
  const [read] = useState(shown)
  const [comment, setComment] = useState('')
  const override = read.activeOverride
  if (!override) return null
  const reason = read.actions.nodes.find((entry) => entry.type === 'REQUEST_OVERRIDE')?.comment?.body
  const submit = () =>
    action.perform(decision === 'accept' ? 'acceptOverride' : 'refuseOverride', {
      caseId: shown.id,
      overrideId: override.id,
      comment: comment.trim() || null,
      expectedVersion: action.expectedVersion,
    })
  return (
    <ActionForm
      title={t(decision)}
      submit={t(decision)}
      isDangerous={decision === 'refuse'}
      action={action}
      onSubmit={submit}
      onClose={onClose}
    >
      <p className="hint">{t('decideOn')}</p>
      <p className="wanted">
        {shown.subject && label('EvaluationStatus', shown.subject.evaluationStatus)} →{' '}
        <strong>{label('RequestedStatus', override.requestedStatus)}</strong>
      </p>
      <p>
        {t('pendingOverrideText', {
          name: override.createdBy?.displayName ?? t('somebody'),
          result: label('RequestedStatus', override.requestedStatus),
          time: moment(override.createdAt),
        })}
      </p>
      {reason && (
        <>
          <p className="muted">{t('itsReason')}</p>
          <blockquote>{reason}</blockquote>
        </>
      )}
      <TextArea label={t('commentOptional')} value={comment} onChange={setComment} />
    </ActionForm>
  )
}
