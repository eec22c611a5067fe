"""The draft of an action: what is allowed and not yet written, with the writes that it is going to be."""

import secrets
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from sqlalchemy import Table

from app import clock
from app.db import tables
from app.db.indexed import FOLDING, IndexedWords
from app.db.prepared import Write
from app.db.reader import Reader
from app.db.rows import ActionRow, CaseRow, CommentRow, DocumentRow, OverrideRow, SubjectRow
from app.db.writes import inserted, inserted_by, updated
from app.domain.canonical_json import JsonObject
from app.domain.commands import Command
from app.domain.facts import Actor, ChecklistStep, SystemActor
from app.domain.model import SearchField

SALT_BYTES = 32


def new_salt() -> str:
    """Return a new salt of a text that may be erased, as hexadecimal digits."""
    return secrets.token_hex(SALT_BYTES)


@dataclass(slots=True)
class Draft:
    """An action that is allowed and not yet written. `before` is None while the case itself is new.

    `writes`: what is to be written, in this order, once all is known; `first`: what the case itself refers to.
    `is_rehearsal`: it is going to be undone. `details`: what the row of the log says that only its type says.
    `action_id`: what the row of the log is known by. `represented_id`: the reviewer in whose place it is done, if any.
    `open_steps`: what of the checklist is open, where the row says that.
    """

    connection: Reader
    actor: Actor | SystemActor
    command: Command
    now: datetime
    before: CaseRow | None
    case: CaseRow
    subject: SubjectRow
    subject_is_new: bool = False
    override: OverrideRow | None = None
    reviewer_ids: tuple[UUID, ...] = ()
    documents: tuple[DocumentRow, ...] = ()
    writes: list[Write] = field(default_factory=list)
    first: list[Write] = field(default_factory=list)
    is_rehearsal: bool = False
    details: JsonObject | None = None
    action_id: UUID = field(default_factory=clock.new_id)
    represented_id: UUID | None = None
    open_steps: tuple[ChecklistStep, ...] | None = None

    @property
    def log_comes_first(self) -> bool:
        """Whether the database takes the change of the case only once the log has the row that says it."""
        return self.details is not None and self.before is not None and self.open_steps is None

    def insert(self, table: Table, *rows: object) -> None:
        """Have *rows*, which are in this account, inserted."""
        self.writes.extend(inserted(table, row, account_id=self.actor.account_id) for row in rows)

    def log(self, action: ActionRow, **more: object) -> None:
        """Have the row of the log inserted, if what the actor may do is by then what it was when this was checked."""
        actor, more = self.actor, more | {"account_id": self.actor.account_id}
        if isinstance(actor, SystemActor):  # nothing that it may do can be taken away
            self.writes.append(inserted(tables.case_actions, action, **more))
        else:
            self.writes.append(inserted_by(actor.authority, "user_id", tables.case_actions, action, **more))

    def update(self, table: Table, row_id: UUID, **changes: object) -> None:
        """Have *changes* made to a row."""
        self.writes.append(updated(table, row_id, **changes))

    def index(self, field: SearchField, source_id: UUID, words: Collection[str]) -> None:
        """Have a text of the case found by *words*; to be called before its row is inserted, which makes its own else.

        What is rehearsed is found by nobody, and takes no number of the index.
        """
        if not self.is_rehearsal:
            account_id = self.actor.account_id
            more = {
                "field": field,
                "source_id": source_id,
                "words": IndexedWords(account_id, words),
                "folding": FOLDING,
            }
            self.writes.append(inserted(tables.case_texts, None, account_id=account_id, case_id=self.case.id, **more))

    def new_comment(self) -> CommentRow | None:
        """Return the comment that comes with the action, not yet inserted."""
        if self.command.comment is None:
            return None
        words = self.command.comment
        return CommentRow(clock.new_id(), self.case.id, self.actor.user_id, words, self.now, new_salt())
