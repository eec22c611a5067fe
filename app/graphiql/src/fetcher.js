// Sends an operation as one POST and returns the answer; subscriptions and incremental delivery are not handled.

import { endpoint, headersOf, isDemo, opener } from './config.js'
import { word } from './language.js'
import { fill, learn } from './memory.js'

const TAB_THAT_TELLS = {
  $case: 'OpenCase',
  $override: 'RequestOverride',
  $reviewer: 'WhoCanReview',
  $version: 'RequestOverride',
}

export async function fetcher({ query, variables, operationName }, { headers } = {}) {
  const { filled, missing } = fill(variables)
  if (missing.length > 0) return notSent(missing)

  const response = await fetch(endpoint, {
    method: 'POST',
    headers: {
      Accept: 'application/graphql-response+json, application/json;q=0.9',
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
  })
  const answer = await read(response)
  if (answer.data) learn(answer.data)
  return answer
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
