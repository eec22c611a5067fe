"""The command line, as real processes: what it prints, for people and for programs, and how it ends."""

import json
import sqlite3
import subprocess
import sys
import tomllib
from pathlib import Path
from uuid import uuid4

import pytest

from tests.support.gateway import ROOT, casegate, casegate_json, demo_in

NO_PERSON = "00000000-0000-4000-8000-000000000000"
COMMANDS = [
    ("serve",),
    ("migrate",),
    ("demo",),
    ("schema",),
    ("account", "create"),
    ("account", "list"),
    ("account", "revoke"),
    ("user", "create"),
    ("user", "list"),
    ("user", "show"),
    ("user", "link"),
    ("user", "unlink"),
    ("user", "email"),
    ("user", "revoke"),
    ("token", "create"),
    ("token", "list"),
    ("token", "revoke"),
    ("log", "verify"),
]


@pytest.mark.parametrize("command", [(), *COMMANDS], ids=" ".join)
def test_each_command_explains_itself(command: tuple[str, ...]) -> None:
    done = casegate(*command, "--help")

    assert done.returncode == 0
    assert "Usage:" in done.stdout
    assert done.stdout.count("\n") > 5


def test_the_program_says_its_version() -> None:
    done = casegate("--version")

    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert (done.returncode, done.stdout) == (0, f"casegate {version}\n")


def test_settings_that_are_no_good_and_names_that_are_none_are_listed_at_once(tmp_path: Path) -> None:
    done = casegate("account", "list", data_dir=str(tmp_path), rate_limit="x", deadlin="3")

    assert (done.returncode, done.stdout) == (2, "")
    assert "  CASEGATE_RATE_LIMIT: " in done.stderr
    assert "  CASEGATE_DEADLIN is not a setting; is CASEGATE_DEADLINE meant?" in done.stderr


def test_a_command_starts_without_the_schema_and_the_server() -> None:
    """To import them takes longer than most commands do."""
    looked = "import sys, app.cli.program; print({'app.api.schema', 'app.server.run', 'app.main'} & {*sys.modules})"

    printed = subprocess.run(
        [sys.executable, "-c", looked], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout

    assert printed == "set()\n"


def test_all_errors_of_the_settings_are_reported_at_once(tmp_path: Path) -> None:
    done = casegate("migrate", data_dir=str(tmp_path), database_url="mysql://host/name", database_pool="0")

    assert done.returncode == 2
    assert "CASEGATE_DATABASE_URL" in done.stderr
    assert "CASEGATE_DATABASE_POOL" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_mistyped_setting_is_reported_with_the_nearest_name(tmp_path: Path) -> None:
    done = casegate("migrate", data_dir=str(tmp_path), databse_url="sqlite:///nowhere")

    assert done.returncode == 0
    assert "CASEGATE_DATABSE_URL is not a setting; is CASEGATE_DATABASE_URL meant?" in done.stderr


def test_a_database_that_does_not_answer_fails_with_one_line(tmp_path: Path) -> None:
    done = casegate("migrate", database_url="postgresql://nobody@127.0.0.1:1/nothing", data_dir=str(tmp_path))

    assert done.returncode == 1
    assert done.stderr.startswith("casegate: the database can't be used")
    assert "Traceback" not in done.stderr


def test_a_folder_that_is_a_file_fails_with_one_line(tmp_path: Path) -> None:
    occupied = tmp_path / "file"
    occupied.write_text("not a folder")

    done = casegate("migrate", data_dir=str(occupied))

    assert done.returncode == 1
    assert done.stderr.startswith("casegate: ")
    assert "Traceback" not in done.stderr


def test_people_and_tokens_are_made_listed_and_revoked(tmp_path: Path) -> None:
    place = {"data_dir": str(tmp_path)}
    account = casegate_json("account", "create", "--name", "Acme", "--language", "fr", **place)
    user = casegate_json(
        *("user", "create", "--account", account["id"], "--email", "Ada@Example.com", "--name", "Ada"),
        *("--role", "CONTRIBUTOR", "--role", "REVIEWER"),
        **place,
    )
    token = casegate_json("token", "create", "--user", user["id"], "--scope", "cases_read", "--name", "ci", **place)

    assert account["default_language"] == "FR"
    assert (user["email"], user["roles"]) == ("ada@example.com", ["CONTRIBUTOR", "REVIEWER"])
    assert [row["id"] for row in casegate_json("account", "list", **place)] == [account["id"]]
    assert [row["id"] for row in casegate_json("user", "list", "--account", account["id"], **place)] == [user["id"]]
    (listed,) = casegate_json("token", "list", "--account", account["id"], **place)
    assert (listed["id"], listed["scopes"], listed["revoked_at"]) == (token["id"], "cases_read", None)
    assert token["token"] not in casegate("token", "list", **place).stdout

    assert casegate("user", "revoke", user["id"], **place).stdout == "deactivated, 1 token revoked\n"
    (revoked,) = casegate_json("token", "list", "--user", user["id"], **place)
    assert revoked["revoked_at"] is not None
    assert casegate("account", "revoke", account["id"], **place).stdout == "0 tokens revoked\n"


def test_a_tokens_secret_is_stored_nowhere(tmp_path: Path) -> None:
    place = {"data_dir": str(tmp_path)}
    account = casegate_json("account", "create", "--name", "Acme", **place)["id"]
    user = casegate_json(
        "user", "create", "--account", account, "--email", "a@b.c", "--name", "Ada", "--role", "ADMIN", **place
    )

    secret = casegate_json("token", "create", "--user", user["id"], "--scope", "cases_read", **place)["token"]

    with sqlite3.connect(tmp_path / "casegate.sqlite") as database:
        stored = "\n".join(database.iterdump())
    assert secret not in stored
    assert secret.removeprefix("cgt_")[8:] not in stored


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("account", "create", "--name", "  "), "the name must be"),
        (("account", "revoke", str(uuid4())), "there is no account"),
        (("user", "revoke", str(uuid4())), "there is no user"),
        (("user", "show", str(uuid4())), "there is no user"),
        (("user", "email", str(uuid4()), "a@b.c"), "there is no user"),
        (("user", "unlink", str(uuid4()), "--issuer", "x"), "no subject of x"),
        (("token", "revoke", str(uuid4())), "there is no token"),
        (("token", "create", "--user", str(uuid4()), "--scope", "cases_read"), "there is no user"),
        (
            ("user", "create", "--account", str(uuid4()), "--email", "a@b.c", "--name", "A", "--role", "ADMIN"),
            "there is no account",
        ),
        (("migrate", "--to", "no-such-revision"), "no-such-revision"),
    ],
    ids=lambda value: " ".join(value[:2]) if isinstance(value, tuple) else "",
)
def test_a_command_that_fails_prints_one_line(tmp_path: Path, arguments: tuple[str, ...], words: str) -> None:
    casegate("migrate", data_dir=str(tmp_path))

    done = casegate(*arguments, data_dir=str(tmp_path))

    assert done.returncode == 1
    assert done.stdout == ""
    assert words in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("account", "revoke", "not-an-id"),
        ("token", "create", "--user", NO_PERSON, "--scope", "everything"),
        ("token", "create", "--user", NO_PERSON),
        ("user", "create", "--account", NO_PERSON, "--email", "a@b.c", "--name", "A", "--role", "BOSS"),
        ("serve", "--port", "70000"),
        ("no-such-command",),
    ],
    ids=" ".join,
)
def test_wrong_usage_ends_with_2(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    done = casegate(*arguments, data_dir=str(tmp_path))

    assert done.returncode == 2
    assert done.stdout == ""
    assert "Traceback" not in done.stderr


def test_an_email_address_is_taken_once_in_an_account(fresh_url: str) -> None:
    account = casegate_json("account", "create", "--name", "Acme", database_url=fresh_url)["id"]
    create = ("user", "create", "--account", account, "--name", "Ada", "--role", "ADMIN")
    casegate_json(*create, "--email", "ada@example.com", database_url=fresh_url)

    again = casegate(*create, "--email", "ADA@example.com", database_url=fresh_url)

    assert again.returncode == 1
    assert "ada@example.com is in this account already" in again.stderr


def test_an_administrator_sees_links_and_addresses_that_look_alike(tmp_path: Path) -> None:
    place = {"data_dir": str(tmp_path)}
    account = casegate_json("account", "create", "--name", "Acme", **place)["id"]
    create = ("user", "create", "--account", account, "--role", "REVIEWER", "--name", "Rosa")
    rosa, other = (
        casegate_json(*create, "--email", email, **place)["id"] for email in ("rosa@a.example", "r\u043esa@a.example")
    )
    of_issuer = ("--issuer", "https://login.example")

    listed = casegate_json("user", "list", "--account", account, **place)
    linked = casegate_json("user", "link", rosa, *of_issuer, "--subject", "r|1", **place)
    taken = casegate("user", "link", other, *of_issuer, "--subject", "r|1", **place)
    unlinked = casegate("user", "unlink", rosa, *of_issuer, **place)
    shown = casegate_json("user", "show", rosa, **place)
    renamed = casegate("user", "email", other, "ROLF@a.example", **place)
    seen = casegate("user", "show", rosa, **place).stdout

    assert [row["notice"] for row in listed] == [
        ["looks like r\\u043esa@a.example"],
        ["not ASCII: r\\u043esa@a.example", "letters of CYRILLIC and LATIN in one word", "looks like rosa@a.example"],
    ]
    assert (linked["user_id"], linked["origin"], linked["unlinked_at"]) == (rosa, "ADMINISTRATOR", None)
    assert (taken.returncode, f"stands for the user {rosa}" in taken.stderr) == (1, True)
    assert unlinked.stdout == "unlinked, r|1 stands for nobody\n"
    assert [(row["subject"], row["unlinked_at"] is None) for row in shown["identities"]] == [("r|1", False)]
    assert renamed.stdout == "rolf@a.example\n"
    assert "identities:" in seen and "r|1" in seen and "notice: -" in seen


def test_the_demo_fills_an_empty_database_once_and_makes_new_tokens_each_time(tmp_path: Path) -> None:
    first = casegate_json("demo", data_dir=str(tmp_path))
    second = casegate_json("demo", data_dir=str(tmp_path))

    assert set(first) == {"account", "people", "cases"}
    assert set(first["account"]) == {"id", "name"}
    assert {frozenset(person) for person in first["people"]} == {
        frozenset({"id", "displayName", "email", "roles", "token"})
    }
    assert {frozenset(case) for case in first["cases"]} == {frozenset({"id", "reference", "status"})}
    assert (first["account"], first["cases"]) == (second["account"], second["cases"])
    assert not {person["token"] for person in first["people"]} & {person["token"] for person in second["people"]}


def test_the_demo_stays_away_from_real_data(tmp_path: Path) -> None:
    casegate_json("account", "create", "--name", "A customer", data_dir=str(tmp_path))

    done = casegate("demo", data_dir=str(tmp_path))

    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert len(casegate_json("account", "list", data_dir=str(tmp_path))) == 1


def test_migrating_goes_down_and_up_again(fresh_url: str) -> None:
    down = casegate("migrate", "--to", "base", database_url=fresh_url)
    up = casegate("migrate", database_url=fresh_url)

    assert (down.returncode, down.stdout) == (0, "the database is at base\n")
    assert (up.returncode, up.stdout.startswith("the database is at 0")) == (0, True)


def test_the_schema_is_printed_for_programs() -> None:
    done = casegate("schema")

    assert done.returncode == 0
    assert "type Mutation {" in done.stdout


def test_the_configuration_of_client_caches_is_printed_as_json() -> None:
    possible, without_id = casegate("schema", "--possible-types"), casegate("schema", "--without-id")

    types = json.loads(possible.stdout)
    assert types.keys() == {"Node", "Signal", "UserError"}
    assert set(types["UserError"]) >= {"InputError", "NotFoundError", "AccessError", "StateError"}
    assert {"Case", "Viewer", "Account"} <= set(types["Node"])
    keyless = json.loads(without_id.stdout)
    assert {"CaseSnapshot", "SupposedAction", "PageInfo", "CaseEdge", "AddCommentPayload", "InputError"} <= set(keyless)
    assert set(types["Node"]).isdisjoint(keyless) and "Query" not in keyless
    assert casegate("schema", "--possible-types", "--without-id").returncode != 0


def test_a_valid_log_is_reported_as_json(tmp_path: Path) -> None:
    demo_in(tmp_path)

    report = json.loads(casegate("log", "verify", "--json", data_dir=str(tmp_path)).stdout)

    assert report["faults"] == []
    assert report["cases"] == 40


def test_a_time_that_no_calendar_has_is_wrong_usage(tmp_path: Path) -> None:
    done = casegate("documents", "sweep", "--grace", "99999999999999999", data_dir=str(tmp_path))

    assert done.returncode == 2
    assert "--grace" in done.stderr
