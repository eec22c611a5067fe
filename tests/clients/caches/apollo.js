// Apollo Client with its InMemoryCache, told what the manual says.
import { ApolloClient, HttpLink, InMemoryCache, gql } from "@apollo/client";
import { documents } from "./documents.js";
import { play, read, token, url } from "./story.js";

const cache = new InMemoryCache({
  possibleTypes: JSON.parse(read("possible-types.json")),
  typePolicies: Object.fromEntries(JSON.parse(read("without-id.json")).map((type) => [type, { keyFields: false }])),
});
const client = new ApolloClient({
  cache,
  link: new HttpLink({ uri: url, headers: { Authorization: `Bearer ${token}` } }),
});
const parsed = Object.fromEntries(Object.entries(documents).map(([name, text]) => [name, gql(text)]));
let latest;

// The edge of what was really done goes to the start of the list that the screen shows.
function update(store, { data }) {
  const { case: closed, actionEdge } = data.closeCase ?? {};
  if (!actionEdge) return;
  store.modify({
    id: store.identify(closed),
    fields: { actions: (list) => ({ ...list, edges: [actionEdge, ...list.edges] }) },
  });
}

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
