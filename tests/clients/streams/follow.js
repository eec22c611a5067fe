// Follows the log by the manual's code, and does what each line of its input says; prints each event as a line.
import { createInterface } from 'node:readline'
import WebSocket from 'ws'

const [transport, url, token, after] = process.argv.slice(2)
const { follow } = await import(`./manual-${transport}.js`)

let tellToken
const options = { url, token, after: after ?? null, newToken: (reason) => {
  console.log(JSON.stringify({ refused: reason }))
  return new Promise((resolve) => { tellToken = resolve })
} }
if (transport === 'ws') options.webSocketImpl = WebSocket

createInterface({ input: process.stdin }).on('line', (line) => tellToken(line))

for await (const event of follow(options)) console.log(JSON.stringify(event))
