"""Takes the README's picture; `scripts/screenshot` starts it."""

import io
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page

from tests.support.browser import opened_browser
from tests.support.gateway import ROOT, serving

SIZE = (1280, 800)
MODEL = "__MONACO.editor.getModels().find(({ uri }) => uri.path.includes(name))"
"""GraphiQL leaves its editor in a global variable, and puts the name of each pane into its address."""
QUERY = """# What may Rosa, a reviewer, do with this case?
query ReviewACase {
  case(reference: "CASE-000020") {
    title
    status
    subject {
      label
      evaluationStatus
    }
    activeOverride {
      requestedStatus
      createdBy {
        displayName
      }
    }
    availableActions {
      action
      allowed
      message
    }
  }
}
"""


def ask(page: Page, address: str) -> None:
    """Open GraphiQL at *address*, send the query as Rosa, and wait for the answer."""
    page.goto(f"{address}/graphiql")
    page.get_by_role("tab", name="WhoAmI").wait_for()
    page.locator(".graphiql-query-editor .view-line").first.wait_for()
    page.get_by_label("Act as").select_option(label="Rosa Bianchi (reviewer)")
    page.evaluate(f"([name, text]) => {MODEL}.setValue(text)", ["operation", QUERY])
    page.locator(".graphiql-execute-button").click()
    page.wait_for_function(f"name => {MODEL}.getValue().includes('availableActions')", arg="response")
    page.wait_for_timeout(1000)  # the colours of the answer come after its text


def main() -> None:
    """Write the picture, with as many colours as such a page has, which halves its size."""
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "app/docs/graphiql.png"
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder)) as server, opened_browser() as browser:
        page = browser.new_page(viewport={"width": SIZE[0], "height": SIZE[1]}, locale="en-GB", color_scheme="light")
        ask(page, server.address)
        taken = Image.open(io.BytesIO(page.screenshot()))
    taken.convert("RGB").quantize(256, dither=Image.Dither.NONE).save(target, optimize=True)


if __name__ == "__main__":
    main()
