// The override that waits for a decision.

import { useLabels } from '../app/ViewerProvider'
import type { CaseDetailFragment } from '../gql/graphql'
import { useFormat } from '../i18n/format'
import { useTranslation } from '../i18n/language'

export function PendingOverride({ shown }: { shown: CaseDetailFragment }) {
  const { t } = useTranslation()
  const label = useLabels()
  const { moment, names } = useFormat()
  const override = shown.activeOverride
  if (!override) return null
  const values = {
    name: override.createdBy?.displayName ?? t('somebody'),
    result: label('RequestedStatus', override.requestedStatus),
    time: moment(override.createdAt),
  }
  return (
    <section className="pending" aria-labelledby="pending-heading">
      <h2 id="pending-heading">{t('pendingOverride')}</h2>
      <p>{t('pendingOverrideText', values)}</p>
      <p className="muted">
        {t('reviewersAsked', { names: names(override.assignedReviewers.map(({ displayName }) => displayName)) })}
      </p>
    </section>
  )
}
