// Apollo Client: uploads, Relay's pages, and a list that is current after a mutation without being read again.
import { ApolloClient, InMemoryCache } from "@apollo/client";
import { relayStylePagination } from "@apollo/client/utilities";
import { readFileSync } from "node:fs";
import UploadHttpLink from "apollo-upload-client/UploadHttpLink.mjs";
import * as documents from "./documents.js";
import { Line, report, settings, url } from "./settings.js";
import { play, type Person } from "./workflow.js";

const read = (name: string) => JSON.parse(readFileSync(new URL(`../${name}`, import.meta.url), "utf8")) as never;
// Fragments on an interface are only matched where its types are known.
const possibleTypes: Record<string, string[]> = read("possible-types.json");

function connect(token: string) {
  const line = new Line();
  const client = new ApolloClient({
    cache: new InMemoryCache({ possibleTypes, typePolicies: { Query: { fields: { cases: relayStylePagination() } } } }),
    link: new UploadHttpLink({ uri: url, fetch: line.fetch, headers: { Authorization: `Bearer ${token}` } }),
  });
  const person: Person = {
    async query(query, variables) {
      const { data } = await client.query({ query, variables: variables as never, fetchPolicy: "network-only" });
      if (data === undefined) throw new Error("no data");
      return data as never;
    },
    async mutate(mutation, variables) {
      const { data } = await client.mutate({ mutation, variables: variables as never });
      if (data == null) throw new Error("no data");
      return data as never;
    },
  };
  return { client, line, person };
}

const { client, line, person: contributor } = connect(settings.contributor);
const { person: reviewer } = connect(settings.reviewer);

const letter = new File(["We confirm our account.\n"], "letter.txt", { type: "text/plain" });
const workflow = await play(contributor, reviewer, "apollo", [letter]);

const pages = client.watchQuery({ query: documents.worklist, variables: { first: 2 } });
await new Promise<void>((resolve) => {
  pages.subscribe(({ dataState }) => dataState === "complete" && resolve());
});
for (let page = 0; page < 2; page += 1) {
  const end = client.readQuery({ query: documents.worklist, variables: { first: 2 } })?.cases?.pageInfo.endCursor;
  await pages.fetchMore({ variables: { after: end ?? null } });
}
const listed = client.readQuery({ query: documents.worklist, variables: { first: 2 } })?.cases?.edges ?? [];

const open = listed.map(({ node }) => node).find((node) => node?.status === "OPEN" || node?.status === "IN_PROGRESS");
if (!open) throw new Error("no open case");
await client.query({ query: documents.timeline, variables: { id: open.id } });
const seen = () => client.readQuery({ query: documents.timeline, variables: { id: open.id } })?.case;
const before = seen();
line.sent.length = 0;
await client.mutate({
  mutation: documents.addComment,
  variables: { input: { caseId: open.id, body: "Called them." } },
  update(cache, { data }) {
    const payload = data?.addComment;
    if (!payload?.actionEdge || payload.replayed) return;
    const { actionEdge } = payload;
    cache.updateQuery({ query: documents.timeline, variables: { id: open.id } }, (found) =>
      found?.case
        ? { ...found, case: { ...found.case, actions: { ...found.case.actions, edges: [actionEdge, ...found.case.actions.edges] } } }
        : found,
    );
  },
});
const after = seen();

report({
  workflow,
  pages: listed.map(({ node }) => node?.id),
  sent: line.sent,
  before: [before?.version, before?.actions.edges.length],
  after: [after?.version, after?.actions.edges.length, after?.actions.edges[0]?.node?.comment?.body],
});
