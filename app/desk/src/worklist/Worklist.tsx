// The worklist: search, filters with their counts, and the cases that fit. It is current: what anybody does is read again.

import { useState } from 'react'

import { useViewer } from '../app/ViewerProvider'
import { addressOf, navigate, useQueryString } from '../app/router'
import { OpenCaseDialog } from '../cases/OpenCaseDialog'
import { useTranslation } from '../i18n/language'
import { useRevision } from '../live/useRevision'
import { Icon } from '../ui/Icon'
import { Facets } from './Facets'
import { Page } from './Page'
import { SavedFilters } from './SavedFilters'
import { SearchField } from './SearchField'
import { SORTS, parseFilter, writeFilter, type Filter } from './filter'

export function Worklist({ current }: { current: string | null }) {
  const { t } = useTranslation()
  const viewer = useViewer()
  const query = useQueryString()
  const filter = parseFilter(query)
  const revision = useRevision(() => true)
  const [isOpening, setIsOpening] = useState(false)
  const show = (next: Filter) => navigate(addressOf(current, writeFilter(next)), { replace: true })
  return (
    <section className="worklist" aria-labelledby="worklist-heading">
      <div className="worklist-head">
        <h1 id="worklist-heading">{t('worklist')}</h1>
        {viewer.user.roles.some((role) => role !== 'ADMIN') && (
          <button type="button" className="button" onClick={() => setIsOpening(true)}>
            <Icon name="plus" /> {t('openCase')}
          </button>
        )}
        <SearchField search={filter.search} onSearch={(search) => show({ ...filter, search })} />
        <SortChoice filter={filter} onChange={show} />
      </div>
      <details className="filters" open={current === null && isWide()}>
        <summary>{t('filters')}</summary>
        <SavedFilters query={query} onChoose={(chosen) => show(parseFilter(chosen))} />
        <Facets filter={filter} revision={revision} onChange={show} />
      </details>
      <Page key={query} filter={filter} after={null} revision={revision} current={current} />
      {isOpening && <OpenCaseDialog onClose={() => setIsOpening(false)} />}
    </section>
  )
}

// On a narrow page the filters begin folded, so that the cases are in sight.
function isWide(): boolean {
  return window.matchMedia('(min-width: 60rem)').matches
}

function SortChoice({ filter, onChange }: { filter: Filter; onChange: (filter: Filter) => void }) {
  const { t } = useTranslation()
  const words = { updated: 'sortUpdated', opened: 'sortOpened' } as const
  return (
    <label className="sort">
      <span className="visually-hidden">{t('sort')}</span>
      <select
        value={filter.sort}
        disabled={filter.search !== ''}
        onChange={(event) => onChange({ ...filter, sort: event.target.value as Filter['sort'] })}
      >
        {SORTS.map((sort) => (
          <option key={sort} value={sort}>
            {t('sortBy', { key: t(words[sort]) })}
          </option>
        ))}
      </select>
    </label>
  )
}
