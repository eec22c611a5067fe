// What the case is about, and where it stands.

import type { CaseDetailFragment } from '../gql/graphql'
import { useFormat } from '../i18n/format'
import { useTranslation } from '../i18n/language'
import { ResultBadge, StatusBadge } from '../ui/Badge'

export function CaseHeader({ shown }: { shown: CaseDetailFragment }) {
  const { t } = useTranslation()
  const { moment } = useFormat()
  return (
    <header className="case-head">
      <p className="case-kicker">
        <span className="row-reference">{shown.reference}</span> {shown.subject?.label}
      </p>
      <h1 id="case-heading">{shown.title ?? t('erasedContent')}</h1>
      <p className="row-facts">
        <StatusBadge status={shown.status} />
        {shown.subject && <ResultBadge result={shown.subject.evaluationStatus} />}
        <span className="muted">
          {t('openedBy', { name: shown.createdBy?.displayName ?? t('somebody'), time: moment(shown.createdAt) })}
        </span>
      </p>
      {shown.description && <p className="description">{shown.description}</p>}
      {shown.erasure && (
        <p className="hint">{t('erased', { time: moment(shown.erasure.at), reason: shown.erasure.reason ?? '' })}</p>
      )}
      {shown.legalHold && (
        <p className="hint">{t('legalHold', { time: moment(shown.legalHold.at), reason: shown.legalHold.reason ?? '' })}</p>
      )}
    </header>
  )
}
