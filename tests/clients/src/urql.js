// urql with Graphcache as it comes: no keys but for what the schema says has none.

import { Client, fetchExchange } from '@urql/core'
import { cacheExchange } from '@urql/exchange-graphcache'

import { CLOSE, LIVE, PAST } from './operations.js'

// Graphcache warns of each type without an id: none of these is the same thing twice.
const none = () => null
const keys = Object.fromEntries(
  [
    'CaseSnapshot',
    'SubjectSnapshot',
    'OverrideSnapshot',
    'OverrideSnapshotEdge',
    'OverrideSnapshotConnection',
    'OverrideEdge',
    'OverrideConnection',
    'SupposedOutcome',
  ].map(name => [name, none]),
)

export function urql({ address, token, id }) {
  const client = new Client({
    url: `${address}/graphql`,
    preferGetMethod: false,
    fetchOptions: { headers: { Authorization: `Bearer ${token}` } },
    exchanges: [cacheExchange({ keys }), fetchExchange],
  })
  const seen = []
  const read = requestPolicy => client.query(LIVE, { id }, { requestPolicy }).toPromise()
  return {
    seen,
    async show() {
      client.query(LIVE, { id }).subscribe(({ data }) => data && seen.push(data.case))
      await read('cache-first')
    },
    past: async asOf => (await client.query(PAST, { id, asOf }).toPromise()).data.caseSnapshot,
    close: async input => (await client.mutation(CLOSE, { input }).toPromise()).data.closeCase,
    kept: async () => (await read('cache-only')).data.case,
  }
}
