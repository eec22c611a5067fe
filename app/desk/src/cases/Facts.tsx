// The facts of a case that are looked up rather than read.

import type { ReactNode } from 'react'

import { useLabels } from '../app/ViewerProvider'
import type { CaseDetailFragment } from '../gql/graphql'
import { useFormat } from '../i18n/format'
import { useTranslation } from '../i18n/language'

export function Facts({ shown }: { shown: CaseDetailFragment }) {
  const { t } = useTranslation()
  const label = useLabels()
  const { country, moment } = useFormat()
  const { subject } = shown
  return (
    <section aria-labelledby="facts-heading">
      <h2 id="facts-heading">{t('facts')}</h2>
      <dl className="facts">
        {subject && (
          <>
            <Fact term={t('supplier')}>{subject.label}</Fact>
            {subject.countryCode && <Fact term={t('country')}>{country(subject.countryCode)}</Fact>}
            <Fact term={t('check')}>{label('SubjectType', subject.type)}</Fact>
            <Fact term={t('reference')}>{subject.externalRef}</Fact>
          </>
        )}
        {shown.resolution && <Fact term={t('resolution')}>{label('Resolution', shown.resolution)}</Fact>}
        {shown.closedAt && <Fact term={label('CaseStatus', 'CLOSED')}>{moment(shown.closedAt)}</Fact>}
        <Fact term={t('version')}>{shown.version}</Fact>
        <Fact term={t('head')}>
          <code title={shown.headHash}>{shown.headHash.slice(0, 12)}</code>
        </Fact>
      </dl>
    </section>
  )
}

function Fact({ term, children }: { term: string; children: ReactNode }) {
  return (
    <div>
      <dt>{term}</dt>
      <dd>{children}</dd>
    </div>
  )
}
