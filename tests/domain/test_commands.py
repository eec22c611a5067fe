"""Commands: a decision names what it is about, and files need a scope of their own."""

from typing import Any
from uuid import UUID

import pytest

from app.domain.commands import AcceptOverride, AddComment, CancelOverride, NewDocument, RefuseOverride
from app.domain.errors import InputRefused

ID = UUID(int=1)
FILE = NewDocument(id=ID, filename="a.txt", content_type="text/plain", size_bytes=1, sha256="0" * 64)


@pytest.mark.parametrize("command", [AcceptOverride, RefuseOverride])
@pytest.mark.parametrize(
    ("override_id", "version", "missing"),
    [
        (None, None, ["overrideId", "expectedVersion"]),
        (None, 1, ["overrideId"]),
        (ID, None, ["expectedVersion"]),
    ],
)
def test_a_decision_without_its_override_or_version_is_refused(
    command: Any, override_id: UUID | None, version: int | None, missing: list[str]
) -> None:
    with pytest.raises(InputRefused) as refused:
        command(case_id=ID, override_id=override_id, expected_version=version)

    found = [(refusal.code, refusal.path) for refusal in refused.value.refusals]
    assert found == [("REQUIRED", ("input", name)) for name in missing]
    assert str(refused.value) == ", ".join(["REQUIRED"] * len(missing))


def test_a_decision_may_name_version_zero() -> None:
    assert AcceptOverride(case_id=ID, override_id=ID, expected_version=0).expected_version == 0


def test_only_files_that_come_along_need_the_scope_of_documents() -> None:
    assert AddComment(case_id=ID, new_documents=(FILE,)).brings_documents
    assert not AddComment(case_id=ID, document_ids=(ID,)).brings_documents
    assert not CancelOverride(case_id=ID).brings_documents
