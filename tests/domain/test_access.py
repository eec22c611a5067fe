"""Reading and uploading: what the account, the token and the person allow, and what is refused first."""

from dataclasses import replace

import pytest

from app.domain.access import permit_reading
from app.domain.errors import Refusal
from app.domain.facts import Actor
from app.domain.model import Feature, Scope
from tests.support.workflow_situations import actor_of

READER = replace(actor_of("C"), scopes=frozenset({Scope.CASES_READ}), features=frozenset({Feature.CASES}))
INACTIVE = replace(READER, active=False)
BY_ANOTHER_TOKEN = replace(INACTIVE, scopes=frozenset(Scope) - {Scope.CASES_READ})
OF_ANOTHER_ACCOUNT = replace(BY_ANOTHER_TOKEN, features=frozenset({Feature.OVERRIDES}))


def refusal_of(actor: Actor, feature: Feature | None) -> Refusal | None:
    try:
        permit_reading(actor, Scope.CASES_READ, feature)
    except Refusal as refusal:
        return refusal
    return None


@pytest.mark.parametrize("feature", [Feature.CASES, None])
def test_a_person_reads_by_their_token_where_the_account_has_the_feature(feature: Feature | None) -> None:
    features = frozenset({feature} if feature else ())

    assert refusal_of(replace(READER, features=features), feature) is None


@pytest.mark.parametrize(
    ("actor", "code", "params"),
    [
        (OF_ANOTHER_ACCOUNT, "FEATURE_DISABLED", {"feature": "cases"}),
        (BY_ANOTHER_TOKEN, "INSUFFICIENT_SCOPE", {"scope": "cases_read"}),
        (INACTIVE, "USER_INACTIVE", {}),
    ],
    ids=["feature", "scope", "person"],
)
def test_the_feature_is_refused_before_the_scope_and_the_scope_before_the_person(
    actor: Actor, code: str, params: dict[str, object]
) -> None:
    with pytest.raises(Refusal) as refused:
        permit_reading(actor, Scope.CASES_READ, Feature.CASES)

    assert (refused.value.code, refused.value.params, refused.value.path) == (code, params, ())
