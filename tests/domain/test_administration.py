"""The table of administration: the manual shows it as it is, and what it says of each command."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from app.domain.account_log import AdminActionType
from app.domain.addresses import parse_address
from app.domain.admin_commands import (
    WAITING,
    ChangeRoles,
    CreateServiceAccount,
    CreateToken,
    DeactivateUser,
    InviteUser,
    ReactivateUser,
    UpdateAccount,
    UpdateUser,
    command_of,
    payload_of,
)
from app.domain.administration import RULES, AdminFacts, Member, demand_last_admin, demand_token, needs_second_admin
from app.domain.administration_chart import administration_table
from app.domain.errors import InsufficientScope, InvalidInput, LastAdmin, RoleRequired, ServiceAccountRequired
from app.domain.facts import Actor
from app.domain.model import Language, Role, Scope, UserKind
from app.domain.webhook_commands import CreateWebhook, UpdateWebhook
from app.domain.webhooks import SignatureScheme
from tests.support.paths import ROOT

SOON = datetime(2026, 12, 1, tzinfo=UTC)
ACTOR, OTHER, THIRD = (UUID(int=number) for number in (1, 2, 3))
SETTINGS = {
    "name": "Acme",
    "default_language": Language.EN,
    "cases_enabled": True,
    "overrides_enabled": True,
    "restrict_to_assigned_reviewers": False,
}


def facts(
    *roles: Role, of: UUID = OTHER, held: tuple[Role, ...] = (Role.ADMIN,), admins: tuple[UUID, ...] = (ACTOR,)
) -> AdminFacts:
    """Return what is known where a command is about *of*, who has these *roles*."""
    member = Member(of, UserKind.PERSON, True, frozenset(roles), "a@acme.example")
    return AdminFacts(frozenset(held), frozenset(admins), SETTINGS, member)


def test_the_manual_shows_the_table_as_it_is() -> None:
    text = (ROOT / "app/docs/administration.md").read_text(encoding="utf-8")
    assert text.split("<!-- administration table -->\n")[1].split("<!-- end -->")[0] == administration_table()


def test_every_mutation_has_a_rule() -> None:
    logged_alone = {"CREATE_ACCOUNT", "REVOKE_ALL_TOKENS", "LINK_IDENTITY", "UNLINK_IDENTITY"}
    logged_alone |= {"CHANGE_GROUPS", "DISABLE_WEBHOOK", "EVALUATION"}
    assert {type.value for type in AdminActionType} - {type.value for type in RULES} == logged_alone


def change_roles(*roles: Role, user_id: UUID = OTHER) -> ChangeRoles:
    return ChangeRoles(user_id=user_id, roles=roles)


C, R, A = Role.CONTRIBUTOR, Role.REVIEWER, Role.ADMIN


@pytest.mark.parametrize(
    ("roles", "held", "new", "expected"),
    [
        ((), (A,), (C,), False),
        ((), (A, R), (C,), True),
        ((), (A, C), (C,), True),
        ((), (A,), (R,), True),
        ((C,), (A,), (C, A), True),
        ((C, R), (A,), (R,), False),
        ((R,), (A,), (C, R), False),
        ((C, R), (A, R), (), False),
    ],
)
def test_a_second_admin_is_needed_for_roles(
    roles: tuple[Role, ...], held: tuple[Role, ...], new: tuple[Role, ...], expected: bool
) -> None:
    assert needs_second_admin(change_roles(*new), ACTOR, facts(*roles, held=held)) is expected


def test_a_second_admin_is_needed_to_end_another_admin_and_not_to_resign() -> None:
    two = (ACTOR, OTHER)
    assert needs_second_admin(DeactivateUser(user_id=OTHER), ACTOR, facts(A, admins=two))
    assert needs_second_admin(change_roles(), ACTOR, facts(A, admins=two))
    assert not needs_second_admin(DeactivateUser(user_id=OTHER), ACTOR, facts(R))
    resigning = change_roles(user_id=ACTOR)
    assert not needs_second_admin(resigning, ACTOR, facts(A, of=ACTOR, admins=two))
    demand_last_admin(resigning, facts(A, of=ACTOR, admins=two))
    with pytest.raises(LastAdmin):
        demand_last_admin(resigning, facts(A, of=ACTOR))


def test_a_second_admin_is_needed_for_who_comes_back_an_address_and_a_policy() -> None:
    assert needs_second_admin(ReactivateUser(user_id=OTHER), ACTOR, facts(R))
    assert not needs_second_admin(ReactivateUser(user_id=OTHER), ACTOR, facts(C))
    same, other = parse_address("A@acme.example"), parse_address("b@acme.example")
    assert not needs_second_admin(UpdateUser(user_id=OTHER, email=same), ACTOR, facts(C))
    assert needs_second_admin(UpdateUser(user_id=OTHER, email=other), ACTOR, facts(C))
    assert not needs_second_admin(UpdateAccount(name="x", cases_enabled=True), ACTOR, facts(C))
    assert needs_second_admin(UpdateAccount(name="x", cases_enabled=False), ACTOR, facts(C))
    assert not needs_second_admin(CreateServiceAccount(display_name="x", roles=(C,)), ACTOR, facts(C))


def test_what_waits_is_read_as_it_was_stored() -> None:
    address = parse_address("Zo\u00e9@acme.example")
    assert address is not None
    commands = [
        InviteUser(email=address, display_name="Zo\u00e9", roles=(C, R), language=Language.FR),
        UpdateUser(user_id=OTHER, email=address),
        DeactivateUser(user_id=OTHER),
        ReactivateUser(user_id=THIRD),
        change_roles(A),
        CreateToken(user_id=OTHER, scopes=(Scope.CASES_READ, Scope.SUBJECTS_WRITE), name="x", expires_at=SOON),
        UpdateAccount(name="x", restrict_to_assigned_reviewers=False),
        CreateWebhook(name="x", url="https://a.example/", document="{", scheme=SignatureScheme.ED25519),
        UpdateWebhook(webhook_id=OTHER, url="https://a.example/"),
    ]
    assert {command.type for command in commands} == set(WAITING)
    for command in commands:
        assert command_of(command.type, payload_of(command)) == command


def test_a_second_admin_is_needed_for_a_token_that_records_results() -> None:
    records = CreateToken(user_id=OTHER, scopes=(Scope.CASES_READ, Scope.SUBJECTS_WRITE))
    assert needs_second_admin(records, ACTOR, facts())
    assert not needs_second_admin(CreateToken(user_id=OTHER, scopes=(Scope.CASES_READ,)), ACTOR, facts())


def test_a_service_account_s_token_alone_records_results_whatever_its_maker_s_may() -> None:
    command = CreateToken(user_id=OTHER, scopes=(Scope.SUBJECTS_WRITE,))
    demand_token(command, maker(A), Member(OTHER, UserKind.SERVICE, True, frozenset(), "bot"))

    entitled = maker(A, scopes=frozenset(Scope))
    for id in (ACTOR, OTHER):
        with pytest.raises(ServiceAccountRequired) as refused:
            demand_token(command, entitled, Member(id, UserKind.PERSON, True, frozenset({A}), "a@acme.example"))
        assert refused.value.path == ("input", "scopes")


def maker(*roles: Role, **more: Any) -> Actor:
    """Return who makes a token, by one that gives these *roles*."""
    given = {"scopes": frozenset({Scope.ADMIN_WRITE, Scope.CASES_READ})} | more
    return Actor(UUID(int=9), ACTOR, UUID(int=8), True, frozenset(roles), features=frozenset(), **given)


def test_a_token_that_gives_fewer_roles_makes_none_that_gives_all() -> None:
    member = Member(ACTOR, UserKind.PERSON, True, frozenset({C, R}), "a@acme.example")
    command = CreateToken(user_id=ACTOR, scopes=(Scope.CASES_READ,))

    demand_token(command, maker(C, R), member)
    with pytest.raises(RoleRequired):
        demand_token(command, maker(C), member)


def test_a_service_accounts_token_may_outlive_its_maker_and_never_administers() -> None:
    service = Member(OTHER, UserKind.SERVICE, True, frozenset({C}), "bot")
    soon = datetime(2026, 12, 1, tzinfo=UTC)

    demand_token(CreateToken(user_id=OTHER, scopes=(Scope.CASES_READ,)), maker(A, expires_at=soon), service)
    with pytest.raises(InsufficientScope):
        demand_token(CreateToken(user_id=OTHER, scopes=(Scope.ADMIN_WRITE,)), maker(A), service)
    own = Member(ACTOR, UserKind.PERSON, True, frozenset({A}), "a@acme.example")
    with pytest.raises(InvalidInput):
        demand_token(CreateToken(user_id=ACTOR, scopes=(Scope.CASES_READ,)), maker(A, expires_at=soon), own)
