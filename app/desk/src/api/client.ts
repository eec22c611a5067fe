// The urql client: a normalised cache, and requests that carry the token and the language of the page.

import { Client, fetchExchange, mapExchange, type CombinedError } from '@urql/core'
import { cacheExchange } from '@urql/exchange-graphcache'

import { config } from '../config'
import possible from '../gql/possibleTypes'
import type { Language } from '../i18n/language'

export type Credentials = { token: string; language: Language }
export type Session = Credentials & { onRefusedToken: (message: string) => void }

// Types without an id: parts of what they hang on. Those whose names end in Connection, Edge or PageInfo are known as such.
const PARTS = [
  'Account',
  'ActionAuthority',
  'AvailableAction',
  'CaseFacets',
  'CaseStatusCount',
  'Erasure',
  'EvaluationStatusCount',
  'Label',
  'LegalHold',
  'CaseStep',
  'ChecklistItem',
  'RecordedAssignment',
  'RecordedEvaluation',
  'RecordedReminder',
  'ReviewDelegation',
  'SearchMatch',
  'TextPiece',
]

export function headersOf({ token, language }: Credentials): Record<string, string> {
  return { Authorization: `Bearer ${token}`, 'Accept-Language': language.toLowerCase() }
}

export function makeClient(session: Session): Client {
  return new Client({
    url: config.endpoint,
    preferGetMethod: false,
    fetchOptions: { headers: headersOf(session) },
    exchanges: [
      mapExchange({
        onError: (error) => {
          const refused = tokenRefusal(error)
          if (refused) session.onRefusedToken(refused.message)
        },
      }),
      cacheExchange({ possibleTypes: possible.possibleTypes, keys: Object.fromEntries(PARTS.map((type) => [type, () => null])) }),
      fetchExchange,
    ],
  })
}

function tokenRefusal(error: CombinedError) {
  return error.graphQLErrors.find(({ extensions: { code } }) => code === 'UNAUTHENTICATED' || code === 'TOKEN_EXPIRED')
}

// Returns in how many milliseconds to try again, where the gateway could not be reached or has asked for patience, or takes
// another token only; null where the answer stands.
export function retryDelay(error: CombinedError): number | null {
  if (error.networkError || tokenRefusal(error)) return 3000
  const { extensions } = error.graphQLErrors.find(({ extensions: found }) => found['retryable'] === true) ?? {}
  return extensions ? Number(extensions['retryAfterMs'] ?? 3000) : null
}
