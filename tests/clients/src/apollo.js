// Apollo Client with its cache as it comes: no typePolicies.

import { ApolloClient, gql, HttpLink, InMemoryCache } from '@apollo/client'

import { CLOSE, LIVE, PAST } from './operations.js'

export function apollo({ address, token, id }) {
  const client = new ApolloClient({
    cache: new InMemoryCache(),
    link: new HttpLink({ uri: `${address}/graphql`, headers: { Authorization: `Bearer ${token}` } }),
  })
  const seen = []
  return {
    seen,
    async show() {
      const live = client.watchQuery({ query: gql(LIVE), variables: { id } })
      live.subscribe(({ data, dataState }) => dataState === 'complete' && seen.push(data.case))
      await client.query({ query: gql(LIVE), variables: { id } })
    },
    past: async asOf => (await client.query({ query: gql(PAST), variables: { id, asOf } })).data.caseSnapshot,
    close: async input => (await client.mutate({ mutation: gql(CLOSE), variables: { input } })).data.closeCase,
    kept: () => client.cache.readQuery({ query: gql(LIVE), variables: { id } }).case,
  }
}
