// The state of a case and the result of a check: words, with a colour that says the same once more.

import type { CaseStatus, EvaluationStatus } from '../gql/graphql'
import { useLabels } from '../app/ViewerProvider'

type Tone = 'neutral' | 'info' | 'attention' | 'good' | 'bad'

const STATUS_TONES: Record<CaseStatus, Tone> = {
  OPEN: 'info',
  IN_PROGRESS: 'info',
  PENDING_REVIEW: 'attention',
  RESOLVED: 'good',
  CLOSED: 'neutral',
}
const RESULT_TONES: Record<EvaluationStatus, Tone> = {
  PENDING: 'neutral',
  FAVORABLE: 'good',
  UNFAVORABLE: 'bad',
  ANOMALY: 'attention',
  UNCONFIRMED: 'attention',
  UNEVALUATED: 'neutral',
}

export function StatusBadge({ status }: { status: CaseStatus }) {
  const label = useLabels()
  return <span className={`badge ${STATUS_TONES[status]}`}>{label('CaseStatus', status)}</span>
}

export function ResultBadge({ result }: { result: EvaluationStatus }) {
  const label = useLabels()
  return <span className={`result ${RESULT_TONES[result]}`}>{label('EvaluationStatus', result)}</span>
}
