// A case's log, newest first: earlier rows on demand, all of it anew when somebody else has acted.

import { graphql, useLazyLoadQuery, usePaginationFragment } from 'react-relay'
import { AddComment } from './AddComment.jsx'
import { CaseRow } from './CaseRow.jsx'

export function Timeline({ caseId }) {
  const data = useLazyLoadQuery(
    graphql`
      query TimelineQuery($id: ID!) {
        case(id: $id) {
          id
          version
          ...CaseRow_case
          ...Timeline_case
        }
      }
    `,
    { id: caseId },
  )
  if (!data.case) return <p>There is no such case.</p>
  return (
    <>
      <CaseRow of={data.case} />
      <AddComment caseId={data.case.id} version={data.case.version} />
      <Rows of={data.case} />
    </>
  )
}

function Rows({ of }) {
  const { data, hasNext, loadNext, refetch } = usePaginationFragment(
    graphql`
      fragment Timeline_case on Case
      @refetchable(queryName: "TimelinePageQuery")
      @argumentDefinitions(count: { type: "Int", defaultValue: 10 }, cursor: { type: "String" }) {
        id
        actions(first: $count, after: $cursor) @connection(key: "Timeline_actions") {
          edges {
            node {
              id
              typeLabel
              createdAt
              user {
                id
                displayName
              }
              comment {
                id
                body
                documents {
                  id
                  filename
                  url
                }
              }
            }
          }
        }
        activeOverride {
          id
          requestedStatusLabel
          assignedReviewers {
            id
            displayName
          }
        }
      }
    `,
    of,
  )
  return (
    <>
      <button onClick={() => refetch({}, { fetchPolicy: 'store-and-network' })}>Again</button>
      {data.actions.edges.map(({ node }) => (
        <p key={node.id} className="row">
          {node.createdAt} {node.user?.displayName}: {node.typeLabel} {node.comment?.body}
          {node.comment?.documents.map(({ id, filename, url }) => (
            <a key={id} href={url}>
              {filename}
            </a>
          ))}
        </p>
      ))}
      {hasNext && <button onClick={() => loadNext(10)}>Earlier</button>}
    </>
  )
}
