// Hands the rows of the log to the parts of the page that want them, and says how the connection is.

import { createContext, use, useEffect, useEffectEvent, useMemo, useRef, useState, type ReactNode } from 'react'

import { follow, type Connection, type LogRow } from './follow'

type Listener = (row: LogRow) => void
export type LogRowFilter = (row: LogRow) => boolean
type Live = { connection: Connection; listen: (listener: Listener) => () => void }

const LiveContext = createContext<Live | null>(null)

export function LiveProvider({ token, children }: { token: string; children: ReactNode }) {
  const [connection, setConnection] = useState<Connection>('connecting')
  const listeners = useRef(new Set<Listener>())

  useEffect(() => {
    const ending = new AbortController()
    const onRow = (row: LogRow) => {
      for (const listener of listeners.current) listener(row)
    }
    void follow(token, { onRow, onConnection: setConnection }, ending.signal)
    return () => ending.abort()
  }, [token])

  const live = useMemo<Live>(
    () => ({
      connection,
      listen: (listener) => {
        listeners.current.add(listener)
        return () => void listeners.current.delete(listener)
      },
    }),
    [connection],
  )
  return <LiveContext value={live}>{children}</LiveContext>
}

function useLive(): Live {
  const live = use(LiveContext)
  if (!live) throw new Error('useLive needs a LiveProvider')
  return live
}

export function useConnection(): Connection {
  return useLive().connection
}

export function useLogRows(onRow: Listener): void {
  const { listen } = useLive()
  const handle = useEffectEvent(onRow)
  useEffect(() => listen((row) => handle(row)), [listen])
}
