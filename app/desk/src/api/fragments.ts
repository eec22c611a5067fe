// What the parts of the page read of a case. Every query and every mutation's payload selects the same, so that the cache
// can show what an answer brought wherever it is shown.

import { graphql } from '../gql'

export const CASE_ROW = graphql(`
  fragment CaseRow on Case {
    id
    reference
    title
    status
    version
    createdAt
    updatedAt
    subject {
      id
      label
      countryCode
      evaluationStatus
    }
    activeOverride {
      id
      requestedStatus
    }
  }
`)

export const DOCUMENT_TILE = graphql(`
  fragment DocumentTile on Document {
    id
    filename
    contentType
    sizeBytes
    sha256
    warnings
    createdAt
    uploader {
      id
      displayName
    }
    erasure {
      at
      reason
    }
  }
`)

export const LOG_ENTRY = graphql(`
  fragment LogEntry on CaseAction {
    id
    seq
    type
    createdAt
    statusBefore
    statusAfter
    resolution
    reason
    user {
      id
      displayName
    }
    comment {
      id
      body
      erasure {
        at
        reason
      }
      documents {
        ...DocumentTile
      }
    }
    override {
      id
      requestedStatus
    }
    evaluation {
      statusBefore
      statusAfter
    }
    authority {
      onBehalfOf {
        id
        displayName
      }
    }
    reminder {
      occasion
      at
    }
    step
    stepState
    openSteps
  }
`)

export const CASE_DETAIL = graphql(`
  fragment CaseDetail on Case {
    ...CaseRow
    description
    resolution
    closedAt
    headHash
    createdBy {
      id
      displayName
    }
    closedBy {
      id
      displayName
    }
    erasure {
      at
      reason
    }
    legalHold {
      at
      reason
    }
    subject {
      id
      type
      externalRef
    }
    activeOverride {
      id
      requestedStatus
      createdAt
      createdBy {
        id
        displayName
      }
      assignedReviewers {
        id
        displayName
      }
    }
    availableActions {
      action
      allowed
      code
      message
    }
    checklist {
      key
      label
      state
      requiredToAccept
      requiredToClose
      action {
        id
        createdAt
        user {
          id
          displayName
        }
        comment {
          id
          body
        }
      }
    }
    actions(first: 30) {
      nodes {
        ...LogEntry
      }
      pageInfo {
        hasNextPage
        endCursor
      }
    }
    documents(first: 50) {
      nodes {
        ...DocumentTile
      }
    }
  }
`)

export const REFUSAL = graphql(`
  fragment Refusal on UserError {
    code
    message
    path
    ... on StateError {
      case {
        id
        reference
      }
    }
    ... on VersionConflictError {
      case {
        ...CaseDetail
      }
      actionsSince {
        ...LogEntry
      }
    }
  }
`)
