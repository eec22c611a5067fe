"""The one write path: what each action writes and what it does not, all of it or nothing.

What is refused is in test_guards and test_refusals, the same request again in test_idempotency, and what happens at
once in test_concurrency.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app.actions.outcome import Outcome
from app.actions.perform import perform
from app.audit.verification import verify_log
from app.db import tables
from app.domain.commands import CloseCase, OpenCase
from app.domain.errors import SubjectChanged, VersionConflict
from app.domain.model import EvaluationStatus, Resolution
from tests.support.database_contents import Contents, contents, differences, without
from tests.support.played_story import NO_PERSON, START, STEPS, Story, step
from tests.support.world import World

CASE = "cases: action_count head_hash status updated_at version"

# The steps of a story, and what each writes: rows that come in, and columns that change.
WRITES = {
    "open": {"accounts: case_count", "+1 subjects", "+1 cases", "+1 case_actions"},
    "comment": {CASE, "+1 comments", "+1 case_actions"},
    "comment again": {CASE.replace(" status", ""), "+1 comments", "+1 case_actions"},
    "request": {CASE, "+1 overrides", "+2 override_reviewers", "+1 comments", "+1 case_actions"},
    "refuse": {CASE, "overrides: decided_at decided_by_id status version", "+1 comments", "+1 case_actions"},
    "request again": {CASE, "+1 overrides", "+2 override_reviewers", "+1 comments", "+1 case_actions"},
    "cancel": {CASE, "overrides: status version", "+1 case_actions"},
    "request at last": {CASE, "+1 overrides", "+2 override_reviewers", "+1 comments", "+1 case_actions"},
    "accept": {
        CASE,
        "overrides: decided_at decided_by_id status version",
        "subjects: evaluation_status override_id version",
        "+1 case_actions",
    },
    "close": {
        "cases: action_count closed_at closed_by_id head_hash resolution status updated_at version",
        "+1 case_actions",
    },
}

# What the log says of them. Each override is known by its place in the story.
LOG = """
1   OPEN              Ada   -       -               OPEN            -                 -
2   COMMENT           Carl  called  OPEN            IN_PROGRESS     -                 -
3   COMMENT           Carl  called  IN_PROGRESS     IN_PROGRESS     -                 -
4   REQUEST_OVERRIDE  Ada   sure    IN_PROGRESS     PENDING_REVIEW  -                 first
5   REFUSE            Rosa  unsure  PENDING_REVIEW  IN_PROGRESS     -                 first
6   REQUEST_OVERRIDE  Ada   sure    IN_PROGRESS     PENDING_REVIEW  -                 second
7   CANCEL            Ada   -       PENDING_REVIEW  IN_PROGRESS     -                 second
8   REQUEST_OVERRIDE  Ada   sure    IN_PROGRESS     PENDING_REVIEW  -                 third
9   ACCEPT            Rolf  -       PENDING_REVIEW  RESOLVED        -                 third
10  CLOSE             Carl  -       RESOLVED        CLOSED          OVERRIDE_APPLIED  -
"""


async def verified(world: World) -> bool:
    return all([verdict.fault is None async for verdict in verify_log(world.database)])


async def test_each_action_writes_its_own_rows_and_no_others(world: World) -> None:
    story, written = Story(world), {}

    for name in STEPS:
        before = await contents(world.database)
        await story.play(name)
        written[name] = differences(before, await contents(world.database))

    assert written == WRITES and list(WRITES) == STEPS
    assert await verified(world)


async def test_the_log_and_the_rows_beside_it_say_what_was_done(world: World) -> None:
    story = Story(world)
    for name in STEPS:
        await story.play(name)

    found = await contents(world.database)
    log = sorted(found["case_actions"].values(), key=lambda row: row["seq"])
    assert [reported_of(row, found) for row in log] == [line.split() for line in LOG.strip().splitlines()]
    assert [row["created_at"] for row in log] == [START + timedelta(minutes=minute) for minute in range(10)]
    assert [row["request_id"] for row in log] == [f"request-{name}" for name in STEPS]
    assert {(row["case_id"], row["account_id"]) for row in log} == {(story.case_id, world.account_id)}
    assert [row["prev_hash"] for row in log] == ["0" * 64, *(row["hash"] for row in log[:-1])]

    (case,) = found["cases"].values()
    assert (case["version"], case["action_count"], case["head_hash"]) == (10, 10, log[-1]["hash"])
    assert (case["number"], case["title"], case["description"]) == (1, "A changed IBAN", "They wrote.")
    assert (case["created_by_id"], case["closed_by_id"]) == (world.ada.id, world.carl.id)
    assert (case["created_at"], case["updated_at"], case["closed_at"]) == (
        log[0]["created_at"],
        log[9]["created_at"],
        log[9]["created_at"],
    )
    (subject,) = found["subjects"].values()
    assert (subject["evaluation_status"], subject["version"]) == ("FAVORABLE", 2)
    assert {(row["case_id"], row["author_id"]) for row in found["comments"].values() if row["body"] == "called"} == {
        (story.case_id, world.carl.id)
    }


def reported_of(row: Mapping[str, object], found: Contents) -> list[str]:
    """Return a log row as the line of LOG that it should be."""
    overrides = sorted(found["overrides"].values(), key=lambda override: override["created_at"])
    places = {override["id"]: place for override, place in zip(overrides, ("first", "second", "third"), strict=True)}
    names = {user["id"]: user["display_name"] for user in found["users"].values()}
    bodies = {comment["id"]: comment["body"] for comment in found["comments"].values()}
    reported = [
        row["seq"],
        row["type"],
        names[row["user_id"]],
        bodies.get(row["comment_id"]),
        row["status_before"],
        row["status_after"],
        row["resolution"],
        places.get(row["override_id"]),
    ]
    return ["-" if value is None else str(value) for value in reported]


async def test_an_override_keeps_its_creator_reviewers_and_decider(world: World) -> None:
    story = Story(world)
    for name in STEPS:
        await story.play(name)

    found = await contents(world.database)
    overrides = sorted(found["overrides"].values(), key=lambda row: row["created_at"])
    assert [(row["status"], row["decided_by_id"], row["version"]) for row in overrides] == [
        ("REFUSED", world.rosa.id, 2),
        ("CANCELLED", None, 2),
        ("ACCEPTED", world.rolf.id, 2),
    ]
    assert [row["decided_at"] for row in overrides] == [
        START + timedelta(minutes=4),
        None,
        START + timedelta(minutes=8),
    ]
    for row in overrides:
        assert (row["created_by_id"], row["case_id"]) == (world.ada.id, story.case_id)
        assert (row["requested_status"], row["subject_status_at_request"]) == ("FAVORABLE", "UNFAVORABLE")
        requested = [link for link in found["override_reviewers"].values() if link["override_id"] == row["id"]]
        assert [link["reviewer_id"] for link in sorted(requested, key=lambda link: link["position"])] == [
            world.rolf.id,
            world.rosa.id,
        ]


async def test_a_fault_at_the_last_statement_leaves_nothing_and_burns_no_key(world: World) -> None:
    story = Story(world)

    for name in STEPS:
        before = await contents(world.database)
        async with without(world.database, "case_actions"):
            with pytest.raises(DBAPIError):
                await story.perform(name, idempotency_key=f"key-{name.replace(' ', '-')}")
        assert await contents(world.database) == before, name
        await story.play(name, idempotency_key=f"key-{name.replace(' ', '-')}")

    assert await verified(world)


async def test_an_expected_version_must_be_the_actual_one(world: World) -> None:
    story = Story(world)

    for name in STEPS:
        # For opening it is the version of the subject, which is not there yet.
        actual = len(story.outcomes)
        before = await contents(world.database)
        for wrong in {actual + 1, abs(actual - 1)} - {actual}:
            with pytest.raises(VersionConflict) as refused:
                await story.perform(name, expected_version=wrong)
            assert refused.value.params == {"expected": wrong, "actual": actual}
            assert refused.value.path == ("input", "expectedVersion")
        assert await contents(world.database) == before
        await story.play(name, expected_version=actual)


async def test_a_known_subject_keeps_its_name_and_takes_a_newer_result_but_never_a_favorable_one(world: World) -> None:
    story = Story(world)
    await story.play("open")

    async def opened(status: EvaluationStatus | None, expected_version: int) -> Outcome:
        """Open the next case on the subject, once the last one is closed."""
        (open_case,) = [row for row in (await contents(world.database))["cases"].values() if row["closed_at"] is None]
        await world.do(world.ada, CloseCase(case_id=open_case["id"], resolution=Resolution.RESULT_CONFIRMED))
        _, command = await step("open", world, NO_PERSON)
        assert isinstance(command, OpenCase)
        subject = replace(command.subject, label="Another name", country_code="DE", evaluation_status=status)
        return await world.do(world.ada, replace(command, subject=subject, expected_version=expected_version))

    unknown, newer = await opened(None, 1), await opened(EvaluationStatus.ANOMALY, 1)
    with pytest.raises(SubjectChanged) as refused:
        await opened(EvaluationStatus.FAVORABLE, 2)

    assert refused.value.path == ("input", "subject", "evaluationStatus")
    assert unknown.subject is not None and newer.subject is not None
    assert (unknown.subject.evaluation_status, unknown.subject.version) == ("UNFAVORABLE", 1)
    assert (newer.subject.evaluation_status, newer.subject.version) == ("ANOMALY", 2)
    assert (newer.subject.label, newer.subject.country_code) == ("Moulins Réunis", "FR")
    assert newer.case.subject_status_at_opening == "ANOMALY"


async def test_the_log_never_goes_back_in_time_though_a_clock_may(world: World) -> None:
    story = Story(world)
    opened = await story.play("open")
    person, command = await step("comment", world, story.case_id)

    commented = await perform(
        world.database, person.actor, command, request_id="r", now=lambda: START - timedelta(hours=1)
    )

    assert commented.action.created_at == commented.case.updated_at == opened.action.created_at
    assert commented.comment is not None and commented.comment.created_at == opened.action.created_at


@pytest.mark.parametrize("origin", ["postgresql"], indirect=True)  # SQLite's writers queue, and none ever loses
async def test_a_transaction_that_lost_against_another_is_tried_again_as_a_whole(world: World) -> None:
    story = Story(world)
    await story.play("open")
    async with world.database.write() as connection:
        for statement in (
            "CREATE SEQUENCE tries MINVALUE -9 START 1",
            """CREATE FUNCTION lose() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            IF nextval('tries') <= 3 THEN RAISE EXCEPTION 'lost' USING ERRCODE = '40001'; END IF; RETURN NEW; END $$""",
            "CREATE TRIGGER lose BEFORE INSERT ON case_actions FOR EACH ROW EXECUTE FUNCTION lose()",
        ):
            await connection.execute(text(statement))

    commented = await story.play("comment", idempotency_key="key")

    assert commented.action.seq == 2
    found = await contents(world.database)
    assert [len(found[table.name]) for table in (tables.comments, tables.idempotency_records)] == [1, 1]
    async with world.database.write() as connection:
        await connection.execute(text("ALTER SEQUENCE tries RESTART WITH -9"))
    with pytest.raises(DBAPIError):
        await story.perform("comment again")
