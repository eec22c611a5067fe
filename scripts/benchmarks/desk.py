"""The Desk by the clock of a real headless Chromium: how soon the worklist is painted, and how long its tasks are."""

import re
import statistics
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import httpx2

from scripts.benchmarks.compare import Say, Wanted
from scripts.benchmarks.report import machine
from tests.support.browser import opened_browser
from tests.support.desk import Window, open_case
from tests.support.gateway import serving

PERSON = "Ada Okafor"
CASES = 60
ROWS = 50
"""Cases of a page of the worklist."""
# The browser reports tasks of 50 ms and more. `painted`: when a frame with all rows had been handed to the screen.
OBSERVE = f"""
window.tasks = []
new PerformanceObserver(list => window.tasks.push(...list.getEntries().map(task => task.duration)))
  .observe({{type: 'longtask', buffered: true}})
const look = () => document.querySelectorAll('.rows .row').length < {ROWS}
  ? requestAnimationFrame(look)
  : requestAnimationFrame(() => setTimeout(() => {{ window.painted = performance.now() }}))
requestAnimationFrame(look)
"""
FIRST_PAINT = "performance.getEntriesByName('first-contentful-paint')[0].startTime"
SCROLL = """async () => {
  window.tasks.length = 0
  for (let y = 0; y < document.documentElement.scrollHeight; y += 40) {
    window.scrollTo(0, y)
    await new Promise(requestAnimationFrame)
  }
  await new Promise(resolve => setTimeout(resolve, 200))
  return Math.max(0, ...window.tasks)
}"""

PLANTED_MS = 120
PLANT = f"""async () => {{
  setTimeout(() => {{ const end = performance.now() + {PLANTED_MS}; while (performance.now() < end); }})
  await new Promise(resolve => setTimeout(resolve, {PLANTED_MS} + 200))
  return Math.max(0, ...window.tasks)
}}"""


@dataclass(frozen=True, slots=True)
class Visit:
    """One load of the worklist with an empty cache, and a scroll through it; ms."""

    first_paint: float
    rows_painted: float
    longest_loading: float
    longest_scrolling: float


@dataclass(frozen=True, slots=True)
class DeskReport:
    """All visits."""

    visits: Sequence[Visit]

    def as_json(self) -> dict[str, Any]:
        return {"machine": machine(), "visits": [asdict(visit) for visit in self.visits]}

    def as_text(self) -> str:
        return "\n".join(self._text())

    def _text(self) -> Iterator[str]:
        yield f"the Desk on {', '.join(f'{key} {value}' for key, value in machine().items())}"
        yield f"{len(self.visits)} loads of a worklist of {ROWS} cases with an empty cache, ms"
        yield f"  {'':26}{'median':>10}{'most':>10}"
        for name, words in WORDS.items():
            found = [getattr(visit, name) for visit in self.visits]
            yield f"  {words:26}{statistics.median(found):>10.0f}{max(found):>10.0f}"
        yield "a task under 50 ms counts as 0"


WORDS: Mapping[str, str] = {
    "first_paint": "first contentful paint",
    "rows_painted": f"{ROWS} cases painted",
    "longest_loading": "longest task, loading",
    "longest_scrolling": "longest task, scrolling",
}


def desk(wanted: Wanted, say: Say) -> DeskReport:
    """Load and scroll the worklist of the demo, once a round, after once that is not counted."""
    rounds = wanted.plan.rounds
    with (
        tempfile.TemporaryDirectory() as folder,
        serving(Path(folder)) as server,
        opened_browser() as browser,
    ):
        token = _token(server.address)
        for number in range(CASES):
            open_case(server, token, f"Case {number:02}")
        window = Window.opened(browser, server.address)
        window.enter(PERSON)
        session = window.context.new_cdp_session(window.page)
        session.send("Network.setCacheDisabled", {"cacheDisabled": True})
        window.page.add_init_script(OBSERVE)
        visits = []
        for number in range(rounds + 1):
            say(f"visit {number} of {rounds}")
            visits.append(_visit(window))
        assert window.page.evaluate(PLANT) >= PLANTED_MS, "the browser does not report a long task"
        return DeskReport(visits[1:])


def _visit(window: Window) -> Visit:
    page = window.page
    page.reload()
    while page.evaluate("window.painted") is None:  # to wait in the page needs `eval`, which its policy forbids
        page.wait_for_timeout(100)
    page.wait_for_timeout(500)  # what is loaded after the rows counts too
    first_paint, painted = page.evaluate(FIRST_PAINT), page.evaluate("window.painted")
    longest = page.evaluate("Math.max(0, ...window.tasks)")
    return Visit(first_paint, painted, longest, page.evaluate(SCROLL))


def _token(address: str) -> str:
    page = httpx2.get(f"{address}/desk", timeout=30).text
    found = re.search(r'<script type="application/json" id="casegate-config">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    people = httpx2.Response(200, text=found[1]).json()["people"]
    token: str = next(person["token"] for person in people if person["display_name"] == PERSON)
    return token
