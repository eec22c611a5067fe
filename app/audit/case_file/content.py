"""What a case file says, taken from one case's evidence alone.

People have no names in evidence: a row knows them by their ids. They are called by letters, in the order in which they
first appear, and the file lists which id each letter stands for.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.domain.assignment import Assignment, assignment_of
from app.domain.checklist import StepRecord, open_steps_of, step_record_of
from app.domain.due_dates import DueDate, due_date_of
from app.domain.erasure import EVERYTHING, sets_hold
from app.domain.evaluation import Evaluation, evaluation_of_case
from app.domain.expiry import Expiry, expiry_of
from app.domain.reminders import Reminder, reminder_of

Evidence = Mapping[str, Any]
ROWS_MAX, CHARACTERS_MAX = 1_000, 1_000_000
"""So much takes a minute, and some hundred pages."""


class EvidenceUnfit(Exception):
    """There is nothing to be shown; the message says why."""


@dataclass(frozen=True, slots=True)
class ErasableText:
    """A text; `value` is None where it is erased."""

    value: str | None


@dataclass(frozen=True, slots=True)
class CaseDocument:
    """A document of a comment."""

    seq: int
    id: str
    filename: ErasableText
    content_type: str
    size_bytes: int | None
    sha256: ErasableText


@dataclass(frozen=True, slots=True)
class Step:
    """A row of the log. `authority` is None in rows of format 1."""

    seq: int
    type: str
    time: datetime
    person: str
    status_before: str | None
    status_after: str
    resolution: str | None
    comment: ErasableText | None
    override: Mapping[str, Any] | None
    authority: Mapping[str, Any] | None
    details: Mapping[str, Any] | None
    documents: tuple[CaseDocument, ...]
    hash: str

    @property
    def assignment(self) -> Assignment | None:
        """Whose the row makes the case; None of all other rows."""
        return assignment_of(self.details)

    @property
    def due_date(self) -> DueDate | None:
        """Until when the row says that the case is to be finished; None of all other rows."""
        return due_date_of(self.details)

    @property
    def reminder(self) -> Reminder | None:
        """What the row reminds of, or says is late; None of all other rows."""
        return reminder_of(self.details)

    @property
    def evaluation(self) -> Evaluation | None:
        """What the result of a check changed; None of all other rows."""
        is_evaluation = self.details is not None and "status_after" in self.details
        return evaluation_of_case(self.details or {}) if is_evaluation else None

    @property
    def expiry(self) -> Expiry | None:
        """Until when the override can be decided; None of all other rows, and where it does not expire."""
        return expiry_of(self.details)

    @property
    def held(self) -> bool | None:
        """Whether the row sets a legal hold, or lifts it; None of all other rows."""
        return sets_hold(self.details) if self.details is not None and "hold" in self.details else None

    @property
    def erases_all(self) -> bool:
        """Whether the row erases all content of the case."""
        return self.details is not None and self.details.get("scope") == EVERYTHING

    @property
    def step_record(self) -> StepRecord | None:
        """Where the row says that a step of the checklist stands; None of all other rows."""
        return step_record_of(self.details)

    @property
    def open_steps(self) -> Sequence[str]:
        """The steps of the checklist that were open at a decision."""
        return open_steps_of(self.details) or ()


class CaseFile:
    """All that the file says of one case."""

    def __init__(self, evidence: Evidence) -> None:
        """Read *evidence* as `casegate log export` writes it. Raises: EvidenceUnfit."""
        if "caseId" not in evidence or not evidence["rows"]:
            raise EvidenceUnfit("a case file is of a case whose log has a row")
        if len(evidence["rows"]) > ROWS_MAX:
            raise EvidenceUnfit(f"the log has {len(evidence['rows'])} rows, and a case file shows {ROWS_MAX} at most")
        length = sum(len(str(row["contents"])) for row in evidence["rows"])
        if length > CHARACTERS_MAX:
            raise EvidenceUnfit(f"its texts have {length} characters, and a case file shows {CHARACTERS_MAX} at most")
        self.evidence = evidence
        self._letters: dict[str, str] = {}
        self.steps = [self._step(row) for row in evidence["rows"]]
        for step in self.steps:
            for reviewer in (step.override or {}).get("reviewer_ids", ()):
                self.letter(reviewer)
            if step.assignment is not None and step.assignment.assignee_id is not None:
                self.letter(str(step.assignment.assignee_id))

    @property
    def people(self) -> Mapping[str, str]:
        """By the id of each person their letter."""
        return self._letters

    def letter(self, person_id: str) -> str:
        """Return what the person is called here: A to Z, then AA and so on."""
        if person_id not in self._letters:
            self._letters[person_id] = _letters(len(self._letters))
        return self._letters[person_id]

    @property
    def opening(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.evidence["rows"][0]["entry"].get("opening") or {}
        return found

    def opened(self, name: str) -> ErasableText | None:
        """Return the case's `title` or `description`; None where it has none."""
        row = self.evidence["rows"][0]
        if name in row["contents"]:
            return _erasable(row["contents"][name])
        text = self.opening.get(name)
        return None if text is None else ErasableText(text)

    @property
    def documents(self) -> list[CaseDocument]:
        return [document for step in self.steps for document in step.documents]

    @property
    def receipt(self) -> str:
        """What `verifyReceipt` and `scripts/verify_evidence.py --receipt` take: the last row's place and hash."""
        head = self.evidence["head"]
        return f"{head['seq']}:{head['hash']}"

    @property
    def checkpoint(self) -> Mapping[str, Any] | None:
        anchor = self.evidence["anchor"]
        return None if anchor is None else anchor["checkpoint"]

    @property
    def anchored_rows(self) -> int:
        anchor = self.evidence["anchor"]
        return 0 if anchor is None else len(anchor["leaves"])

    def reviews(self) -> Iterator[list[Step]]:
        """Yield for each override the rows that are about it, from the request to the decision."""
        found: dict[str, list[Step]] = {}
        for step in self.steps:
            if step.override is not None:
                found.setdefault(step.override["id"], []).append(step)
        yield from found.values()

    def _step(self, row: Mapping[str, Any]) -> Step:
        entry, contents = row["entry"], row["contents"]
        comment = entry.get("comment")
        return Step(
            seq=entry["seq"],
            type=entry["type"],
            time=datetime.fromisoformat(entry["created_at"]),
            person=self.letter(entry["user_id"]),
            status_before=entry["status_before"],
            status_after=entry["status_after"],
            resolution=entry["resolution"],
            comment=None if comment is None else _comment(comment, contents),
            override=entry.get("override"),
            authority=entry.get("authority"),
            details=entry.get("details"),
            documents=tuple(_documents(entry["seq"], comment, contents)) if comment else (),
            hash=row["hash"],
        )


def _comment(comment: Mapping[str, Any], contents: Mapping[str, Any]) -> ErasableText:
    return _erasable(contents["comment"]) if "comment" in contents else ErasableText(comment.get("body"))


def _erasable(opened: Mapping[str, Any] | None) -> ErasableText:
    return ErasableText(None if opened is None else opened["value"])


def _documents(seq: int, comment: Mapping[str, Any], contents: Mapping[str, Any]) -> Iterator[CaseDocument]:
    files = comment.get("files", ())
    for place, found in enumerate(comment["documents"]):
        if isinstance(found, dict):
            opened = contents["documents"][place]
            name, digest = _erasable(opened["filename"]), _erasable(opened["content"])
            known: Mapping[str, Any] = found
        else:
            known = files[place] if place < len(files) else {}
            name, digest = ErasableText(known.get("filename", "")), ErasableText(found)
        yield CaseDocument(
            seq, known.get("id", ""), name, known.get("content_type", ""), known.get("size_bytes"), digest
        )


def _letters(index: int) -> str:
    letter = chr(ord("A") + index % 26)
    return letter if index < 26 else _letters(index // 26 - 1) + letter
