// A page of the list, and behind it the next one, which begins after this one's last case wherever that has moved to.

import { useState } from 'react'

import { useStandingQuery } from '../api/useStandingQuery'
import { useViewer } from '../app/ViewerProvider'
import { graphql } from '../gql'
import { useTranslation } from '../i18n/language'
import { useFresh } from '../live/useRevision'
import { CaseRow } from './CaseRow'
import { toCaseFilter, toOrder, type Filter } from './filter'

const PAGE_SIZE = 50

const WORKLIST = graphql(`
  query Worklist($filter: CaseFilter!, $search: String, $orderBy: [CaseOrder!], $first: Int!, $after: String, $isFirst: Boolean!) {
    cases(filter: $filter, search: $search, orderBy: $orderBy, first: $first, after: $after) {
      totalCount @include(if: $isFirst)
      edges {
        node {
          ...CaseRow
        }
        match {
          field
          snippet {
            text
            highlighted
          }
        }
      }
      pageInfo {
        hasNextPage
        endCursor
      }
    }
  }
`)

type Properties = { filter: Filter; after: string | null; revision: number; current: string | null }

export function Page({ filter, after, revision, current }: Properties) {
  const { t } = useTranslation()
  const viewer = useViewer()
  const [hasMore, setHasMore] = useState(false)
  const [{ data, error }, load] = useStandingQuery({
    query: WORKLIST,
    variables: {
      filter: toCaseFilter(filter, viewer.user.id),
      search: filter.search || null,
      orderBy: toOrder(filter),
      first: PAGE_SIZE,
      after,
      isFirst: after === null,
    },
    context: useFresh(revision),
  })
  const cases = data?.cases
  if (!cases) {
    if (!error) return <p className="hint">{t('loading')}</p>
    return (
      <div className="hint" role="alert">
        <p>{error.networkError ? t('unreachable') : error.graphQLErrors.map(({ message }) => message).join(' ')}</p>
        <button type="button" className="button" onClick={() => load({ requestPolicy: 'network-only' })}>
          {t('tryAgain')}
        </button>
      </div>
    )
  }
  const { endCursor, hasNextPage } = cases.pageInfo
  return (
    <>
      {cases.totalCount !== undefined && <Total count={cases.totalCount} />}
      <ol className="rows">
        {cases.edges.map(({ node, match }) => (
          <CaseRow key={node.id} row={node} match={match ?? null} isCurrent={node.reference === current} />
        ))}
      </ol>
      {hasNextPage && !hasMore && (
        <button type="button" className="button more" onClick={() => setHasMore(true)}>
          {t('more')}
        </button>
      )}
      {hasNextPage && hasMore && endCursor && (
        <Page filter={filter} after={endCursor} revision={revision} current={current} />
      )}
    </>
  )
}

function Total({ count }: { count: number }) {
  const { t } = useTranslation()
  const words = count === 0 ? t('noCases') : count === 1 ? t('oneCase') : t('cases', { count })
  return (
    <output className="hint total">{words}</output>
  )
}
