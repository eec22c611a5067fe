// A query whose last answer stands while a new one can't be had, as without a connection.

import { useState } from 'react'
import { useQuery, type UseQueryArgs, type UseQueryResponse } from 'urql'
import type { AnyVariables } from '@urql/core'

export function useStandingQuery<Data, Variables extends AnyVariables>(
  query: UseQueryArgs<Variables, Data>,
): UseQueryResponse<Data, Variables> {
  const [result, execute] = useQuery(query)
  const [last, setLast] = useState(result.data)
  if (result.data !== undefined && result.data !== last) setLast(result.data)
  return [result.data === undefined && last !== undefined ? { ...result, data: last } : result, execute]
}
