"""The account of a fault run, and those who write in it."""

from uuid import UUID

from app.admin import accounts
from app.db.engines import Database, open_database
from app.db.migrate import migrate
from app.domain.model import PERSON_SCOPES, Role
from tests.faults.workload import Person

ROLES = ((Role.CONTRIBUTOR,), (Role.REVIEWER,), (Role.CONTRIBUTOR, Role.REVIEWER), (Role.CONTRIBUTOR,))


async def make_people(url: str, count: int) -> list[Person]:
    """Migrate the empty database at *url*, and make an account with *count* people."""
    database = open_database(url)
    try:
        await migrate(database)
        account = await accounts.create_account(database, "Acme Treasury")
        return [
            await _person(database, account.id, f"w{number:02}", ROLES[number % len(ROLES)]) for number in range(count)
        ]
    finally:
        await database.close()


async def _person(database: Database, account_id: UUID, name: str, roles: tuple[Role, ...]) -> Person:
    user = await accounts.create_user(database, account_id, email=f"{name}@acme.example", name=name, roles=roles)
    token = await accounts.create_token(database, user.id, PERSON_SCOPES)
    return Person(str(user.id), name, token.secret, Role.REVIEWER in roles)
