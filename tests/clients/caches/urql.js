// urql with Graphcache. The cache and the update of a list are the manual's, which the test writes down.
import { Client, fetchExchange } from "@urql/core";
import { cache } from "../manual-urql.js";
import { documents } from "./documents.js";
import { caseId, play, token, url } from "./story.js";

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
