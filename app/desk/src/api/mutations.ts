// What can be done to a case, each as one mutation. All call their payload `payload` and select the same of it, so that
// whatever sends them can be written once.

import type { TypedDocumentNode } from '@graphql-typed-document-node/core'

import { graphql } from '../gql'
import type {
  AcceptOverrideInput,
  AddCommentInput,
  CancelOverrideInput,
  CaseDetailFragment,
  CloseCaseInput,
  OpenCaseInput,
  RecordStepInput,
  RefusalFragment,
  RefuseOverrideInput,
  RequestOverrideInput,
} from '../gql/graphql'

export type Inputs = {
  openCase: OpenCaseInput
  addComment: AddCommentInput
  requestOverride: RequestOverrideInput
  acceptOverride: AcceptOverrideInput
  refuseOverride: RefuseOverrideInput
  cancelOverride: CancelOverrideInput
  closeCase: CloseCaseInput
  recordStep: RecordStepInput
}

export type MutationName = keyof Inputs

export type Payload = { errors: RefusalFragment[]; replayed: boolean; case?: CaseDetailFragment | null }

type Mutations = { [Name in MutationName]: TypedDocumentNode<{ payload: Payload }, { input: Inputs[Name] }> }

export const MUTATIONS: Mutations = {
  openCase: graphql(`
    mutation OpenCase($input: OpenCaseInput!) {
      payload: openCase(input: $input) {
        errors {
          ...Refusal
        }
        replayed
        case {
          ...CaseDetail
        }
      }
    }
  `),
  addComment: graphql(`
    mutation AddComment($input: AddCommentInput!) {
      payload: addComment(input: $input) {
        errors {
          ...Refusal
        }
        replayed
        case {
          ...CaseDetail
        }
      }
    }
  `),
  requestOverride: graphql(`
    mutation RequestOverride($input: RequestOverrideInput!) {
      payload: requestOverride(input: $input) {
        errors {
          ...Refusal
        }
        replayed
        case {
          ...CaseDetail
        }
      }
    }
  `),
  acceptOverride: graphql(`
    mutation AcceptOverride($input: AcceptOverrideInput!) {
      payload: acceptOverride(input: $input) {
        errors {
          ...Refusal
        }
        replayed
        case {
          ...CaseDetail
        }
      }
    }
  `),
  refuseOverride: graphql(`
    mutation RefuseOverride($input: RefuseOverrideInput!) {
      payload: refuseOverride(input: $input) {
        errors {
          ...Refusal
        }
        replayed
        case {
          ...CaseDetail
        }
      }
    }
  `),
  cancelOverride: graphql(`
    mutation CancelOverride($input: CancelOverrideInput!) {
      payload: cancelOverride(input: $input) {
        errors {
          ...Refusal
        }
        replayed
        case {
          ...CaseDetail
        }
      }
    }
  `),
  closeCase: graphql(`
    mutation CloseCase($input: CloseCaseInput!) {
      payload: closeCase(input: $input) {
        errors {
          ...Refusal
        }
        replayed
        case {
          ...CaseDetail
        }
      }
    }
  `),
  recordStep: graphql(`
    mutation RecordStep($input: RecordStepInput!) {
      payload: recordStep(input: $input) {
        errors {
          ...Refusal
        }
        replayed
        case {
          ...CaseDetail
        }
      }
    }
  `),
}
