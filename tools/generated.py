"""What all generated files share: written if they are stale, or with `--check` only named."""

import argparse
from pathlib import Path

from course_lib import files

ROOT = Path(__file__).resolve().parent.parent


def keep(pages: dict[Path, str | bytes], description: str | None) -> int:
    """Bring the files up to date; with `--check` on the command line change none.

    Returns the exit code: 1 if a file is out of date and stays so, else 0.
    """
    parser = argparse.ArgumentParser(description=(description or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="change nothing, say what is stale")
    check = parser.parse_args().check
    fresh = {p: text.encode() if isinstance(text, str) else text for p, text in pages.items()}
    stale = [p for p, content in fresh.items() if not p.exists() or p.read_bytes() != content]
    for path in stale:
        if check:
            print(f"{path.relative_to(ROOT)} is out of date: run `make docs`")
        else:
            path.parent.mkdir(exist_ok=True)
            files.replace(path, fresh[path])
            print(f"wrote {path.relative_to(ROOT)}")
    return int(check and bool(stale))
