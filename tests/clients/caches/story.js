// What every client goes through: a case is on the screen; then come snapshots and dry runs, then real actions.
//
// A client has `open(variables)`, which puts the screen on; `shown()`, what it shows now; `stored()`, what its cache
// keeps of things with an id; `query(name, variables)` and `mutate(name, variables)`.
import { readFileSync } from "node:fs";
import { documents } from "./documents.js";

export const { url, token, caseId } = JSON.parse(process.env.STORY);
export const read = (name) => readFileSync(new URL(`../${name}`, import.meta.url), "utf8");

export async function send(query, variables) {
  const answer = await fetch(url, {
    method: "POST",
    headers: { "Content-Type": "application/json", Authorization: `Bearer ${token}` },
    body: JSON.stringify({ query, variables }),
  });
  return answer.json();
}

const settled = () => new Promise((resolve) => setTimeout(resolve, 50));

export async function play(client) {
  const plain = async () => (await send(documents.live, { id: caseId })).data;
  const state = async () => {
    await settled();
    return { shown: client.shown(), stored: client.stored(), fresh: await plain() };
  };
  await client.open({ id: caseId });
  const before = await state();
  const { version, activeOverride } = before.fresh.case;
  const decision = { caseId, overrideId: activeOverride.id, expectedVersion: version, comment: "Yes." };

  const snapshots = [];
  for (const asOf of [{ seq: 1 }, { seq: 2 }, { time: "2999-01-01T00:00:00Z" }]) {
    snapshots.push((await client.query("snapshot", { id: caseId, asOf })).caseSnapshot);
  }
  const dry = {
    accept: (await client.mutate("accept", { input: { ...decision, dryRun: true } })).acceptOverride,
    comment: (await client.mutate("comment", { input: { caseId, body: "Look.", dryRun: true } })).addComment,
  };
  const after = await state();

  const accepted = (await client.mutate("accept", { input: decision })).acceptOverride;
  const afterAccepting = await state();
  dry.close = (await client.mutate("close", { input: { caseId, dryRun: true } })).closeCase;
  const afterDryClosing = await state();
  const closed = (await client.mutate("close", { input: { caseId, comment: "Done." } })).closeCase;
  const afterClosing = await state();

  const done = { before, snapshots, dry, after, accepted, afterAccepting, afterDryClosing, closed, afterClosing };
  process.stdout.write(JSON.stringify(done), () => process.exit(0));
}
