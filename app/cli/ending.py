"""How a command ends: in an exit code and at most a line on standard error, whatever happens to it.

Output is UTF-8 whatever the locale, as JSON has to be, with the bytes of file names as they are.
"""

import io
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from types import FrameType

from app.config.environment import is_debugging

REFUSED, WRONG_USAGE, UNWRITTEN, FAULT = 1, 2, 3, 70
SIGNALLED = 128
INTERRUPTED = SIGNALLED + signal.SIGINT

ENDED_BY = {"SIGHUP", "SIGINT", "SIGTERM"}
"""The signals that end a command in order: what it has begun is taken back."""


class OutputLost(Exception):
    """Standard output takes nothing more. It is no OSError, which a command would take for one of its own files."""


class _Output(io.TextIOWrapper):
    """Standard output, which tells what can't be written by `OutputLost`."""

    def write(self, text: str) -> int:
        try:
            return super().write(text)
        except OSError as error:
            raise OutputLost(error.strerror) from error

    def flush(self) -> None:
        try:
            super().flush()
        except OSError as error:
            raise OutputLost(error.strerror) from error


class _Errors(io.TextIOWrapper):
    """Standard error; what can't be written there is lost."""

    def write(self, text: str) -> int:
        with suppress(OSError):
            super().write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError):
            super().flush()


def run(program: Callable[[], None]) -> int:
    """Run *program*, which may end by SystemExit, and return the exit code."""
    os.umask(0o077)  # what is made is its owner's alone
    ended_by = [signal.SIGINT]
    _listen(ended_by)
    try:
        if not _open_streams(sys.argv[1:]):
            return _reported("there is no standard output to print to", UNWRITTEN)
        code = _code_of(program)
        sys.stdout.flush()
    except OutputLost as lost:
        give_up_output()
        return _reported(f"what was to be printed can't be written: {lost}", UNWRITTEN)
    except KeyboardInterrupt:
        code = INTERRUPTED
    except UnicodeError:
        return _reported("an argument or a setting is not UTF-8", WRONG_USAGE)
    except Exception as fault:  # nothing above makes a line of it
        return _reported_fault(fault)
    if code != INTERRUPTED:
        return code
    return _reported(f"ended by {ended_by[-1].name}, with what it had begun undone", SIGNALLED + ended_by[-1])


def _code_of(program: Callable[[], None]) -> int:
    try:
        program()
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 1
    return 0


def _reported(message: str, code: int) -> int:
    sys.stderr.write(f"casegate: {message}\n")
    sys.stderr.flush()
    return code


def _reported_fault(fault: Exception) -> int:
    if is_debugging():
        traceback.print_exception(fault)
    if isinstance(fault, OSError) and fault.filename is not None:
        return _reported(f"{fault.filename} can't be used: {fault.strerror}", REFUSED)
    words = " ".join(str(fault).split())[:300]
    return _reported(f"a fault ({type(fault).__name__}: {words}); CASEGATE_LOG_LEVEL=debug tells where", FAULT)


def _listen(ended_by: list[signal.Signals]) -> None:
    """Have other signals end the program as Ctrl-C does, which asyncio makes a cancellation of.

    A shell's script starts what it puts into the background with SIGINT ignored: asyncio would then not hear of it.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)

    def end(number: int, _frame: FrameType | None) -> None:
        ended_by.append(signal.Signals(number))
        signal.raise_signal(signal.SIGINT)

    for name in ENDED_BY - {"SIGINT"}:
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, end)


def _open_streams(arguments: Sequence[str]) -> bool:
    """Put the standard streams in order; return False where there is none to print to, and something to be printed.

    What is closed gets a number of its own before a file does, which would be printed into.
    """
    is_closed = sys.stdout is None
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free
    sys.stdin = sys.stdin or open(0, closefd=False)  # noqa: SIM115  # for as long as the process lasts
    _replace_output()
    return not is_closed or list(arguments[:1]) == ["serve"]


def _replace_output() -> None:
    for name, kind, number, errors in (
        ("stdout", _Output, 1, "surrogateescape"),
        ("stderr", _Errors, 2, "backslashreplace"),
    ):
        stream = getattr(sys, name)
        binary = open(number, "wb", closefd=False) if stream is None else stream.detach()  # noqa: SIM115
        is_interactive = binary.isatty()
        made = kind(binary, encoding="utf-8", errors=errors, line_buffering=is_interactive or name == "stderr")
        setattr(sys, name, made)
        setattr(sys, f"__{name}__", made)


def give_up_output() -> None:
    """Let what is still in the buffers go nowhere, as Python writes them out at its end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)
    with suppress(OutputLost):
        sys.stdout.flush()


@contextmanager
def ended_by_its_reader() -> Iterator[None]:
    """Have a command that prints without an end succeed where it is interrupted, or nobody reads on."""
    try:
        yield
    except KeyboardInterrupt:
        pass
    except OutputLost as lost:
        if not isinstance(lost.__cause__, BrokenPipeError):
            raise
        give_up_output()
