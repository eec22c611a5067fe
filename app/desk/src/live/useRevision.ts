// Counts the changes that a query should be sent again for; many in a short time count as one.

import { useMemo, useRef, useState } from 'react'
import type { OperationContext } from '@urql/core'

import { useLogRows, type LogRowFilter } from './LiveProvider'

const GATHER_MS = 300

export function useRevision(concerns: LogRowFilter): number {
  const [revision, setRevision] = useState(0)
  const timer = useRef<number>(undefined)
  useLogRows((row) => {
    if (!concerns(row)) return
    clearTimeout(timer.current)
    timer.current = setTimeout(() => setRevision((last) => last + 1), GATHER_MS)
  })
  return revision
}

// Returns the context of a query that is answered from the cache and, for each revision, by the gateway once.
export function useFresh(revision: number): Partial<OperationContext> {
  return useMemo(() => ({ requestPolicy: 'cache-and-network', revision }), [revision])
}
