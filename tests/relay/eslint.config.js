// What graphql-eslint says of the schema and of the sample's operations, by its recommended rules and those of Relay.

import graphql from '@graphql-eslint/eslint-plugin'

const parser = {
  parser: graphql.parser,
  parserOptions: { graphQLConfig: { schema: 'schema.graphql', documents: 'src/**/*.jsx' } },
}

// These have no identity of their own: they are parts of an answer, events, counts, words, the law, or what is past or supposed.
// A webhook is no node yet: `endpointId` says which one it is.
const withoutId = {
  suffixes: ['Connection', 'Count', 'Edge', 'Error', 'Payload', 'Signal', 'Snapshot'],
  types: [
    'ActionAuthority',
    'ActionResult',
    'ActionToken',
    'AdminDetail',
    'AvailableAction',
    'CaseFacets',
    'CaseStep',
    'ChecklistItem',
    'DueHours',
    'Erasure',
    'EvaluationResult',
    'InboxChange',
    'Label',
    'LegalHold',
    'LogEvent',
    'Notice',
    'PageInfo',
    'QuickDecision',
    'RateLimit',
    'Receipt',
    'RecordedAssignment',
    'RecordedEvaluation',
    'RecordedReminder',
    'RefusedDecision',
    'RepeatedPair',
    'ReviewDelegation',
    'ReviewStatistic',
    'SearchMatch',
    'SnapshotMoment',
    'SupposedAction',
    'SupposedAdministration',
    'SupposedComment',
    'SupposedDocument',
    'SupposedEvaluation',
    'SupposedOutcome',
    'TextPiece',
    'Webhook',
    'WebhookDelivery',
    'WebhookLag',
    'WebhookProblem',
    'Workflow',
    'WorkflowAction',
    'WorkflowOutcome',
    'WorkflowState',
  ],
}

const schema = {
  ...graphql.configs['flat/schema-recommended'].rules,
  ...graphql.configs['flat/schema-relay'].rules,
  '@graphql-eslint/strict-id-in-types': ['error', { exceptions: withoutId }],
  // Connections have `nodes` beside `edges`, short lists, as of errors or reviewers, have no pages, and an edge of what is
  // past leads to a snapshot, which is no Node.
  '@graphql-eslint/relay-edge-types': [
    'error',
    { withEdgeSuffix: true, shouldImplementNode: false, listTypeCanWrapOnlyEdgeType: false },
  ],
}

const operations = {
  ...graphql.configs['flat/operations-recommended'].rules,
  // Relay's compiler knows its own directives, prescribes names as of WorklistQuery and Worklist_query, and sees to the
  // arguments of fragments.
  '@graphql-eslint/known-directives': 'off',
  '@graphql-eslint/naming-convention': 'off',
  '@graphql-eslint/no-undefined-variables': 'off',
}

export default [
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  {
    files: ['src/**/*.jsx'],
    processor: graphql.processor,
    languageOptions: { parserOptions: { ecmaFeatures: { jsx: true } } },
  },
  { files: ['**/*.graphql'], languageOptions: parser, plugins: { '@graphql-eslint': graphql } },
  { files: ['schema.graphql'], rules: schema },
  { files: ['src/**/*.graphql'], rules: operations },
]
