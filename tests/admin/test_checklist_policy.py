"""The policy that says which steps are to be taken on each case: how it is set, shown, logged and taken away."""

from typing import Any

import pytest

from app.domain.checklist import STEPS_MAX
from tests.support.account_logs import verdict_on
from tests.support.api import Api
from tests.support.world import World

STEP = {"key": "CALL_BACK", "labelEn": "Call back", "labelFr": "Rappel"}
SHOWN = "{ viewer { account { checklist { key label labelEn labelFr requiredToAccept requiredToClose } } } }"


async def shown(world: World, api: Api, language: str = "en") -> Any:
    return (await api.run(world.ada.token, SHOWN, accept_language=language))["viewer"]["account"]["checklist"]


async def test_a_checklist_is_set_shown_logged_and_taken_away(world: World, api: Api) -> None:
    policy = [STEP | {"requiredToAccept": True}, STEP | {"key": "LETTER_2", "requiredToClose": True}]
    selection = "action { details { name values } }"

    made = await api.act(world.aldo.token, "updateAccount", {"checklist": policy}, selection)
    both = await shown(world, api, "fr")
    removed = await api.act(world.aldo.token, "updateAccount", {"checklist": []}, selection)

    labels = {"label": "Rappel", "labelEn": "Call back", "labelFr": "Rappel"}
    assert both == [
        {"key": "CALL_BACK", **labels, "requiredToAccept": True, "requiredToClose": False},
        {"key": "LETTER_2", **labels, "requiredToAccept": False, "requiredToClose": True},
    ]
    said = (
        '{"steps":[{"key":"CALL_BACK","label":{"EN":"Call back","FR":"Rappel"},"required_for":["ACCEPT"]},'
        '{"key":"LETTER_2","label":{"EN":"Call back","FR":"Rappel"},"required_for":["CLOSE"]}]}'
    )
    assert made["action"]["details"] == [{"name": "checklist", "values": [said]}]
    assert removed["action"]["details"] == [{"name": "checklist", "values": [""]}]
    assert await shown(world, api) == []
    verdict = await verdict_on(world.database, world.account_id)
    assert (verdict.fault, verdict.others) == (None, ())


@pytest.mark.parametrize(
    ("policy", "path"),
    [
        ([STEP | {"key": "call_back"}], ["0", "key"]),
        ([STEP | {"key": "2ND"}], ["0", "key"]),
        ([STEP | {"key": "A" * 41}], ["0", "key"]),
        ([STEP, STEP], ["1", "key"]),
        ([STEP | {"key": f"STEP_{number}"} for number in range(STEPS_MAX + 1)], []),
    ],
)
async def test_keys_out_of_form_a_step_twice_and_too_many_are_refused(
    world: World, api: Api, policy: list[dict[str, Any]], path: list[str]
) -> None:
    payload = await api.act(world.aldo.token, "updateAccount", {"checklist": policy})

    found = [(error["code"], error["path"]) for error in payload["errors"]]
    assert found == [("INVALID_INPUT", ["input", "checklist", *path])]


async def test_labels_are_lines_in_both_languages(world: World, api: Api) -> None:
    wrong = STEP | {"labelEn": "Call\nback", "labelFr": " "}

    payload = await api.act(world.aldo.token, "updateAccount", {"checklist": [wrong]})

    found = [(error["code"], error["path"][-1]) for error in payload["errors"]]
    assert found == [("INVALID_INPUT", "labelEn"), ("REQUIRED", "labelFr")]
    assert await shown(world, api) == []
