// The operations of a front end: their variables and answers are typed by what graphql-codegen makes of them.
import { graphql } from "./gql/gql.js";

export const errorParts = graphql(`
  fragment ErrorParts on UserError {
    __typename
    code
    message
    path
    ... on InputError { maximum }
    ... on NotFoundError { resource }
    ... on AccessError { requiredRoles requiredScope disabledFeature }
    ... on StateError { caseStatus allowedActions }
    ... on VersionConflictError { expectedVersion actualVersion case { id version } }
    ... on AdministrationError { changeStatus }
  }
`);

export const caseParts = graphql(`
  fragment CaseParts on Case {
    id
    reference
    status
    version
    activeOverride { id version }
    subject { id evaluationStatus }
  }
`);

export const actionParts = graphql(`
  fragment ActionParts on CaseAction {
    id
    seq
    type
    comment { id body documents { id filename contentType sizeBytes } }
  }
`);

export const worklist = graphql(`
  query Worklist($first: Int!, $after: String) {
    cases(first: $first, after: $after) {
      edges { cursor node { id reference status } }
      pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
    }
  }
`);

export const timeline = graphql(`
  query Timeline($id: ID!) {
    case(id: $id) {
      ...CaseParts
      actions(first: 10) { edges { cursor node { ...ActionParts } } }
    }
  }
`);

export const reviewers = graphql(`
  query Reviewers($id: ID!) {
    case(id: $id) {
      id
      eligibleReviewers(onlyEligible: true, search: "Rosa", first: 1) { nodes { id } }
    }
  }
`);

export const openCase = graphql(`
  mutation OpenCase($input: OpenCaseInput!) {
    openCase(input: $input) { case { ...CaseParts } errors { ...ErrorParts } }
  }
`);

export const addComment = graphql(`
  mutation AddComment($input: AddCommentInput!) {
    addComment(input: $input) {
      case { ...CaseParts }
      actionEdge { cursor node { ...ActionParts } }
      replayed
      errors { ...ErrorParts }
    }
  }
`);

export const requestOverride = graphql(`
  mutation RequestOverride($input: RequestOverrideInput!) {
    requestOverride(input: $input) { case { ...CaseParts } errors { ...ErrorParts } }
  }
`);

export const acceptOverride = graphql(`
  mutation AcceptOverride($input: AcceptOverrideInput!) {
    acceptOverride(input: $input) { case { ...CaseParts } errors { ...ErrorParts } }
  }
`);

export const closeCase = graphql(`
  mutation CloseCase($input: CloseCaseInput!) {
    closeCase(input: $input) { case { ...CaseParts } errors { ...ErrorParts } }
  }
`);
