"""Write the versions that are installed here into the requirement files, as their pins.

To try newer releases, take the pins off, install, pin again what was found, and run the tests; the
weekly job does just that:

    sed -E -i.old 's/==[^;[:space:]]+//' requirements*.txt
    python -m pip install --upgrade -r requirements-dev.txt -e .
    python tools/repin.py && python tools/binder.py
"""

import importlib.metadata
import re
import sys
from pathlib import Path

from course_lib.files import replace

ROOT = Path(__file__).resolve().parent.parent
FILES = (
    "requirements.txt",
    "requirements-dev.txt",
    "requirements-project.txt",
    "requirements-site.txt",
)


def pinned(text: str) -> str:
    """The text of a requirement file with the installed version behind each name.

    Comments, options and names of packages that this system does not install stay as they are.

    >>> from importlib.metadata import version
    >>> pinned("# tools\\npytest\\n") == f"# tools\\npytest=={version('pytest')}\\n"
    True
    """
    lines = []
    for line in text.splitlines():
        match = re.fullmatch(r"([A-Za-z0-9][\w.-]*)(?:==[\w.]+)?(\s*;.*)?", line)
        version = match and _installed(match[1])
        lines.append(f"{match[1]}=={version}{match[2] or ''}" if version else line)
    return "\n".join(lines) + "\n"


def _installed(name: str) -> str | None:
    try:
        return importlib.metadata.version(name).split("+")[0]
    except importlib.metadata.PackageNotFoundError:
        return None


def main() -> int:
    for name in FILES:
        path = ROOT / name
        replace(path, pinned(path.read_text(encoding="utf-8")))
    return 0


if __name__ == "__main__":
    sys.exit(main())
