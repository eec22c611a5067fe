// GraphQL Yoga on Node's HTTP server and the lean schema, with dataloaders that live for one request.
// Usage: node yoga.js PORT; the database is that of BENCH_DATABASE_URL.

import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import DataLoader from "dataloader";
import { createSchema, createYoga } from "graphql-yoga";
import { Archive } from "./archive.js";

const archive = new Archive(process.env.BENCH_DATABASE_URL);
const header = ({ request }) => request.headers.get("authorization");

function loadersOf() {
  const actions = new Map(); // by the page's size
  return {
    actions: (first) => {
      if (!actions.has(first)) actions.set(first, new DataLoader((ids) => archive.actions(ids, first)));
      return actions.get(first);
    },
    users: new DataLoader((ids) => archive.users(ids)),
    comments: new DataLoader((ids) => archive.comments(ids)),
    overrides: new DataLoader((ids) => archive.overrides(ids)),
    documents: new DataLoader((ids) => archive.documents(ids)),
    reviewers: new DataLoader((ids) => archive.reviewers(ids)),
  };
}

const one = (loader, id) => (id == null ? null : loader.load(id));

const yoga = createYoga({
  schema: createSchema({
    typeDefs: readFileSync(new URL("schema.graphql", import.meta.url), "utf8"),
    resolvers: {
      Query: {
        case: async (_, { id }, context) => archive.case(await archive.holder(header(context)), id),
        cases: async (_, { after, first }, context) =>
          archive.cases(await archive.holder(header(context)), after ?? null, first),
      },
      Mutation: {
        addComment: (_, { input }, context) => archive.addComment(header(context), input),
        acceptOverride: (_, { input }, context) => archive.acceptOverride(header(context), input),
      },
      Case: { actions: ({ id }, { first }, { loaders }) => loaders.actions(first).load(id) },
      Action: {
        user: ({ user, userId }, _, { loaders }) => user ?? loaders.users.load(userId),
        comment: ({ comment, commentId }, _, { loaders }) => comment ?? one(loaders.comments, commentId),
        override: ({ overrideId }, _, { loaders }) => one(loaders.overrides, overrideId),
      },
      Comment: { documents: ({ id }, _, { loaders }) => loaders.documents.load(id) },
      Override: {
        assignedReviewers: ({ id }, _, { loaders }) => loaders.reviewers.load(id),
        decidedBy: ({ decidedBy, decidedById }, _, { loaders }) => decidedBy ?? one(loaders.users, decidedById),
      },
    },
  }),
  context: () => ({ loaders: loadersOf() }),
  graphiql: false,
  landingPage: false,
  logging: false,
  maskedErrors: false,
});

createServer(yoga).listen(Number(process.argv[2]), "127.0.0.1");
