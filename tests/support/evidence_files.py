"""Evidence in a file: the script that verifies it, run away from anything of ours, and changes of what is in it."""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.support.paths import ROOT

SCRIPT = ROOT / "scripts" / "verify_evidence.py"

Done = subprocess.CompletedProcess[str]


def verified(evidence: object, folder: Path, key: str, *arguments: str) -> Done:
    """Run the script in a folder without anything of ours, shut off from this environment's paths."""
    away = folder / "away"
    away.mkdir(exist_ok=True)
    (away / "evidence.json").write_text(evidence if isinstance(evidence, str) else json.dumps(evidence))
    command = [sys.executable, "-I", str(SCRIPT), "evidence.json", "--key", key, *arguments]
    return subprocess.run(command, cwd=away, capture_output=True, text=True, timeout=60, check=False)


def rows(evidence: dict[str, Any]) -> Any:
    return evidence["rows"]


def leaves(evidence: dict[str, Any]) -> Any:
    return evidence["anchor"]["leaves"]


def cut(evidence: dict[str, Any]) -> None:
    """Leave the last row out, of all that stands there but the anchor's head."""
    rows(evidence).pop()
    leaves(evidence).pop()
    evidence["head"] = {"seq": len(rows(evidence)), "hash": rows(evidence)[-1]["hash"]}


def assert_each_change_is_found(
    changes: Mapping[str, tuple[str, int, str]], evidence: dict[str, Any], folder: Path, key: str
) -> None:
    """Change evidence in each way, and see that the script ends with the code and begins with the words of the way."""
    found = {}
    for what, (change, _, _) in changes.items():
        changed = json.loads(json.dumps(evidence))
        eval(change, {"rows": rows, "leaves": leaves, "cut": cut, "e": changed})  # noqa: S307  # of a test's table
        done = verified(changed, folder, key)
        assert "Traceback" not in done.stderr, what
        found[what] = (done.returncode, done.stdout)
    assert {what: (code, out[: len(changes[what][2])]) for what, (code, out) in found.items()} == {
        what: (code, said) for what, (_, code, said) in changes.items()
    }
