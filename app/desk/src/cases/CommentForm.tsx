// The comment to write, with files; where the viewer can't comment, why not.

import { useState, type FormEvent } from 'react'

import { FileDrop } from '../documents/FileDrop'
import { useUploads } from '../documents/useUploads'
import type { CaseDetailFragment } from '../gql/graphql'
import { useTranslation } from '../i18n/language'
import { ErrorMessages } from '../ui/ErrorMessages'
import { TextArea } from './TextArea'
import { useAction } from './useAction'

export function CommentForm({ shown }: { shown: CaseDetailFragment }) {
  const comment = shown.availableActions.find(({ action }) => action === 'COMMENT')
  if (!comment?.allowed) return <p className="hint">{comment?.message}</p>
  return <Form shown={shown} />
}

function Form({ shown }: { shown: CaseDetailFragment }) {
  const { t } = useTranslation()
  const [body, setBody] = useState('')
  const uploads = useUploads()
  const action = useAction(shown, () => {
    setBody('')
    uploads.clear()
  })
  const submit = (event: FormEvent) => {
    event.preventDefault()
    // A comment stands beside what others write meanwhile: it rests on no version.
    void action.perform('addComment', { caseId: shown.id, body, documentIds: uploads.documentIds })
  }
  return (
    <form className="comment-form" onSubmit={submit}>
      <TextArea label={t('commentLabel')} value={body} rows={2} isRequired onChange={setBody} />
      <FileDrop uploads={uploads}>
        <button type="submit" className="button primary" disabled={action.isSending || uploads.isUploading}>
          {action.isSending ? t('sending') : t('comment')}
        </button>
      </FileDrop>
      {action.refusals.length > 0 && <ErrorMessages messages={action.refusals.map(({ message }) => message)} />}
    </form>
  )
}
