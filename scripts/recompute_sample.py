#!/usr/bin/env python3
"""Recompute the audit sample that `casegate log sample` draws, from the anchors alone, without Casegate.

It needs Python 3.11 and prints the ids of the cases, in the order in which they are drawn. The anchors are a file with
one anchor a line. That they are signed is verified by `casegate log verify`.
"""

import argparse
import hashlib
import json
import sys
from pathlib import Path

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("anchors", type=Path)
parser.add_argument("--account", required=True)
parser.add_argument("--seed", required=True)
parser.add_argument("--count", type=int, required=True)
parser.add_argument("--anchor", type=int)
given = parser.parse_args()

root, cases = "", []
with given.anchors.open(encoding="utf-8") as lines:
    for line in lines:
        anchor = json.loads(line)
        cases += [case for account, case, seq, _ in anchor["leaves"] if account == given.account and case and seq == 1]
        root = anchor["checkpoint"]["root"]
        if anchor["checkpoint"]["number"] == given.anchor:
            break

cases.sort(key=lambda case: hashlib.sha256(f"{given.seed}:{root}:{case}".encode()).hexdigest())
sys.stdout.writelines(f"{case}\n" for case in cases[: given.count])
