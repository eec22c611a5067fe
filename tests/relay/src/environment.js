// Relay's environment: one POST an operation, with the token that the page was given.

import { Environment, Network, RecordSource, Store } from 'relay-runtime'

export function environmentOf(token) {
  const network = Network.create(async ({ text, name }, variables) => {
    const answer = await fetch('/graphql', {
      method: 'POST',
      headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' },
      body: JSON.stringify({ query: text, operationName: name, variables }),
      credentials: 'omit',
    })
    return answer.json()
  })
  return new Environment({ network, store: new Store(new RecordSource()) })
}
