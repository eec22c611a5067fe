// A comment on a case: its row comes to the top of the log that is shown, and a refusal says what is wrong.

import { useRef, useState } from 'react'
import { ConnectionHandler, graphql, useMutation } from 'react-relay'

export function AddComment({ caseId, version }) {
  const [errors, setErrors] = useState([])
  const idempotencyKey = useRef(crypto.randomUUID())
  const [commit, isInFlight] = useMutation(graphql`
    mutation AddCommentMutation($input: AddCommentInput!, $connections: [ID!]!) {
      addComment(input: $input) {
        case {
          id
          version
          ...CaseRow_case
        }
        action @prependNode(connections: $connections, edgeTypeName: "CaseActionEdge") {
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
          }
        }
        errors {
          code
          message
          path
        }
      }
    }
  `)
  const send = event => {
    event.preventDefault()
    commit({
      variables: {
        input: {
          caseId,
          body: new FormData(event.target).get('body'),
          expectedVersion: version,
          idempotencyKey: idempotencyKey.current,
        },
        connections: [ConnectionHandler.getConnectionID(caseId, 'Timeline_actions')],
      },
      onCompleted: ({ addComment }) => {
        setErrors(addComment.errors)
        if (addComment.errors.length === 0) idempotencyKey.current = crypto.randomUUID()
      },
    })
  }
  return (
    <form onSubmit={send}>
      <textarea name="body" required disabled={isInFlight} />
      {errors.map(error => (
        <p key={error.code}>{error.message}</p>
      ))}
      <button>Comment</button>
    </form>
  )
}
