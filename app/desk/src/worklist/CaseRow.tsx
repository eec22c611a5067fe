// One case of the list.

import { useLabels } from '../app/ViewerProvider'
import { CaseLink } from '../app/CaseLink'
import type { CaseRowFragment, RequestedStatus, WorklistQuery } from '../gql/graphql'
import { useFormat } from '../i18n/format'
import { useTranslation } from '../i18n/language'
import { ResultBadge, StatusBadge } from '../ui/Badge'

type Match = NonNullable<NonNullable<WorklistQuery['cases']>['edges'][number]['match']>

export function CaseRow({ row, match, isCurrent }: { row: CaseRowFragment; match: Match | null; isCurrent: boolean }) {
  const { t } = useTranslation()
  const { day } = useFormat()
  return (
    <li className="row">
      <CaseLink reference={row.reference} isCurrent={isCurrent}>
        <span className="row-top">
          <span className="row-supplier">{row.subject?.label}</span>
          <time dateTime={row.updatedAt}>{day(row.updatedAt)}</time>
        </span>
        <span className="row-title">{row.title ?? t('erasedContent')}</span>
        <span className="row-facts">
          <StatusBadge status={row.status} />
          <span className="row-result">
            {row.subject && <ResultBadge result={row.subject.evaluationStatus} />}
            {row.activeOverride && <Wanted status={row.activeOverride.requestedStatus} />}
          </span>
          <span className="row-reference">{row.reference}</span>
        </span>
        {match && (match.field === 'COMMENT' || match.field === 'DOCUMENT') && <Snippet match={match} />}
      </CaseLink>
    </li>
  )
}

// The result that is asked for, drawn as where the result would go.
function Wanted({ status }: { status: RequestedStatus }) {
  const { t } = useTranslation()
  const label = useLabels()
  const result = label('RequestedStatus', status)
  return (
    <span className="muted">
      {' '}
      <span aria-hidden="true">→ {result}</span>
      <span className="visually-hidden">{t('asksFor', { result })}</span>
    </span>
  )
}

function Snippet({ match }: { match: Match }) {
  const { t } = useTranslation()
  const label = useLabels()
  return (
    <span className="snippet">
      {t('labelled', { label: label('SearchField', match.field), value: '' })}
      {placed(match.snippet).map(({ piece, start }) =>
        piece.highlighted ? <mark key={start}>{piece.text}</mark> : <span key={start}>{piece.text}</span>,
      )}
    </span>
  )
}

// Each piece with where it starts, which is a key of its own.
function placed(snippet: Match['snippet']) {
  let start = 0
  return snippet.map((piece) => {
    const found = { piece, start }
    start += piece.text.length + 1
    return found
  })
}
