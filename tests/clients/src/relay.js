// Relay's store, with what relay-compiler has made of these operations.

import relay from 'relay-runtime'

import close from '../artifacts/relayCloseMutation.graphql.js'
import live from '../artifacts/relayLiveQuery.graphql.js'
import past from '../artifacts/relayPastQuery.graphql.js'

const { commitMutation, createOperationDescriptor, Environment, fetchQuery, Network, RecordSource, Store } = relay

// relay-compiler reads the texts between graphql`…`; where they are used, the artifacts stand for them.
const graphql = () => null

graphql`
  query relayLiveQuery($id: ID!) {
    case(id: $id) {
      id
      status
      version
      subject {
        id
        evaluationStatus
      }
      overrides(first: 5) {
        edges {
          node {
            id
            status
          }
        }
      }
    }
  }
`

graphql`
  query relayPastQuery($id: ID!, $asOf: AsOf!) {
    caseSnapshot(id: $id, asOf: $asOf) {
      caseId
      status
      version
      supposed
      subject {
        subjectId
        evaluationStatus
      }
      overrides(first: 5) {
        edges {
          node {
            overrideId
            status
          }
        }
      }
    }
  }
`

graphql`
  mutation relayCloseMutation($input: CloseCaseInput!) {
    closeCase(input: $input) {
      case {
        id
        status
        version
      }
      action {
        id
        seq
        statusAfter
      }
      supposed {
        case {
          caseId
          status
          version
        }
      }
      errors {
        code
        message
      }
    }
  }
`

export function relayRuntime({ address, token, id }) {
  const network = Network.create(async ({ text }, variables) => {
    const answer = await fetch(`${address}/graphql`, {
      method: 'POST',
      headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' },
      body: JSON.stringify({ query: text, variables }),
    })
    return answer.json()
  })
  const environment = new Environment({ network, store: new Store(new RecordSource()) })
  const operation = createOperationDescriptor(live, { id })
  const seen = []
  const kept = () => environment.lookup(operation.fragment).data.case
  return {
    seen,
    async show() {
      await fetchQuery(environment, live, { id }).toPromise()
      environment.retain(operation)
      seen.push(kept())
      environment.subscribe(environment.lookup(operation.fragment), ({ data }) => seen.push(data.case))
    },
    past: async asOf => (await fetchQuery(environment, past, { id, asOf }).toPromise()).caseSnapshot,
    close: input =>
      new Promise((resolve, reject) => {
        commitMutation(environment, {
          mutation: close,
          variables: { input },
          onCompleted: ({ closeCase }) => resolve(closeCase),
          onError: reject,
        })
      }),
    kept,
  }
}
