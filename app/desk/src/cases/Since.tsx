// What happened to a case, in short: to read before one decides anew.

import type { LogEntryFragment } from '../gql/graphql'
import { useFormat } from '../i18n/format'
import { useDescribe } from './useDescribe'

export function Since({ entries }: { entries: readonly LogEntryFragment[] }) {
  const describe = useDescribe()
  const { moment } = useFormat()
  return (
    <ol className="since">
      {entries.map((entry) => (
        <li key={entry.id}>
          <p>
            {describe(entry)} <time dateTime={entry.createdAt}>{moment(entry.createdAt)}</time>
          </p>
          {entry.comment?.body && <blockquote>{entry.comment.body}</blockquote>}
        </li>
      ))}
    </ol>
  )
}
