"""Folding delegations: what the rows of an account's own log say of them, held against what is stored."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from app.domain.account_log import AccountEntry, AdminActionType
from app.domain.delegations import Delegation
from app.domain.log_chain import Fault, FaultKind


@dataclass(frozen=True, slots=True)
class _Logged:
    """A delegation as the log has it, with the number of the row that said it last."""

    delegation: Delegation
    seq: int


class DelegationFold:
    """One account's delegations, folded row by row."""

    def __init__(self) -> None:
        self._logged: dict[UUID, _Logged] = {}

    def add(self, entry: AccountEntry, values: Mapping[str, Sequence[str]]) -> None:
        """Take the next row; it may be of any type. Raises: LookupError, ValueError."""
        if entry.type is AdminActionType.DELEGATE_REVIEWS:
            assert entry.user_id is not None and entry.target_user_id is not None
            times = [datetime.fromisoformat(values[name][0]) for name in ("startsAt", "endsAt")]
            id = UUID(values["delegation"][0])
            made = Delegation(id, entry.user_id, entry.target_user_id, times[0], times[1], entry.created_at)
            self._logged[id] = _Logged(made, entry.seq)
        elif entry.type is AdminActionType.END_DELEGATION:
            id = UUID(values["delegation"][0])
            known = self._logged[id].delegation
            self._logged[id] = _Logged(replace(known, ended_at=entry.created_at), entry.seq)

    def faults(self, stored: Delegation) -> Iterator[Fault]:
        """Yield what is stored of a delegation and does not follow from the log; each is to be given once."""
        logged = self._logged.pop(stored.id, None)
        if logged is None:
            yield Fault(0, FaultKind.UNLOGGED, f"the delegation {stored.id} is in no row of the account's own log")
            return
        said = logged.delegation
        names = [name for name in stored.__slots__ if getattr(stored, name) != getattr(said, name)]
        if names:
            reason = f"the delegation {stored.id} has another {' and '.join(names)} than the log says"
            yield Fault(logged.seq, FaultKind.STATE, reason)

    def missing(self) -> Iterator[Fault]:
        """Yield what the log knows and nothing stored has; after all that is stored was given."""
        for id, logged in self._logged.items():
            yield Fault(logged.seq, FaultKind.STATE, f"the delegation {id} is gone")
