"""PostgreSQL's guards of cases and overrides by the columns that a change sets, and one whose execution plan is kept.

PostgreSQL reads the condition of a trigger anew for each statement that may fire it, however little of it is evaluated.
That of closed and of erased cases took it 60 µs for each action of any case. Now a change that sets none of the columns
in question does not come to it. And it planned what an override's end demands of the log each time anew, since it had
the choice of two demands in one expression; that took 0.26 ms for each decision. What is refused stays the same.

Revision ID: 0032
Revises: 0031
"""

from collections.abc import Iterator

from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None

phase = "expand"

# --- Cases -----------------------------------------------------------------------------------------------------------

OPENED = ("id", "account_id", "number", "subject_id", "subject_status_at_opening", "created_by_id", "created_at")
CLOSED = ("status", "resolution", "closed_by_id", "closed_at")
ERASED = ("title", "description", "title_salt", "description_salt")


def _same(*names: str) -> str:
    """Return the condition that columns stay as they are."""
    return " AND ".join(f"NEW.{name} IS NOT DISTINCT FROM OLD.{name}" for name in names)


STEPS = "NEW.version = OLD.version + 1 AND NEW.action_count = OLD.action_count + 1"
GONE = " AND ".join(f"NEW.{name} IS NULL" for name in ERASED)
ERASES = f"(OLD.erased_by_id IS NULL AND NEW.erased_by_id IS NOT NULL AND {GONE})"
MOVED = (
    f"NOT ({_same(*OPENED)})"
    f" OR NOT ({_same(*ERASED, 'erased_by_id')} OR (OLD.status = 'CLOSED' AND {ERASES}))"
    f" OR (NOT ({_same('held_by_id')}) AND NOT ({STEPS}))"
)
STAYS_CLOSED = f"{_same(*OPENED, *CLOSED)} AND {STEPS}"
BEFORE = f"{MOVED} OR (OLD.status = 'CLOSED' AND NOT ({STAYS_CLOSED}))"
OF_CASES = f" OF {', '.join((*OPENED, *ERASED, 'erased_by_id', 'held_by_id'))}"

# --- Overrides -------------------------------------------------------------------------------------------------------

REQUESTED = (
    *("id", "account_id", "case_id", "subject_id", "created_by_id", "requested_status", "created_at"),
    "subject_status_at_request",
)
FINISHED = "OLD.status <> 'PENDING'"
CHANGED = " OR ".join(f"NEW.{name} <> OLD.{name}" for name in REQUESTED)

LAST_ROW = (
    "EXISTS (SELECT 1 FROM cases AS c JOIN case_actions AS a ON a.case_id = c.id AND a.seq = c.action_count"
    " WHERE c.id = NEW.case_id AND c.account_id = NEW.account_id AND c.subject_id = NEW.subject_id"
    " AND a.override_id = NEW.id AND {said})"
)
BY_PEOPLE = LAST_ROW.format(
    said="a.user_id = coalesce(NEW.decided_by_id, NEW.created_by_id)"
    " AND a.type = CASE NEW.status WHEN 'PENDING' THEN 'REQUEST_OVERRIDE' WHEN 'ACCEPTED' THEN 'ACCEPT'"
    " WHEN 'REFUSED' THEN 'REFUSE' ELSE 'CANCEL' END"
)
EXPIRED = LAST_ROW.format(
    said="a.type = 'EXPIRE' AND NEW.expires_at <= a.created_at"
    " AND (SELECT u.kind FROM users AS u WHERE u.id = a.user_id) = 'SYSTEM'"
)
UNLOGGED = (
    "RAISE EXCEPTION 'casegate: the log does not have this change of overrides' USING ERRCODE = 'restrict_violation'"
)
APART = (
    f"IF NEW.status = 'EXPIRED' THEN IF {EXPIRED} THEN RETURN NULL; END IF;"
    f" ELSIF {BY_PEOPLE} THEN RETURN NULL; END IF; {UNLOGGED};"
)
TOGETHER = (
    f"IF NOT (CASE NEW.status WHEN 'EXPIRED' THEN {EXPIRED} ELSE {BY_PEOPLE} END) THEN {UNLOGGED}; END IF; RETURN NULL;"
)


def upgrade() -> None:
    if op.get_bind().dialect.name != "postgresql":
        return  # SQLite compiles its triggers with a statement, which it keeps
    refuse = "RAISE EXCEPTION 'casegate: rows of cases are permanent' USING ERRCODE = 'restrict_violation'"
    _execute(
        _function("cases_closed_refused", f"IF NOT ({STAYS_CLOSED}) THEN {refuse}; END IF; RETURN NEW;"),
        *_guard("cases_closed_refused", "cases", "", "OLD.status = 'CLOSED'", "casegate_cases_closed_refused"),
        *_anew("cases_update_refused", "cases", OF_CASES, MOVED),
        *_guard("overrides_request_refused", "overrides", f" OF {', '.join(REQUESTED)}", CHANGED),
        *_anew("overrides_update_refused", "overrides", "", FINISHED),
        _function("overrides_status_logged", APART),
    )


def downgrade() -> None:
    if op.get_bind().dialect.name != "postgresql":
        return
    _execute(
        *_anew("cases_update_refused", "cases", "", BEFORE),
        "DROP TRIGGER cases_closed_refused ON cases",
        "DROP FUNCTION casegate_cases_closed_refused()",
        *_anew("overrides_update_refused", "overrides", "", f"{FINISHED} OR {CHANGED}"),
        "DROP TRIGGER overrides_request_refused ON overrides",
        _function("overrides_status_logged", TOGETHER),
    )


def _execute(*statements: str) -> None:
    for statement in statements:
        op.execute(statement)


def _anew(name: str, table: str, columns: str, condition: str) -> Iterator[str]:
    yield f"DROP TRIGGER {name} ON {table}"
    yield from _guard(name, table, columns, condition)


def _guard(name: str, table: str, columns: str, condition: str, run: str = "casegate_refuse") -> Iterator[str]:
    """Yield what refuses an update that sets *columns*, or any, where *condition* holds, or where *run* finds that."""
    yield (
        f"CREATE TRIGGER {name} BEFORE UPDATE{columns} ON {table} FOR EACH ROW WHEN ({condition})"
        f" EXECUTE FUNCTION {run}()"
    )
    yield f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}"


def _function(name: str, body: str) -> str:
    return f"CREATE OR REPLACE FUNCTION casegate_{name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} END $$"
