// What the list can be narrowed to, with how many cases each choice has.

import { useStandingQuery } from '../api/useStandingQuery'
import { useLabels, useViewer } from '../app/ViewerProvider'
import { graphql } from '../gql'
import { useTranslation } from '../i18n/language'
import { useFresh } from '../live/useRevision'
import { SCOPES, toCaseFilter, type Filter } from './filter'

const FACETS = graphql(`
  query Facets($withoutStatuses: CaseFilter!, $withoutResults: CaseFilter!, $search: String) {
    byStatus: cases(filter: $withoutStatuses, search: $search, first: 1) {
      facets {
        statuses {
          status
          count
        }
      }
    }
    byResult: cases(filter: $withoutResults, search: $search, first: 1) {
      facets {
        subjectStatuses {
          status
          count
        }
      }
    }
  }
`)
const SCOPE_WORDS = { all: 'everybody', waiting: 'waitingForMe', opened: 'openedByMe' } as const

type Properties = { filter: Filter; revision: number; onChange: (filter: Filter) => void }

export function Facets({ filter, revision, onChange }: Properties) {
  const { t } = useTranslation()
  const viewer = useViewer()
  const [{ data }] = useStandingQuery({
    query: FACETS,
    variables: {
      withoutStatuses: toCaseFilter(filter, viewer.user.id, 'statuses'),
      withoutResults: toCaseFilter(filter, viewer.user.id, 'results'),
      search: filter.search || null,
    },
    context: useFresh(revision),
  })
  const isNarrowed = filter.scope !== 'all' || filter.statuses.length + filter.results.length > 0
  return (
    <div className="facets">
      <fieldset>
        <legend>{t('show')}</legend>
        {SCOPES.map((scope) => (
          <label key={scope} className="choice">
            <input type="radio" name="scope" checked={filter.scope === scope} onChange={() => onChange({ ...filter, scope })} />
            {t(SCOPE_WORDS[scope])}
          </label>
        ))}
      </fieldset>
      <Facet
        legend={t('status')}
        enumName="CaseStatus"
        counts={data?.byStatus?.facets.statuses ?? []}
        chosen={filter.statuses}
        onChange={(statuses) => onChange({ ...filter, statuses })}
      />
      <Facet
        legend={t('result')}
        enumName="EvaluationStatus"
        counts={data?.byResult?.facets.subjectStatuses ?? []}
        chosen={filter.results}
        onChange={(results) => onChange({ ...filter, results })}
      />
      {isNarrowed && (
        <button
          type="button"
          className="button quiet"
          onClick={() => onChange({ ...filter, scope: 'all', statuses: [], results: [] })}
        >
          {t('clearFilters')}
        </button>
      )}
    </div>
  )
}

type FacetProperties<Member extends string> = {
  legend: string
  enumName: string
  counts: ReadonlyArray<{ status: Member; count: number }>
  chosen: readonly Member[]
  onChange: (chosen: readonly Member[]) => void
}

function Facet<Member extends string>({ legend, enumName, counts, chosen, onChange }: FacetProperties<Member>) {
  const label = useLabels()
  const toggle = (member: Member) =>
    onChange(chosen.includes(member) ? chosen.filter((other) => other !== member) : [...chosen, member])
  return (
    <fieldset>
      <legend>{legend}</legend>
      {counts.map(({ status, count }) => (
        <label key={status} className="choice">
          <input type="checkbox" checked={chosen.includes(status)} onChange={() => toggle(status)} />
          {label(enumName, status)} <span className="count">{count}</span>
        </label>
      ))}
    </fieldset>
  )
}
