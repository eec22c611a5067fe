// Fastify with mercurius and graphql-jit on the lean schema, with mercurius' own loaders.
// Usage: node mercurius.js PORT; the database is that of BENCH_DATABASE_URL.

import { readFileSync } from "node:fs";
import Fastify from "fastify";
import mercurius from "mercurius";
import { Archive } from "./archive.js";

const archive = new Archive(process.env.BENCH_DATABASE_URL);
const header = (context) => context.reply.request.headers.authorization;
const ids = (queries, name) => queries.map(({ obj }) => obj[name]);

const app = Fastify();
await app.register(mercurius, {
  schema: readFileSync(new URL("schema.graphql", import.meta.url), "utf8"),
  jit: 1,
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
  },
  loaders: {
    Case: { actions: (queries) => archive.actions(ids(queries, "id"), queries[0].params.first) },
    Action: {
      user: async (queries) => known(queries, "user") ?? archive.users(ids(queries, "userId")),
      comment: async (queries) =>
        known(queries, "comment") ?? nullable(queries, "commentId", (found) => archive.comments(found)),
      override: (queries) => nullable(queries, "overrideId", (found) => archive.overrides(found)),
    },
    Comment: { documents: (queries) => archive.documents(ids(queries, "id")) },
    Override: {
      assignedReviewers: (queries) => archive.reviewers(ids(queries, "id")),
      decidedBy: async (queries) =>
        known(queries, "decidedBy") ?? nullable(queries, "decidedById", (found) => archive.users(found)),
    },
  },
});

/** Return what a mutation has made and so need not be read again, undefined where it has to be. */
function known(queries, name) {
  return queries.every(({ obj }) => obj[name] !== undefined) ? ids(queries, name) : undefined;
}

/** Load those that are there, and return null for the others. */
async function nullable(queries, name, load) {
  const wanted = ids(queries, name);
  const found = await load(wanted.filter((id) => id != null));
  const rest = found.values();
  return wanted.map((id) => (id == null ? null : rest.next().value));
}

await app.listen({ host: "127.0.0.1", port: Number(process.argv[2]) });
