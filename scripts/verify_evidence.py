#!/usr/bin/env python3
"""Verify one case's evidence, as `casegate log export` writes it, offline and without Casegate.

It needs Python 3.11 and the package `cryptography`. It exits with 0 where all is whole, 1 where a row or the anchor is
bad, 2 where the file can't be read, 3 where the log agrees with itself, but the anchor lacks rows older than it is.
"""

import argparse
import hashlib
import json
import sys
from datetime import datetime, timedelta
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

LAG = timedelta(minutes=10)  # a row may be as much older than an anchor without being in it: it was still under way


class Bad(Exception):
    """A bad row, its kind, and why it is bad; row 0 stands for the anchor."""


def canonical(document: Any) -> bytes:  # RFC 8785, of objects, arrays, strings, integers and null
    return json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def check_rows(evidence: Any) -> None:
    """Go through the rows, each of which names the hash of the one before it."""
    previous, status = "0" * 64, None
    for seq, row in enumerate(evidence["rows"], 1):
        entry = row["entry"]
        if entry["seq"] > seq:
            raise Bad(seq, "gap", f"seq {seq} is missing")
        place = entry["account_id"], entry["case_id"], entry["seq"], entry["prev_hash"], entry["status_before"]
        if place != (evidence["accountId"], evidence["caseId"], seq, previous, status):
            raise Bad(seq, "link", "it does not follow the row before it")
        if sha256(canonical(entry)).hex() != row["hash"]:
            raise Bad(seq, "content", "its content does not give its hash")
        previous, status = row["hash"], entry["status_after"]


def check_head(evidence: Any) -> None:
    """See that the case says of its log what the log says."""
    rows, head = evidence["rows"], evidence["head"]
    if head["seq"] > len(rows):
        raise Bad(len(rows) + 1, "truncated", f"the case counts {head['seq']} rows, the log has {len(rows)}")
    if not rows or (head["seq"], head["hash"]) != (len(rows), rows[-1]["hash"]):
        raise Bad(max(len(rows), 1), "link", "the case ends with another row")
    said = [digest for row in rows for digest in (row["entry"]["comment"] or {}).get("documents", ())]
    if sorted(said) != sorted(document["sha256"] for document in evidence["documents"]):
        raise Bad(len(rows), "content", "the documents are not those that the log says")


def check_anchored(seq: int, hashed: str, rows: Any) -> None:
    if seq > len(rows):
        raise Bad(len(rows) + 1, "truncated", f"row {seq} was there once")
    if rows[seq - 1]["hash"] != hashed:
        raise Bad(seq, "rewritten", "it was another one once")


def check_signature(anchor: Any, key: str) -> None:
    checkpoint = anchor["checkpoint"]
    if checkpoint["format"] != 1 or checkpoint["key"] != key:
        raise Bad(0, "anchor", f"it is signed by another key, {checkpoint['key']}")
    try:
        signed = bytes.fromhex(anchor["signature"]), canonical(checkpoint)
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(key)).verify(*signed)
    except InvalidSignature:
        raise Bad(0, "anchor", "its signature is not right") from None


def check_leaf(evidence: Any, leaf: Any, checkpoint: Any) -> None:
    """See that the leaf is in the checkpoint's Merkle tree: RFC 6962, section 2.1; RFC 9162, section 2.1.3.2."""
    said = [evidence["accountId"], evidence["caseId"], leaf["seq"], leaf["hash"]]
    hashed, place, last = sha256(b"\x00" + canonical(said)), leaf["index"], checkpoint["size"] - 1
    for sibling in map(bytes.fromhex, leaf["path"]):
        if last == 0:
            break
        if place & 1 or place == last:
            hashed = sha256(b"\x01" + sibling + hashed)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            hashed = sha256(b"\x01" + hashed + sibling)
        place, last = place >> 1, last >> 1
    if last != 0 or hashed.hex() != checkpoint["root"]:
        raise Bad(0, "anchor", f"the path of row {leaf['seq']} does not lead to its root")


def unproven(evidence: Any) -> tuple[int, str]:
    """Return how many rows the anchor ought to hold and does not, and what to say of it."""
    anchor, rows = evidence["anchor"], evidence["rows"]
    if anchor is None:
        return len(rows), "nothing is anchored"
    held, time = {leaf["seq"] for leaf in anchor["leaves"]}, datetime.fromisoformat(anchor["checkpoint"]["time"])
    others = [row["entry"] for row in rows if row["entry"]["seq"] not in held]
    due = [entry for entry in others if datetime.fromisoformat(entry["created_at"]) < time - LAG]
    said = f"{len(rows) - len(others)} of them in anchor {anchor['checkpoint']['number']} of {time:%Y-%m-%d %H:%M}"
    return len(due), said + (f"; {len(due)} are older than it and not in it" if due else "")


def check(evidence: Any, key: str, receipts: list[tuple[int, str]]) -> None:
    """Raise the earliest of what is bad in the chain, by the anchor, and by receipts."""
    anchor, rows, found = evidence["anchor"], evidence["rows"], []
    if anchor is not None:
        check_signature(anchor, key)
        for leaf in anchor["leaves"]:
            check_leaf(evidence, leaf, anchor["checkpoint"])
            receipts = [*receipts, (leaf["seq"], leaf["hash"])]
    checks: Any = [(check_rows, evidence), (check_head, evidence), *((check_anchored, *it, rows) for it in receipts)]
    for checked, *arguments in checks:
        try:
            checked(*arguments)
        except Bad as bad:
            found.append(bad)
    if found:
        raise min(found, key=lambda bad: bad.args[0])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", help="the evidence")
    parser.add_argument("--key", required=True, help="the public key that you trust: 64 hexadecimal digits")
    parser.add_argument("--receipt", action="append", default=[], help="SEQ:HASH, as an action answered")
    arguments = parser.parse_args()
    try:
        receipts = [(int(seq), hashed) for seq, _, hashed in (text.partition(":") for text in arguments.receipt)]
        with open(arguments.file, encoding="utf-8") as file:
            evidence = json.load(file)
        check(evidence, arguments.key, receipts)
        missing, said = unproven(evidence)
    except Bad as bad:
        seq, kind, reason = bad.args
        print(f"BAD: row {seq} ({kind}): {reason}" if seq else f"BAD: the anchor: {reason}")
        return 1
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        print(f"UNREADABLE: {type(error).__name__}: {error}", file=sys.stderr)
        return 2
    print(f"{'UNPROVEN' if missing else 'OK'}: {evidence['reference']}, {len(evidence['rows'])} rows, {said}")
    return 3 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
