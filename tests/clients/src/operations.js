// What each client does: show a case, look at it as it was, ask what closing would do, and close it.

export const LIVE = `query Live($id: ID!) {
  case(id: $id) {
    __typename id status version
    subject { __typename id evaluationStatus }
    overrides(first: 5) { __typename edges { __typename node { __typename id status } } }
  }
}`

export const PAST = `query Past($id: ID!, $asOf: AsOf!) {
  caseSnapshot(id: $id, asOf: $asOf) {
    __typename caseId status version supposed
    subject { __typename subjectId evaluationStatus }
    overrides(first: 5) { __typename edges { __typename node { __typename overrideId status } } }
  }
}`

export const CLOSE = `mutation Close($input: CloseCaseInput!) {
  closeCase(input: $input) {
    __typename
    case { __typename id status version }
    action { __typename id seq statusAfter }
    supposed { __typename case { __typename caseId status version } }
    errors { __typename code message }
  }
}`
