"""Folding an account's own log: what its rows say of people, roles, tokens and policies, held against what is stored.

That the rows themselves are as they were written is for `account_log.AccountChain`. Who was there before the log began
is known by what its rows changed since, and by no more.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app.domain.account_log import ADDRESS_COMMITMENT, SECRET_DIGEST, AccountEntry, AdminActionType, Approval
from app.domain.account_state import (
    LoggedToken,
    LoggedUser,
    StoredToken,
    StoredUser,
    revocation_fault,
    token_differences,
    user_differences,
)
from app.domain.delegation_fold import DelegationFold
from app.domain.log_chain import Fault, FaultKind
from app.domain.model import IdentityOrigin, Role, UserKind

FIRST_POLICIES = frozenset({"cases_enabled", "overrides_enabled", "restrict_to_assigned_reviewers"})
"""The policies that were there when logs began: the row of a new account lists those that are on."""

DECISIONS = frozenset({AdminActionType.APPROVE_CHANGE, AdminActionType.REFUSE_CHANGE, AdminActionType.CANCEL_CHANGE})

STALE = "staleChanges"

Values = Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class _Request:
    """A change that waits for a second admin, as its row asks for it."""

    type: AdminActionType
    requester_id: UUID | None
    values: Values


class AccountFold:
    """One account's state, folded row by row."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []
        """Rows that do not follow from those before them."""
        self.before = 0
        """How many people and tokens are from before the log began."""
        self._first: AccountEntry | None = None
        self._users: dict[UUID, LoggedUser] = {}
        self._tokens: dict[UUID, LoggedToken] = {}
        self._tokens_of: dict[UUID, list[LoggedToken]] = {}
        self._settings: dict[str, tuple[str, int]] = {}
        self._requests: dict[UUID, _Request] = {}
        self._all_revoked = 0
        self._deactivated: dict[UUID, int] = {}
        self.delegations = DelegationFold()

    def add(self, entry: AccountEntry) -> None:
        """Take the next row."""
        self._first = self._first or entry
        try:
            self._add(entry, json.loads(entry.details))
        except (ValueError, TypeError, AttributeError, LookupError):
            self.faults.append(Fault(entry.seq, FaultKind.CONTENT, "what it says is none of its kind"))

    def _add(self, entry: AccountEntry, values: Values) -> None:
        type: AdminActionType | None = entry.type
        if entry.approval is Approval.PENDING:
            if entry.change_id is not None:
                self._requests[entry.change_id] = _Request(entry.type, entry.user_id, values)
            return
        if entry.type in DECISIONS:
            type = self._decided(entry, values)
        for id in values.get(STALE, ()):
            self._requests.pop(UUID(id), None)
        if type is not None:
            self._apply(type, entry, values)
        self.delegations.add(entry, values)

    def _decided(self, entry: AccountEntry, values: Values) -> AdminActionType | None:
        """Return the type of the change that was approved, None where it was not."""
        request = None if entry.change_id is None else self._requests.pop(entry.change_id, None)
        if request is None:
            self._note(entry, "it decides on a change that no row before it asked for")
            return None
        if entry.type is not AdminActionType.APPROVE_CHANGE:
            return None
        if entry.user_id == request.requester_id:
            self._note(entry, "who asked for the change approved it")
        if not _is_requested(request, values):
            self._note(entry, "another change was done than was asked for")
        return request.type

    def _note(self, entry: AccountEntry, reason: str) -> None:
        self.faults.append(Fault(entry.seq, FaultKind.STATE, reason))

    # --- What each type of row changes -------------------------------------------------------------------------------

    def _apply(self, type: AdminActionType, entry: AccountEntry, values: Values) -> None:
        match type:
            case AdminActionType.CREATE_ACCOUNT:
                on = frozenset(values["policies"])
                self._settings |= {name: (str(name in on), entry.seq) for name in FIRST_POLICIES | on}
                for text in values.get("checklist", ()):
                    self._settings["checklist"] = text, entry.seq
            case AdminActionType.UPDATE_ACCOUNT:
                self._settings |= {name: (given[0], entry.seq) for name, given in values.items() if given}
            case AdminActionType.REVOKE_ALL_TOKENS:
                self._all_revoked = entry.seq
                for token in self._tokens.values():
                    token.revoke(entry.seq)
            case _ if entry.target_user_id is not None:
                self._apply_to_user(type, entry, entry.target_user_id, values)

    def _apply_to_user(self, type: AdminActionType, entry: AccountEntry, user_id: UUID, values: Values) -> None:
        match type:
            case AdminActionType.INVITE_USER:
                self._make_user(entry, user_id, UserKind.PERSON, values)
            case AdminActionType.CREATE_SERVICE_ACCOUNT:
                self._make_user(entry, user_id, UserKind.SERVICE, values)
            case AdminActionType.UPDATE_USER if "email" in values["fields"]:
                self._take_address(entry, user_id, values)
            case AdminActionType.CHANGE_ROLES | AdminActionType.DEACTIVATE_USER | AdminActionType.REACTIVATE_USER:
                self._change_user(type, entry, user_id, values)
            case AdminActionType.CREATE_WEBHOOK | AdminActionType.RESUME_WEBHOOK | AdminActionType.DELETE_WEBHOOK:
                self._apply_webhook(type, entry, user_id, values)
            case _ if entry.target_token_id is not None:
                self._take_token(type, entry, user_id, entry.target_token_id, values)

    def _apply_webhook(self, type: AdminActionType, entry: AccountEntry, user_id: UUID, values: Values) -> None:
        """Note what becomes of the service account that a webhook reads as, and of its token."""
        if type is AdminActionType.DELETE_WEBHOOK:
            self._change_user(AdminActionType.DEACTIVATE_USER, entry, user_id, values)
            return
        if type is AdminActionType.CREATE_WEBHOOK:
            self._make_user(entry, user_id, UserKind.SERVICE, values)
        if entry.target_token_id is not None:
            self._take_token(AdminActionType.CREATE_TOKEN, entry, user_id, entry.target_token_id, values)

    def _make_user(self, entry: AccountEntry, user_id: UUID, kind: UserKind, values: Values) -> None:
        user = LoggedUser(entry.seq, kind, (True, entry.seq))
        user.take(Role, entry.seq)
        user.give(map(Role, values.get("roles", ())), entry.seq, entry.created_at)
        self._users[user_id] = user
        self._take_address(entry, user_id, values)

    def _take_address(self, entry: AccountEntry, user_id: UUID, values: Values) -> None:
        """Note what the row commits to; one of before there were commitments gave an address all the same."""
        committed = next(iter(values.get(ADDRESS_COMMITMENT, ())), None)
        user = self._users.setdefault(user_id, LoggedUser())
        user.address = None if committed is None else (committed, entry.seq)

    def _change_user(self, type: AdminActionType, entry: AccountEntry, user_id: UUID, values: Values) -> None:
        user, seq, tokens = self._users.setdefault(user_id, LoggedUser()), entry.seq, self._tokens_of.get(user_id, ())
        match type:
            case AdminActionType.CHANGE_ROLES:
                user.take(map(Role, values["removed"]), seq)
                user.give(map(Role, values["added"]), seq, entry.created_at)
            case AdminActionType.DEACTIVATE_USER:
                user.active = False, seq
                self._deactivated[user_id] = seq
                for token in tokens:
                    token.revoke(seq)
            case AdminActionType.REACTIVATE_USER:
                user.active, held = (True, seq), frozenset(map(Role, values["roles"]))
                known = frozenset(user.roles)
                user.take(frozenset(Role) - known - held, seq)
                user.give(held - known, seq, entry.created_at)
                if user.reviewer_since is not None:
                    user.reviewer_since = entry.created_at
                for token in tokens:
                    if token.is_identity and token.revoked == self._deactivated.get(user_id):
                        token.revoked = 0

    def _take_token(
        self, type: AdminActionType, entry: AccountEntry, user_id: UUID, token_id: UUID, values: Values
    ) -> None:
        known = self._tokens.get(token_id)
        token = known or LoggedToken(user_id)
        match type:
            case AdminActionType.CREATE_TOKEN:
                expires_at = next(iter(values.get("expiresAt", ())), None)
                digest = next(iter(values.get(SECRET_DIGEST, ())), None)
                token = LoggedToken(user_id, entry.seq, " ".join(values["scopes"]), digest, expires_at)
            case AdminActionType.LINK_IDENTITY:
                if IdentityOrigin.CREATED in values["origin"]:
                    self._make_user(entry, user_id, UserKind.PERSON, values)
                token.made, token.is_identity = token.made or entry.seq, True
            case AdminActionType.REVOKE_TOKEN | AdminActionType.UNLINK_IDENTITY:
                token.revoke(entry.seq)
        if known is not token:
            self._tokens_of.setdefault(user_id, []).append(token)
        self._tokens[token_id] = token

    # --- What is stored ----------------------------------------------------------------------------------------------

    def setting_faults(self, settings: Mapping[str, object]) -> Iterator[Fault]:
        """Yield what the account's settings say that the log does not."""
        for name, (value, seq) in sorted(self._settings.items()):
            if name in settings and str(settings[name]) != value:
                said = f"the account's {name} is {settings[name]}, and the log says {value}"
                yield Fault(seq, FaultKind.STATE, said)

    def user_faults(self, stored: StoredUser) -> Iterator[Fault]:
        """Yield what is stored of somebody and does not follow from the log; each is to be given once."""
        logged = self._users.pop(stored.id, None) or LoggedUser()
        if stored.kind is UserKind.SYSTEM and not logged.made:
            if stored.active or stored.roles:
                yield Fault(1, FaultKind.STATE, f"the system identity {stored.id} has rights")
            return
        if not logged.made:
            yield from self._unlogged(f"user {stored.id}", stored.created_at)
        yield from user_differences(logged, stored)

    def token_faults(self, stored: StoredToken) -> Iterator[Fault]:
        """Yield what is stored of a token and does not follow from the log; each is to be given once."""
        logged = self._tokens.pop(stored.id, None) or LoggedToken()
        if not logged.made:  # an identity's gets the time at which its newest token was issued
            yield from self._unlogged(f"token {stored.id}", None if stored.is_identity else stored.created_at)
        yield from token_differences(logged, stored)
        ended = self._all_revoked or self._deactivated.get(stored.user_id, 0)
        yield from filter(None, [revocation_fault(logged, stored, ended)])

    def missing(self) -> Iterator[Fault]:
        """Yield whom and what the log knows and nothing stored has; after all that is stored was given."""
        gone = [("user", id, user.made) for id, user in self._users.items()]
        gone += [("token", id, token.made) for id, token in self._tokens.items()]
        for what, id, made in gone:
            if made:
                yield Fault(made, FaultKind.STATE, f"the {what} {id} is gone")

    def _unlogged(self, what: str, created_at: datetime | None) -> Iterator[Fault]:
        first = self._first
        is_complete = first is not None and first.type is AdminActionType.CREATE_ACCOUNT
        if is_complete or (first is not None and created_at is not None and created_at >= first.created_at):
            yield Fault(0, FaultKind.UNLOGGED, f"the {what} is in no row of the account's own log")
        else:
            self.before += 1


def _is_requested(request: _Request, values: Values) -> bool:
    """Tell whether what was done is what was asked for, as far as rows say what that is."""
    match request.type:
        case AdminActionType.INVITE_USER:
            return sorted(values["roles"]) == sorted(request.values["roles"])
        case AdminActionType.CHANGE_ROLES:
            wanted = frozenset(request.values["roles"])
            return wanted.issuperset(values["added"]) and wanted.isdisjoint(values["removed"])
        case AdminActionType.CREATE_TOKEN:
            return sorted(values["scopes"]) == sorted(request.values["scopes"])
        case AdminActionType.UPDATE_ACCOUNT:
            done = values.keys() - {STALE}
            return all(name in request.values and [*values[name]] == [*request.values[name]] for name in done)
        case AdminActionType.CREATE_WEBHOOK | AdminActionType.UPDATE_WEBHOOK:
            return not values.get("host") or [*values["host"]] == [*request.values.get("host", ())]
    return True
