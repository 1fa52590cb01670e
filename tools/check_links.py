"""Check the links in the Markdown files and notebooks.

python tools/check_links.py              links to files of the repository
python tools/check_links.py --external   links to the web (the weekly job; needs the network)
"""

import argparse
import json
import re
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LINK = re.compile(r"\]\(\s*<?([^)\s>]+)>?(?:\s+[\"'][^\"']*[\"'])?\s*\)")
ADDRESS = re.compile(r"https?://[^\s<>)\]\"'`]+")
# A server that refuses a program's visit has not lost the page.
REFUSED = {401, 403, 405, 406, 418, 429, 503}


def documents(root: Path = ROOT) -> list[Path]:
    """The Markdown files and notebooks of the repository (tracked, or new and not ignored)."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md", "*.ipynb"]
    listed = subprocess.run(command, cwd=root, capture_output=True, text=True)
    if listed.returncode == 0:
        paths = [root / line for line in listed.stdout.splitlines()]
    else:  # a downloaded archive, without git
        paths = [
            p for p in root.rglob("*") if p.suffix in {".md", ".ipynb"} and ".venv" not in str(p)
        ]
    return sorted(path for path in paths if path.is_file())


def prose(path: Path) -> str:
    """The Markdown text of a document: of a notebook, its markdown cells."""
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".ipynb":
        return text
    cells = json.loads(text)["cells"]
    return "\n\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")


def broken(text: str, folder: Path) -> Iterator[str]:
    """One message for each link in `text` to a file that is not there, seen from `folder`.

    >>> list(broken("[a](no-such-file.md) [b](https://example.org)", Path(".")))
    ["links to 'no-such-file.md', which is not there"]
    """
    text = re.sub(r"```.*?```|`[^`\n]*`", "", text, flags=re.S)
    for target in LINK.findall(text):
        if re.match(r"[a-z]+:|#", target):
            continue
        file = urllib.parse.unquote(target.partition("#")[0])
        if not (folder / file).exists():
            yield f"links to {target!r}, which is not there"


def unreachable(address: str) -> str | None:
    """Why a web address cannot be read, or None if it can."""
    agent = {"User-Agent": "Mozilla/5.0 (link check of a course)"}
    request = urllib.request.Request(address, headers=agent)
    try:
        with urllib.request.urlopen(request, timeout=30):
            return None
    except urllib.error.HTTPError as error:
        return None if error.code in REFUSED else f"HTTP {error.code}"
    except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
        return str(getattr(error, "reason", error))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--external", action="store_true", help="visit the web addresses instead")
    external = parser.parse_args().external
    count, seen = 0, {}
    for path in documents():
        text = prose(path)
        if external:
            addresses = {found.rstrip(".,;:") for found in ADDRESS.findall(text)}
            for address in sorted(addresses):
                if address not in seen:
                    seen[address] = unreachable(address)
            problems = [f"{a}: {seen[a]}" for a in sorted(addresses) if seen[a]]
        else:
            problems = list(broken(text, path.parent))
        for problem in problems:
            print(f"{path.relative_to(ROOT)}: {problem}")
        count += len(problems)
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main())
