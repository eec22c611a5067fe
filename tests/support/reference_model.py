"""DOMAIN.md once more, as small as it can be: people, cases and subjects in memory, and what each request is answered.

It shares nothing with the program but the names of statuses and codes.
"""

from dataclasses import dataclass, field

# Section 3, word for word: a status is what comes next, a code is the refusal.
TABLE = """
                  OPEN                 IN_PROGRESS          PENDING_REVIEW           RESOLVED             CLOSED
COMMENT           IN_PROGRESS          IN_PROGRESS          PENDING_REVIEW           RESOLVED             CASE_CLOSED
REQUEST_OVERRIDE  PENDING_REVIEW       PENDING_REVIEW       OVERRIDE_ALREADY_ACTIVE  PENDING_REVIEW       CASE_CLOSED
ACCEPT            NO_PENDING_OVERRIDE  NO_PENDING_OVERRIDE  RESOLVED                 NO_PENDING_OVERRIDE  CASE_CLOSED
REFUSE            NO_PENDING_OVERRIDE  NO_PENDING_OVERRIDE  IN_PROGRESS              NO_PENDING_OVERRIDE  CASE_CLOSED
CANCEL            NO_PENDING_OVERRIDE  NO_PENDING_OVERRIDE  IN_PROGRESS              NO_PENDING_OVERRIDE  CASE_CLOSED
CLOSE             CLOSED               CLOSED               OVERRIDE_PENDING         CLOSED               CASE_CLOSED
REASSIGN          NO_PENDING_OVERRIDE  NO_PENDING_OVERRIDE  PENDING_REVIEW           NO_PENDING_OVERRIDE  CASE_CLOSED
REDACT            OPEN                 IN_PROGRESS          PENDING_REVIEW           RESOLVED             CLOSED
HOLD              OPEN                 IN_PROGRESS          PENDING_REVIEW           RESOLVED             CLOSED
ASSIGN            OPEN                 IN_PROGRESS          PENDING_REVIEW           RESOLVED             CASE_CLOSED
SET_DUE_DATE      OPEN                 IN_PROGRESS          PENDING_REVIEW           RESOLVED             CASE_CLOSED
RECORD_STEP       IN_PROGRESS          IN_PROGRESS          PENDING_REVIEW           RESOLVED             CASE_CLOSED
"""
_STATUSES, *_LINES = [line.split() for line in TABLE.strip().splitlines()]
CELLS = {(line[0], status): cell for line in _LINES for status, cell in zip(_STATUSES, line[1:], strict=True)}

# Section 2. CANCEL asks for no role: it is its creator's.
ROLES = {"ada": "C", "carl": "C", "rosa": "R", "rolf": "R", "bea": "CR", "aldo": "A"}
WHO = {
    "OPEN": "CR",
    "COMMENT": "CR",
    "REQUEST_OVERRIDE": "C",
    "ACCEPT": "R",
    "REFUSE": "R",
    "CANCEL": "",
    "CLOSE": "CR",
    "REASSIGN": "C",
    "REDACT": "A",
    "HOLD": "A",
    "ASSIGN": "CR",
    "SET_DUE_DATE": "CR",
    "RECORD_STEP": "CR",
}
DECISIONS = {"ACCEPT": "ACCEPTED", "REFUSE": "REFUSED", "CANCEL": "CANCELLED"}


@dataclass(frozen=True, slots=True)
class Request:
    """What somebody asks for. `case` and `override` are the places at which they were made, in the model."""

    action: str
    person: str
    case: int | None = None
    subject: int | None = None
    result: str | None = None
    requested: str | None = None
    reviewers: tuple[str, ...] = ()
    override: tuple[int, int] | None = None
    resolution: str | None = None
    comment: str | None = None
    version: int | None = None
    key: str | None = None
    erased: int | None = None
    held: bool = False
    label: str | None = None
    assignee: str | None = None
    due: str | None = None
    step: str | None = None
    state: str | None = None


@dataclass(slots=True)
class Override:
    creator: str
    requested: str
    against: str
    reviewers: tuple[str, ...]
    requested_at: int
    status: str = "PENDING"


@dataclass(slots=True)
class Subject:
    status: str
    version: int = 1
    label: str = "Moulins"


@dataclass(slots=True)
class Case:
    subject: int
    status: str = "OPEN"
    resolution: str | None = None
    overrides: list[Override] = field(default_factory=list)
    log: list[tuple[str, str]] = field(default_factory=list)
    comments: list[bool] = field(default_factory=list)
    """Of each comment whether it is there."""
    is_held: bool = False
    is_erased: bool = False
    owner: str | None = None
    due: str | None = None
    reminded: set[tuple[str, str]] = field(default_factory=set)
    """What the account's own rules have said, each with the due date that it was about."""
    steps: dict[str, str] = field(default_factory=dict)
    """Where each step stands that was recorded."""
    open_steps: dict[int, list[str]] = field(default_factory=dict)
    """By the number of an acceptance's or a closing's row, what was open of the checklist."""
    in_place: dict[int, str] = field(default_factory=dict)
    """By the number of a decision's row, in whose place it was taken."""

    @property
    def pending(self) -> Override | None:
        return next((override for override in self.overrides if override.status == "PENDING"), None)


class Refused(Exception):
    """Carries the code."""


@dataclass(slots=True)
class Model:
    """All there is in one account. *restricted*: only reviewers who were asked may decide.

    *checklist*: by the key of each step, which actions are refused while it is open.

    `now` counts the requests and the changes of roles, `since` is when somebody became a reviewer again.
    """

    restricted: bool
    checklist: dict[str, tuple[str, ...]] = field(default_factory=dict)
    subjects: dict[int, Subject] = field(default_factory=dict)
    cases: list[Case] = field(default_factory=list)
    keys: dict[tuple[str, str], Request] = field(default_factory=dict)
    roles: dict[str, str] = field(default_factory=lambda: dict(ROLES))
    since: dict[str, int] = field(default_factory=dict)
    stands_in: dict[str, str] = field(default_factory=dict)
    """By who is away, who decides in their place."""
    now: int = 0
    key_rows: dict[tuple[str, str], tuple[int, int | None]] = field(default_factory=dict)
    """Of each key the case that it acted on, and the comment that it brought."""
    erased_keys: set[tuple[str, str]] = field(default_factory=set)

    def answer(self, request: Request) -> str:
        """Return "done", "unchanged", "replayed" or a code, and do what is to be done."""
        self.now += 1
        if request.key is not None and (request.person, request.key) in self.erased_keys:
            return "ERASED"
        if request.key is not None and (used := self.keys.get((request.person, request.key))):
            return "replayed" if used == request else "IDEMPOTENCY_KEY_REUSED"
        try:
            answer = self._do(request)
        except Refused as refused:
            return str(refused)
        if request.key is not None and request.action == "EVALUATION":
            self.keys[request.person, request.key] = request
            if answer == "done" and (active := self._active(request.subject)) is not None:
                self.key_rows[request.person, request.key] = active, None
        elif request.key is not None:
            self.keys[request.person, request.key] = request
            case = len(self.cases) - 1 if request.case is None else request.case
            brought = len(self.cases[case].comments) - 1 if request.comment is not None else None
            self.key_rows[request.person, request.key] = case, brought
        return answer

    def _do(self, request: Request) -> str:
        if request.action == "EVALUATION":
            return "done" if self._evaluate(request) else "unchanged"
        self._open(request) if request.action == "OPEN" else self._act(request)
        return "done"

    def _evaluate(self, request: Request) -> bool:
        """Take a result of the check system, and say whether it changes anything."""
        assert request.subject is not None and request.result is not None and request.label is not None
        subject = self.subjects.get(request.subject)
        self._demand(request.version in (None, subject.version if subject else 0), "VERSION_CONFLICT")
        if subject is None:
            self.subjects[request.subject] = Subject(request.result, label=request.label)
            return True
        if (subject.status, subject.label) == (request.result, request.label):
            return False
        subject.label = request.label
        self._set(subject, request.result)
        active = self._active(request.subject)
        if active is not None:
            self.cases[active].log.append(("EVALUATION", request.person))
        return True

    def _active(self, subject: int | None) -> int | None:
        """Return which of the cases is open on a subject."""
        found = (index for index, case in enumerate(self.cases) if case.subject == subject and case.status != "CLOSED")
        return next(found, None)

    def set_reviewer(self, name: str, *, is_one: bool) -> None:
        """Give somebody who had it at first the role of a reviewer again, or take it."""
        self.now += 1
        self.since[name] = self.now
        self.roles[name] = ROLES[name] if is_one else ROLES[name].replace("R", "")

        for away in [away for away, other in self.stands_in.items() if name in (away, other)]:
            del self.stands_in[away]

    def delegate(self, name: str, other: str) -> str:
        """Let *other* decide in the place of *name*, and return "done" or the code."""
        self.now += 1
        if "R" not in self.roles[name]:
            return "ROLE_REQUIRED"
        if name == other:
            return "INVALID_INPUT"
        if "R" not in self.roles[other]:
            return "INVALID_REVIEWER"
        if name in self.stands_in or name in self.stands_in.values() or other in self.stands_in:
            return "INVALID_INPUT"
        self.stands_in[name] = other
        return "done"

    def end_delegation(self, name: str) -> str:
        """End what *name* has delegated, and return "done" or the code."""
        self.now += 1
        return "done" if self.stands_in.pop(name, None) is not None else "INVALID_INPUT"

    def remind(self, late: str) -> list[str]:
        """Have the rules say of each open case that it is due soon, or since *late*; return what is new of it."""
        said = []
        for case in self.cases:
            if case.due is None or case.status == "CLOSED":
                continue
            row = "ESCALATE" if case.due == late else "REMIND"
            if (row, case.due) not in case.reminded:
                case.reminded.add((row, case.due))
                case.log.append((row, ""))
                said.append(row)
        return said

    def _open(self, request: Request) -> None:
        self._demand(self._has_role(request), "ROLE_REQUIRED")
        assert request.subject is not None
        subject = self.subjects.get(request.subject)
        active = [case for case in self.cases if case.subject == request.subject and case.status != "CLOSED"]
        self._demand(not active, "ACTIVE_CASE_EXISTS")
        self._demand(request.version in (None, subject.version if subject else 0), "VERSION_CONFLICT")
        if subject is None:
            self.subjects[request.subject] = Subject(request.result or "UNEVALUATED")
        elif request.result not in (None, subject.status):
            self._demand(request.result != "FAVORABLE", "SUBJECT_CHANGED")
            self._set(subject, request.result or "")
        self.cases.append(Case(request.subject, log=[("OPEN", request.person)]))

    def _act(self, request: Request) -> None:
        assert request.case is not None
        case, action = self.cases[request.case], request.action
        self._demand(self._has_role(request), "ROLE_REQUIRED")
        override = self._override(request, case)
        if override is not None:
            is_review = action in ("ACCEPT", "REFUSE")
            self._demand(action != "CANCEL" or override.creator == request.person, "NOT_OVERRIDE_CREATOR")
            self._demand(not is_review or override.creator != request.person, "SELF_REVIEW_FORBIDDEN")
            is_named = request.person in override.reviewers or self._represented(request, override) is not None
            self._demand(not is_review or not self.restricted or is_named, "NOT_ASSIGNED_REVIEWER")
            self._demand(not is_review or self._is_early_enough(request.person, override), "REVIEWER_TOO_RECENT")
        self._demand(CELLS[action, case.status] != "CASE_CLOSED", "CASE_CLOSED")
        self._demand(override is None or override.status == "PENDING", "OVERRIDE_NOT_PENDING")
        status = CELLS[action, case.status]
        self._demand(status in _STATUSES, status)
        if action == "REASSIGN" and override is not None:
            able = [name for name in override.reviewers if "R" in self.roles[name]]
            self._demand(not any(self._is_early_enough(name, override) for name in able), "REVIEWERS_AVAILABLE")
        self._check_reviewers(request, override)
        self._check_plan(request)
        if action == "REDACT":
            self._demand(not case.is_held, "LEGAL_HOLD")
            self._check_erasure(request, case)
        self._demand(request.version in (None, len(case.log)), "VERSION_CONFLICT")
        self._check_subject(request, case, override)
        self._check_steps(action, case)
        self._write(request, case, override)
        self._write_texts(request, case)
        case.status = status
        case.log.append((action, request.person))

    def _override(self, request: Request, case: Case) -> Override | None:
        if request.action not in (*DECISIONS, "REASSIGN"):
            return None
        if request.override is None:
            return case.pending
        if request.override[0] != request.case and case.pending is None:
            return None
        self._demand(request.override[0] == request.case, "NOT_FOUND")
        return case.overrides[request.override[1]]

    def _check_reviewers(self, request: Request, override: Override | None) -> None:
        """All that is wrong is told together; here, the first of it."""
        creator = request.person if override is None else override.creator
        for reviewer in request.reviewers:
            self._demand(reviewer != creator, "CREATOR_CANNOT_REVIEW")
            self._demand(reviewer != request.person, "SELF_ASSIGNMENT_FORBIDDEN")
            self._demand("R" in self.roles[reviewer], "INVALID_REVIEWER")
            self._demand(override is None or self._is_early_enough(reviewer, override), "REVIEWER_TOO_RECENT")

    def _write_texts(self, request: Request, case: Case) -> None:
        if request.comment is not None:
            case.comments.append(True)
        if request.action == "REDACT":
            self._erase(request, case)
        if request.action == "HOLD":
            case.is_held = request.held
        if request.action == "ASSIGN":
            case.owner = request.assignee
        if request.action == "SET_DUE_DATE":
            case.due = request.due
        if request.action == "RECORD_STEP":
            assert request.step is not None and request.state is not None
            case.steps[request.step] = request.state

    def _check_erasure(self, request: Request, case: Case) -> None:
        if request.erased is None:
            self._demand(case.status == "CLOSED", "INVALID_INPUT")
            self._demand(not case.is_erased, "ERASED")
        else:
            self._demand(case.comments[request.erased], "ERASED")

    def _erase(self, request: Request, case: Case) -> None:
        if request.erased is None:
            case.is_erased, case.comments = True, [False] * len(case.comments)
        else:
            case.comments[request.erased] = False
        for key, (index, comment) in self.key_rows.items():
            if index == request.case and (request.erased is None or comment == request.erased):
                self.erased_keys.add(key)

    def _check_subject(self, request: Request, case: Case, override: Override | None) -> None:
        status = self.subjects[case.subject].status
        if request.action == "REQUEST_OVERRIDE":
            self._demand(status != "UNEVALUATED", "SUBJECT_NOT_OVERRIDABLE")
            self._demand(status != request.requested, "OVERRIDE_NO_CHANGE")
        if request.action == "ACCEPT" and override is not None:
            self._demand(status == override.against, "SUBJECT_CHANGED")
        self._check_change(request, case)

    def _check_plan(self, request: Request) -> None:
        is_able = request.assignee is None or bool(set("CR") & set(self.roles[request.assignee]))
        self._demand(is_able, "INVALID_ASSIGNEE")
        self._demand(request.action != "RECORD_STEP" or request.step in self.checklist, "INVALID_STEP")

    def _check_change(self, request: Request, case: Case) -> None:
        same = {
            "HOLD": request.held == case.is_held,
            "ASSIGN": request.assignee == case.owner,
            "SET_DUE_DATE": request.due == case.due,
        }
        self._demand(not same.get(request.action, False), "INVALID_INPUT")

    def _check_steps(self, action: str, case: Case) -> None:
        open_steps = [key for key in self.checklist if case.steps.get(key, "OPEN") == "OPEN"]
        self._demand(not any(action in self.checklist[key] for key in open_steps), "CHECKLIST_OPEN")
        if self.checklist and action in ("ACCEPT", "CLOSE"):
            case.open_steps[len(case.log) + 1] = open_steps

    def _write(self, request: Request, case: Case, override: Override | None) -> None:
        subject = self.subjects[case.subject]
        if request.action == "REQUEST_OVERRIDE":
            assert request.requested is not None
            made = Override(request.person, request.requested, subject.status, request.reviewers, self.now)
            case.overrides.append(made)
        if request.action == "REASSIGN" and override is not None:
            override.reviewers = request.reviewers
        elif override is not None:
            if request.action != "CANCEL" and (name := self._represented(request, override)):
                case.in_place[len(case.log) + 1] = name
            override.status = DECISIONS[request.action]
            if request.action == "ACCEPT":
                self._set(subject, override.requested)
        if request.action == "CLOSE":
            is_applied = any(override.status == "ACCEPTED" for override in case.overrides)
            case.resolution = request.resolution or ("OVERRIDE_APPLIED" if is_applied else "NOT_CONCLUSIVE")

    def _set(self, subject: Subject, status: str) -> None:
        subject.status, subject.version = status, subject.version + 1

    def _is_early_enough(self, name: str, override: Override) -> bool:
        return self.since.get(name, 0) <= override.requested_at

    def _represented(self, request: Request, override: Override) -> str | None:
        """Return the first of who were asked in whose place somebody decides who was not."""
        if request.person in override.reviewers:
            return None
        away = [name for name in override.reviewers if self.stands_in.get(name) == request.person]
        return next((name for name in away if self._is_early_enough(name, override)), None)

    def _has_role(self, request: Request) -> bool:
        needed = set(WHO[request.action])
        return not needed or bool(needed & set(self.roles[request.person]))

    def _demand(self, holds: bool, code: str) -> None:
        if not holds:
            raise Refused(code)
