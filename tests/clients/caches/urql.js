// urql with Graphcache, told what the manual says.
import { Client, fetchExchange } from "@urql/core";
import { cacheExchange } from "@urql/exchange-graphcache";
import { buildSchema, introspectionFromSchema } from "graphql";
import { documents } from "./documents.js";
import { caseId, play, read, token, url } from "./story.js";

const cache = cacheExchange({
  schema: introspectionFromSchema(buildSchema(read("schema.graphql"))),
  keys: Object.fromEntries(JSON.parse(read("without-id.json")).map((type) => [type, () => null])),
  updates: {
    Mutation: {
      closeCase(result, _args, store) {
        const { actionEdge } = result.closeCase;
        if (!actionEdge) return;
        store.updateQuery({ query: documents.live, variables: { id: caseId } }, (data) => ({
          ...data,
          case: {
            ...data.case,
            actions: { ...data.case.actions, edges: [actionEdge, ...data.case.actions.edges] },
          },
        }));
      },
    },
  },
});
const client = new Client({
  url,
  preferGetMethod: false,
  exchanges: [cache, fetchExchange],
  fetchOptions: { headers: { Authorization: `Bearer ${token}` } },
});
let latest;

async function settled(result) {
  const { data, error } = await result;
  if (error) throw error;
  return data;
}

await play({
  async open(variables) {
    await new Promise((resolve, reject) => {
      client.query(documents.live, variables).subscribe(({ data, error }) => {
        if (error) reject(error);
        latest = data;
        resolve();
      });
    });
  },
  shown: () => latest,
  // It shows its entities by queries alone: that of the screen, from the cache and from nowhere else.
  stored: () => client.readQuery(documents.live, { id: caseId }).data,
  query: (name, variables) => settled(client.query(documents[name], variables).toPromise()),
  mutate: (name, variables) => settled(client.mutation(documents[name], variables).toPromise()),
});
