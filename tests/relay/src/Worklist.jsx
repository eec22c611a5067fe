// The worklist: a page of cases with what may be done on each, more of them on demand, another list on a new search.

import { startTransition } from 'react'
import { graphql, useLazyLoadQuery, usePaginationFragment } from 'react-relay'
import { CaseRow } from './CaseRow.jsx'

export function Worklist({ filter, onOpen }) {
  const query = useLazyLoadQuery(
    graphql`
      query WorklistQuery($filter: CaseFilter) {
        ...Worklist_query @arguments(filter: $filter)
      }
    `,
    { filter },
  )
  const { data, hasNext, loadNext, refetch } = usePaginationFragment(
    graphql`
      fragment Worklist_query on Query
      @refetchable(queryName: "WorklistPageQuery")
      @argumentDefinitions(
        count: { type: "Int", defaultValue: 25 }
        cursor: { type: "String" }
        filter: { type: "CaseFilter" }
        search: { type: "String" }
      ) {
        cases(first: $count, after: $cursor, filter: $filter, search: $search, orderBy: [{ field: UPDATED_AT, direction: DESC }])
          @connection(key: "Worklist_cases") {
          facets {
            statuses {
              status
              count
            }
          }
          edges {
            node {
              id
              ...CaseRow_case
            }
          }
        }
      }
    `,
    query,
  )
  return (
    <>
      <input type="search" aria-label="Search" onChange={({ target }) => startTransition(() => refetch({ search: target.value }))} />
      {data.cases?.edges.map(({ node }) => (
        <div key={node.id}>
          <CaseRow of={node} />
          <button onClick={() => onOpen(node.id)}>Open</button>
        </div>
      ))}
      {hasNext && <button onClick={() => loadNext(25)}>More</button>}
    </>
  )
}
