"""The gate of the schema: each kind of change that a client can notice is found, and only what hurts nobody passes."""

from datetime import date
from pathlib import Path

import pytest
from graphql import BreakingChangeType, DangerousChangeType, build_schema

from app.api.contract.changes import EFFECTS, Effect, ExtraKind, find_changes
from app.api.contract.deprecations import deprecations_of, elements
from app.api.contract.gate import NOTICE, WAIVERS, Review, review
from app.api.contract.release import FOLDER, Release, last_release
from app.api.schema import sdl
from tests.support.gateway import casegate
from tests.support.paths import ROOT

RELEASED = date(2027, 1, 1)
TODAY = date(2027, 2, 1)
OLD = """
directive @audit(level: Int = 1, by: String) repeatable on FIELD | QUERY
scalar Hour
scalar Time @specifiedBy(url: "https://example.com/time")
enum Status { OPEN CLOSED }
interface Node { id: ID! }
interface Named { name: String }
type Dog implements Node & Named { id: ID! name: String age(unit: String = "years", exact: Boolean): Int }
type Cat implements Node { id: ID! }
union Pet = Dog | Cat
input Search { text: String limit: Int! = 10 }
input By { id: ID name: String }
type Query { pet(id: ID!, by: By): Pet pets(search: Search): [Pet!]! status: Status at: Time named: Named node: Node }
type Mutation { rename(id: ID!): Dog }
type Subscription { renamed: Dog }
"""
# Of each kind of change, what is replaced by what in the schema above, and the sentence that names it.
EXAMPLES = {
    "TYPE_REMOVED": ("scalar Hour", "", "Hour was removed."),
    "TYPE_CHANGED_KIND": ("union Pet = Dog | Cat", "type Pet { id: ID! }", "Pet changed from a Union type"),
    "TYPE_REMOVED_FROM_UNION": ("Dog | Cat", "Dog", "Cat was removed from union type Pet."),
    "VALUE_REMOVED_FROM_ENUM": ("OPEN CLOSED", "OPEN", "Enum value Status.CLOSED was removed."),
    "REQUIRED_INPUT_FIELD_ADDED": (
        "{ text: String ",
        "{ text: String in: ID! ",
        "A required field Search.in was added.",
    ),
    "IMPLEMENTED_INTERFACE_REMOVED": ("Cat implements Node", "Cat", "Cat no longer implements interface Node."),
    "FIELD_REMOVED": ("{ renamed: Dog }", "{ other: Dog }", "Field Subscription.renamed was removed."),
    "FIELD_CHANGED_KIND": ("pets(search: Search): [Pet!]!", "pets(search: Search): [Pet!]", "Query.pets changed type"),
    "REQUIRED_ARG_ADDED": ("rename(id: ID!)", "rename(id: ID!, to: ID!)", "A required argument Mutation.rename(to:)"),
    "ARG_REMOVED": (", exact: Boolean", "", "Argument Dog.age(exact:) was removed."),
    "ARG_CHANGED_KIND": ("by: By", "by: By!", "Argument Query.pet(by:) has changed type"),
    "DIRECTIVE_REMOVED": ("@audit", "@check", "Directive @audit was removed."),
    "DIRECTIVE_ARG_REMOVED": (", by: String) rep", ") rep", "Argument @audit(by:) was removed."),
    "REQUIRED_DIRECTIVE_ARG_ADDED": ("by: String) rep", "by: String, on: ID!) rep", "A required argument @audit(on:)"),
    "DIRECTIVE_REPEATABLE_REMOVED": (" repeatable", "", "Repeatable flag was removed from @audit."),
    "DIRECTIVE_LOCATION_REMOVED": ("FIELD | QUERY", "FIELD", "QUERY was removed from @audit."),
    "VALUE_ADDED_TO_ENUM": ("OPEN CLOSED", "OPEN HELD CLOSED", "Enum value Status.HELD was added."),
    "TYPE_ADDED_TO_UNION": (
        "union Pet =",
        "type Cow { id: ID! } union Pet = Cow |",
        "Cow was added to union",
    ),
    "OPTIONAL_INPUT_FIELD_ADDED": (
        "{ text: String ",
        "{ text: String in: ID ",
        "An optional field Search.in was added.",
    ),
    "OPTIONAL_ARG_ADDED": ("rename(id: ID!)", "rename(id: ID!, to: ID)", "An optional argument Mutation.rename(to:)"),
    "IMPLEMENTED_INTERFACE_ADDED": (
        "Cat implements Node { id: ID! }",
        "Cat implements Node & Named { id: ID! name: String }",
        "Named added to interfaces implemented by Cat.",
    ),
    "ARG_DEFAULT_VALUE_CHANGE": ('"years"', '"days"', "Dog.age(unit:) has changed defaultValue"),
    "INPUT_FIELD_DEFAULT_VALUE_CHANGE": ("limit: Int! = 10", "limit: Int!", "Search.limit defaultValue was removed."),
    "ROOT_TYPE_CHANGED": (
        "type Mutation { rename",
        "schema { query: Query mutation: Edits subscription: Subscription } type Edits { rename",
        "The root type of mutation operations changed from Mutation to Edits.",
    ),
    "ONE_OF_ADDED": ("input By {", "input By @oneOf {", "Input By takes exactly one of its fields."),
    "ONE_OF_REMOVED": ("input By @oneOf {", "input By {", "Input By takes more than one of its fields."),
    "SPECIFIED_BY_CHANGED": ("example.com/time", "example.com/date", "Scalar Time is specified by https://example.com"),
    "TYPE_ADDED_TO_INTERFACE": (
        "union Pet",
        "type Cow implements Node { id: ID! } union Pet",
        "Type Cow was added to interface Node.",
    ),
}
MORE = {
    "a list that became one thing": ("[Pet!]!", "Pet!", "FIELD_CHANGED_KIND", "Query.pets", Effect.BREAKS),
    "one thing that became a list": ("): Dog }", "): [Dog] }", "FIELD_CHANGED_KIND", "Mutation.rename", Effect.BREAKS),
    "an input that must not be null": (
        "text: String",
        "text: String!",
        "FIELD_CHANGED_KIND",
        "Search.text",
        Effect.BREAKS,
    ),
    "an input of another type": ("text: String", "text: Int", "FIELD_CHANGED_KIND", "Search.text", Effect.BREAKS),
    "a default that is gone": (' = "years"', "", "ARG_DEFAULT_VALUE_CHANGE", "Dog.age(unit:)", Effect.CHANGES),
    "a default of an input": ("= 10", "= 20", "INPUT_FIELD_DEFAULT_VALUE_CHANGE", "Search.limit", Effect.CHANGES),
    "no mutations": ("type Mutation { rename(id: ID!): Dog }", "", "ROOT_TYPE_CHANGED", "to none", Effect.BREAKS),
    "no format": (
        ' @specifiedBy(url: "https://example.com/time")',
        "",
        "SPECIFIED_BY_CHANGED",
        "nothing",
        Effect.CHANGES,
    ),
}


def old_for(kind: str) -> str:
    return OLD.replace("input By {", "input By @oneOf {") if kind == "ONE_OF_REMOVED" else OLD


def replaced(text: str, old: str, new: str) -> str:
    assert old in text
    return text.replace(old, new)


def reviewed(new: str, old: str = OLD, waivers: str = "", today: date = TODAY) -> Review:
    return review(Release("the release", old, RELEASED), new, waivers, today)


@pytest.mark.parametrize("kind", EXAMPLES)
def test_each_kind_of_change_is_found_and_fails_unless_it_only_adds(kind: str) -> None:
    before, after, sentence = EXAMPLES[kind]
    old = old_for(kind)

    found = reviewed(replaced(old, before, after), old)

    everything = [*found.failing, *(change for change, _ in found.passing)]
    (change,) = (change for change in everything if change.kind == kind)
    assert change.text.startswith(sentence) or sentence in change.text
    assert found.passes == (EFFECTS[kind] is Effect.ADDS)
    assert (change in found.failing) == (EFFECTS[kind] is not Effect.ADDS)


def test_the_examples_are_of_all_kinds_of_breaking_and_dangerous_changes() -> None:
    kinds = [*BreakingChangeType, *DangerousChangeType, *ExtraKind]

    assert set(EXAMPLES) == {kind.name for kind in kinds} == set(EFFECTS)


@pytest.mark.parametrize("name", MORE)
def test_other_changes_of_these_kinds_are_found_too(name: str) -> None:
    before, after, kind, sentence, effect = MORE[name]

    found = reviewed(replaced(OLD, before, after))

    assert any(change.kind == kind and sentence in change.text and change.effect is effect for change in found.failing)


ADDED = {
    "a type": ("union Pet", "type Cow { id: ID! } union Pet"),
    "a field": ("renamed: Dog", "renamed: Dog held: Dog"),
    "a directive": ("scalar Time", "directive @hint on FIELD scalar Time"),
    "an answer that is never null": ("status: Status", "status: Status!"),
    "an input that may be null": ("limit: Int! = 10", "limit: Int = 10"),
    "a default": ("text: String", 'text: String = "any"'),
    "a description": ("type Dog", '"Barks." type Dog'),
    "another order": ("OPEN CLOSED", "CLOSED OPEN"),
    "a deprecation": (
        "text: String",
        'text: String @deprecated(reason: "Use `Query.pet` instead. Removed after 2027-12-31.")',
    ),
}


@pytest.mark.parametrize("name", ADDED)
def test_what_only_adds_or_loosens_passes(name: str) -> None:
    assert reviewed(replaced(OLD, *ADDED[name])).passes


def test_what_has_not_changed_has_no_changes() -> None:
    assert find_changes(build_schema(OLD), build_schema(OLD)) == []


# --- Waivers ---------------------------------------------------------------------------------------------------------

CHANGED = replaced(OLD, "{ renamed: Dog }", "{ other: Dog }")


def waiver(
    kind: str = "FIELD_REMOVED",
    change: str = "Field Subscription.renamed was removed.",
    reason: str = "It never sent anything.",
    until: str = "2027-02-01",
) -> str:
    return f'[[waivers]]\nkind = "{kind}"\nchange = "{change}"\nreason = "{reason}"\nuntil = {until}\n'


def test_a_waived_change_passes_up_to_its_last_day() -> None:
    found = reviewed(CHANGED, waivers=waiver())

    assert found.passes
    assert [(change.kind, why) for change, why in found.passing] == [
        ("FIELD_REMOVED", "waived until 2027-02-01: It never sent anything.")
    ]
    assert not reviewed(CHANGED, waivers=waiver(), today=date(2027, 2, 2)).passes


@pytest.mark.parametrize(
    ("table", "fault"),
    [
        (waiver(reason="  "), "Waiver 1 has no reason."),
        (waiver(until="2027-01-31"), "Waiver 1 ended on 2027-01-31"),
        (waiver(until="2027-05-03"), "Waiver 1 lasts longer than 90 days"),
        (waiver(until='"2027-02-01"'), "Waiver 1 needs these members"),
        (waiver(until="2027-02-01T00:00:00Z"), "Waiver 1 needs these members"),
        (waiver() + 'owner = "us"', "Waiver 1 needs these members"),
        ('[[waivers]]\nkind = "FIELD_REMOVED"', "Waiver 1 needs these members"),
        ('waivers = ["all"]', "Waiver 1 needs these members"),
        (waiver(change="Field Query.pet was removed."), "Waiver 1 is of no change that there is"),
        (waiver(kind="TYPE_REMOVED"), "Waiver 1 is of no change that there is"),
        (waiver() + waiver(reason=""), "Waiver 2 has no reason."),
        ("[[waivers", "The waivers are no TOML"),
    ],
)
def test_a_waiver_that_does_not_hold_is_a_fault(table: str, fault: str) -> None:
    found = reviewed(CHANGED, waivers=table)

    assert not found.passes
    assert any(line.startswith(fault) for line in found.faults), found.faults


def test_a_waiver_is_for_one_change() -> None:
    found = reviewed(replaced(CHANGED, "OPEN CLOSED", "OPEN"), waivers=waiver())

    assert [change.text for change in found.failing] == ["Enum value Status.CLOSED was removed."]


# --- Deprecated ------------------------------------------------------------------------------------------------------

REASON = '@deprecated(reason: "Use `Query.pet` instead. Removed after {day}.")'
DEPRECATED = {
    "a field": ("renamed: Dog", "renamed: Dog {} other: Dog", "renamed: Dog {}", "Field Subscription.renamed"),
    "an argument": ("exact: Boolean", "exact: Boolean {}", ", exact: Boolean {}", "Argument Dog.age(exact:)"),
    "a field of an input": ("text: String", "text: String {}", "text: String {}", "Field Search.text"),
    "a value of an enum": ("CLOSED", "CLOSED {}", "CLOSED {}", "Enum value Status.CLOSED"),
}


@pytest.mark.parametrize("name", DEPRECATED)
@pytest.mark.parametrize(("day", "passes"), [("2027-01-31", True), ("2027-02-01", False), ("2027-08-01", False)])
def test_what_was_deprecated_may_be_removed_after_its_day(name: str, day: str, passes: bool) -> None:
    before, after, gone, what = DEPRECATED[name]
    reason = REASON.format(day=day)
    old = replaced(OLD, before, after.format(reason))

    found = reviewed(replaced(old, gone.format(reason), ""), old)

    assert found.passes == passes
    changes = [change for change, _ in found.passing] if passes else found.failing
    assert f"{what} was removed." in [change.text for change in changes]


@pytest.mark.parametrize(
    ("reason", "fault"),
    [
        ('(reason: "Not in use.")', "Subscription.renamed is deprecated by 'Not in use.'"),
        ("", "Subscription.renamed is deprecated by 'No longer supported'"),
        ('(reason: "Use `Query.pet` instead.")', "Subscription.renamed is deprecated by"),
        ('(reason: "Use something else instead. Removed after 2027-12-31.")', "Subscription.renamed is deprecated by"),
        ('(reason: "Use `Query.pet` instead. Removed after 2027-02-30.")', "Subscription.renamed: "),
        ('(reason: "Use `Query.dog` instead. Removed after 2027-12-31.")', "Subscription.renamed names Query.dog"),
        ('(reason: "Use `Subscription.renamed` instead. Removed after 2027-12-31.")', "Subscription.renamed names"),
        ('(reason: "Use `Query.pet` instead. Removed after 2027-06-29.")', "Subscription.renamed would go after"),
    ],
)
def test_what_is_deprecated_names_its_replacement_and_a_day_far_enough(reason: str, fault: str) -> None:
    found = reviewed(replaced(OLD, "renamed: Dog", f"renamed: Dog @deprecated{reason}"))

    assert not found.passes
    assert found.faults[0].startswith(fault), found.faults


def test_what_has_to_be_given_is_not_deprecated() -> None:
    required = replaced(OLD, "pet(id: ID!", f"pet(id: ID! {REASON.format(day='2027-12-31')}")

    assert not reviewed(required).passes


def test_a_day_of_removal_is_not_moved_forward() -> None:
    old, new = (
        replaced(OLD, "renamed: Dog", f"renamed: Dog {REASON.format(day=day)}") for day in ("2028-01-31", "2028-01-30")
    )

    assert reviewed(new, old).faults == [
        "Subscription.renamed was promised until 2028-01-31, and would go after 2028-01-30."
    ]
    assert reviewed(old, new).passes


# --- The schema itself -----------------------------------------------------------------------------------------------


def test_the_schema_keeps_what_was_released() -> None:
    release = last_release()
    assert release.day is not None

    found = review(release, sdl(), WAIVERS.read_text(encoding="utf-8"), release.day)

    assert (found.failing, found.faults) == ([], []), "see app/docs/schema.md"


def test_what_is_deprecated_in_the_schema_has_a_replacement_and_a_day() -> None:
    schema = build_schema(sdl())

    assert all(it.removed_after > date(2026, 11, 30) + NOTICE for it in deprecations_of(schema).values())
    assert {"Case.title", "Query.cases(first:)", "AddCommentInput.body", "CaseStatus.OPEN"} <= elements(schema).keys()


def test_each_release_is_a_schema_named_by_its_day() -> None:
    for path in FOLDER.iterdir():
        date.fromisoformat(path.stem)
        assert build_schema(path.read_text(encoding="utf-8")).query_type is not None
        assert path.suffix == ".graphql"


def test_the_last_release_is_the_latest_by_its_day(tmp_path: Path) -> None:
    for name in ("2026-11-30.graphql", "2027-03-01.graphql", "2027-02-28.graphql", "README.md", "2028-01-01.txt"):
        (tmp_path / name).write_text(name, encoding="utf-8")

    assert last_release(tmp_path) == Release("the release of 2027-03-01", "2027-03-01.graphql", date(2027, 3, 1))


def test_the_command_fails_with_what_to_do_where_clients_would_break(tmp_path: Path) -> None:
    file = tmp_path / "clients.graphql"
    text = (ROOT / "schema.graphql").read_text(encoding="utf-8")
    file.write_text(replaced(text, "type PageInfo {", "type PageInfo {\n  pages: Int"), encoding="utf-8")

    done = casegate("schema", "--check", "--against", str(file))

    assert done.returncode == 1
    assert "BREAKS   Field PageInfo.pages was removed. (FIELD_REMOVED)" in done.stdout
    assert 'kind = "FIELD_REMOVED"\nchange = "Field PageInfo.pages was removed."' in done.stdout
    assert done.stderr == "casegate: the schema breaks the contract with its clients in 1 place\n"


def test_the_command_passes_against_the_schema_itself() -> None:
    done = casegate("schema", "--check", "--against", str(ROOT / "schema.graphql"))

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("schema.graphql: 0 fail, 0 pass.\n")


@pytest.mark.parametrize(
    ("content", "complaint"),
    [(None, "can't read"), (b"type Query {", "is no schema to compare with"), (b"\xff", "it is not UTF-8")],
)
def test_the_command_says_what_is_wrong_with_a_file(tmp_path: Path, content: bytes | None, complaint: str) -> None:
    file = tmp_path / "clients.graphql"
    if content is not None:
        file.write_bytes(content)

    done = casegate("schema", "--check", "--against", str(file))

    assert (done.returncode, done.stdout) == (1, "")
    assert complaint in done.stderr and done.stderr.count("\n") == 1
