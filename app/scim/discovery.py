"""What the gateway can do by SCIM, and the shape of its resources (RFC 7643, sections 5 to 7)."""

from app.scim.resources import GROUP_SCHEMA, PREFIX, USER_SCHEMA, Resource

PAGE_MAX = 200
"""People on a page."""

_CONFIG_SCHEMA = "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"
_TYPE_SCHEMA = "urn:ietf:params:scim:schemas:core:2.0:ResourceType"
_SCHEMA_SCHEMA = "urn:ietf:params:scim:schemas:core:2.0:Schema"


def service_provider_config(base_url: str) -> Resource:
    """Return what is supported."""
    unsupported = {"supported": False}
    return {
        "schemas": [_CONFIG_SCHEMA],
        "documentationUri": f"{base_url}/docs/scim",
        "patch": {"supported": True},
        "bulk": {"supported": False, "maxOperations": 0, "maxPayloadSize": 0},
        "filter": {"supported": True, "maxResults": PAGE_MAX},
        "changePassword": unsupported,
        "sort": unsupported,
        "etag": {"supported": True},
        "authenticationSchemes": [
            {
                "type": "oauthbearertoken",
                "name": "Bearer token",
                "description": "A token of a service account with the scope scim.",
                "specUri": "https://www.rfc-editor.org/info/rfc6750",
                "primary": True,
            }
        ],
        "meta": _meta("ServiceProviderConfig", "ServiceProviderConfig", base_url),
    }


def resource_types(base_url: str) -> list[Resource]:
    """Return the kinds of resources."""
    return [
        _resource_type("User", USER_SCHEMA, "A person of the account.", base_url),
        _resource_type("Group", GROUP_SCHEMA, "The people who have a role.", base_url),
    ]


def _resource_type(name: str, schema: str, description: str, base_url: str) -> Resource:
    return {
        "schemas": [_TYPE_SCHEMA],
        "id": name,
        "name": name,
        "description": description,
        "endpoint": f"/{name}s",
        "schema": schema,
        "meta": _meta("ResourceType", f"ResourceTypes/{name}", base_url),
    }


def schemas(base_url: str) -> list[Resource]:
    """Return the shapes of the resources."""
    return [
        _schema(USER_SCHEMA, "User", "A person of the account.", _user_attributes(), base_url),
        _schema(GROUP_SCHEMA, "Group", "The people who have a role.", _group_attributes(), base_url),
    ]


def _schema(id: str, name: str, description: str, attributes: list[Resource], base_url: str) -> Resource:
    return {
        "schemas": [_SCHEMA_SCHEMA],
        "id": id,
        "name": name,
        "description": description,
        "attributes": attributes,
        "meta": _meta("Schema", f"Schemas/{id}", base_url),
    }


def _meta(kind: str, path: str, base_url: str) -> Resource:
    return {"resourceType": kind, "location": f"{base_url}{PREFIX}/{path}"}


def _user_attributes() -> list[Resource]:
    return [
        _attribute(
            "userName",
            "The directory's name for the person: their e-mail address, where it is one and emails has no other.",
            required=True,
            uniqueness="server",
        ),
        _attribute("displayName", "The name to show, 1 to 200 characters."),
        _complex(
            "name",
            "The parts of the name, which displayName is made of where none is given.",
            [
                _attribute("formatted", "The parts together.", mutability="readOnly"),
                _attribute("givenName", "The given name."),
                _attribute("familyName", "The family name."),
            ],
        ),
        _complex(
            "emails",
            "The person's e-mail address, of which there is one. Another one waits for an admin.",
            [
                _attribute("value", "The address.", required=True),
                _attribute("type", "Always work.", mutability="readOnly", canonicalValues=["work"]),
                _attribute("primary", "Always true.", type="boolean", mutability="readOnly"),
            ],
            required=True,
            multi=True,
        ),
        _attribute("active", "Whether the person may act.", type="boolean"),
        _complex(
            "groups",
            "The groups whose role the person has.",
            [
                _attribute("value", "The id of the group.", mutability="readOnly"),
                _reference("Group", mutability="readOnly"),
                _attribute("display", "The name of the group.", mutability="readOnly"),
                _attribute("type", "Always direct.", mutability="readOnly", canonicalValues=["direct"]),
            ],
            multi=True,
            mutability="readOnly",
        ),
    ]


def _group_attributes() -> list[Resource]:
    return [
        _attribute("displayName", "The name, which the gateway's setting has a role for.", required=True),
        _complex(
            "members",
            "The people who have the role. A role that waits for an admin is not there yet.",
            [
                _attribute("value", "The id of the person.", mutability="immutable"),
                _reference("User", mutability="immutable"),
                _attribute("display", "The name to show.", mutability="readOnly"),
                _attribute("type", "Always User.", mutability="immutable", canonicalValues=["User"]),
            ],
            multi=True,
        ),
    ]


def _reference(kind: str, *, mutability: str) -> Resource:
    return _attribute(
        "$ref", "Its address.", type="reference", mutability=mutability, caseExact=True, referenceTypes=[kind]
    )


def _complex(
    name: str, description: str, parts: list[Resource], *, required: bool = False, multi: bool = False, **more: object
) -> Resource:
    whole = _attribute(name, description, type="complex", required=required, multi=multi, **more)
    del whole["caseExact"], whole["uniqueness"]
    return {**whole, "subAttributes": parts}


def _attribute(
    name: str, description: str, *, type: str = "string", required: bool = False, multi: bool = False, **more: object
) -> Resource:
    return {
        "name": name,
        "type": type,
        "multiValued": multi,
        "description": description,
        "required": required,
        "caseExact": False,
        "mutability": "readWrite",
        "returned": "default",
        "uniqueness": "none",
    } | more
