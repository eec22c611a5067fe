// Recipes: what may be sent again (429 and 503) is sent again when its time has come. The manual shows these lines.
//
// Usage: node retries.js apollo|urql|relay '{"address": …, "token": …, "times": …}'
// Asks so many times who one is, and prints how often that was answered and how many requests it took.

import { ApolloClient, ApolloLink, gql, HttpLink, InMemoryCache } from '@apollo/client'
import { Client, fetchExchange } from '@urql/core'
import { retryExchange } from '@urql/exchange-retry'
import { catchError, defer, map, of, retry, throwError, timer } from 'rxjs'

const [name, given] = process.argv.slice(2)
const { address, token, times } = JSON.parse(given)
const headers = { Authorization: `Bearer ${token}` }
const WHO = '{ viewer { user { displayName } } }'

let requests = 0
const counting = (...request) => {
  requests += 1
  return fetch(...request)
}

// -- recipe: what is worth another try
const waitOf = errors => errors?.find(({ extensions }) => extensions?.retryable)?.extensions.retryAfterMs
const isSafe = (isMutation, variables) => !isMutation || Boolean(variables?.input?.idempotencyKey)
// -- end

// -- recipe: Apollo
class Later extends Error {
  constructor(result, ms) {
    super('later')
    Object.assign(this, { result, ms })
  }
}

const retryLink = new ApolloLink((operation, forward) =>
  defer(() => forward(operation)).pipe(
    map(result => {
      const ms = waitOf(result.errors)
      if (ms !== undefined && isSafe(operation.operationType === 'mutation', operation.variables)) throw new Later(result, ms)
      return result
    }),
    retry({ count: 3, delay: error => (error instanceof Later ? timer(error.ms) : throwError(() => error)) }),
    catchError(error => (error instanceof Later ? of(error.result) : throwError(() => error))),
  ),
)
// -- end

function apollo() {
  const http = new HttpLink({ uri: `${address}/graphql`, headers, fetch: counting })
  const client = new ApolloClient({ cache: new InMemoryCache(), link: ApolloLink.from([retryLink, http]) })
  return async () => (await client.query({ query: gql(WHO), fetchPolicy: 'no-cache' })).data
}

// -- recipe: urql
const retries = retryExchange({
  initialDelayMs: 1000,
  maxDelayMs: 10_000,
  maxNumberAttempts: 4,
  retryIf: (error, operation) =>
    waitOf(error.graphQLErrors) !== undefined && isSafe(operation.kind === 'mutation', operation.variables),
})
// -- end

function urql() {
  const client = new Client({
    url: `${address}/graphql`,
    preferGetMethod: false,
    fetch: counting,
    fetchOptions: { headers },
    exchanges: [retries, fetchExchange],
  })
  return async () => (await client.query(WHO, {}, { requestPolicy: 'network-only' }).toPromise()).data
}

// -- recipe: Relay
async function send({ text, operationKind }, variables, tries = 4) {
  const answer = await counting(`${address}/graphql`, {
    method: 'POST',
    headers: { ...headers, 'Content-Type': 'application/json' },
    body: JSON.stringify({ query: text, variables }),
  })
  const body = await answer.json()
  const ms = waitOf(body.errors)
  if (ms === undefined || tries === 1 || !isSafe(operationKind === 'mutation', variables)) return body
  await new Promise(resolve => setTimeout(resolve, ms))
  return send({ text, operationKind }, variables, tries - 1)
}
// -- end

const relay = () => async () => (await send({ text: WHO, operationKind: 'query' }, {})).data

const ask = { apollo, urql, relay }[name]()
let answered = 0
for (let time = 0; time < times; time += 1) answered += (await ask())?.viewer ? 1 : 0
console.log(JSON.stringify({ answered, requests }))
process.exit(0)
