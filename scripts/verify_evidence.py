#!/usr/bin/env python3
"""Verify one case's evidence, or an account's own log, as `casegate log export` writes it, offline, without Casegate.

It needs Python 3.11 and the package `cryptography`. It exits with 0, 1, 2 or 3:

0 where every row is anchored, and none is missing up to the anchor that the report names,
1 where a row, the end or the anchor is bad,
2 where the file is no evidence, or the key or a receipt is none,
3 where the log is whole in itself, but something of it is not proven: the report says what.
"""

import argparse
import hashlib
import hmac
import json
import re
import sys
from collections.abc import Callable
from datetime import datetime
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


def counted(number: int, one: str) -> str:
    """Return the number with its noun."""
    return f"{number} {one if number == 1 else f'{one}s'}"


def text_like(pattern: str) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and re.fullmatch(pattern, value) is not None


is_id = text_like("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
is_hash = text_like("[0-9a-f]{64}")
is_signature = text_like("[0-9a-f]{128}")


def is_text(value: Any) -> bool:
    return isinstance(value, str)


def is_number(value: Any) -> bool:
    return type(value) is int  # true and false are no numbers


def is_object(value: Any) -> bool:
    return isinstance(value, dict)


def is_anything(_value: Any) -> bool:
    return True


# What evidence is made of: objects have these members and no others.
LEAF = {"seq": is_number, "hash": is_hash, "index": is_number, "path": [is_hash]}
ANCHOR = {"checkpoint": is_object, "signature": is_signature, "leaves": [LEAF], "head": is_anything}
EVIDENCE = {
    "format": is_number,
    "accountId": is_id,
    "caseId": is_id,
    "reference": is_text,
    "head": {"seq": is_number, "hash": is_hash},
    "rows": [{"entry": is_object, "hash": is_hash, "contents": is_object}],
    "documents": [is_object],
    "anchor": is_anything,
    "notCovered": {"exportedAt": is_text, "documents": [is_object]},
}
EVIDENCES = {2: {**EVIDENCE, "rows": [{"entry": is_object, "hash": is_hash}]}, 3: EVIDENCE}
"""By their format; in one of format 2, all rows cover their texts themselves."""
ACCOUNT_LOG = {
    "format": is_number,
    "log": is_text,
    "accountId": is_id,
    "head": {"seq": is_number, "hash": is_hash},
    "rows": [{"entry": is_object, "hash": is_hash}],
    "anchor": is_anything,
    "notCovered": {"exportedAt": is_text},
}
OPENED = {"salt": is_hash, "value": is_text}
CHECKPOINT = {
    **dict.fromkeys(("format", "number", "size", "cases", "position"), is_number),
    **dict.fromkeys(("previous", "root", "key"), is_hash),
    "time": is_text,
    "action_id": is_id,
}
HEADS, ACCOUNTS = ({f"{of}_count": is_number, f"{of}_root": is_hash} for of in ("head", "account"))
CHECKPOINTS = {1: CHECKPOINT, 2: {**CHECKPOINT, **HEADS}, 3: {**CHECKPOINT, **HEADS, **ACCOUNTS}}
"""By their format; those of format 1 do not say where a log ends, those of format 2 not where an account's does."""


class Bad(Exception):
    """A bad row, its kind, and why it is bad; row 0 stands for the anchor."""


class Unreadable(Exception):
    """The file is no evidence; the message says why."""


# --- Reading: nothing is passed over that a reader might see ----------------------------------------------------------


def demand(value: Any, shape: Any, place: str) -> None:
    """Refuse what is not of the shape. Raises: Unreadable."""
    members: list[tuple[Any, Any, str]] = []
    if callable(shape):
        is_right = shape(value)
    elif isinstance(shape, dict):
        is_right = isinstance(value, dict) and value.keys() == shape.keys()
        members = [(value[key], shape[key], f"{place}.{key}") for key in shape if is_right]
    else:
        is_right = isinstance(value, list)
        members = [(item, shape[0], f"{place}[{index}]") for index, item in enumerate(value if is_right else ())]
    if not is_right:
        raise Unreadable(f"{place} is not as evidence has it, or has other members")
    for member in members:
        demand(*member)


def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise Unreadable("an object has a key twice")
    return found


def integer(digits: str) -> int:
    if len(digits) > 19:
        raise Unreadable("a number is too large")
    return int(digits)


def no_number(text: str) -> None:
    raise Unreadable(f"{text[:40]} is not a number that evidence can have")


def parsed(content: bytes) -> Any:
    try:
        text = content.decode()
        if text.startswith("\ufeff"):
            raise Unreadable("it begins with a byte order mark")
        hooks: Any = {"parse_int": integer, "parse_float": no_number, "parse_constant": no_number}
        return json.loads(text, object_pairs_hook=unique, **hooks)
    except UnicodeDecodeError:
        raise Unreadable("it is not UTF-8") from None
    except ValueError as error:
        raise Unreadable(f"it is not JSON: {error}") from None


def read(path: str) -> Any:
    """Return the evidence in the file, once it is of the right shape. Raises: Unreadable."""
    try:
        with open(path, "rb") as file:
            evidence = parsed(file.read())
    except OSError as error:
        raise Unreadable(f"it can't be read: {error.strerror}") from None
    demand(evidence, is_object, "the file")
    formats = {1: ACCOUNT_LOG} if evidence.get("log") == "account" else EVIDENCES
    known_format(evidence, tuple(formats), "the evidence")
    demand(evidence, formats[evidence["format"]], "the evidence")
    for row in evidence["rows"]:
        known_format(row["entry"], (1,) if "log" in evidence else (1, 2), "a row")
    if evidence["anchor"] is not None:
        read_anchor(evidence["anchor"], 3 if "log" in evidence else 2)
    return evidence


def read_anchor(anchor: Any, heads_since: int) -> None:
    demand(anchor, ANCHOR, "the anchor")
    known_format(anchor["checkpoint"], tuple(CHECKPOINTS), "the checkpoint")
    demand(anchor["checkpoint"], CHECKPOINTS[anchor["checkpoint"]["format"]], "the checkpoint")
    if anchor["head"] is not None:
        demand(anchor["head"], LEAF, "the anchor's head")
        if anchor["checkpoint"]["format"] < heads_since:
            raise Unreadable(f"a checkpoint of format {anchor['checkpoint']['format']} has no head of this log")


def known_format(value: Any, known: tuple[int, ...], place: str) -> None:
    found = value.get("format")
    if not is_number(found) or found not in known:
        raise Unreadable(f"{place} is not of a format that this script knows: {' or '.join(map(str, known))}")


# --- The log ----------------------------------------------------------------------------------------------------------


def canonical(document: Any) -> bytes:  # RFC 8785, of objects, arrays, strings, integers and null
    return json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def check_rows(evidence: Any) -> None:
    """Go through the rows, each of which names the hash of the one before it."""
    previous, status = "0" * 64, None
    for seq, row in enumerate(evidence["rows"], 1):
        entry = row["entry"]
        if type(entry["seq"]) is int and entry["seq"] > seq:
            raise Bad(seq, "gap", f"seq {seq} is missing")
        place = entry["account_id"], entry.get("case_id"), entry.get("log"), entry["seq"], entry["prev_hash"]
        in_file = evidence["accountId"], evidence.get("caseId"), evidence.get("log"), seq, previous
        if place != in_file or entry.get("status_before") != status:
            raise Bad(seq, "link", "it does not follow the row before it")
        if sha256(canonical(entry)).hex() != row["hash"]:
            raise Bad(seq, "content", "its content does not give its hash")
        check_contents(seq, entry.get("commitments", {}), row.get("contents", {}))
        previous, status = row["hash"], entry.get("status_after")


def check_contents(seq: int, commitments: Any, contents: Any) -> None:
    """See that each text that came along is the one that the row commits to; null stands for one that is erased."""
    if commitments.keys() != contents.keys():
        raise Bad(seq, "content", "a text came along that the row does not commit to, or one is missing")
    for name, committed in commitments.items():
        opened = contents[name]
        if name == "documents":
            if len(committed) != len(opened):
                raise Bad(seq, "content", "a document came along that the row does not commit to, or one is missing")
            for pair in zip(committed, opened, strict=True):
                check_contents(seq, *pair)
        elif opened is not None:
            demand(opened, OPENED, f"a {name} of row {seq}")
            value = bytes.fromhex(opened["value"]) if name == "content" else opened["value"].encode()
            if hmac.digest(bytes.fromhex(opened["salt"]), value, "sha256").hex() != committed:
                raise Bad(seq, "content", f"its {name} is not what it commits to")


def texts_of(evidence: Any, row: Any) -> Any:
    """Yield the texts that came with a row: the id of what each is erased with, and what is there of it."""
    entry, contents = row["entry"], row.get("contents", {})
    for name, opened in contents.items():
        if name == "documents":
            for document, parts in zip(entry["comment"]["documents"], opened, strict=True):
                yield from ((document["id"], part) for part in parts.values())
        else:
            yield entry["comment"]["id"] if name == "comment" else evidence["caseId"], opened


def check_erasures(evidence: Any) -> None:
    """See that what is erased is just what later rows of the log say that they erased."""
    missing: dict[str, int] = {}
    present: dict[str, int] = {}
    for seq, row in enumerate(evidence["rows"], 1):
        for id, opened in texts_of(evidence, row):
            (missing if opened is None else present).setdefault(id, seq)
        if row["entry"]["type"] != "REDACT":
            continue
        said = row["entry"]["details"]
        is_all = said["scope"] == "EVERYTHING"
        named = {*present, *missing} if is_all else {*said["comment_ids"], *said["document_ids"]}
        undone = [present[id] for id in named if id in present]
        if undone:
            raise Bad(min(undone), "content", f"what row {seq} says that it erased is there")
        missing = {id: at for id, at in missing.items() if id not in named}
    if missing:
        raise Bad(min(missing.values()), "content", "what is missing of it was erased by no row")


def check_head(evidence: Any) -> None:
    """See that the end of the log is the one that is said, and the case's number and documents those that it gives."""
    rows, head = evidence["rows"], evidence["head"]
    if head["seq"] > len(rows):
        raise Bad(len(rows) + 1, "truncated", f"the count of rows is {head['seq']}, the log has {len(rows)}")
    if not rows or (head["seq"], head["hash"]) != (len(rows), rows[-1]["hash"]):
        raise Bad(max(len(rows), 1), "link", "the log ends with another row")
    if "log" in evidence:
        return
    if evidence["reference"] != f"CASE-{rows[0]['entry']['opening']['number']:06}":
        raise Bad(1, "content", "the case has another reference")
    known = [it for row in rows for it in documents_of(row["entry"]["comment"], row.get("contents", {}))]
    if canonical(evidence["documents"]) != canonical(known):
        raise Bad(len(rows), "content", "the documents are not those that the log says")
    nameless = [(document["commentId"], document["sha256"]) for document in known if "id" not in document]
    if sorted(nameless) != sorted(
        (other["commentId"], other["sha256"]) for other in evidence["notCovered"]["documents"]
    ):
        raise Bad(len(rows), "unlogged", "there is a document that no row has, or one is missing")


NAMES = {
    "id": "id",
    "uploader_id": "uploaderId",
    "filename": "filename",
    "content_type": "contentType",
    "size_bytes": "sizeBytes",
    "created_at": "createdAt",
}


def documents_of(comment: Any, contents: Any) -> Any:
    """Yield the documents of a row's comment; the oldest rows know the digests alone, the newest none of them."""
    for place, digest in enumerate(comment["documents"] if comment else ()):
        if isinstance(digest, dict):
            opened = {name: it and it["value"] for name, it in contents["documents"][place].items()}
            texts = {"commentId": comment["id"], "sha256": opened["content"], "filename": opened["filename"]}
            yield texts | {NAMES[name]: value for name, value in digest.items()}
            continue
        file = comment["files"][place] if "files" in comment else {}
        yield {"commentId": comment["id"], "sha256": digest} | {NAMES[name]: value for name, value in file.items()}


# --- The anchor -------------------------------------------------------------------------------------------------------


def check_anchored(seq: int, hashed: str, rows: Any) -> None:
    if seq > len(rows):
        raise Bad(len(rows) + 1, "truncated", f"row {seq} was there once")
    if rows[seq - 1]["hash"] != hashed:
        raise Bad(seq, "rewritten", "it was another one once")


def check_signature(anchor: Any, key: str) -> None:
    checkpoint = anchor["checkpoint"]
    if checkpoint["key"] != key:
        raise Bad(0, "anchor", f"it is signed by another key, {checkpoint['key']}")
    try:
        signed = bytes.fromhex(anchor["signature"]), canonical(checkpoint)
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(key)).verify(*signed)
    except InvalidSignature:
        raise Bad(0, "anchor", "its signature is not right") from None


def check_path(words: list[Any], leaf: Any, size: int, root: str) -> None:
    """See that the leaf is in the Merkle tree of that root: RFC 6962, section 2.1; RFC 9162, section 2.1.3.2."""
    hashed, place, last = sha256(b"\x00" + canonical([*words, leaf["seq"], leaf["hash"]])), leaf["index"], size - 1
    is_whole = 0 <= place <= last
    for sibling in map(bytes.fromhex, leaf["path"]):
        is_whole = is_whole and last > 0
        if place & 1 or place == last:
            hashed = sha256(b"\x01" + sibling + hashed)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            hashed = sha256(b"\x01" + hashed + sibling)
        place, last = place >> 1, last >> 1
    if not is_whole or last != 0 or hashed.hex() != root:
        raise Bad(0, "anchor", f"the path of row {leaf['seq']} does not lead to its root")


def check_anchor(evidence: Any, key: str) -> None:
    anchor, log = evidence["anchor"], [evidence["accountId"], evidence.get("caseId")]
    checkpoint, of = anchor["checkpoint"], "account" if "log" in evidence else "head"
    check_signature(anchor, key)
    for leaf in anchor["leaves"]:
        check_path(log, leaf, checkpoint["size"], checkpoint["root"])
        if leaf["seq"] < 1:
            raise Bad(0, "anchor", f"it holds a row {leaf['seq']}")
    if anchor["head"] is not None:  # one leaf for each log, its last row: no leaf of a row begins so
        check_path(["head", *log], anchor["head"], checkpoint[f"{of}_count"], checkpoint[f"{of}_root"])


def check(evidence: Any, key: str, receipts: list[tuple[int, str]]) -> None:
    """Raise the earliest of what is bad in the chain, by the anchor, and by receipts."""
    anchor, rows, found = evidence["anchor"], evidence["rows"], []
    if anchor is not None:
        check_anchor(evidence, key)
        held = [*anchor["leaves"], *filter(None, [anchor["head"]])]
        receipts = [*receipts, *((leaf["seq"], leaf["hash"]) for leaf in held)]
    own = [(checked, evidence) for checked in (check_rows, check_erasures, check_head)]
    checks: Any = [*own, *((check_anchored, *it, rows) for it in receipts)]
    for checked, *arguments in checks:
        try:
            checked(*arguments)
        except Bad as bad:
            found.append(bad)
    if found:
        raise min(found, key=lambda bad: bad.args[0])


def report(evidence: Any, since: datetime | None) -> tuple[bool, str]:
    """Return whether all is proven, and what to say of it."""
    anchor, rows = evidence["anchor"], evidence["rows"]
    if anchor is None:
        return False, "nothing is anchored: whole in itself, but whoever has the database could have made it up"
    checkpoint, held = anchor["checkpoint"], {leaf["seq"] for leaf in anchor["leaves"]}
    said = f"{len(held)} of them in anchor {checkpoint['number']} of {checkpoint['time']}"
    but = f"{said}: whole in itself, but "
    if anchor["head"] is None:
        return False, but + "that anchor does not prove where the log ends: rows may be missing, or made up"
    if len(held) < len(rows) or anchor["head"]["seq"] < len(rows):
        return False, but + f"the anchor lacks {counted(len(rows) - len(held), 'row')}: export again after the next one"
    if since is not None and datetime.fromisoformat(checkpoint["time"]) < since:
        return False, but + f"that anchor is older than {since.isoformat()}, and rows may have come since"
    return True, f"{said}, by which the log ended with row {len(rows)}; what came later is not proven"


def receipt(text: str) -> tuple[int, str]:
    if not re.fullmatch(r"[1-9][0-9]{0,9}:[0-9a-f]{64}", text):
        raise argparse.ArgumentTypeError(
            "must be SEQ:HASH, a row's number from 1 on and 64 hexadecimal digits in lower case"
        )
    seq, _, hashed = text.partition(":")
    return int(seq), hashed


def public_key(text: str) -> str:
    if not is_hash(text):
        raise argparse.ArgumentTypeError("must be 64 hexadecimal digits in lower case")
    return text


def moment(text: str) -> datetime:
    time = datetime.fromisoformat(text)
    if time.tzinfo is None:
        raise argparse.ArgumentTypeError("must say its time zone, as in 2026-11-30T12:00:00Z")
    return time


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", help="the evidence")
    parser.add_argument(
        "--key", required=True, type=public_key, help="the public key that you trust, in hexadecimal digits"
    )
    parser.add_argument("--receipt", action="append", default=[], type=receipt, help="SEQ:HASH, as an action answered")
    parser.add_argument(
        "--since", type=moment, help="the anchor must be of this time or later, as 2026-11-30T12:00:00Z"
    )
    arguments = parser.parse_args()
    try:
        evidence = read(arguments.file)
        check(evidence, arguments.key, arguments.receipt)
        is_proven, said = report(evidence, arguments.since)
    except Bad as bad:
        seq, kind, reason = bad.args
        print(f"BAD: row {seq} ({kind}): {reason}" if seq else f"BAD: the anchor: {reason}")
        return 1
    except Unreadable as unreadable:
        print(f"UNREADABLE: {unreadable}", file=sys.stderr)
        return 2
    except RecursionError:
        print("UNREADABLE: it is nested too deeply", file=sys.stderr)
        return 2
    except (LookupError, TypeError, ValueError, AttributeError):
        print("UNREADABLE: a row has not the members that rows have", file=sys.stderr)
        return 2
    name = f"the own log of account {evidence['accountId']}" if "log" in evidence else evidence["reference"]
    print(f"{'OK' if is_proven else 'UNPROVEN'}: {name}, {counted(len(evidence['rows']), 'row')}, {said}")
    older = len(evidence["notCovered"].get("documents", ()))
    older_ones = counted(older, "document")
    names = f", and the names of {older_ones} that the log knows by bytes alone" if older else ""
    erased = sum(opened is None for row in evidence["rows"] for _, opened in texts_of(evidence, row))
    if erased:
        print(f"erased, as rows of the log say: {erased} texts")
    print(f"not covered by any proof: when it was exported{names}")
    return 0 if is_proven else 3


if __name__ == "__main__":
    sys.exit(main())
