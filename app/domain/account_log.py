"""The account's own log: what its rows say, their canonical encoding and hash chain, and the verifier of one log.

Rows name people and tokens by their ids, and what was changed; they hold no name, address or secret, so that erasing a
person takes nothing from the log. It reads no rows: the database layer hands them over.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from enum import StrEnum
from uuid import UUID

from app.domain.action_log import GENESIS
from app.domain.counting import counted
from app.domain.log_chain import Fault, FaultKind
from app.domain.model import Role

FORMAT = 1

GUARDED_ROLES = frozenset({Role.REVIEWER, Role.ADMIN})
"""The roles that no admin gives alone, where there is another one."""

ADDRESS_COMMITMENT = "emailCommitment"
"""What details call the salted commitment to an address, since rows hold none."""

SECRET_DIGEST = "secretDigest"
"""What details call the SHA-256 of what is stored of a token's secret."""

Details = Mapping[str, Sequence[str]]
"""What was changed: for each name its values."""


class AdminActionType(StrEnum):
    """What was done to an account, its people, roles and tokens; and to subjects while they have no open case."""

    CREATE_ACCOUNT = "CREATE_ACCOUNT"
    INVITE_USER = "INVITE_USER"
    UPDATE_USER = "UPDATE_USER"
    DEACTIVATE_USER = "DEACTIVATE_USER"
    REACTIVATE_USER = "REACTIVATE_USER"
    CHANGE_ROLES = "CHANGE_ROLES"
    CREATE_TOKEN = "CREATE_TOKEN"
    REVOKE_TOKEN = "REVOKE_TOKEN"
    REVOKE_ALL_TOKENS = "REVOKE_ALL_TOKENS"
    CREATE_SERVICE_ACCOUNT = "CREATE_SERVICE_ACCOUNT"
    UPDATE_ACCOUNT = "UPDATE_ACCOUNT"
    LINK_IDENTITY = "LINK_IDENTITY"
    UNLINK_IDENTITY = "UNLINK_IDENTITY"
    APPROVE_CHANGE = "APPROVE_CHANGE"
    REFUSE_CHANGE = "REFUSE_CHANGE"
    CANCEL_CHANGE = "CANCEL_CHANGE"
    CHANGE_GROUPS = "CHANGE_GROUPS"
    CREATE_WEBHOOK = "CREATE_WEBHOOK"
    UPDATE_WEBHOOK = "UPDATE_WEBHOOK"
    ROTATE_WEBHOOK_SECRET = "ROTATE_WEBHOOK_SECRET"
    PAUSE_WEBHOOK = "PAUSE_WEBHOOK"
    RESUME_WEBHOOK = "RESUME_WEBHOOK"
    REPLAY_WEBHOOK = "REPLAY_WEBHOOK"
    TEST_WEBHOOK = "TEST_WEBHOOK"
    DELETE_WEBHOOK = "DELETE_WEBHOOK"
    DISABLE_WEBHOOK = "DISABLE_WEBHOOK"
    EVALUATION = "EVALUATION"
    DELEGATE_REVIEWS = "DELEGATE_REVIEWS"
    END_DELEGATION = "END_DELEGATION"


class Source(StrEnum):
    """Which way a change came."""

    API = "API"
    CLI = "CLI"
    IDENTITY_PROVIDER = "IDENTITY_PROVIDER"
    SCIM = "SCIM"
    SYSTEM = "SYSTEM"


class Approval(StrEnum):
    """Whether a second admin had a say."""

    NOT_NEEDED = "NOT_NEEDED"
    PENDING = "PENDING"
    GIVEN = "GIVEN"
    NONE_POSSIBLE = "NONE_POSSIBLE"
    BYPASSED = "BYPASSED"


class ChangeStatus(StrEnum):
    """Where a change stands that needs a second admin."""

    PENDING = "PENDING"
    APPROVED = "APPROVED"
    REFUSED = "REFUSED"
    CANCELLED = "CANCELLED"
    STALE = "STALE"


@dataclass(frozen=True, slots=True)
class AccountEntry:
    """One row of an account's log with all that its hash covers.

    `user_id`, `token_id` and `roles`: who did it, through which token, and which roles they held then; on the command
    line none. `change_id` is the change that it asks for or decides.
    """

    account_id: UUID
    id: UUID
    seq: int
    type: AdminActionType
    source: Source
    user_id: UUID | None
    token_id: UUID | None
    roles: tuple[Role, ...]
    approval: Approval
    target_user_id: UUID | None
    target_token_id: UUID | None
    change_id: UUID | None
    details: str
    created_at: datetime
    request_id: str
    prev_hash: str


@dataclass(frozen=True, slots=True)
class ChainedAccountEntry:
    """An entry as it was found, with the hash that is stored beside it."""

    entry: AccountEntry
    hash: str


def canonical(entry: AccountEntry) -> bytes:
    """Return *entry* as canonical JSON (RFC 8785): sorted keys, no white space, UTF-8; only strings, integers, null."""
    plain: dict[str, object] = {field.name: _encoded(getattr(entry, field.name)) for field in fields(entry)}
    plain |= {"format": FORMAT, "log": "account"}
    return json.dumps(plain, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def _encoded(value: object) -> object:
    match value:
        case UUID():
            return str(value)
        case datetime():
            return f"{value.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='microseconds')}Z"
        case tuple():
            return list(value)
    return value


def account_hash(entry: AccountEntry) -> str:
    """Return the SHA-256 of the canonical *entry*, which names the hash before it: 64 hexadecimal digits."""
    return hashlib.sha256(canonical(entry)).hexdigest()


def details_text(details: Details) -> str:
    """Return *details* as they are stored and hashed: canonical JSON."""
    listed = {name: list(values) for name, values in details.items()}
    return json.dumps(listed, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


class AccountChain:
    """One account's log as it is verified, row by row; it keeps no row."""

    def __init__(self) -> None:
        self.count = 0
        self.fault: Fault | None = None
        self._hash = GENESIS

    def add(self, link: ChainedAccountEntry) -> None:
        """Take the next row, in the order of seq. After a bad one, rows are counted only."""
        self.count += 1
        self.fault = self.fault or self._link_fault(link)
        self._hash = link.hash

    def end(self, count: int, head_hash: str) -> Fault | None:
        """Return the first fault; the account's row counts *count* rows, of which the last has *head_hash*."""
        if self.fault is not None:
            return self.fault
        if self.count != count:
            kind = FaultKind.LINK if self.count > count else FaultKind.TRUNCATED
            reason = f"the account counts {counted(count, 'row')}, its log has {self.count}"
            return Fault(min(self.count, count) + 1, kind, reason)
        if self._hash != head_hash:
            return Fault(max(self.count, 1), FaultKind.LINK, "the account's head hash is another")
        return None

    def _link_fault(self, link: ChainedAccountEntry) -> Fault | None:
        entry, seq = link.entry, self.count
        if entry.seq != seq:
            kind = FaultKind.GAP if entry.seq > seq else FaultKind.LINK
            return Fault(min(seq, entry.seq), kind, f"seq {seq} is missing")
        if entry.prev_hash != self._hash:
            return Fault(seq, FaultKind.LINK, "it does not follow the row before it")
        if account_hash(entry) != link.hash:
            return Fault(seq, FaultKind.CONTENT, "its content does not give its hash")
        return None
