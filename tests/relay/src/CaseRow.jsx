// One case in a list.

import { graphql, useFragment } from 'react-relay'

export function CaseRow({ of }) {
  const row = useFragment(
    graphql`
      fragment CaseRow_case on Case {
        id
        reference
        title
        statusLabel
        subject {
          id
          label
          evaluationStatusLabel
        }
        availableActions {
          action
          actionLabel
          allowed
          message
        }
      }
    `,
    of,
  )
  return (
    <article>
      <h2>
        {row.reference}: {row.title}
      </h2>
      <p>
        {row.subject?.label}, {row.statusLabel}
      </p>
      {row.availableActions.map(it => (
        <button key={it.action} disabled={!it.allowed} title={it.message}>
          {it.actionLabel}
        </button>
      ))}
    </article>
  )
}
