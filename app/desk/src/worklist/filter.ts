// The worklist's filter, as it stands in the address, and as the API takes it.

import type { CaseFilter, CaseOrder, CaseStatus, EvaluationStatus } from '../gql/graphql'

export const STATUSES = ['OPEN', 'IN_PROGRESS', 'PENDING_REVIEW', 'RESOLVED', 'CLOSED'] as const satisfies CaseStatus[]
export const RESULTS = [
  'PENDING',
  'FAVORABLE',
  'UNFAVORABLE',
  'ANOMALY',
  'UNCONFIRMED',
  'UNEVALUATED',
] as const satisfies EvaluationStatus[]
export const SCOPES = ['all', 'waiting', 'opened'] as const
export const SORTS = ['updated', 'opened'] as const

export type Filter = {
  search: string
  scope: (typeof SCOPES)[number]
  statuses: readonly CaseStatus[]
  results: readonly EvaluationStatus[]
  sort: (typeof SORTS)[number]
}

export function parseFilter(query: string): Filter {
  const parameters = new URLSearchParams(query)
  const members = <T extends string>(name: string, known: readonly T[]) => {
    const named = parameters.getAll(name)
    return known.filter((member) => named.includes(member))
  }
  return {
    search: parameters.get('q') ?? '',
    scope: members('scope', SCOPES)[0] ?? 'all',
    statuses: members('status', STATUSES),
    results: members('result', RESULTS),
    sort: members('sort', SORTS)[0] ?? 'updated',
  }
}

export function writeFilter({ search, scope, statuses, results, sort }: Filter): string {
  const parameters = new URLSearchParams()
  if (search) parameters.set('q', search)
  if (scope !== 'all') parameters.set('scope', scope)
  for (const status of statuses) parameters.append('status', status)
  for (const result of results) parameters.append('result', result)
  if (sort !== 'updated') parameters.set('sort', sort)
  const written = parameters.toString()
  return written && `?${written}`
}

// Returns what the API takes. A facet's counts leave out its own choice: they say what choosing another member would show.
export function toCaseFilter(filter: Filter, viewerId: string, without?: 'statuses' | 'results'): CaseFilter {
  return {
    ...(filter.statuses.length > 0 && without !== 'statuses' && { status: { in: [...filter.statuses] } }),
    ...(filter.results.length > 0 && without !== 'results' && { subject: { evaluationStatus: { in: [...filter.results] } } }),
    ...(filter.scope === 'waiting' && { waitingForViewer: true }),
    ...(filter.scope === 'opened' && { createdBy: { eq: viewerId } }),
  }
}

// A search has an order of its own, the best first.
export function toOrder({ sort, search }: Filter): CaseOrder[] | null {
  if (search) return null
  return [{ field: sort === 'updated' ? 'UPDATED_AT' : 'CREATED_AT', direction: 'DESC' }]
}
