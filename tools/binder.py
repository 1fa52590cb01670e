"""Write binder/requirements.txt: the pins of requirements.txt, with PyTorch's CPU wheels.

    python tools/binder.py            write
    python tools/binder.py --check    change nothing; exit 1 if the file is out of date

Binder installs from a copy of this one file before it copies the rest of the repository, so that
an edited notebook does not mean installing everything anew. A line such as `-r ../requirements.txt`
would spoil that: the pins are therefore written out.
"""

import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tools import generated

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "binder" / "requirements.txt"
CPU_WHEELS = "https://download.pytorch.org/whl/cpu"


def content(requirements: str) -> str:
    """The text for Binder, from the text of requirements.txt.

    >>> print(content("# pins\\ntorch==2.13.0\\n"))
    # Written by tools/binder.py from requirements.txt: do not edit.
    --extra-index-url https://download.pytorch.org/whl/cpu
    torch==2.13.0
    <BLANKLINE>
    """
    pins = [line for line in requirements.splitlines() if re.match(r"[A-Za-z0-9]", line)]
    head = [
        "# Written by tools/binder.py from requirements.txt: do not edit.",
        f"--extra-index-url {CPU_WHEELS}",
    ]
    return "\n".join(head + pins) + "\n"


def main() -> int:
    pins = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    return generated.keep({TARGET: content(pins)}, __doc__)


if __name__ == "__main__":
    sys.exit(main())
