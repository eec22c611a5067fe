// PostGraphile 5 on Node's HTTP server and the lean schema: types made from the tables, reads planned by Grafast.
// Usage: node postgraphile.js PORT; the database is that of BENCH_DATABASE_URL.

import { createServer } from "node:http";
import { postgraphile } from "postgraphile";
import { TYPES } from "postgraphile/@dataplan/pg";
import { makePgService } from "postgraphile/adaptors/pg";
import { connection, context, each, lambda, sideEffect } from "postgraphile/grafast";
import { grafserv } from "postgraphile/grafserv/node";
import { sql } from "postgraphile/pg-sql2";
import { PostGraphileAmberPreset } from "postgraphile/presets/amber";
import { extendSchema, jsonPgSmartTags } from "postgraphile/utils";
import { Archive, NEWEST, pageSize } from "./archive.js";

// PostGraphile wants Node.js 22, of which it uses this alone that 20 has not.
Promise.withResolvers ??= function () {
  let resolve, reject;
  const promise = new this((resolving, rejecting) => {
    resolve = resolving;
    reject = rejecting;
  });
  return { promise, resolve, reject };
};

const archive = new Archive(process.env.BENCH_DATABASE_URL);

const typeDefs = /* GraphQL */ `
  extend type Query {
    case(id: ID!): Case
    cases(after: String, first: Int!): CasePage!
  }
  extend type Mutation {
    addComment(input: AddCommentInput!): AddCommentPayload!
    acceptOverride(input: AcceptOverrideInput!): AcceptOverridePayload!
  }
  type CasePage {
    nodes: [Case!]!
    pageInfo: PageInfo!
  }
  type ActionPage {
    nodes: [CaseAction!]!
  }
  extend type Case {
    reference: String!
    updatedAt: String!
    actions(first: Int!): ActionPage!
  }
  extend type CaseAction {
    createdAt: String!
    user: User!
    comment: Comment
    override: Override
  }
  extend type Comment {
    documents: [Document!]!
  }
  extend type Override {
    assignedReviewers: [User!]!
  }
  input AddCommentInput {
    caseId: ID!
    body: String!
  }
  input AcceptOverrideInput {
    caseId: ID!
    overrideId: ID!
    expectedVersion: Int!
  }
  type WriteError {
    code: String!
  }
  type Person {
    id: ID!
    displayName: String!
  }
  type WrittenCase {
    id: ID!
    status: String!
  }
  type WrittenComment {
    id: ID!
    body: String!
  }
  type WrittenAction {
    id: ID!
    seq: Int!
    type: String!
    createdAt: String!
    user: Person!
    comment: WrittenComment
  }
  type WrittenOverride {
    id: ID!
    status: String!
    requestedStatus: String!
    decidedBy: Person
  }
  type AddCommentPayload {
    errors: [WriteError!]!
    case: WrittenCase
    action: WrittenAction
  }
  type AcceptOverridePayload {
    errors: [WriteError!]!
    case: WrittenCase
    action: WrittenAction
    override: WrittenOverride
  }
`;

const operations = extendSchema((build) => {
  const { cases, case_actions, users, comments, overrides, documents, override_reviewers } = build.input.pgRegistry.pgResources;
  const account = () => lambda(context().get("authorization"), (header) => archive.readableAccount(header));
  const time = (column) => ($row) => {
    const column_ = sql`${$row.getClassStep().alias}.${sql.identifier(column)}`;
    return $row.select(sql`replace(${column_}::text, ' ', 'T') || ':00'`, TYPES.text);
  };
  const related = (resource, column) => ($row) => resource.get({ id: $row.get(column) });
  const ordered = ($rows, attribute, direction) => {
    $rows.orderBy({ attribute, direction });
    return $rows;
  };
  const page = ($rows, $first) => {
    const $connection = connection($rows);
    $connection.setFirst(lambda($first, pageSize));
    return $connection;
  };
  const write = (name) => (_, { $input }) =>
    sideEffect([context().get("authorization"), $input], ([header, input]) => archive[name](header, input));
  return {
    typeDefs,
    objects: {
      Query: {
        plans: {
          case: (_, { $id }) => cases.find({ account_id: account(), id: $id }).single(),
          cases(_, { $after, $first }) {
            const $cases = ordered(cases.find({ account_id: account() }), "number", "DESC");
            const $before = lambda($after, (after) => (after == null ? NEWEST : Number(after)));
            $cases.where(sql`${$cases.alias}.number < ${$cases.placeholder($before, TYPES.int)}`);
            return page($cases, $first);
          },
        },
      },
      Mutation: { plans: { addComment: write("addComment"), acceptOverride: write("acceptOverride") } },
      Case: {
        plans: {
          reference: ($case) => lambda($case.get("number"), (number) => `CASE-${String(number).padStart(6, "0")}`),
          updatedAt: time("updated_at"),
          actions: ($case, { $first }) =>
            page(ordered(case_actions.find({ case_id: $case.get("id") }), "seq", "DESC"), $first),
        },
      },
      CaseAction: {
        plans: {
          createdAt: time("created_at"),
          user: related(users, "user_id"),
          comment: related(comments, "comment_id"),
          override: related(overrides, "override_id"),
        },
      },
      Comment: {
        plans: {
          documents: ($comment) => ordered(documents.find({ comment_id: $comment.get("id") }), "position", "ASC"),
        },
      },
      Override: {
        plans: {
          assignedReviewers($override) {
            const $reviewers = override_reviewers.find({ override_id: $override.get("id") });
            return each(ordered($reviewers, "position", "ASC"), related(users, "reviewer_id"));
          },
        },
      },
    },
  };
});

// The columns that the operations show otherwise.
const hidden = jsonPgSmartTags({
  version: 1,
  config: {
    attribute: {
      "cases.updated_at": { tags: { behavior: "-*" } },
      "case_actions.created_at": { tags: { behavior: "-*" } },
    },
  },
});

// Ids are fields of their own name, as there are no global ones beside them.
const ids = {
  name: "IdPlugin",
  inflection: {
    replace: {
      _attributeName: (previous, _options, details) => (details.attributeName === "id" ? "id" : previous(details)),
    },
  },
};

const server = createServer();
const serving = postgraphile({
  extends: [PostGraphileAmberPreset],
  plugins: [operations, hidden, ids],
  disablePlugins: [
    "NodePlugin",
    "PgAllRowsPlugin",
    "PgRowByUniquePlugin",
    "PgRelationsPlugin",
    "PgMutationCreatePlugin",
    "PgMutationUpdateDeletePlugin",
    "PgProceduresPlugin",
    "SubscriptionPlugin",
  ],
  pgServices: [makePgService({ pool: archive.pool, schemas: ["lean"] })],
  grafast: {
    context: ({ node }) => ({ authorization: node.req.headers.authorization }),
  },
  grafserv: { graphqlPath: "/graphql", graphiql: false, watch: false },
}).createServ(grafserv);
await serving.addTo(server);
server.listen(Number(process.argv[2]), "127.0.0.1");
