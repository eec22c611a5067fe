// A comment on a case: its row comes to the top of the log that is shown, and a refusal says what is wrong.
//
// Where somebody else was faster, the payload brings the case as it is now: what is written stays, and is sent again with
// the new version. Where no answer came, the same key is sent again, so that nothing is written twice.

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
        actionEdge @prependEdge(connections: $connections) {
          cursor
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
        errors {
          code
          message
          path
          ... on VersionConflictError {
            case {
              id
              version
              ...CaseRow_case
            }
            actionsSince {
              id
              typeLabel
              user {
                id
                displayName
              }
              comment {
                id
                body
              }
            }
          }
        }
      }
    }
  `)
  const send = event => {
    event.preventDefault()
    const form = event.target
    commit({
      variables: {
        input: {
          caseId,
          body: new FormData(form).get('body'),
          expectedVersion: version,
          idempotencyKey: idempotencyKey.current,
        },
        connections: [ConnectionHandler.getConnectionID(caseId, 'Timeline_actions')],
      },
      onCompleted: ({ addComment }) => {
        setErrors(addComment.errors)
        if (addComment.errors.length > 0) return
        idempotencyKey.current = crypto.randomUUID()
        form.reset()
      },
      onError: ({ message }) => setErrors([{ code: 'NO_ANSWER', message: `${message} Send it again: it is done once.` }]),
    })
  }
  return (
    <form onSubmit={send}>
      <textarea name="body" aria-label="Comment" required disabled={isInFlight} />
      {errors.map(error => (
        <div key={error.code} role="alert">
          <p>{error.message}</p>
          {error.actionsSince?.map(({ id, typeLabel, user, comment }) => (
            <p key={id}>
              {user?.displayName}: {typeLabel} {comment?.body}
            </p>
          ))}
        </div>
      ))}
      <button>Comment</button> on version <output>{version}</output>
    </form>
  )
}
