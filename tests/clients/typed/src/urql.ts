// urql with Graphcache and its offline exchange: what is written while the line is down is shown at once, and sent later.
import { Client, fetchExchange } from "@urql/core";
import { offlineExchange, type SerializedRequest, type StorageAdapter } from "@urql/exchange-graphcache";
import { readFileSync } from "node:fs";
import { buildSchema, introspectionFromSchema } from "graphql";
import * as documents from "./documents.js";
import { Line, report, settings, url } from "./settings.js";
import { play, type Person } from "./workflow.js";

const read = (name: string) => readFileSync(new URL(`../${name}`, import.meta.url), "utf8");
const schema = introspectionFromSchema(buildSchema(read("schema.graphql")));
const keys = Object.fromEntries((JSON.parse(read("without-id.json")) as string[]).map((type) => [type, () => null]));

// What a browser keeps in IndexedDB.
function memory() {
  const kept = { data: {} as Record<string, string>, waiting: [] as SerializedRequest[], online: () => {} };
  const storage: StorageAdapter = {
    writeData: async (delta) => void Object.assign(kept.data, delta),
    readData: async () => kept.data,
    writeMetadata: (requests) => void (kept.waiting = requests),
    readMetadata: async () => kept.waiting,
    onOnline: (callback) => void (kept.online = callback),
  };
  return { kept, storage };
}

function connect(token: string) {
  const line = new Line();
  const { kept, storage } = memory();
  const cache = offlineExchange({
    schema,
    keys,
    storage,
    isOfflineError: (error) => error?.networkError != null,
    optimistic: {
      addComment: (_arguments, _cache, info) => {
        const { input } = info.variables as { input: { caseId: string } };
        return { __typename: "AddCommentPayload", case: { __typename: "Case", id: input.caseId, status: "IN_PROGRESS" }, errors: [] };
      },
    },
  });
  const client = new Client({
    url,
    preferGetMethod: false,
    fetch: line.fetch,
    fetchOptions: { headers: { Authorization: `Bearer ${token}` } },
    exchanges: [cache, fetchExchange],
  });
  const person: Person = {
    async query(document, variables) {
      const { data, error } = await client.query(document, variables, { requestPolicy: "network-only" }).toPromise();
      if (data === undefined) throw error ?? new Error("no data");
      return data;
    },
    async mutate(document, variables) {
      const { data, error } = await client.mutation(document, variables).toPromise();
      if (data === undefined) throw error ?? new Error("no data");
      return data;
    },
  };
  return { client, line, kept, person };
}

const { client, line, kept, person: contributor } = connect(settings.contributor);
const { person: reviewer } = connect(settings.reviewer);
const workflow = await play(contributor, reviewer, "urql", []);

const { cases } = await contributor.query(documents.worklist, { first: 100 });
const open = cases?.edges.map(({ node }) => node).find((node) => node?.status === "OPEN");
if (!open) throw new Error("no open case");
const shown: (string | undefined)[] = [];
client.query(documents.timeline, { id: open.id }).subscribe(({ data }) => shown.push(data?.case?.status));
await contributor.query(documents.timeline, { id: open.id });

const until = async (holds: () => boolean) => {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 10));
};
line.isDown = true;
line.sent.length = 0;
const input = { caseId: open.id, body: "Written in a train.", idempotencyKey: `train-${open.id}` };
client.mutation(documents.addComment, { input }).subscribe(() => undefined);
await until(() => kept.waiting.length === 1);
const offline = { shown: shown.at(-1), waiting: kept.waiting.length, sent: line.sent.length };
line.isDown = false;
kept.online();
await until(() => line.sent.includes("AddComment") && kept.waiting.length === 0);
const state = async () => (await contributor.query(documents.timeline, { id: open.id })).case;
let now = await state();
while (now?.actions.edges.length === 1) now = await state();
now = await state(); // the row may have come after the case was read, and before its rows were
const { addComment: replay } = await contributor.mutate(documents.addComment, { input });

report({
  workflow,
  offline,
  online: { status: now?.status, rows: now?.actions.edges.map(({ node }) => node?.comment?.body ?? null) },
  replayed: replay.replayed,
});
