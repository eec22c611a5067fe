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

account, is_known = given.account.lower(), False
root, number, cases = "", None, []
with given.anchors.open(encoding="utf-8") as lines:
    for line in lines:
        anchor = json.loads(line)
        leaves = [leaf for leaf in anchor["leaves"] if leaf[0] == account]
        is_known = is_known or bool(leaves)
        cases += [case for _, case, seq, _ in leaves if case and seq == 1]
        root, number = anchor["checkpoint"]["root"], anchor["checkpoint"]["number"]
        if number == given.anchor:
            break
if number is None or given.anchor not in (None, number):
    parser.error(f"{given.anchors} has no anchor" + (f" {given.anchor}" if given.anchor else ""))
if not is_known:
    parser.error(f"no row of the account {account} is in these anchors")

cases.sort(key=lambda case: hashlib.sha256(f"{given.seed}:{root}:{case}".encode()).hexdigest())
sys.stdout.writelines(f"{case}\n" for case in cases[: given.count])
