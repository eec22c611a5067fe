// Apollo Client with its InMemoryCache. The cache and the update of a list are the manual's, which the test writes down.
import { ApolloClient, HttpLink, gql } from "@apollo/client";
import { cache, update } from "../manual-apollo.js";
import { documents } from "./documents.js";
import { play, token, url } from "./story.js";

const client = new ApolloClient({
  cache,
  link: new HttpLink({ uri: url, headers: { Authorization: `Bearer ${token}` } }),
});
const parsed = Object.fromEntries(Object.entries(documents).map(([name, text]) => [name, gql(text)]));
let latest;

await play({
  async open(variables) {
    await new Promise((resolve, reject) => {
      client.watchQuery({ query: parsed.live, variables }).subscribe({
        next(result) {
          if (result.data && !result.loading) {
            latest = result.data;
            resolve();
          }
        },
        error: reject,
      });
    });
  },
  shown: () => latest,
  stored: () => cache.extract(),
  query: async (name, variables) => (await client.query({ query: parsed[name], variables })).data,
  mutate: async (name, variables) => (await client.mutate({ mutation: parsed[name], variables, update })).data,
});
