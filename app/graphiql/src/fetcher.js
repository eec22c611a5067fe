// Sends an operation as one POST and returns the answer, or a subscription's answers as they come; incremental delivery
// is not handled.

import { getOperationAST, parse } from 'graphql'

import { endpoint, headersOf, isDemo, opener } from './config.js'
import { word } from './language.js'
import { fill, learn } from './memory.js'

const TAB_THAT_TELLS = {
  $case: 'OpenCase',
  $change: 'Invite',
  $override: 'RequestOverride',
  $reviewer: 'WhoCanReview',
  $service: 'AddService',
  $version: 'RequestOverride',
  $viewer: 'InWhosePlace',
}

export async function fetcher({ query, variables, operationName }, { headers } = {}) {
  const { filled, missing } = fill(taken(variables, query, operationName))
  if (missing.length > 0) return notSent(missing)

  const stopping = new AbortController()
  const isStreamed = isSubscription(query, operationName)
  const response = await fetch(endpoint, {
    method: 'POST',
    headers: {
      Accept: isStreamed ? 'text/event-stream' : 'application/graphql-response+json, application/json;q=0.9',
      'Content-Type': 'application/json',
      ...(headers ?? introspectionHeaders()),
    },
    // GraphiQL still names the last tab's operation to whoever changes tabs and runs at once.
    body: JSON.stringify({
      query,
      variables: filled,
      operationName: query.includes(operationName) ? operationName : null,
    }),
    // The token in the Headers pane is the only credential: a cookie of the same host has no say.
    credentials: 'omit',
    signal: stopping.signal,
  })
  if (isStreamed && response.ok) return streamed(response, stopping)
  const answer = await read(response)
  if (answer.data) learn(answer.data)
  return answer
}

// Where a tab has several operations, its variables are those of all.
function taken(variables, query, operationName) {
  const { operation, isAlone } = operationOf(query, operationName)
  if (isAlone || !variables) return variables
  const names = operation.variableDefinitions.map(({ variable }) => variable.name.value)
  return Object.fromEntries(Object.entries(variables).filter(([name]) => names.includes(name)))
}

function isSubscription(query, operationName) {
  return operationOf(query, operationName).operation?.operation === 'subscription'
}

function operationOf(query, operationName) {
  try {
    const document = parse(query)
    const named = getOperationAST(document, operationName)
    const alone = getOperationAST(document) // null where there are several
    return { operation: named ?? alone, isAlone: !named || alone !== null }
  } catch {
    return { operation: null, isAlone: true } // the server says what is wrong with it
  }
}

// What GraphiQL takes answers from, until its button is pressed again. A generator alone would end with the next answer.
function streamed(response, stopping) {
  const answers = answersOf(response)
  return {
    [Symbol.asyncIterator]() {
      return this
    },
    next: () => answers.next(),
    return() {
      stopping.abort()
      return Promise.resolve({ done: true, value: undefined })
    },
  }
}

// The `next` events of a stream (https://html.spec.whatwg.org/multipage/server-sent-events.html), as the gateway writes
// them: each has one line of data.
async function* answersOf(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
  let received = ''
  for (;;) {
    const { done, value } = await reader.read().catch(() => ({ done: true }))
    if (done) return
    const events = (received + value).split('\n\n')
    received = events.pop()
    for (const event of events) {
      const data = /^data: (.+)$/m.exec(event)
      if (data) yield JSON.parse(data[1])
    }
  }
}

// GraphiQL asks for the schema before its Headers pane exists, and then sends no header at all, not even its default.
function introspectionHeaders() {
  return isDemo ? JSON.parse(headersOf(opener)) : {}
}

function notSent(missing) {
  const reasons = [...new Set(missing)]
    .map((name) =>
      word('"{name}" is not known yet: run the tab {tab} first, or write the id yourself.', {
        name,
        tab: TAB_THAT_TELLS[name],
      }),
    )
    .join(' ')
  return { errors: [{ message: word('Not sent. {reasons}', { reasons }) }] }
}

async function read(response) {
  const text = await response.text()
  try {
    return JSON.parse(text)
  } catch {
    const { status, statusText } = response
    return { errors: [{ message: word('The server answered {status} {text}, not with JSON.', { status, text: statusText }) }] }
  }
}
