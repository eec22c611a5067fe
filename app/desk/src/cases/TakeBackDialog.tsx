import { useState } from 'react'

import { useTranslation } from '../i18n/language'
import { ActionForm } from './ActionForm'
import { TextArea } from './TextArea'
import { useAction, type ActionDialogProperties } from './useAction'

export function TakeBackDialog({ shown, onClose }: ActionDialogProperties) {
  const { t } = useTranslation()
  const action = useAction(shown, onClose)
  const [overrideId] = useState(shown.activeOverride?.id ?? null)
  const [comment, setComment] = useState('')
  const submit = () =>
    action.perform('cancelOverride', {
      caseId: shown.id,
      overrideId,
      comment: comment.trim() || null,
      expectedVersion: action.expectedVersion,
    })
  return (
    <ActionForm title={t('takeBack')} submit={t('takeBack')} action={action} onSubmit={submit} onClose={onClose}>
      <TextArea label={t('commentOptional')} value={comment} onChange={setComment} />
    </ActionForm>
  )
}
