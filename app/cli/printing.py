"""The lines that commands print."""

import re

import typer

# What moves the cursor or changes what a terminal does (C0, DEL, C1), ends a line, or reorders it (UAX #9).
_UNSEEN = re.compile("[\\x00-\\x1f\\x7f-\\x9f\\u2028\\u2029\\u202a-\\u202e\\u2066-\\u2069]")


def say(*lines: str, err: bool = False) -> None:
    """Print lines, each as one: what a stored text may have in it that is no writing is escaped as in JSON."""
    for line in lines:
        typer.echo(_UNSEEN.sub(_escaped, line), err=err)


def _escaped(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04x}"
