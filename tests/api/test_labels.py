"""Labels: every member of every enum that people see has one in both languages, and fields say it."""

import pytest
from graphql import GraphQLEnumType

from app.domain.model import Language
from app.i18n.labels import LABELS
from tests.support.api import Api
from tests.support.played_story import STEPS, Story
from tests.support.schema import fields, types
from tests.support.world import World

ENUMS = {type_.name: list(type_.values) for type_ in types() if isinstance(type_, GraphQLEnumType)}
# Codes are for programs: people read the messages, which every code has.
UNLABELLED = {"ErrorCode"}


def test_every_member_of_every_enum_has_a_label_in_every_language_and_there_are_no_others() -> None:
    assert {name: list(members) for name, members in LABELS.items()} == {
        name: values for name, values in ENUMS.items() if name not in UNLABELLED
    }
    assert {"Relation", "Resource", "Feature", "Scope", "UserOrderField"} <= LABELS.keys()
    for members in LABELS.values():
        for labels in members.values():
            assert set(labels) == set(Language)
            assert all(text and text == text.strip() for text in labels.values())
        for language in Language:
            assert len({labels[language] for labels in members.values()}) == len(members)


@pytest.mark.parametrize("language", Language)
async def test_all_labels_can_be_read_at_once(world: World, api: Api, language: Language) -> None:
    query = "query($language: Language) { labels(language: $language) { enum value text } }"

    labels = (await api.run(world.ada.token, query, {"language": language}))["labels"]

    assert {(item["enum"], item["value"], item["text"]) for item in labels} == {
        (name, value, texts[language]) for name, members in LABELS.items() for value, texts in members.items()
    }
    assert len(labels) == sum(map(len, LABELS.values()))
    word = {Language.EN: "Open", Language.FR: "Ouvert"}[language]
    assert {"enum": "CaseStatus", "value": "OPEN", "text": word} in labels


async def test_the_relation_and_the_resource_are_enums(world: World, api: Api) -> None:
    actions = (await api.run(world.ada.token, "{ workflow { actions { action relation } } }"))["workflow"]["actions"]
    absent = {"caseId": str(world.ada.id), "body": "x"}
    refused = await api.act(world.ada.token, "addComment", absent, "errors { ... on NotFoundError { resource } }")

    relations = {item["action"]: item["relation"] for item in actions}
    assert (relations["COMMENT"], relations["ACCEPT"], relations["CANCEL"]) == ("ANYBODY", "REVIEWER", "CREATOR")
    assert refused["errors"][0]["resource"] == "CASE"
    kinds = {name: str(field.type) for name, field in fields() if name.endswith((".relation", ".resource"))}
    assert kinds == {"WorkflowAction.relation": "Relation!", "NotFoundError.resource": "Resource!"}


async def test_a_label_is_in_the_requested_language_or_else_in_the_answer_s(world: World, api: Api) -> None:
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
            for label in (
                *("Commenter", "Demander une dérogation", "Accepter", "Refuser", "Annuler", "Clore"),
                *("Désigner d’autres valideurs", "Effacer du contenu", "Conservation légale"),
                *("Attribuer", "Fixer l’échéance", "Noter une étape"),
            )
        ],
    }
    opened = (await world.open_case()).case.id
    assert (await api.run(world.ada.token, query, {"id": str(opened)}))["case"]["resolutionLabel"] is None
