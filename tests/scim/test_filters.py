"""Filters and paths of SCIM, without a gateway."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.scim.filters import Equality, PatchPath, parse_filter, parse_path
from app.scim.patching import Membership, operations_of, patched
from app.scim.problems import ScimRefused


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "userName", "userName eq", "eq", 'userName sw "a"', 'userName eq "a" or active eq true'),
        *('not (userName eq "a")', "userName pr", 'userName eq "a', '(userName eq "a"', 'userName eq "a")', "a eq b"),
        *('emails[type eq "work"', 'emails[a[b eq "c"]]', 'userName eq "a" and', 'userName eq {"a":1}', "a eq [1]"),
        *('a eq "\\ud800"', 'a eq "\\u0000"', 'a eq "x" y', "(" * 100 + 'a eq "x"' + ")" * 100, "x" * 5_000),
        " and ".join(['a eq "x"'] * 50),
    ],
)
def test_what_is_no_filter_here_is_refused(text: str) -> None:
    with pytest.raises(ScimRefused) as refused:
        parse_filter(text)
    assert refused.value.kind == "invalidFilter"


def test_values_are_those_of_json() -> None:
    found = parse_filter(r'a eq "x \"y\" \u00e9" and b eq TRUE and c eq 12 and d eq null and e eq "and"')
    assert found == [
        Equality("a", 'x "y" é'),
        Equality("b", True),
        Equality("c", 12),
        Equality("d", None),
        Equality("e", "and"),
    ]


@pytest.mark.parametrize("text", ["", "a b", "1a", "a.b.c", 'a[b eq "c"', 'a[b eq "c"].', 'a[b eq "c"]d', "[x]", '"a"'])
def test_what_is_no_path_is_refused(text: str) -> None:
    with pytest.raises(ScimRefused) as refused:
        parse_path(text)
    assert refused.value.kind == "invalidPath"


def test_paths_are_read_whatever_their_case_and_with_their_schema() -> None:
    schema = "urn:ietf:params:scim:schemas:core:2.0:User"
    assert parse_path(f"{schema}:Name.FamilyName") == PatchPath("name", None, "familyname")
    assert parse_path('members[VALUE eq "1"]') == PatchPath("members", (Equality("value", "1"),))
    assert parse_path('emails[type eq "work"].value') == PatchPath("emails", (Equality("type", "work"),), "value")
    extension = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:user:department"
    assert parse_path(extension) == PatchPath(extension)


@settings(max_examples=50)
@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    for read, kind in ((parse_filter, "invalidFilter"), (parse_path, "invalidPath")):
        refusal = None
        try:
            assert read(text)
        except ScimRefused as refused:
            refusal = refused
        assert refusal is None or refusal.kind == kind


@pytest.mark.parametrize(
    "path", ["members.display", "members.value", 'members[value eq "1"].display', 'members[value eq "1"].value']
)
def test_a_part_of_members_removes_no_one(path: str) -> None:
    membership = Membership()
    operations = operations_of({"Operations": [{"op": "remove", "path": path}]})
    with pytest.raises(ScimRefused) as refused:
        patched({"members": membership}, operations, ["members"])
    assert (refused.value.kind, membership) == ("invalidPath", Membership())
