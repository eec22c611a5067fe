"""Rendering a case file in a process of its own: it takes the processor for seconds, which the event loop has not.

It does not bound how many are under way: who calls it does.
"""

import asyncio
import importlib.util
import json
import sys

from app.audit.case_file.content import CHARACTERS_MAX, EvidenceUnfit
from app.domain.model import Language

UNFIT = 3
"""The exit code of a process that was given evidence that can't be shown."""
RENDER_S = 120
"""Seconds that a case file has: twice what the longest takes."""


class CaseFileFailed(Exception):
    """The process has failed; the message has the end of what it said."""


def can_render() -> bool:
    """Tell whether the extra `pdf` is installed."""
    return all(importlib.util.find_spec(name) is not None for name in ("fpdf", "segno"))


async def rendered(evidence: dict[str, object], language: Language) -> bytes:
    """Return the PDF of one case's *evidence*, which was made without the anchors.

    Raises: EvidenceUnfit; TimeoutError; CaseFileFailed.
    """
    given = await asyncio.to_thread(lambda: json.dumps(evidence).encode())
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "app.audit.case_file", language.value),
        stdin=pipe,
        stdout=pipe,
        stderr=pipe,
        start_new_session=True,  # an interrupt from the terminal is the server's alone
    )
    try:
        async with asyncio.timeout(RENDER_S):
            pdf, said = await process.communicate(given)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode == UNFIT:
        raise EvidenceUnfit(f"its texts have more than {CHARACTERS_MAX} characters")
    if process.returncode:
        raise CaseFileFailed(said.decode(errors="replace")[-2_000:])
    return pdf
