"""Labels: every member of every enum that people see has one in both languages, and fields say it."""

from graphql import GraphQLEnumType, build_schema

from app.api.schema import sdl
from app.domain.model import Language
from app.locale.labels import LABELLED, LABELS
from tests.api import Api
from tests.played import STEPS, Story
from tests.world import World

# Enums that are no data for people: codes have messages, and the others are for the machines that ask.
UNLABELLED = {
    "UserOrderField",
    "ErrorCode", "Feature", "Scope", "Language", "OrderDirection", "NullsOrder", "CaseOrderField", "SearchField",
    "InboxReason",
}  # fmt: skip


def test_every_member_has_a_label_in_every_language_and_there_are_no_others() -> None:
    assert {enum.__name__: set(enum) for enum in LABELLED} == {name: set(members) for name, members in LABELS.items()}
    for members in LABELS.values():
        for labels in members.values():
            assert set(labels) == set(Language)
            assert all(text and text == text.strip() for text in labels.values())
        for language in Language:
            assert len({labels[language] for labels in members.values()}) == len(members)


async def test_every_enum_of_the_schema_is_labelled_or_known_to_need_none(world: World, api: Api) -> None:
    types = build_schema(sdl()).type_map.values()
    enums = {item.name: set(item.values) for item in types if isinstance(item, GraphQLEnumType)}
    enums = {name: values for name, values in enums.items() if not name.startswith("__")}
    labels = (await api.run(world.ada.token, "{ labels(language: FR) { enum value text } }"))["labels"]

    assert set(enums) - UNLABELLED == {enum.__name__ for enum in LABELLED}
    for name in set(enums) - UNLABELLED:
        assert {label["value"] for label in labels if label["enum"] == name} == enums[name]
    assert {"enum": "CaseStatus", "value": "OPEN", "text": "Ouvert"} in labels


async def test_a_label_is_in_the_language_that_is_asked_for_or_else_the_answer_s(world: World, api: Api) -> None:
    story = Story(world)
    for name in STEPS:
        await story.play(name)
    query = """query($id: ID!) { case(id: $id) {
        statusLabel(language: EN) fr: statusLabel(language: FR) own: statusLabel
        resolutionLabel subject { typeLabel evaluationStatusLabel }
        overrides { nodes { statusLabel requestedStatusLabel } }
        actions(first: 2) { nodes { typeLabel } } availableActions { actionLabel } } }"""

    case = (await api.run(world.ada.token, query, {"id": str(story.case_id)}, accept_language="fr"))["case"]

    assert case == {
        "statusLabel": "Closed",
        "fr": "Clos",
        "own": "Clos",
        "resolutionLabel": "Dérogation appliquée",
        "subject": {"typeLabel": "Contrôle de compte", "evaluationStatusLabel": "Favorable"},
        "overrides": {
            "nodes": [
                {"statusLabel": label, "requestedStatusLabel": "Favorable"}
                for label in ("Acceptée", "Annulée", "Refusée")
            ]
        },
        "actions": {"nodes": [{"typeLabel": "Clore"}, {"typeLabel": "Accepter"}]},
        "availableActions": [
            {"actionLabel": label}
            for label in ("Commenter", "Demander une dérogation", "Accepter", "Refuser", "Annuler", "Clore")
        ],
    }
    opened = (await world.open_case()).case.id
    assert (await api.run(world.ada.token, query, {"id": str(opened)}))["case"]["resolutionLabel"] is None
