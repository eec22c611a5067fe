"""Random people do random things, and the gateway answers each as the model of DOMAIN.md does, invariants and all.

What hypothesis finds it makes small, and replays.
"""

import asyncio
import json
from collections import Counter, defaultdict
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from app.actions.evaluation import EvaluationOutcome
from app.actions.outcome import Outcome, Supposed
from app.actions.perform import rehearse
from app.actions.reminders import write_reminders
from app.admin.perform import AdminOutcome, administer
from app.db import tables
from app.db.engines import Database, open_database
from app.domain.admin_commands import ChangeRoles
from app.domain.checklist import checklist_text
from app.domain.commands import (
    AcceptOverride,
    AddComment,
    AssignCase,
    CancelOverride,
    CloseCase,
    Command,
    EraseContent,
    OpenCase,
    ReassignReviewers,
    RecordEvaluation,
    RecordStep,
    RefuseOverride,
    RequestOverride,
    SetDueDate,
    SetLegalHold,
    SubjectDetails,
)
from app.domain.errors import InputRefused, Refusal
from app.domain.facts import ChecklistStep
from app.domain.model import ActionType, EvaluationStatus, RequestedStatus, Resolution, Role, StepState, SubjectType
from tests.support.database_contents import Contents, contents, set_by_hand
from tests.support.delegations import delegate, end
from tests.support.evaluations import check_system, faults, recorded
from tests.support.invariants import assert_invariants
from tests.support.reference_model import ROLES, Model, Override, Request
from tests.support.world import Person, World, make_world

COMMANDS: dict[str, Any] = {
    "COMMENT": AddComment,
    "ACCEPT": AcceptOverride,
    "REFUSE": RefuseOverride,
    "CANCEL": CancelOverride,
    "CLOSE": CloseCase,
    "REASSIGN": ReassignReviewers,
    "REDACT": EraseContent,
    "HOLD": SetLegalHold,
    "ASSIGN": AssignCase,
    "SET_DUE_DATE": SetDueDate,
    "RECORD_STEP": RecordStep,
}
CHECKLIST = (
    ChecklistStep("CALL_BACK", "Call back", "Rappel", frozenset({ActionType.ACCEPT})),
    ChecklistStep("SECOND_SOURCE", "Second source", "Seconde source", frozenset({ActionType.CLOSE})),
    ChecklistStep("LETTER", "Letter", "Courrier"),
)
DATES = ["2026-01-01T00:00:00+00:00", "2999-12-31T23:59:59.999999+00:00"]
FAR = 24 * 366 * 1_000
"""Hours, within which the later of the dates is too."""
SYSTEM = ("REMIND", "ESCALATE")
DECISIONS = ("ACCEPT", "REFUSE", "CANCEL")

# Mostly what gets somewhere: None is somebody who may.
people = st.sampled_from([None] * 12 + sorted(ROLES))
reviewers = st.sampled_from(sorted(name for name, roles in ROLES.items() if "R" in roles))
statuses = st.sampled_from([status.value for status in EvaluationStatus])
keys = st.sampled_from([None, None, *"abcdefghijkl"])
versions = st.sampled_from([None] * 6 + ["right", "right", "wrong"])
labels = st.sampled_from(["Moulins"] * 5 + ["Moulins SA"])
results = st.sampled_from([None] + ["UNFAVORABLE"] * 6 + ["ANOMALY", "FAVORABLE"])
assigned_people = st.sampled_from([("rosa",), ("rosa", "rolf"), ("rolf", "bea"), ("bea", "rosa"), ("rosa", "carl")])


class Casebook(RuleBasedStateMachine):
    """An account of its own in the database that all runs share."""

    runner: asyncio.Runner
    database: Database
    world: World
    model: Model
    done: ClassVar[Counter[str]]

    @initialize(
        restricted=st.booleans(),
        steps=st.sampled_from([(), CHECKLIST[1:], CHECKLIST]),
        requested=st.sampled_from([None, ("rosa",), ("rolf", "bea")]),
    )
    def begin(self, restricted: bool, steps: tuple[ChecklistStep, ...], requested: tuple[str, ...] | None) -> None:
        """Make the account; mostly with a case on which somebody has to decide, as chance alone gets there late."""
        self.model = Model(restricted, {step.key: tuple(step.required_for) for step in steps})
        checklist = checklist_text(steps) or None
        self.world = self.runner.run(
            make_world(self.database, restrict_to_assigned_reviewers=restricted, checklist=checklist)
        )
        policies = {"reminder_hours": FAR, "escalation_hours": 1}
        self.runner.run(set_by_hand(self.database, tables.accounts, self.world.account_id, **policies))
        self.case_ids: list[UUID] = []
        self.comment_ids: dict[UUID, list[UUID]] = defaultdict(list)
        self.people = {name: getattr(self.world, name) for name in ROLES}
        self.people["checks"] = self.runner.run(check_system(self.world))
        self.override_ids: dict[tuple[int, int], UUID] = {}
        self.sent: list[Request] = []
        self.rows = self.runner.run(self.contents())
        self.before = self.rows
        if requested is not None:
            self.ask(Request("OPEN", "ada", subject=0, result="UNFAVORABLE"))
            more: dict[str, Any] = {"requested": "FAVORABLE", "reviewers": requested, "comment": "Sure."}
            self.ask(Request("REQUEST_OVERRIDE", "ada", case=0, **more))

    # --- What people do ----------------------------------------------------------------------------------------------

    @precondition(lambda self: sum(case.status != "CLOSED" for case in self.model.cases) < 2)
    @rule(person=people, subject=st.integers(0, 2), result=results, version=versions, key=keys)
    def open(self, person: str | None, subject: int, result: str | None, version: str | None, key: str | None) -> None:
        person = person or "ada"
        known = self.model.subjects.get(subject)
        expected = {None: None, "right": known.version if known else 0, "wrong": 99}[version]
        self.ask(Request("OPEN", person, subject=subject, result=result, version=expected, key=key))

    def has_cases(self) -> bool:
        return bool(self.model.cases)

    @precondition(has_cases)
    @rule(
        person=people,
        which=st.integers(0, 9),
        requested=st.sampled_from(["FAVORABLE", "FAVORABLE", "UNFAVORABLE"]),
        reviewers=assigned_people,
        version=versions,
        key=keys,
    )
    def request(
        self,
        person: str | None,
        which: int,
        requested: str,
        reviewers: tuple[str, ...],
        version: str | None,
        key: str | None,
    ) -> None:
        case = self.case(which)
        self.ask(
            Request(
                "REQUEST_OVERRIDE",
                person or ("ada", "carl")[which % 2],
                case=case,
                requested=requested,
                reviewers=reviewers,
                comment="Sure.",
                version=self.version(case, version),
                key=key,
            )
        )

    def is_pending(self) -> bool:
        return any(case.pending for case in self.model.cases)

    def is_time(self) -> bool:
        """Tell whether something that ends all is not too frequent."""
        return self.has_cases() and len(self.sent) % 5 == 0

    @precondition(lambda self: self.is_pending() or self.is_time())
    @rule(
        action=st.sampled_from(DECISIONS),
        person=people,
        which=st.integers(0, 9),
        named=st.sampled_from([None, None, None, *range(6)]),
        comment=st.none() | st.just("Decided."),
        version=versions,
        key=keys,
    )
    def decide(
        self,
        action: str,
        person: str | None,
        which: int,
        named: int | None,
        comment: str | None,
        version: str | None,
        key: str | None,
    ) -> None:
        pending = [index for index, case in enumerate(self.model.cases) if case.pending]
        case, known = pending[-1] if pending and which else self.case(which), sorted(self.override_ids)
        person = person or self.decider(action, case)
        override = known[named % len(known)] if known and named is not None else None
        if action != "CANCEL":
            # A reviewer says what they have read. Where nothing was ever asked for, there is nothing to be said.
            if not known:
                return
            version = version or "right"
            override = override or next((id for id in reversed(known) if id[0] == case), known[0])
        expected = self.version(case, version)
        self.ask(Request(action, person, case=case, override=override, comment=comment, version=expected, key=key))

    @precondition(is_pending)
    @rule(person=people, which=st.integers(0, 9), reviewers=assigned_people, version=versions, key=keys)
    def reassign(
        self, person: str | None, which: int, reviewers: tuple[str, ...], version: str | None, key: str | None
    ) -> None:
        known = sorted(self.override_ids)
        pending = [id for id in known if self.model.cases[id[0]].overrides[id[1]].status == "PENDING"]
        override = pending[-1] if which else known[0]
        case, person = (override[0] if which > 1 else self.case(which)), person or ("ada", "carl")[which % 2]
        if which % 3:  # mostly where those who are asked have left; chance alone seldom has it so
            sent = self.model.cases[override[0]].overrides[override[1]].reviewers
            for name in ROLES:
                if "R" in ROLES[name]:
                    self.set_reviewer(name, is_one=name not in sent)
        expected = self.version(case, version)
        self.ask(
            Request("REASSIGN", person, case=case, override=override, reviewers=reviewers, version=expected, key=key)
        )

    def pending(self) -> tuple[int, Override]:
        """Return the last case that waits for a decision, and its override."""
        return [(index, case.pending) for index, case in enumerate(self.model.cases) if case.pending][-1]

    @precondition(is_pending)
    @rule()
    def refuse_well(self) -> None:
        """Who may refuses what they have read: a rule for each decision, as one of all would hardly draw some."""
        self.take_decision("REFUSE")

    @precondition(is_pending)
    @rule()
    def cancel_well(self) -> None:
        """Who has requested it takes it back."""
        self.take_decision("CANCEL")

    def take_decision(self, action: str) -> None:
        _, override = self.pending()
        for name in override.reviewers:
            self.set_reviewer(name, is_one=True)
        self.decide(action, None, 1, None, None, "right", None)

    @precondition(is_pending)
    @rule()
    def accept_well(self) -> None:
        """Who may accepts, once the step is taken that accepting waits for."""
        self.take("CALL_BACK", self.pending()[0])
        self.take_decision("ACCEPT")

    def unfinished(self) -> list[int]:
        """Return the cases that are not closed, and on which nothing waits for a decision."""
        cases = enumerate(self.model.cases)
        return [index for index, case in cases if case.status != "CLOSED" and case.pending is None]

    @precondition(lambda self: len(self.sent) % 3 == 0 and bool(self.unfinished()))
    @rule()
    def close_well(self) -> None:
        """Somebody closes the last case that can be closed, once the step is taken that closing waits for."""
        case = self.unfinished()[-1]
        self.take("SECOND_SOURCE", case)
        self.ask(Request("CLOSE", "carl", case=case))

    def take(self, step: str, case: int) -> None:
        self.ask(Request("RECORD_STEP", "carl", case=case, step=step, state="DONE", comment="Reached them."))

    def others(self) -> list[str]:
        """Return who could be asked in the place of the reviewers of the last case that waits for a decision."""
        _, override = self.pending()
        taken = *override.reviewers, override.creator, "ada"
        early = (name for name in ROLES if self.model.since.get(name, 0) <= override.requested_at)
        return [name for name in early if "R" in self.model.roles[name] and name not in taken]

    @precondition(lambda self: self.is_pending() and bool(self.others()))
    @rule()
    def reassign_well(self) -> None:
        """Somebody else is asked, where those who were have left."""
        self.reassign(None, 2, tuple(self.others()[:1]), None, None)

    @precondition(is_pending)
    @rule(which=st.integers(0, 9))
    def leave(self, which: int) -> None:
        """Somebody who is asked to decide is no reviewer from now on."""
        sent = [case.pending.reviewers for case in self.model.cases if case.pending]
        self.set_reviewer(sent[-1][which % len(sent[-1])], is_one=False)

    @precondition(lambda self: self.model.roles != ROLES and len(self.sent) % 3 == 0)
    @rule(which=st.integers(0, 9))
    def come_back(self, which: int) -> None:
        gone = sorted(name for name in ROLES if self.model.roles[name] != ROLES[name])
        self.set_reviewer(gone[which % len(gone)], is_one=True)

    def set_reviewer(self, name: str, *, is_one: bool) -> None:
        if ("R" in self.model.roles[name]) == is_one:
            return
        self.model.set_reviewer(name, is_one=is_one)
        roles = tuple(role for role in Role if role.value[0] in self.model.roles[name])
        command = ChangeRoles(user_id=getattr(self.world, name).id, roles=roles)
        self.runner.run(administer(self.database, self.world.aldo.actor, command, request_id="roles"))
        self.before, self.rows = self.rows, self.runner.run(self.contents())

    @rule(name=reviewers, other=reviewers)
    def delegate(self, name: str, other: str) -> None:
        """Somebody names who decides in their place, or ends that."""
        if name in self.model.stands_in:
            expected, doing = self.model.end_delegation(name), end(self.world, self.people[name])
        else:
            expected = self.model.delegate(name, other)
            doing = delegate(self.world, self.people[name], self.people[other])
        assert self.runner.run(self.reported(doing))[0] == expected
        self.before, self.rows = self.rows, self.runner.run(self.contents())

    def decider(self, action: str, case: int) -> str:
        override = self.model.cases[case].pending
        if override is None:
            return "rosa"
        if action == "CANCEL":
            return override.creator
        return self.model.stands_in.get(override.reviewers[0], override.reviewers[0])

    @precondition(has_cases)
    @rule(person=people, which=st.integers(0, 9), version=versions, key=keys)
    def comment(self, person: str | None, which: int, version: str | None, key: str | None) -> None:
        case, person = self.case(which), person or "carl"
        self.ask(Request("COMMENT", person, case=case, comment="Noted.", version=self.version(case, version), key=key))

    @precondition(is_time)
    @rule(person=people, which=st.integers(0, 9), resolution=st.none() | st.just("DUPLICATE"), key=keys)
    def close(self, person: str | None, which: int, resolution: str | None, key: str | None) -> None:
        self.ask(Request("CLOSE", person or "rolf", case=self.case(which), resolution=resolution, key=key))

    @precondition(lambda self: any(case.comments for case in self.model.cases))
    @rule(person=people, which=st.integers(0, 9), comment=st.integers(0, 9), version=versions, key=keys)
    def erase(self, person: str | None, which: int, comment: int, version: str | None, key: str | None) -> None:
        case, person = self.case(which), person or "aldo"
        comments = self.model.cases[case].comments
        named = comment % len(comments) if comments and comment < 7 else None
        self.ask(Request("REDACT", person, case=case, erased=named, version=self.version(case, version), key=key))

    @precondition(lambda self: self.has_cases() and len(self.sent) % 3 == 1)
    @rule(person=people, which=st.integers(0, 9), held=st.booleans(), key=keys)
    def hold(self, person: str | None, which: int, held: bool, key: str | None) -> None:
        self.ask(Request("HOLD", person or "aldo", case=self.case(which), held=held, key=key))

    @precondition(has_cases)
    @rule(person=people, which=st.integers(0, 9), assignee=st.none() | st.sampled_from(sorted(ROLES)), key=keys)
    def assign(self, person: str | None, which: int, assignee: str | None, key: str | None) -> None:
        self.ask(Request("ASSIGN", person or "carl", case=self.case(which), assignee=assignee, key=key))

    @precondition(has_cases)
    @rule(person=people, which=st.integers(0, 9), due=st.none() | st.sampled_from(DATES), key=keys)
    def set_due_date(self, person: str | None, which: int, due: str | None, key: str | None) -> None:
        self.ask(Request("SET_DUE_DATE", person or "rosa", case=self.case(which), due=due, key=key))

    @precondition(has_cases)
    @rule(due=st.sampled_from(DATES))
    def remind(self, due: str) -> None:
        """The account's own rules say what is due soon, and what is late."""
        self.ask(Request("SET_DUE_DATE", "carl", case=self.case(0), due=due))
        expected = self.model.remind(DATES[0])
        self.runner.run(self.reminded())
        self.before, self.rows = self.rows, self.runner.run(self.contents())
        self.done.update(expected)
        rows = [row["type"] for key, row in self.rows["case_actions"].items() if key not in self.before["case_actions"]]
        assert Counter(rows) == Counter(expected)

    async def reminded(self) -> None:
        async for step in write_reminders(self.database):
            assert not step.is_failed

    @precondition(lambda self: bool(self.model.cases) and len(self.sent) % 4 == 2)
    @rule(
        person=people,
        which=st.integers(0, 9),
        step=st.sampled_from(["CALL_BACK", "CALL_BACK", "SECOND_SOURCE", "SECOND_SOURCE", "LETTER", "TEA"]),
        state=st.sampled_from(["DONE", "DONE", "NOT_NEEDED", "OPEN"]),
        version=versions,
        key=keys,
    )
    def record_step(
        self, person: str | None, which: int, step: str, state: str, version: str | None, key: str | None
    ) -> None:
        case = self.case(which)
        more: dict[str, Any] = {"version": self.version(case, version), "key": key, "comment": "Reached them."}
        self.ask(Request("RECORD_STEP", person or "carl", case=case, step=step, state=state, **more))

    @precondition(lambda self: bool(self.sent))
    @rule(which=st.integers(0, 99))
    def ask_again(self, which: int) -> None:
        self.ask(self.sent[which % len(self.sent)])

    @precondition(lambda self: len(self.sent) % 3 == 1)
    @rule(subject=st.integers(0, 3), status=statuses, label=labels, version=versions, key=keys)
    def check_again(self, subject: int, status: str, label: str, version: str | None, key: str | None) -> None:
        """The check itself comes to another result, or to the same one."""
        known = self.model.subjects.get(subject)
        expected = {None: None, "right": known.version if known else 0, "wrong": 99}[version]
        self.ask(
            Request("EVALUATION", "checks", subject=subject, result=status, label=label, version=expected, key=key)
        )

    # --- What must hold ----------------------------------------------------------------------------------------------

    def ask(self, request: Request) -> None:
        """Rehearse what is asked for, then do it: the answers are the same, and the model's."""
        command, person = self.command(request), self.people[request.person]
        is_replay = request.key is not None and (request.person, request.key) in self.model.keys
        expected = self.model.answer(request)
        if not is_replay:
            assert self.runner.run(self.rehearsed(person, command)) == expected
            assert self.runner.run(self.contents()) == self.rows
        reported, outcome = self.runner.run(self.reported(self.done_by(person, command)))
        assert reported == expected
        self.before, self.rows = self.rows, self.runner.run(self.contents())
        self.sent.append(request)
        if reported != "done":
            keys = {"idempotency_records"} if reported == "unchanged" and request.key is not None else set()
            assert {name for name in self.rows if self.rows[name] != self.before[name]} == keys
            return
        assert outcome is not None
        self.done[request.action] += 1
        self.note(request, outcome)

    async def contents(self) -> Contents:
        """Return all but other accounts' rows: what went wrong in another run is not this one's fault."""
        return await contents(self.database, self.world.account_id)

    async def done_by(self, person: Person, command: Command) -> Any:
        if isinstance(command, RecordEvaluation):
            return await recorded(self.world, person, command)
        return await self.world.do(person, command)

    async def rehearsed(self, person: Person, command: Command) -> str:
        if isinstance(command, RecordEvaluation):
            reported, _ = await self.reported(recorded(self.world, person, command, is_rehearsal=True))
            return reported
        reported, _ = await self.reported(rehearse(self.database, person.actor, command, request_id="dry"))
        return reported

    async def reported(self, sent: Any) -> tuple[str, Any]:
        try:
            answer = await sent
        except Refusal as refusal:
            return refusal.code.value, None
        except InputRefused as refused:
            return refused.refusals[0].code.value, None
        if isinstance(answer, EvaluationOutcome) and not answer.replayed:
            return ("unchanged" if answer.evaluation is None else "done"), answer
        if isinstance(answer, AdminOutcome):
            return "done", None
        outcome = answer.outcome if isinstance(answer, Supposed) else answer
        return ("replayed" if outcome.replayed else "done"), outcome

    def note(self, request: Request, outcome: Outcome | EvaluationOutcome) -> None:
        """Take down where what was made is."""
        if isinstance(outcome, EvaluationOutcome):
            return
        if request.action == "OPEN":
            self.case_ids.append(outcome.case.id)
        if outcome.comment is not None:
            self.comment_ids[outcome.case.id].append(outcome.comment.id)
        if request.action == "REQUEST_OVERRIDE":
            assert request.case is not None and outcome.override is not None
            self.override_ids[request.case, len(self.model.cases[request.case].overrides) - 1] = outcome.override.id

    @invariant()
    def all_is_as_the_model_has_it(self) -> None:
        names = {person.id: name for name, person in self.people.items()}
        logs: dict[UUID, list[tuple[str, str]]] = defaultdict(list)
        in_place: dict[UUID, dict[int, str]] = defaultdict(dict)
        for row in sorted(self.rows["case_actions"].values(), key=lambda row: row["seq"]):
            name = "" if row["type"] in SYSTEM else names.get(row["user_id"])
            if name is not None:
                logs[row["case_id"]].append((row["type"], name))
            represented = json.loads(row["authority"]).get("on_behalf_of")
            if represented is not None:
                in_place[row["case_id"]][row["seq"]] = names[UUID(represented)]
        for case_id, case in zip(self.case_ids, self.model.cases, strict=True):
            row = self.rows["cases"][(case_id,)]
            assert (row["status"], row["resolution"], logs.pop(case_id)) == (case.status, case.resolution, case.log)
            assert in_place[case_id] == case.in_place
            assert self.steps_of(case_id) == (case.steps, case.open_steps)
            texts = [self.rows["comments"][(id,)]["body"] for id in self.comment_ids[case_id]]
            assert [text is not None for text in texts] == case.comments
            assert (row["title"] is None, row["held_by_id"] is not None) == (case.is_erased, case.is_held)
            assert names.get(row["owner_id"]) == case.owner
            assert row["due_at"] == (case.due and datetime.fromisoformat(case.due))
            subject = self.rows["subjects"][(row["subject_id"],)]
            known = self.model.subjects[case.subject]
            assert (subject["evaluation_status"], subject["version"]) == (known.status, known.version)
            assert subject["label"] == known.label
        assert not logs
        assert len(self.rows["subjects"]) == len(self.model.subjects)
        for (case_index, index), override_id in self.override_ids.items():
            override = self.model.cases[case_index].overrides[index]
            row = self.rows["overrides"][(override_id,)]
            assert (row["status"], row["requested_status"]) == (override.status, override.requested)
            assert names[row["created_by_id"]] == override.creator
            assert self.requested_of(override_id, row) == override.reviewers

    def steps_of(self, case_id: UUID) -> tuple[dict[str, str], dict[int, list[str]]]:
        """Return where the steps of a case stand, and by the number of a decision's row what was open then."""
        steps: dict[str, str] = {}
        open_steps: dict[int, list[str]] = {}
        rows = [row for row in self.rows["case_actions"].values() if row["case_id"] == case_id]
        for row in sorted(rows, key=lambda row: row["seq"]):
            details = json.loads(row["details"] or "{}")
            if "open_steps" in details:
                open_steps[row["seq"]] = details["open_steps"]
            if "step" in details:
                steps[details["step"]] = details["state"]
        return steps, open_steps

    def requested_of(self, override_id: UUID, override: Any) -> tuple[str, ...]:
        """Return who is asked to decide on an override."""
        names = {getattr(self.world, name).id: name for name in ROLES}
        version = override["version"] - (override["status"] != "PENDING")
        table = self.rows["override_reviewers" if version == 1 else "reassigned_reviewers"]
        found = [row for row in table.values() if (row["override_id"], row.get("version", 1)) == (override_id, version)]
        return tuple(names[row["reviewer_id"]] for row in sorted(found, key=lambda row: row["position"]))

    @invariant()
    def the_invariants_hold(self) -> None:
        assert_invariants(self.before, self.rows)

    def teardown(self) -> None:
        if self.model.cases:
            assert self.runner.run(faults(self.world)) == []

    # --- In the gateway's words --------------------------------------------------------------------------------------

    def case(self, which: int) -> int:
        """Return one of the last cases, as that is where something may happen."""
        return max(0, len(self.model.cases) - 1 - which % 3)

    def version(self, case: int, version: str | None) -> int | None:
        return {None: None, "right": len(self.model.cases[case].log), "wrong": 99}[version]

    def command(self, request: Request) -> Command:
        more: dict[str, Any] = {
            "comment": request.comment,
            "expected_version": request.version,
            "idempotency_key": request.key,
        }
        if request.action in ("OPEN", "EVALUATION"):
            subject = SubjectDetails(
                type=SubjectType.COMPANY_ACCOUNT_CHECK,
                external_ref=f"{request.subject}",
                label=request.label or "Moulins",
                evaluation_status=None if request.result is None else EvaluationStatus(request.result),
            )
            if request.action == "EVALUATION":
                return RecordEvaluation(subject=subject, **more)
            return OpenCase(subject=subject, title="A changed IBAN", **more)
        assert request.case is not None
        more["case_id"] = self.case_ids[request.case]
        if request.action == "REQUEST_OVERRIDE":
            return RequestOverride(
                requested_status=RequestedStatus(request.requested or ""),
                reviewer_ids=tuple(getattr(self.world, name).id for name in request.reviewers),
                **more,
            )
        if request.action in (*DECISIONS, "REASSIGN"):
            more["override_id"] = request.override and self.override_ids[request.override]
        if request.action == "REASSIGN":
            more["reviewer_ids"] = tuple(getattr(self.world, name).id for name in request.reviewers)
        if request.action == "CLOSE":
            more["resolution"] = request.resolution and Resolution(request.resolution)
        more |= self.details(request, more["case_id"])
        command: Command = COMMANDS[request.action](**more)
        return command

    def details(self, request: Request, case_id: UUID) -> dict[str, Any]:
        """Return what a command says more."""
        if request.action == "SET_DUE_DATE":
            return {"due_at": request.due and datetime.fromisoformat(request.due)}
        if request.action == "ASSIGN":
            return {"assignee_id": request.assignee and getattr(self.world, request.assignee).id}
        if request.action == "RECORD_STEP":
            return {"step": request.step, "state": StepState(request.state or "")}
        if request.action == "HOLD":
            return {"held": request.held, "reason": "Asked for."}
        if request.action != "REDACT":
            return {}
        named = () if request.erased is None else (self.comment_ids[case_id][request.erased],)
        return {"everything": request.erased is None, "comment_ids": named, "reason": "Asked for."}


# Shrinking takes minutes with a database behind it: add Phase.shrink to look into a failure.
SETTINGS = settings(
    max_examples=5,
    stateful_step_count=40,
    deadline=None,
    phases=[Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)


@pytest.mark.long
@pytest.mark.parametrize("examples", [pytest.param(5, id="5"), pytest.param(60, id="60", marks=pytest.mark.soak)])
def test_random_people_doing_random_things_are_answered_as_the_model_says(fresh_url: str, examples: int) -> None:
    with asyncio.Runner() as runner:
        database = open_database(fresh_url)

        class Played(Casebook):
            pass

        Played.runner, Played.database, Played.done = runner, database, Counter()
        try:
            run_state_machine_as_test(Played, settings=settings(SETTINGS, max_examples=examples))
            assert examples < 60 or Played.done.keys() == set(ActionType) - {ActionType.EXPIRE}, Played.done
        finally:
            runner.run(database.close())
