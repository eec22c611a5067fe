"""The authority of a row of the log: by what right it was written."""

from uuid import UUID

import strawberry
from strawberry import ID

from app.api.enums import Role, TokenSource
from app.api.fields import described, object_type, related
from app.api.types.people import User
from app.db.rows import ActionRow, AuthorityRow, TokenNameRow
from app.domain.canonical_json import parsed_json
from app.domain.delegations import ON_BEHALF_OF


@object_type(TokenNameRow, "A token, as the log names it.")
class ActionToken:
    name: str = described("What it is called now.")


@object_type(AuthorityRow, "By what right something was done, as it was at that moment.")
class ActionAuthority:
    token: ActionToken | None = related(
        "token_names",
        "token_id",
        "The token. One of an identity provider has none of its own: it is what stands for all of the person's.",
    )
    token_id: ID | None = described("The token's id; null where there was none.")
    token_source: TokenSource = described("Where the token comes from.")
    roles: list[Role] = described("The roles that the person held by it, each once.")
    reviewed_version: int | None = described(
        "Which version of the case they said that they had seen, `expectedVersion`; null where they said none."
    )
    on_behalf_of: User | None = related(
        "users", "on_behalf_of_id", "The reviewer in whose place they decided; null where they decided for themselves."
    )


def action_authority(parent: strawberry.Parent[ActionRow]) -> ActionAuthority | None:
    """Return what the row has frozen; None of a row of format 1."""
    frozen = parsed_json(parent.authority)
    if frozen is None:
        return None
    token_id, version, roles = frozen["token_id"], frozen["reviewed_version"], frozen["roles"]
    on_behalf_of = frozen.get(ON_BEHALF_OF)
    assert isinstance(roles, list)
    return AuthorityRow(  # type: ignore[return-value]  # what stands for it
        UUID(str(token_id)) if token_id is not None else None,
        TokenSource(str(frozen["token_source"])),
        tuple(map(Role, roles)),
        version if isinstance(version, int) else None,
        None if on_behalf_of is None else UUID(str(on_behalf_of)),
    )
