// Shows a case, looks at its past, supposes that it were closed, and closes it; prints what the screen showed and what is
// kept after each step.
//
// Usage: node snapshots.js apollo|urql|relay '{"address": …, "token": …, "id": …}'

import { apollo } from './apollo.js'
import { relayRuntime } from './relay.js'
import { urql } from './urql.js'

const [name, given] = process.argv.slice(2)
const settings = JSON.parse(given)
const client = { apollo, urql, relay: relayRuntime }[name](settings)
const settled = () => new Promise(resolve => setTimeout(resolve, 50))

await client.show()
const steps = {}
const step = async (key, answer) => {
  await settled()
  steps[key] = { answer, kept: await client.kept(), seen: client.seen.map(it => it.status) }
}
await step('shown', null)
await step('past', await client.past({ seq: 1 }))
await step('supposed', await client.close({ caseId: settings.id, dryRun: true }))
await step('closed', await client.close({ caseId: settings.id, dryRun: null }))
console.log(JSON.stringify(steps))
process.exit(0)
