// Automatic persisted queries, as the clients' own link and exchange send them.
//
// Usage: node persisted.js apollo|urql '{"address": …, "token": …, "language": …, "usesGet": …, "run": …}'
// Asks twice who one is, once for the cases, and supposes that a case were opened; prints what was answered, and of each
// request its method, whether it had a hash and a text, and the code and message that came back. The operations' names end in `run`.

import { createHash } from 'node:crypto'

import { ApolloClient, ApolloLink, gql, HttpLink, InMemoryCache } from '@apollo/client'
import { PersistedQueryLink } from '@apollo/client/link/persisted-queries'
import { Client, fetchExchange } from '@urql/core'
import { persistedExchange } from '@urql/exchange-persisted'

const [name, given] = process.argv.slice(2)
const { address, token, language, usesGet, run } = JSON.parse(given)
const uri = new URL('/graphql', address).href
const headers = { Authorization: `Bearer ${token}`, 'Accept-Language': language }

const WHO = `query Who${run} { viewer { language user { displayName } } }`
const CASES = `query Cases${run} { cases(first: 3) { nodes { reference } } }`
const OPEN = `mutation Open${run}($input: OpenCaseInput!) { openCase(input: $input) { errors { code } supposed { case { status } } } }`
const subject = { type: 'COMPANY_ACCOUNT_CHECK', externalRef: 'persisted', label: 'Moulins', evaluationStatus: 'ANOMALY' }
const input = { subject, title: 'A changed IBAN', dryRun: true }

const requests = []
async function recording(address, options) {
  const sent =
    options.method === 'GET' ? Object.fromEntries(new URL(address).searchParams) : JSON.parse(options.body)
  const extensions = typeof sent.extensions === 'string' ? JSON.parse(sent.extensions) : sent.extensions
  const answer = await fetch(address, options)
  const [error] = (await answer.clone().json()).errors ?? []
  requests.push({
    method: options.method,
    hash: Boolean(extensions?.persistedQuery?.sha256Hash),
    text: Boolean(sent.query),
    code: error?.extensions.code ?? null,
    message: error?.message ?? null,
  })
  return answer
}

function apollo() {
  const sha256 = text => createHash('sha256').update(text).digest('hex')
  const link = new PersistedQueryLink({ sha256, useGETForHashedQueries: usesGet })
  const client = new ApolloClient({
    cache: new InMemoryCache(),
    link: ApolloLink.from([link, new HttpLink({ uri, headers, fetch: recording })]),
  })
  return {
    query: async text => (await client.query({ query: gql(text), fetchPolicy: 'no-cache' })).data,
    mutate: async (text, variables) => (await client.mutate({ mutation: gql(text), variables })).data,
  }
}

function urql() {
  const client = new Client({
    url: uri,
    preferGetMethod: false,
    fetch: recording,
    fetchOptions: { headers },
    exchanges: [persistedExchange({ preferGetForPersistedQueries: usesGet, enableForMutation: true }), fetchExchange],
  })
  return {
    query: async text => (await client.query(text, {}, { requestPolicy: 'network-only' }).toPromise()).data,
    mutate: async (text, variables) => (await client.mutation(text, variables).toPromise()).data,
  }
}

const client = { apollo, urql }[name]()
const who = [await client.query(WHO), await client.query(WHO)].map(data => data.viewer.language)
const cases = (await client.query(CASES)).cases.nodes.length
const opened = (await client.mutate(OPEN, { input })).openCase.supposed.case.status
console.log(JSON.stringify({ who, cases, opened, requests }))
process.exit(0)
