"""Other versions of the gateway, as trees of their own: an earlier commit, and this one with a migration more."""

import io
import json
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

from app.db.revisions import head
from tests.faults.workload import Person
from tests.support.gateway import ROOT

EXPANSION = '''"""What a later version has more: a table, columns, an index, and a wider column.

Revision ID: {revision}
Revises: {before}
"""

import sqlalchemy as sa
from alembic import op

revision = "{revision}"
down_revision = "{before}"
branch_labels = None
depends_on = None
phase = "expand"


def upgrade() -> None:
    op.create_table(
        "later_notes",
        sa.Column("case_id", sa.Uuid(), sa.ForeignKey("cases.id"), primary_key=True),
        sa.Column("note", sa.Text(), nullable=False),
    )
    op.add_column("case_actions", sa.Column("later_origin", sa.Text(), nullable=True))
    op.add_column("cases", sa.Column("later_priority", sa.Integer(), server_default="0", nullable=False))
    op.create_index("ix_cases_later_priority", "cases", ["account_id", "later_priority"])
    if op.get_bind().dialect.name == "postgresql":
        for table, column in (("users", "display_name"), ("subjects", "external_ref")):
            op.alter_column(table, column, type_=sa.String(400))


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        for table, column in (("users", "display_name"), ("subjects", "external_ref")):
            op.alter_column(table, column, type_=sa.String(200))
    op.drop_index("ix_cases_later_priority", "cases")
    op.drop_column("cases", "later_priority")
    op.drop_column("case_actions", "later_origin")
    op.drop_table("later_notes")
'''
MAKE_PEOPLE = """
import asyncio, dataclasses, json, sys
sys.path[:0] = sys.argv[1:3]
from tests.faults.people import make_people
print(json.dumps([dataclasses.asdict(person) for person in asyncio.run(make_people(sys.argv[3], int(sys.argv[4])))]))
"""


def later_version(folder: Path) -> Path:
    """Return the top of a tree that has this version's program, and one migration more, which expands."""
    # The copies keep their times, so that what was compiled is good for them: anew it would take ten seconds.
    left_out = shutil.ignore_patterns("node_modules", "dist", "src")
    shutil.copytree(ROOT / "app", folder / "app", ignore=left_out)
    before = head()
    revision = f"{int(before) + 1:04}"
    step = folder / "app" / "db" / "migrations" / "versions" / f"{revision}_later.py"
    step.write_text(EXPANSION.format(revision=revision, before=before))
    return folder


def earlier_version(commit: str, folder: Path) -> Path:
    """Return the top of a tree that has the program of a *commit*. Raises: CalledProcessError, where there is none."""
    archive = subprocess.run(["git", "archive", commit, "app"], cwd=ROOT, stdout=subprocess.PIPE, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as packed:
        packed.extractall(folder, filter="data")
    return folder


def people_of(root: Path, url: str, count: int) -> list[Person]:
    """Have the version at *root* migrate an empty database, and make an account in it; return who may act there."""
    command = [sys.executable, "-c", MAKE_PEOPLE, str(root), str(ROOT), url, str(count)]
    made = subprocess.run(command, cwd=root, stdout=subprocess.PIPE, check=True).stdout
    return [Person(**person) for person in json.loads(made)]
