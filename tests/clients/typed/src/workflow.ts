// The whole workflow by two people: open, comment with a file, request an override, decide, close; and three refusals.
import type { TypedDocumentNode } from "@graphql-typed-document-node/core";
import * as documents from "./documents.js";
import { explain } from "./errors.js";
import type { CasePartsFragment, ErrorPartsFragment } from "./gql/graphql.js";

export interface Person {
  query<T, V extends Record<string, unknown>>(document: TypedDocumentNode<T, V>, variables: V): Promise<T>;
  mutate<T, V extends Record<string, unknown>>(document: TypedDocumentNode<T, V>, variables: V): Promise<T>;
}

interface Payload {
  case?: CasePartsFragment | null;
  errors: ErrorPartsFragment[];
}

function done(payload: Payload): CasePartsFragment {
  const [refusal] = payload.errors;
  if (refusal) throw new Error(explain(refusal));
  if (!payload.case) throw new Error("no case");
  return payload.case;
}

export async function play(contributor: Person, reviewer: Person, name: string, files: File[]) {
  const opened = done(
    (
      await contributor.mutate(documents.openCase, {
        input: {
          subject: {
            type: "COMPANY_ACCOUNT_CHECK",
            externalRef: `typed-${name}`,
            label: "Moulins Réunis",
            evaluationStatus: "UNFAVORABLE",
          },
          title: "A changed IBAN",
        },
      })
    ).openCase,
  );
  const caseId = opened.id;
  const comment = { caseId, body: "The bank's letter.", idempotencyKey: `letter-${caseId}` };
  const commented = (
    await contributor.mutate(documents.addComment, { input: files.length ? { ...comment, documents: files } : comment })
  ).addComment;
  done(commented);
  const found = (await contributor.query(documents.reviewers, { id: caseId })).case?.eligibleReviewers?.nodes[0];
  if (!found) throw new Error("no reviewer");
  const request = { caseId, requestedStatus: "FAVORABLE" as const, reviewerIds: [found.id], reason: "They confirmed." };
  const requested = done((await contributor.mutate(documents.requestOverride, { input: request })).requestOverride);
  const overrideId = requested.activeOverride?.id;
  if (overrideId === undefined) throw new Error("no override");
  const decision = { caseId, overrideId, expectedVersion: requested.version };

  const [own] = (await contributor.mutate(documents.acceptOverride, { input: decision })).acceptOverride.errors;
  const stale = { ...decision, expectedVersion: 1 };
  const [late] = (await reviewer.mutate(documents.acceptOverride, { input: stale })).acceptOverride.errors;
  const accepted = done((await reviewer.mutate(documents.acceptOverride, { input: decision })).acceptOverride);
  const closed = done((await contributor.mutate(documents.closeCase, { input: { caseId } })).closeCase);
  const [again] = (await contributor.mutate(documents.closeCase, { input: { caseId } })).closeCase.errors;

  return {
    caseId,
    statuses: [opened, commented.case, requested, accepted, closed].map((step) => step?.status),
    subject: accepted.subject?.evaluationStatus,
    document: commented.actionEdge?.node?.comment?.documents[0] ?? null,
    refusals: [own, late, again].map((refusal) => refusal && explain(refusal)),
  };
}
