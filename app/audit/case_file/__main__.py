"""Write the case file of the evidence on standard input to standard output: `python -m app.audit.case_file FR`."""

import json
import sys

from app.audit.case_file.rendering import EvidenceUnfit, case_file_pdf
from app.audit.case_file.rendering_process import UNFIT
from app.domain.model import Language


def main() -> int:
    """Return the exit code: UNFIT, where the evidence can't be shown."""
    try:
        pdf = case_file_pdf(json.load(sys.stdin.buffer), Language(sys.argv[1]), has_sought_anchors=False)
    except EvidenceUnfit:
        return UNFIT
    sys.stdout.buffer.write(pdf)
    return 0


if __name__ == "__main__":
    sys.exit(main())
