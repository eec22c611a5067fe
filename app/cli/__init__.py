"""The command line: it parses, calls, prints and sets the exit code.

0: done. 1: refused, or found wanting. 2: wrong usage or settings, or nothing can be told. 3: what was to be printed
could not be written. 70: a fault of Casegate itself. 128 and a signal's number: ended by that signal.
"""

import atexit
import os
import sys
from contextlib import suppress
from typing import NoReturn

from app.cli import ending


def main() -> NoReturn:
    """Run the command line and exit."""
    _leave_ascii()
    code = ending.FAULT  # where not even the ending of a command ends as it should
    atexit.register(lambda: _end_process(code))  # before all others, and so called after them
    code = ending.run(_program)
    output = sys.modules.get("app.observability.log_output")  # which few commands import, and of these one serves
    if output is not None:
        output.flush()
    sys.exit(code)


def _end_process(code: int) -> NoReturn:
    """End the process without taking the interpreter apart.

    The document store's native threads may still have an answer for it, and would abort the process (SIGABRT) or read
    what is gone (SIGSEGV) instead of ending it with its exit code.
    """
    for stream in filter(None, (sys.stdout, sys.stderr)):
        with suppress(OSError, ValueError, ending.OutputLost):  # closed, or reported already
            stream.flush()
    os._exit(code)


def _leave_ascii() -> None:
    """Start again in Python's UTF-8 mode where the locale has no other letters than ASCII's (PEP 540).

    Arguments, settings and file names are decoded by the encoding that the interpreter starts with. It takes UTF-8 in
    the C locale by itself, unless PYTHONUTF8=0 forbids it.
    """
    mode = ["-X", "utf8"]
    if sys.getfilesystemencoding() == "ascii" and sys.executable and sys.orig_argv[1:3] != mode:
        os.execv(sys.executable, [sys.executable, *mode, *sys.orig_argv[1:]])  # noqa: S606  # ourselves, without a shell


def _program() -> None:
    # What a command stands on takes a second, in which it may be interrupted already. What serves keeps it for good.
    if sys.argv[1:2] == ["serve"]:
        from app.cli.serving import program
    else:
        from app.cli.program import program
    program()
