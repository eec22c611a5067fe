// Follows the account's log over one WebSocket. It comes back by the cursor of the last event, so that nothing is missed
// and nothing comes twice, however often the connection is lost.

import { stringifyDocument } from '@urql/core'
import { createClient } from 'graphql-ws'

import { config } from '../config'
import { graphql } from '../gql'
import type { FollowLogSubscription } from '../gql/graphql'

const FOLLOW_LOG = stringifyDocument(
  graphql(`
    subscription FollowLog($after: String) {
      actions(after: $after) {
        cursor
        action {
          id
          type
          user {
            id
            displayName
          }
          case {
            id
            reference
            status
            updatedAt
          }
        }
      }
    }
  `),
)
const RETRY_MS = 1000

export type LogRow = NonNullable<FollowLogSubscription['actions']['action']>
export type Connection = 'connecting' | 'live' | 'offline'
export type Follower = { onRow: (row: LogRow) => void; onConnection: (connection: Connection) => void }

// Follows the log until *signal* is aborted.
export async function follow(token: string, { onRow, onConnection }: Follower, signal: AbortSignal): Promise<void> {
  let after: string | null = null
  const client = createClient({
    url: config.endpoint,
    retryAttempts: 0,
    connectionParams: { Authorization: `Bearer ${token}` },
  })
  const disconnect = () => client.terminate()
  // A browser that is offline may take its time to find a connection dead.
  window.addEventListener('offline', disconnect)
  signal.addEventListener('abort', () => {
    window.removeEventListener('offline', disconnect)
    void client.dispose()
  })
  while (!signal.aborted) {
    try {
      const variables: { after: string | null } = { after }
      for await (const { data } of client.iterate<FollowLogSubscription>({ query: FOLLOW_LOG, variables })) {
        if (!data) break
        after = data.actions.cursor
        onConnection('live')
        if (data.actions.action) onRow(data.actions.action)
      }
    } catch (error) {
      // The connection was lost or refused: a refused token shows by the requests, whose answers say why. Errors of the
      // subscription itself come as a list: the cursor is of another log, as of a demo that was made anew.
      if (Array.isArray(error)) after = null
    }
    if (signal.aborted) return
    onConnection('offline')
    await reconnectable(signal)
  }
}

// Waits for a moment that is another in each page, so that not all come back at once; less if the browser is online again.
function reconnectable(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const finish = () => {
      clearTimeout(timer)
      window.removeEventListener('online', finish)
      resolve()
    }
    const timer = setTimeout(finish, RETRY_MS + Math.random() * RETRY_MS)
    window.addEventListener('online', finish)
    signal.addEventListener('abort', finish, { once: true })
  })
}
