"""Python's gql with models that turms generates: the whole workflow on a live gateway, files and subscriptions too."""

import asyncio
import importlib.util
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from gql import Client, FileVar, GraphQLRequest
from gql.transport.requests import RequestsHTTPTransport
from gql.transport.websockets import WebsocketsTransport
from graphql import GraphQLError

from app.api.contract.release import last_release
from tests.support.gateway import Server, casegate_json, demo_in, serving
from tests.support.paths import ROOT

SOURCE = ROOT / "tests/clients/python"
TURMS = Path(sys.executable).parent / "turms"


def generate(folder: Path) -> "subprocess.CompletedProcess[str]":
    """Generate the models of the operations in *folder* from the last release of the schema."""
    (folder / "schema.graphql").write_text(last_release().sdl, encoding="utf-8")
    return subprocess.run([TURMS, "gen"], cwd=folder, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The module of what is generated."""
    folder = tmp_path_factory.mktemp("generated")
    shutil.copytree(SOURCE, folder, dirs_exist_ok=True)
    done = generate(folder)
    assert done.returncode == 0, done.stdout + done.stderr
    spec = importlib.util.spec_from_file_location("generated_models", folder / "generated/api.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("gateway")
    demo_in(folder)
    with serving(folder) as running:
        yield running


class Session:
    """What one person sends, held against the schema before, and read into the generated models."""

    def __init__(self, server: Server, token: str, models: Any) -> None:
        self._models = models
        headers = {"Authorization": f"Bearer {token}"}
        transport = RequestsHTTPTransport(url=f"{server.address}/graphql", headers=headers)
        self._client = Client(transport=transport, schema=(ROOT / "schema.graphql").read_text(encoding="utf-8"))

    def run(self, name: str, **values: Any) -> Any:
        """Return what the operation of this name gives."""
        operation = getattr(self._models, name)
        sent = operation.Arguments(**values).model_dump(by_alias=True, exclude_none=True)
        request = GraphQLRequest(operation.Meta.document, variable_values=sent)
        has_files = bool(sent.get("input", {}).get("documents"))
        return operation.model_validate(self._client.execute(request, upload_files=has_files))

    def act(self, name: str, **values: Any) -> Any:
        """Return the payload of a mutation."""
        given = getattr(self._models, f"{name}Input").model_validate(values)
        operation = getattr(self._models, name)
        payload = next(iter(operation.model_fields))
        return getattr(self.run(name, input=given), payload)


@pytest.fixture
def sessions(server: Server, models: Any) -> tuple[Session, Session]:
    """A contributor's and a reviewer's."""
    people = casegate_json("demo", data_dir=str(server.log.parent))["people"]
    tokens = {person["displayName"]: person["token"] for person in people}
    contributor, reviewer = (Session(server, tokens[name], models) for name in ("Ada Okafor", "Rosa Bianchi"))
    return contributor, reviewer


def subject(name: str) -> dict[str, str]:
    label = "Moulins Réunis"
    kind, status = "COMPANY_ACCOUNT_CHECK", "UNFAVORABLE"
    return {"type": kind, "externalRef": f"python-{name}", "label": label, "evaluationStatus": status}


def test_two_people_work_a_case_from_opening_to_closing(sessions: tuple[Session, Session], models: Any) -> None:
    ada, rosa = sessions
    opened = ada.act("OpenCase", subject=subject("workflow"), title="A changed IBAN").case
    letter = FileVar(b"We confirm our account.\n", filename="letter.txt", content_type="text/plain")
    commented = ada.act("AddComment", caseId=opened.id, body="The bank's letter.", documents=[letter])
    (reviewer,) = ada.run("Reviewers", id=opened.id).case.eligible_reviewers.nodes
    request = {
        "caseId": opened.id,
        "requestedStatus": "FAVORABLE",
        "reviewerIds": [reviewer.id],
        "reason": "Confirmed.",
    }
    requested = ada.act("RequestOverride", **request).case
    decision = {"caseId": opened.id, "overrideId": requested.active_override.id}

    own = ada.act("AcceptOverride", **decision, expectedVersion=requested.version)
    late = rosa.act("AcceptOverride", **decision, expectedVersion=1)
    accepted = rosa.act("AcceptOverride", **decision, expectedVersion=requested.version).case
    closed = ada.act("CloseCase", caseId=opened.id).case
    again = ada.act("CloseCase", caseId=opened.id)

    steps = (opened, commented.case, requested, accepted, closed)
    assert [step.status.value for step in steps] == ["OPEN", "IN_PROGRESS", "PENDING_REVIEW", "RESOLVED", "CLOSED"]
    assert accepted.subject.evaluation_status is models.EvaluationStatus.FAVORABLE
    (document,) = commented.comment.documents
    assert (document.filename, document.content_type) == ("letter.txt", "text/plain")
    assert isinstance(own.errors[0], models.ErrorPartsAccessError)
    assert own.errors[0].required_roles == [models.Role.REVIEWER] or tuple(own.errors[0].required_roles) == (
        "REVIEWER",
    )
    assert (late.errors[0].typename, late.errors[0].actual_version) == ("VersionConflictError", 3)
    assert (again.errors[0].code, again.errors[0].case_status) == (
        models.ErrorCode.CASE_CLOSED,
        models.CaseStatus.CLOSED,
    )


def test_a_wrong_operation_does_not_leave_the_client(sessions: tuple[Session, Session]) -> None:
    with pytest.raises(GraphQLError, match="Cannot query field 'name' on type 'Case'"):
        sessions[0]._client.execute(GraphQLRequest("{ cases { nodes { name } } }"))


def test_a_subscription_is_read_into_the_models(server: Server, sessions: tuple[Session, Session], models: Any) -> None:
    ada, _ = sessions
    case_id = ada.act("OpenCase", subject=subject("subscription"), title="A changed IBAN").case.id
    token = casegate_json("demo", data_dir=str(server.log.parent))["people"][1]["token"]

    async def statuses() -> list[str]:
        address = server.address.replace("http", "ws", 1) + "/graphql"
        transport = WebsocketsTransport(
            url=address, subprotocols=["graphql-transport-ws"], init_payload={"Authorization": f"Bearer {token}"}
        )
        found: list[str] = []
        async with Client(transport=transport) as session:
            request = GraphQLRequest(models.Following.Meta.document, variable_values={"id": case_id})
            async for event in session.subscribe(request):
                found.append(models.Following.model_validate(event).case_changed.status.value)
                if len(found) == 2:
                    break
                await asyncio.to_thread(ada.act, "AddComment", caseId=case_id, body="Called them.")
        return found

    assert asyncio.run(statuses()) == ["OPEN", "IN_PROGRESS"]


def test_the_generator_refuses_a_field_that_there_is_not(tmp_path: Path) -> None:
    shutil.copytree(SOURCE, tmp_path, dirs_exist_ok=True)
    operations = tmp_path / "operations.graphql"
    operations.write_text(operations.read_text(encoding="utf-8").replace("version\n", "edition\n", 1), encoding="utf-8")

    done = generate(tmp_path)

    assert "edition" in done.stdout + done.stderr
    assert done.returncode != 0 or not (tmp_path / "generated/api.py").exists()
