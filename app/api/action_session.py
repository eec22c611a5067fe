"""The actions of one operation: performs them for its actor, and gives their outcomes to the dataloaders."""

from collections.abc import Sequence
from datetime import timedelta

from app.actions.bank_accounts import BankAccountKeys
from app.actions.idempotency import replay
from app.actions.outcome import Outcome, Supposed
from app.actions.perform import perform, rehearse
from app.api.dataloaders.loaders import left_by, supposed_by
from app.api.execution.mutation_results import MutationResult
from app.api.reads import Reads
from app.db.engines import Database
from app.documents.along import perform_with
from app.documents.receive import Received
from app.documents.store import DocumentStore
from app.domain.commands import Command, EraseContent, OpenCase
from app.domain.errors import Detail, InvalidInput
from app.domain.facts import Actor


class ActionSession:
    """Does actions for one request and its `actor`.

    `results`: how the operation's mutations ended, by their names in the answer, while a plan executes it. `codes`: the
    refusals that payloads tell of, for the log and the metrics. `renews`: see `perform`.

    Nothing is written into an input: where a document has it, all who send that document share it.
    """

    __slots__ = (
        "_bank_accounts",
        "_database",
        "_key_lifetime",
        "_reads",
        "_renews",
        "_request_id",
        "_store",
        "_taken",
        "actor",
        "codes",
        "results",
    )

    def __init__(
        self,
        actor: Actor,
        request_id: str,
        database: Database,
        store: DocumentStore,
        bank_accounts: BankAccountKeys,
        key_lifetime: timedelta,
        reads: Reads,
        *,
        renews: bool,
    ) -> None:
        self.actor = actor
        self._request_id = request_id
        self._database = database
        self._store = store
        self._bank_accounts = bank_accounts
        self._taken: list[Received] = []
        self._key_lifetime = key_lifetime
        self._reads = reads
        self._renews = renews
        self.results: dict[str | int, MutationResult] = {}
        self.codes: list[str] = []

    async def run(self, command: Command, files: Sequence[Received] = ()) -> Outcome:
        """Do what *command* asks for, with the *files* that came along, and know its result without another look."""
        self._take(files)
        kept = await self._without_iban(command)

        async def act() -> Outcome:
            return await perform(
                self._database,
                self.actor,
                kept,
                request_id=self._request_id,
                key_lifetime=self._key_lifetime,
                renews=self._renews,
            )

        outcome = await (perform_with(self._store, self.actor, files, act) if files else act())
        if isinstance(command, EraseContent):
            self._database.erased.set()
        return self._known(outcome)

    async def dry_run(self, command: Command) -> Supposed:
        """Return what *command* would make; files that came along are not stored."""
        kept = await self._without_iban(command)
        supposed = await rehearse(self._database, self.actor, kept, request_id=self._request_id, renews=self._renews)
        self._reads.renew(supposed_by(supposed))
        return supposed

    async def replay(self, command: Command) -> Outcome | None:
        """Return the outcome of the action that the command's key already made. Raises: IdempotencyKeyReused."""
        if command.idempotency_key is None:
            return None
        kept = await self._without_iban(command)
        outcome = await replay(self._database, self.actor, kept, lifetime=self._key_lifetime)
        return None if outcome is None else self._known(outcome)

    def _take(self, files: Sequence[Received]) -> None:
        """Note that an action has these *files*, whose bytes are stored once. Raises: InvalidInput, if another has one.

        A variable may stand in several actions of a document, and so may its files.
        """
        for index, file in enumerate(files):
            if file in self._taken:
                raise InvalidInput("input", "documents", str(index), detail=Detail("twice"))
        self._taken.extend(files)

    async def _without_iban(self, command: Command) -> Command:
        """Return *command* with what the actor's account knows its bank account by, and not its number."""
        if not isinstance(command, OpenCase):
            return command
        return await self._bank_accounts.without_iban(self.actor.account_id, command)

    def _known(self, outcome: Outcome) -> Outcome:
        self._reads.renew(left_by(outcome))
        return outcome
