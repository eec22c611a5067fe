// The person's queue, and what is in it.

import { createContext, use, useEffect, useMemo, useSyncExternalStore, type ReactNode } from 'react'
import { useClient } from 'urql'

import { Queue, type Entry } from './queue'

const QueueContext = createContext<Queue | null>(null)

export function OutboxProvider({ personId, children }: { personId: string; children: ReactNode }) {
  const client = useClient()
  const queue = useMemo(() => new Queue(client, personId), [client, personId])
  useEffect(() => queue.start(), [queue])
  return <QueueContext value={queue}>{children}</QueueContext>
}

export function useQueue(): Queue {
  const queue = use(QueueContext)
  if (!queue) throw new Error('useQueue needs an OutboxProvider')
  return queue
}

export function useEntries(): readonly Entry[] {
  const queue = useQueue()
  return useSyncExternalStore(queue.subscribe, queue.snapshot)
}
