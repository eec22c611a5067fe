// The address: /desk is the worklist, /desk/cases/CASE-000001 a case beside it, and the query is the worklist's filter.

import { useSyncExternalStore } from 'react'

const ROOT = '/desk'
const CASE = /^\/desk\/cases\/([^/]+)\/?$/
const CHANGED = 'desk:navigated'

function subscribe(listener: () => void): () => void {
  window.addEventListener('popstate', listener)
  window.addEventListener(CHANGED, listener)
  return () => {
    window.removeEventListener('popstate', listener)
    window.removeEventListener(CHANGED, listener)
  }
}

export function navigate(address: string, { replace = false } = {}): void {
  if (replace) history.replaceState(null, '', address)
  else history.pushState(null, '', address)
  window.dispatchEvent(new Event(CHANGED))
}

export function useCaseReference(): string | null {
  const path = useSyncExternalStore(subscribe, () => location.pathname)
  const found = CASE.exec(path)?.[1]
  return found ? decoded(found) : null
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part // a stray "%": the gateway refuses it
  }
}

export function useQueryString(): string {
  return useSyncExternalStore(subscribe, () => location.search)
}

export function addressOf(reference: string | null, query: string): string {
  return (reference ? `${ROOT}/cases/${encodeURIComponent(reference)}` : ROOT) + query
}
