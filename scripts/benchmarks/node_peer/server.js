// A graphql-ws server as it is usually written: comments are stored on a lean schema, and published to who subscribed.
// Who has a token is looked up once, as the connection begins. Usage: node server.js PORT; BENCH_DATABASE_URL is set.
import { createHash, randomUUID } from 'node:crypto'
import { createServer } from 'node:http'
import { buildSchema, execute, parse, validate } from 'graphql'
import { useServer } from 'graphql-ws/use/ws'
import pg from 'pg'
import { WebSocketServer } from 'ws'

const pool = new pg.Pool({ connectionString: process.env.BENCH_DATABASE_URL, max: 20 })
await pool.query(`
  CREATE SCHEMA IF NOT EXISTS node_peer;
  CREATE TABLE IF NOT EXISTS node_peer.cases (id uuid PRIMARY KEY, actions int NOT NULL);
  CREATE TABLE IF NOT EXISTS node_peer.log (
    position bigserial PRIMARY KEY, id uuid NOT NULL, case_id uuid NOT NULL, seq int NOT NULL, type text NOT NULL,
    body text NOT NULL, created_at timestamptz NOT NULL, UNIQUE (case_id, seq)
  );
`)

const schema = buildSchema(`
  type Action { id: ID! type: String! seq: Int! createdAt: String! }
  type LogEvent { cursor: String! caughtUp: Boolean! action: Action }
  type Query { ready: Boolean }
  type Mutation { addComment(caseId: ID!, body: String!): Action! }
  type Subscription { actions: LogEvent! }
`)
const TOKEN = 'SELECT user_id FROM api_tokens WHERE secret_hash = $1 AND revoked_at IS NULL'
const COUNT = `
  INSERT INTO node_peer.cases VALUES ($1, 1) ON CONFLICT (id) DO UPDATE SET actions = node_peer.cases.actions + 1
  RETURNING actions
`
const WRITE = `
  INSERT INTO node_peer.log (id, case_id, seq, type, body, created_at) VALUES ($1, $2, $3, 'COMMENT', $4, now())
  RETURNING position, id, type, seq, created_at
`

const followers = new Set()

async function isKnown(header) {
  const secret = /^Bearer (\S+)$/.exec(header ?? '')?.[1]
  if (!secret) return false
  const found = await pool.query(TOKEN, [createHash('sha256').update(secret).digest('hex')])
  return found.rowCount === 1
}

async function addComment({ caseId, body }) {
  const client = await pool.connect()
  try {
    await client.query('BEGIN')
    const seq = (await client.query(COUNT, [caseId])).rows[0].actions
    const row = (await client.query(WRITE, [randomUUID(), caseId, seq, body])).rows[0]
    await client.query('COMMIT')
    const action = { id: row.id, type: row.type, seq: row.seq, createdAt: row.created_at.toISOString() }
    const event = { actions: { cursor: Buffer.from(row.position).toString('base64url'), caughtUp: true, action } }
    for (const follower of followers) follower(event)
    return action
  } catch (error) {
    await client.query('ROLLBACK')
    throw error
  } finally {
    client.release()
  }
}

async function* actions() {
  const waiting = [{ actions: { cursor: '', caughtUp: true, action: null } }]
  let wake = () => {}
  const follower = (event) => {
    waiting.push(event)
    wake()
  }
  followers.add(follower)
  try {
    for (;;) {
      while (waiting.length) yield waiting.shift()
      await new Promise((resolve) => { wake = resolve })
    }
  } finally {
    followers.delete(follower)
  }
}

const documents = new Map()

function prepared(query) {
  let document = documents.get(query)
  if (!document) {
    document = parse(query)
    if (validate(schema, document).length) throw new Error('The document is not valid.')
    documents.set(query, document)
  }
  return document
}

const rootValue = { addComment }
const server = createServer((request, response) => {
  const chunks = []
  request.on('data', (chunk) => chunks.push(chunk))
  request.on('end', async () => {
    try {
      const { query, variables } = JSON.parse(Buffer.concat(chunks))
      if (!(await isKnown(request.headers.authorization))) throw new Error('Who is it?')
      const body = JSON.stringify(await execute({ schema, document: prepared(query), rootValue, variableValues: variables }))
      response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) })
      response.end(body)
    } catch (error) {
      response.writeHead(400).end(String(error))
    }
  })
})

useServer(
  {
    schema,
    roots: { subscription: { actions } },
    onConnect: ({ connectionParams }) => isKnown(connectionParams?.Authorization),
  },
  new WebSocketServer({ server, path: '/graphql', perMessageDeflate: false }),
)
server.listen(Number(process.argv[2]), '127.0.0.1')
