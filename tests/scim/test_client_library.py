"""A client library of SCIM, as its makers ship it, pushes people and a group to a running gateway."""

from typing import Any

from tests.support.scim import WORKERS


def test_a_client_pushes_people_and_a_group(client: Any) -> None:
    import scim2_models  # most of a second of every process that collects tests

    models: Any = scim2_models  # generic in models that are made at run time of what the server says
    client.discover()
    user_model, group_model = client.get_resource_model("User"), client.get_resource_model("Group")
    user = client.create(user_model(user_name="zoe@acme.example", emails=[{"value": "zoe@acme.example"}]))
    group = client.create(group_model(display_name=WORKERS))
    added = [{"op": "add", "path": "members", "value": [{"value": user.id}]}]
    client.modify(group_model, group.id, models.PatchOp[group_model].model_validate({"Operations": added}))
    search = models.SearchRequest.model_validate({"filter": 'userName eq "zoe@acme.example"'})
    found = client.query(user_model, query_parameters=search)
    shown = client.query(user_model, user.id)
    client.delete(user_model, user.id)
    gone = client.query(user_model, user.id, raise_scim_errors=False)

    assert [resource.id for resource in found.resources or []] == [user.id]
    assert [item.display for item in shown.groups] == [WORKERS]
    assert isinstance(gone, models.Error)
    assert gone.status == 404
