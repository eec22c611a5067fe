// The documents of a screen that shows one case. Relay's compiler takes them as they stand; Apollo Client and urql get
// the same texts (documents.js).
import { graphql } from "relay-runtime";

export const live = graphql`
  query screenQuery($id: ID!) {
    viewer {
      id
      user {
        id
        displayName
      }
      account {
        id
        name
      }
    }
    case(id: $id) {
      id
      reference
      title
      status
      version
      resolution
      closedAt
      actionCount
      headHash
      subject {
        id
        evaluationStatus
        version
      }
      activeOverride {
        id
        status
        version
      }
      overrides(first: 5) {
        nodes {
          id
          status
          version
          decidedAt
        }
      }
      actions(first: 10) {
        edges {
          cursor
          node {
            id
            seq
            type
            comment {
              id
              body
            }
            override {
              id
              status
            }
          }
        }
      }
      availableActions {
        action
        allowed
        code
      }
    }
  }
`;

export const snapshot = graphql`
  query screenSnapshotQuery($id: ID!, $asOf: AsOf!) {
    caseSnapshot(id: $id, asOf: $asOf) {
      caseId
      supposed
      asOf {
        seq
        time
      }
      reference
      title
      status
      version
      resolution
      closedAt
      actionCount
      headHash
      subject {
        subjectId
        evaluationStatus
        version
      }
      activeOverride {
        overrideId
        status
        version
      }
      overrides(first: 5) {
        nodes {
          overrideId
          status
          version
          decidedAt
        }
      }
      actions(first: 10) {
        nodes {
          id
          seq
          type
          case {
            id
            status
            version
          }
          override {
            id
            status
          }
        }
      }
    }
  }
`;

export const accept = graphql`
  mutation screenAcceptMutation($input: AcceptOverrideInput!) {
    acceptOverride(input: $input) {
      errors {
        __typename
        code
        message
      }
      case {
        id
        status
        version
        resolution
        closedAt
        actionCount
        headHash
        subject {
          id
          evaluationStatus
          version
        }
        activeOverride {
          id
          status
          version
        }
        overrides(first: 5) {
          nodes {
            id
            status
            version
            decidedAt
          }
        }
        actions(first: 10) {
          edges {
            cursor
            node {
              id
              seq
              type
              comment {
                id
                body
              }
              override {
                id
                status
              }
            }
          }
        }
        availableActions {
          action
          allowed
          code
        }
      }
      override {
        id
        status
        version
        decidedAt
      }
      supposed {
        action {
          seq
          type
          statusAfter
        }
        override {
          overrideId
          status
          version
          decidedAt
        }
        case {
          caseId
          supposed
          status
          version
          subject {
            subjectId
            evaluationStatus
            version
          }
          overrides(first: 5) {
            nodes {
              overrideId
              status
              version
            }
          }
          actions(first: 10) {
            nodes {
              id
              seq
              case {
                id
                status
                version
              }
              override {
                id
                status
              }
            }
          }
          availableActions {
            action
            allowed
          }
        }
      }
    }
  }
`;

export const comment = graphql`
  mutation screenCommentMutation($input: AddCommentInput!) {
    addComment(input: $input) {
      errors {
        __typename
        code
        message
      }
      case {
        id
        status
        version
      }
      action {
        id
        seq
      }
      comment {
        id
        body
      }
      supposed {
        comment {
          body
          createdAt
        }
        action {
          seq
        }
        case {
          caseId
          status
          version
        }
      }
    }
  }
`;

// The list is made current by the edge alone: `actions` is not selected of the case.
export const close = graphql`
  mutation screenCloseMutation($input: CloseCaseInput!) {
    closeCase(input: $input) {
      errors {
        __typename
        code
        message
      }
      replayed
      case {
        id
        status
        version
        resolution
        closedAt
        actionCount
        headHash
        availableActions {
          action
          allowed
          code
        }
      }
      actionEdge {
        cursor
        node {
          id
          seq
          type
          comment {
            id
            body
          }
          override {
            id
            status
          }
        }
      }
      supposed {
        action {
          seq
          statusAfter
        }
        case {
          caseId
          status
          version
          resolution
          closedAt
          availableActions {
            action
            allowed
          }
        }
      }
    }
  }
`;
