"""The case file of one case, as a PDF: made from its evidence alone, in English or French."""

import tomllib
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from app.audit.case_file.content import CaseDocument, CaseFile, ErasableText, Evidence, Step
from app.audit.case_file.content import EvidenceUnfit as EvidenceUnfit
from app.audit.case_file.sheet import ACCENT, INK, MUTED, Sheet, in_words
from app.domain.delegations import ON_BEHALF_OF
from app.domain.model import Language
from app.i18n.labels import LABELS

WORDS: Mapping[str, Mapping[str, str]] = tomllib.loads(
    Path(__file__).with_name("words.toml").read_text(encoding="utf-8")
)
QR_MM = 34
REVIEW_MM = 30
"""What is kept together of a review: what was requested, and by what right."""


def case_file_pdf(evidence: Evidence, language: Language, *, has_sought_anchors: bool = True) -> bytes:
    """Return the PDF of one case's *evidence*. It takes the processor for a while.

    *has_sought_anchors*: whether anchors were looked for when the evidence was made. Raises: EvidenceUnfit.
    """
    return _Rendering(CaseFile(evidence), language, "no_anchor" if has_sought_anchors else "unsought_anchor").pdf()


class _Rendering:
    def __init__(self, case: CaseFile, language: Language, without_anchor: str) -> None:
        self._case = case
        self._language = language
        self._without_anchor = without_anchor
        self._words = WORDS[language]
        heading = f"{self._words['title']} {case.evidence['reference']}"
        made_at = datetime.fromisoformat(case.evidence["notCovered"]["exportedAt"])
        self._sheet = Sheet(heading, lambda page, pages: self._say("page", page=page, pages=pages), made_at)
        self._sheet.set_lang(language.value.lower())

    def pdf(self) -> bytes:
        self._sheet.add_page()
        self._cover()
        self._timeline()
        self._decisions()
        self._documents()
        self._verification()
        return bytes(self._sheet.output())

    def _say(self, word: str, **values: object) -> str:
        return self._words[word].format(**values)

    def _label(self, enum: str, value: str | None) -> str:
        """Return what to call a member; one that this version does not know is called as it stands."""
        if value is None:
            return "–"
        return LABELS[enum].get(value, {}).get(self._language, value)

    def _text(self, text: ErasableText | None) -> str:
        if text is None:
            return "–"
        return f"[{self._words['erased']}]" if text.value is None else text.value

    def _person(self, person_id: str) -> str:
        return self._say("person", letter=self._case.letter(person_id))

    def _cover(self) -> None:
        sheet, case, last = self._sheet, self._case, self._case.steps[-1]
        sheet.ln(6)
        sheet.write_line(self._words["title"].upper(), size=10, bold=True, color=ACCENT)
        sheet.write_line(case.evidence["reference"], size=26, bold=True)
        sheet.ln(1)
        sheet.write_line(self._text(case.opened("title")), size=14)
        description = case.opened("description")
        if description is not None:
            sheet.ln(2)
            sheet.write_line(self._text(description), color=MUTED)
        sheet.ln(3)
        sheet.rule()
        sheet.ln(3)
        opening = case.opening
        subject = self._label("SubjectType", opening.get("subject_type"))
        result = self._label("EvaluationStatus", opening.get("subject_status"))
        sheet.pairs(
            [
                (self._words["subject"], f"{subject} {opening.get('external_ref', '')} ({result})", False),
                (self._words["opened"], in_words(case.steps[0].time), False),
                (self._words["status"], self._label("CaseStatus", last.status_after), False),
                (self._words["resolution"], self._label("Resolution", last.resolution), False),
                (self._words["rows"], str(len(case.steps)), False),
                (self._words["anchor"], self._anchor(), False),
                (self._words["exported"], in_words(case.evidence["notCovered"]["exportedAt"]), False),
                (self._words["case_id"], case.evidence["caseId"], True),
                (self._words["account_id"], case.evidence["accountId"], True),
                (self._words["head"], case.receipt, True),
            ]
        )
        sheet.section(self._words["people"])
        sheet.write_line(self._words["people_note"], color=MUTED)
        sheet.ln(1.5)
        sheet.pairs([(self._say("person", letter=letter), id, True) for id, letter in case.people.items()])

    def _anchor(self) -> str:
        checkpoint = self._case.checkpoint
        if checkpoint is None:
            return self._words[self._without_anchor]
        return self._say(
            "anchored",
            anchored=self._case.anchored_rows,
            rows=len(self._case.steps),
            number=checkpoint["number"],
            time=in_words(checkpoint["time"]),
        )

    def _timeline(self) -> None:
        sheet = self._sheet
        sheet.add_page()
        sheet.section(self._words["timeline"])
        sheet.write_line(self._words["timeline_note"], color=MUTED)
        for step in self._case.steps:
            sheet.room(24)
            sheet.ln(3.5)
            sheet.write_line(f"{step.seq}   {self._label('ActionType', step.type)}", size=11, bold=True)
            changed = step.status_before != step.status_after
            arrow = f"{self._label('CaseStatus', step.status_before)} → " if changed and step.status_before else ""
            status = f"{arrow}{self._label('CaseStatus', step.status_after)}"
            who = self._say("person", letter=step.person)
            sheet.write_line(f"{in_words(step.time)}  ·  {who}  ·  {status}", size=9, color=MUTED)
            self._said(step)
            sheet.write_line(f"{self._words['hash']} {step.hash}", size=6.8, mono=True, color=MUTED)

    def _said(self, step: Step) -> None:
        reason = (step.details or {}).get("reason")
        if step.comment is not None:
            color = MUTED if step.comment.value is None else INK
            self._sheet.write_line(self._text(step.comment), color=color, indent=6)
        if reason:
            self._sheet.write_line(self._say("reason", reason=reason), indent=6)
        if step.assignment is not None:
            assignee = step.assignment.assignee_id
            owner = self._words["unassigned"]
            if assignee is not None:
                owner = self._say("assigned", person=self._person(str(assignee)))
            self._sheet.write_line(owner, indent=6)
        if step.due_date is not None:
            due_at = step.due_date.due_at
            due = self._words["not_due"] if due_at is None else self._say("due", time=in_words(due_at))
            self._sheet.write_line(due, indent=6)
        if step.reminder is not None:
            occasion = self._label("ReminderOccasion", step.reminder.occasion)
            said = self._say("reminder", occasion=occasion, time=in_words(step.reminder.at))
            self._sheet.write_line(said, indent=6)
        self._result_and_terms(step)
        self._steps(step)
        for document in step.documents:
            self._sheet.write_line(f"• {self._text(document.filename)}", size=9, indent=6)

    def _result_and_terms(self, step: Step) -> None:
        lines = []
        if step.evaluation is not None:
            before = self._label("EvaluationStatus", step.evaluation.status_before)
            after = self._label("EvaluationStatus", step.evaluation.status_after)
            lines.append(self._say("result", before=before, after=after))
            if step.evaluation.replaced_override_id is not None:
                lines.append(self._say("replaced", override=step.evaluation.replaced_override_id))
        if step.expiry is not None:
            lines.append(self._say("expires", time=in_words(step.expiry.expires_at)))
        if step.held is not None:
            lines.append(self._words["held" if step.held else "released"])
        if step.erases_all:
            lines.append(self._words["erased_all"])
        for line in lines:
            self._sheet.write_line(line, indent=6)

    def _steps(self, step: Step) -> None:
        if step.step_record is not None:
            state = self._label("StepState", step.step_record.state)
            self._sheet.write_line(self._say("step", step=step.step_record.key, state=state), indent=6)
        if step.open_steps:
            self._sheet.write_line(self._say("open_steps", steps=", ".join(step.open_steps)), indent=6)

    def _decisions(self) -> None:
        sheet = self._sheet
        sheet.section(self._words["decisions"], REVIEW_MM)
        reviews = list(self._case.reviews())
        if not reviews:
            sheet.write_line(self._words["no_decisions"], color=MUTED)
        for steps in reviews:
            request = steps[0].override or {}
            sheet.room(REVIEW_MM)
            sheet.ln(2)
            wanted = self._label("RequestedStatus", request["requested_status"])
            before = self._label("EvaluationStatus", request["subject_status_at_request"])
            person = self._person(request["creator_id"])
            title = self._say("override", person=person, wanted=wanted, before=before)
            sheet.write_line(title, size=10.5, bold=True)
            sheet.write_line(request["id"], size=7.5, mono=True, color=MUTED)
            for step in steps:
                self._authority(step)

    def _authority(self, step: Step) -> None:
        sheet, override = self._sheet, step.override or {}
        sheet.room(16)
        sheet.ln(1.5)
        who = self._say("person", letter=step.person)
        action = self._label("ActionType", step.type)
        sheet.write_line(f"{step.seq}   {action}  ·  {who}  ·  {in_words(step.time)}", bold=True, size=9, indent=4)
        if step.type in ("REQUEST_OVERRIDE", "REASSIGN"):
            names = ", ".join(self._person(id) for id in override["reviewer_ids"])
            sheet.write_line(self._say("reviewers", names=names), size=9, indent=4)
        sheet.write_line(self._right(step.authority), size=9, color=MUTED, indent=4)

    def _right(self, authority: Mapping[str, Any] | None) -> str:
        if authority is None:
            return self._words["old_row"]
        roles = ", ".join(self._label("Role", role) for role in authority["roles"]) or "–"
        source = self._label("TokenSource", authority["token_source"])
        version = authority["reviewed_version"]
        said = self._say("authority", source=source, token=authority["token_id"] or "", roles=roles)
        read = self._words["no_version"] if version is None else self._say("read_version", version=version)
        represented = authority.get(ON_BEHALF_OF)
        in_place = "" if represented is None else f", {self._say('in_place', person=self._person(represented))}"
        return f"{said}, {read}{in_place}"

    def _documents(self) -> None:
        sheet, words = self._sheet, self._words
        sheet.section(words["documents"])
        documents = self._case.documents
        if not documents:
            sheet.write_line(words["no_documents"], color=MUTED)
            return
        head = [words["row"], words["name"], words["size"], words["digest"]]
        sheet.rows(head, [self._document(document) for document in documents], (12, 50, 18, 90), frozenset({3}))
        uncovered = self._case.evidence["notCovered"]["documents"]
        if uncovered:
            sheet.ln(2)
            sheet.write_line(words["uncovered"], color=MUTED)
            for document in uncovered:
                sheet.write_line(f"{document['filename']}  {document['sha256']}", size=8, indent=4)

    def _document(self, document: CaseDocument) -> list[str]:
        size = "" if document.size_bytes is None else str(document.size_bytes)
        return [str(document.seq), self._text(document.filename), size, self._text(document.sha256)]

    def _verification(self) -> None:
        sheet, words, case = self._sheet, self._words, self._case
        sheet.room(QR_MM + 90)
        sheet.section(words["verify"])
        sheet.write_line(words["verify_1"])
        sheet.ln(2)
        sheet.write_line("scripts/verify_evidence.py evidence.json --key HEX", size=8.5, mono=True, indent=4)
        sheet.ln(2)
        sheet.write_line(words["verify_2"])
        sheet.ln(3)
        sheet.code(case.receipt, QR_MM)
        sheet.ln(3)
        pairs = [(words["receipt"], case.receipt, True)]
        if case.checkpoint is not None:
            pairs.append((words["key"], case.checkpoint["key"], True))
        sheet.pairs(pairs)
