// Runs a query, a wrong query and a mutation with a client as it is shipped, and prints what each gives.
import * as sse from 'graphql-sse'
import * as ws from 'graphql-ws'
import WebSocket from 'ws'

const [transport, url, token, mutation, variables] = process.argv.slice(2)
const Authorization = `Bearer ${token}`
const client =
  transport === 'ws'
    ? ws.createClient({ url, webSocketImpl: WebSocket, connectionParams: { Authorization } })
    : sse.createClient({ url, headers: { Authorization } })

async function run(payload) {
  const found = []
  try {
    for await (const result of client.iterate(payload)) found.push(result)
  } catch (errors) {
    found.push({ errors })
  }
  return found
}

const found = [
  await run({ query: '{ viewer { user { displayName } } }' }),
  await run({ query: '{ nothing }' }),
  await run({ query: mutation, variables: JSON.parse(variables) }),
]
await client.dispose()
console.log(JSON.stringify(found))
