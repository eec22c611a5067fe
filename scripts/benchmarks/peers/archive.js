// The statements and rules of the peers on the lean schema: batches of rows for reading, transactions for writing.
//
// A token is looked up in the database for each write, and for reads once in 5 s at most.

import { createHash, randomUUID } from "node:crypto";
import pg from "pg";

const CONNECTIONS = 20;
const TOKEN_MEMORY_MS = 5_000;
const PAGE_MAX = 100;
export const NEWEST = 2 ** 31 - 1;

// Times as the gateway writes them, without a Date in between; the session's time zone is UTC.
pg.types.setTypeParser(pg.types.builtins.TIMESTAMPTZ, (text) => `${text.replace(" ", "T")}:00`);

const TOKEN = `
SELECT t.account_id, t.scopes, t.expires_at <= now() AS expired, t.revoked_at IS NOT NULL AS revoked, u.id AS user_id,
  u.display_name, u.active, u.roles, a.cases_enabled, a.overrides_enabled, a.restrict_to_assigned_reviewers
FROM api_tokens t JOIN users u ON u.id = t.user_id JOIN accounts a ON a.id = t.account_id WHERE t.secret_hash = $1`;

const CASE = "SELECT id, number, title, status, updated_at FROM cases WHERE id = $2 AND account_id = $1";
const CASES = `SELECT id, number, title, status, updated_at FROM cases
WHERE account_id = $1 AND number < $2 ORDER BY number DESC LIMIT $3`;
const ACTIONS = `
SELECT a.case_id, a.id, a.seq, a.type, a.created_at, a.user_id, a.comment_id, a.override_id
FROM cases c JOIN case_actions a ON a.case_id = c.id AND a.seq > c.action_count - $2
WHERE c.id = ANY ($1) ORDER BY a.case_id, a.seq DESC`;
const USERS = "SELECT id, display_name FROM users WHERE id = ANY ($1)";
const COMMENTS = "SELECT id, body FROM comments WHERE id = ANY ($1)";
const OVERRIDES = "SELECT id, status, requested_status, decided_by_id FROM overrides WHERE id = ANY ($1)";
const DOCUMENTS = `SELECT comment_id, id, filename, content_type, size_bytes FROM documents
WHERE comment_id = ANY ($1) ORDER BY comment_id, position`;
const REVIEWERS = `SELECT r.override_id, u.id, u.display_name FROM override_reviewers r JOIN users u ON u.id = r.reviewer_id
WHERE r.override_id = ANY ($1) ORDER BY r.override_id, r.position`;

const LOCK = `
SELECT id, status, version, action_count, head_hash, EXTRACT(epoch FROM updated_at) * 1000 AS updated_ms FROM cases
WHERE account_id = $1 AND id = $2 FOR UPDATE`;
const LOCK_OVERRIDE = `
SELECT c.id, c.status, c.version, c.action_count, c.head_hash, EXTRACT(epoch FROM c.updated_at) * 1000 AS updated_ms,
  s.id AS subject_id, s.evaluation_status, o.status AS override_status, o.created_by_id, o.requested_status,
  o.subject_status_at_request,
  ARRAY(SELECT reviewer_id::text FROM override_reviewers WHERE override_id = o.id) AS reviewer_ids
FROM cases c JOIN subjects s ON s.id = c.subject_id JOIN overrides o ON o.case_id = c.id AND o.id = $3
WHERE c.account_id = $1 AND c.id = $2 FOR UPDATE OF c, s, o`;

const ACTION = `INSERT INTO case_actions (id, case_id, seq, type, user_id, status_before, status_after, created_at,
  request_id, prev_hash, hash, comment_id, override_id) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, `;
const UPDATE_CASE = `UPDATE cases SET status = $7, version = $12, action_count = $3, head_hash = $11, updated_at = $8
WHERE id = $2`;
const WRITE_COMMENT = `WITH comment AS (
  INSERT INTO comments (id, case_id, author_id, body, created_at) VALUES ($13, $2, $5, $14, $8)
), action AS (${ACTION}$13, NULL)) ${UPDATE_CASE}`;
const WRITE_ACCEPTANCE = `WITH override AS (
  UPDATE overrides SET status = 'ACCEPTED', decided_by_id = $5, decided_at = $8, version = version + 1 WHERE id = $13
), subject AS (
  UPDATE subjects SET evaluation_status = $14, version = version + 1 WHERE id = $15
), action AS (${ACTION}NULL, $13)) ${UPDATE_CASE}`;

const names = new Map();

/** Return the rows of a statement that the connection prepares once. */
async function rows(connection, text, values) {
  if (!names.has(text)) names.set(text, `s${names.size}`);
  return (await connection.query({ name: names.get(text), text, values })).rows;
}

export class Refused extends Error {
  constructor(code) {
    super(code);
    this.code = code;
  }
}

export class Archive {
  constructor(url) {
    this.pool = new pg.Pool({ connectionString: url, max: CONNECTIONS, options: "-c search_path=lean -c timezone=UTC" });
    this.holders = new Map();
  }

  /** Return who holds the token of an Authorization header. Throws Refused. */
  async holder(authorization) {
    const hash = hashOf(authorization);
    const known = this.holders.get(hash);
    if (known !== undefined && known.until > Date.now()) return known.holder;
    const holder = await found(this.pool, hash);
    this.holders.set(hash, { holder, until: Date.now() + TOKEN_MEMORY_MS });
    return holder;
  }

  /** Return the account whose cases the holder of the token may read. Throws Refused. */
  async readableAccount(authorization) {
    const holder = await this.holder(authorization);
    mayRead(holder);
    return holder.account_id;
  }

  async case(holder, id) {
    mayRead(holder);
    return (await rows(this.pool, CASE, [holder.account_id, id])).map(caseOf)[0] ?? null;
  }

  async cases(holder, before, first) {
    mayRead(holder);
    const limit = pageSize(first) + 1;
    const found = await rows(this.pool, CASES, [holder.account_id, before === null ? NEWEST : Number(before), limit]);
    return { nodes: found.slice(0, first).map(caseOf), pageInfo: { hasNextPage: found.length > first } };
  }

  async actions(caseIds, first) {
    const found = groups(await rows(this.pool, ACTIONS, [caseIds, pageSize(first)]), "case_id");
    return caseIds.map((id) => ({ nodes: (found.get(id) ?? []).map(actionOf) }));
  }

  async users(ids) {
    return inOrder(ids, (await rows(this.pool, USERS, [distinct(ids)])).map(userOf));
  }

  async comments(ids) {
    return inOrder(ids, await rows(this.pool, COMMENTS, [ids]));
  }

  async overrides(ids) {
    return inOrder(ids, (await rows(this.pool, OVERRIDES, [distinct(ids)])).map(overrideOf));
  }

  async documents(commentIds) {
    const found = groups(await rows(this.pool, DOCUMENTS, [commentIds]), "comment_id");
    return commentIds.map((id) => (found.get(id) ?? []).map(documentOf));
  }

  async reviewers(overrideIds) {
    const found = groups(await rows(this.pool, REVIEWERS, [distinct(overrideIds)]), "override_id");
    return overrideIds.map((id) => (found.get(id) ?? []).map(userOf));
  }

  addComment(authorization, { caseId, body }) {
    return this.#acted(authorization, async (connection, holder) => {
      const words = body.trim();
      if (words.length < 1 || words.length > 10_000 || words.includes("\0")) throw new Refused("INVALID_INPUT");
      if (!holds(holder, "CONTRIBUTOR") && !holds(holder, "REVIEWER")) throw new Refused("ROLE_REQUIRED");
      const [locked] = await rows(connection, LOCK, [holder.account_id, caseId]);
      if (locked === undefined) throw new Refused("NOT_FOUND");
      if (locked.status === "CLOSED") throw new Refused("CASE_CLOSED");
      const status = locked.status === "OPEN" ? "IN_PROGRESS" : locked.status;
      const comment = { id: randomUUID(), body: words };
      const action = written(holder, locked, "COMMENT", status, [comment.id, words]);
      await rows(connection, WRITE_COMMENT, [...action.values, comment.id, words]);
      return { case: { id: locked.id, status }, action: { ...action.row, commentId: comment.id, comment } };
    });
  }

  acceptOverride(authorization, { caseId, overrideId, expectedVersion }) {
    return this.#acted(authorization, async (connection, holder) => {
      if (!holds(holder, "REVIEWER")) throw new Refused("ROLE_REQUIRED");
      const [locked] = await rows(connection, LOCK_OVERRIDE, [holder.account_id, caseId, overrideId]);
      if (locked === undefined) throw new Refused("NOT_FOUND");
      if (locked.created_by_id === holder.user_id) throw new Refused("SELF_REVIEW_FORBIDDEN");
      if (holder.restrict_to_assigned_reviewers && !locked.reviewer_ids.includes(holder.user_id))
        throw new Refused("NOT_ASSIGNED_REVIEWER");
      if (locked.status === "CLOSED") throw new Refused("CASE_CLOSED");
      if (locked.override_status !== "PENDING") throw new Refused("OVERRIDE_NOT_PENDING");
      if (locked.version !== expectedVersion) throw new Refused("VERSION_CONFLICT");
      if (locked.evaluation_status !== locked.subject_status_at_request) throw new Refused("SUBJECT_CHANGED");
      const action = written(holder, locked, "ACCEPT", "RESOLVED", [overrideId, "ACCEPTED"]);
      const values = [...action.values, overrideId, locked.requested_status, locked.subject_id];
      await rows(connection, WRITE_ACCEPTANCE, values);
      return {
        case: { id: locked.id, status: "RESOLVED" },
        action: { ...action.row, overrideId },
        override: {
          id: overrideId,
          status: "ACCEPTED",
          requestedStatus: locked.requested_status,
          decidedBy: action.row.user,
        },
      };
    });
  }

  async #acted(authorization, work) {
    const connection = await this.pool.connect();
    try {
      const holder = await found(connection, hashOf(authorization));
      if (!holder.active) throw new Refused("USER_INACTIVE");
      if (!holder.scopes.includes("cases_write")) throw new Refused("INSUFFICIENT_SCOPE");
      if (!holder.cases_enabled || !holder.overrides_enabled) throw new Refused("FEATURE_DISABLED");
      await connection.query("BEGIN");
      try {
        const payload = await work(connection, holder);
        await connection.query("COMMIT");
        return { errors: [], ...payload };
      } catch (error) {
        await connection.query("ROLLBACK");
        throw error;
      }
    } catch (error) {
      if (error instanceof Refused) return { errors: [{ code: error.code }] };
      throw error;
    } finally {
      connection.release();
    }
  }
}

/** Return the size of a page where it may be had. Throws Refused. */
export function pageSize(first) {
  if (!(first >= 1 && first <= PAGE_MAX)) throw new Refused("INVALID_INPUT");
  return first;
}

function hashOf(authorization) {
  if (!authorization?.startsWith("Bearer ")) throw new Refused("UNAUTHENTICATED");
  return createHash("sha256").update(authorization.slice(7)).digest("hex");
}

async function found(connection, hash) {
  const [token] = await rows(connection, TOKEN, [hash]);
  if (token === undefined || token.revoked) throw new Refused("UNAUTHENTICATED");
  if (token.expired) throw new Refused("TOKEN_EXPIRED");
  return { ...token, scopes: token.scopes.split(" "), roles: token.roles.split(" ") };
}

function mayRead(holder) {
  if (!holder.scopes.includes("cases_read") || !holder.cases_enabled) throw new Refused("INSUFFICIENT_SCOPE");
}

function holds(holder, role) {
  return holder.roles.includes(role);
}

/** Return an action's row, and the parameters $1 to $12 of its statement. */
function written(holder, locked, type, status, content) {
  const now = Math.max(Date.now(), Math.floor(locked.updated_ms));
  const requestId = randomUUID();
  const row = { id: randomUUID(), seq: locked.action_count + 1, type, createdAt: new Date(now).toISOString() };
  const before = [locked.id, row.seq, type, holder.user_id, locked.status, status];
  const chained = [...before, now, requestId, locked.head_hash, ...content];
  const hash = createHash("sha256").update(JSON.stringify(chained)).digest("hex");
  const values = [row.id, ...before, row.createdAt, requestId, locked.head_hash, hash, locked.version + 1];
  return { row: { ...row, userId: holder.user_id, user: { id: holder.user_id, displayName: holder.display_name } }, values };
}

const caseOf = ({ id, number, title, status, updated_at }) => ({
  id,
  reference: `CASE-${String(number).padStart(6, "0")}`,
  title,
  status,
  updatedAt: updated_at,
});
const actionOf = ({ id, seq, type, created_at, user_id, comment_id, override_id }) => ({
  id,
  seq,
  type,
  createdAt: created_at,
  userId: user_id,
  commentId: comment_id,
  overrideId: override_id,
});
const userOf = ({ id, display_name }) => ({ id, displayName: display_name });
const overrideOf = ({ id, status, requested_status, decided_by_id }) => ({
  id,
  status,
  requestedStatus: requested_status,
  decidedById: decided_by_id,
});
const documentOf = ({ id, filename, content_type, size_bytes }) => ({
  id,
  filename,
  contentType: content_type,
  sizeBytes: size_bytes,
});

const distinct = (ids) => [...new Set(ids)];

function inOrder(ids, found) {
  const byId = new Map(found.map((row) => [row.id, row]));
  return ids.map((id) => byId.get(id) ?? null);
}

function groups(found, key) {
  const byKey = new Map();
  for (const row of found) {
    const group = byKey.get(row[key]);
    if (group === undefined) byKey.set(row[key], [row]);
    else group.push(row);
  }
  return byKey;
}
