// The form that opens a case on a check.

import { useState, type FormEvent } from 'react'

import { CaseLink } from '../app/CaseLink'
import { useLabels } from '../app/ViewerProvider'
import { addressOf, navigate } from '../app/router'
import type { EvaluationStatus, SubjectType } from '../gql/graphql'
import { useTranslation } from '../i18n/language'
import { useQueue } from '../outbox/OutboxProvider'
import type { Refusal } from '../outbox/queue'
import { Dialog } from '../ui/Dialog'
import { ErrorMessages } from '../ui/ErrorMessages'
import { useAnnounce } from '../ui/Notices'
import { RESULTS } from '../worklist/filter'
import { TextArea } from './TextArea'

const TYPES = ['COMPANY_ACCOUNT_CHECK', 'COMPANY_ACCOUNT_AUDIT'] as const satisfies SubjectType[]
const EMPTY = {
  type: TYPES[0] as SubjectType,
  externalRef: '',
  label: '',
  countryCode: '',
  evaluationStatus: 'UNFAVORABLE' as EvaluationStatus,
  title: '',
  description: '',
}

export function OpenCaseDialog({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation()
  const label = useLabels()
  const queue = useQueue()
  const announce = useAnnounce()
  const [fields, setFields] = useState(EMPTY)
  const [refusals, setRefusals] = useState<readonly Refusal[]>([])
  const [isSending, setIsSending] = useState(false)
  const change = (changed: Partial<typeof EMPTY>) => setFields({ ...fields, ...changed })

  const submit = async (event: FormEvent) => {
    event.preventDefault()
    const { title, description, countryCode, ...subject } = fields
    setIsSending(true)
    const input = {
      title,
      description: description.trim() || null,
      subject: { ...subject, countryCode: countryCode.trim() || null },
    }
    const outcome = await queue.perform('openCase', input, null)
    setIsSending(false)
    if (outcome.state === 'refused') return setRefusals(outcome.refusals)
    onClose()
    if (outcome.state === 'kept') return announce(t('kept'))
    const opened = outcome.payload.case
    if (opened) navigate(addressOf(opened.reference, location.search))
  }

  return (
    <Dialog title={t('openCase')} onClose={onClose}>
      <form className="form" onSubmit={submit}>
        <Choice
          label={t('subjectType')}
          value={fields.type}
          members={TYPES}
          text={(type) => label('SubjectType', type)}
          onChange={(type) => change({ type })}
        />
        <Field label={t('externalRef')} value={fields.externalRef} isRequired onChange={(externalRef) => change({ externalRef })} />
        <Field label={t('supplier')} value={fields.label} isRequired onChange={(value) => change({ label: value })} />
        <Field label={t('countryCode')} value={fields.countryCode} max={2} onChange={(countryCode) => change({ countryCode })} />
        <Choice
          label={t('evaluation')}
          value={fields.evaluationStatus}
          members={RESULTS}
          text={(result) => label('EvaluationStatus', result)}
          onChange={(evaluationStatus) => change({ evaluationStatus })}
        />
        <Field label={t('title')} value={fields.title} isRequired onChange={(title) => change({ title })} />
        <TextArea label={t('description')} value={fields.description} onChange={(description) => change({ description })} />
        {refusals.length > 0 && (
          <ErrorMessages messages={refusals.map(({ message }) => message)}>
            <Obstacle refusals={refusals} onLeave={onClose} />
          </ErrorMessages>
        )}
        <div className="buttons">
          <button type="submit" className="button primary" disabled={isSending}>
            {isSending ? t('sending') : t('openCase')}
          </button>
          <button type="button" className="button" onClick={onClose}>
            {t('cancel')}
          </button>
        </div>
      </form>
    </Dialog>
  )
}

// The case that stands in the way, where there is one.
function Obstacle({ refusals, onLeave }: { refusals: readonly Refusal[]; onLeave: () => void }) {
  const { t } = useTranslation()
  const found = refusals.find((refusal) => refusal.case)?.case
  if (!found) return null
  return (
    <CaseLink reference={found.reference} onClick={onLeave}>
      {t('goToCase', { reference: found.reference })}
    </CaseLink>
  )
}

type FieldProperties = { label: string; value: string; max?: number; isRequired?: boolean; onChange: (value: string) => void }

function Field({ label, value, max = 200, isRequired = false, onChange }: FieldProperties) {
  return (
    <label>
      {label}
      <input value={value} maxLength={max} required={isRequired} onChange={(event) => onChange(event.target.value)} />
    </label>
  )
}

type ChoiceProperties<Member extends string> = {
  label: string
  value: Member
  members: readonly Member[]
  text: (member: Member) => string
  onChange: (member: Member) => void
}

function Choice<Member extends string>({ label, value, members, text, onChange }: ChoiceProperties<Member>) {
  const choose = (chosen: string) => {
    const member = members.find((known) => known === chosen)
    if (member) onChange(member)
  }
  return (
    <label>
      {label}
      <select value={value} onChange={(event) => choose(event.target.value)}>
        {members.map((member) => (
          <option key={member} value={member}>
            {text(member)}
          </option>
        ))}
      </select>
    </label>
  )
}
