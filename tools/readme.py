"""Write what is generated of README.md and INSTRUCTORS.md, a picture, and all Binder lines.

    python tools/readme.py            write
    python tools/readme.py --check    change nothing; exit 1 if something is out of date

The one place that knows the public address is `[project.urls]` in pyproject.toml.
"""

import argparse
import base64
import re
import sys
import tomllib
from functools import partial
from pathlib import Path

import nbformat

from course_lib import claims
from course_lib.course_map import NOTEBOOKS_DIR, lessons
from course_lib.widgets.lectures import LECTURES

ROOT = Path(__file__).resolve().parent.parent
PICTURE = ROOT / "data" / "figures" / "bunny_flow.png"
UNSET = "Binder: the repository's public address is not set yet."


def binder_line(notebook: str = "00_start_here.ipynb") -> str:
    """A launch badge that opens `notebook`, or a plain sentence while there is no address."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    address = project.get("urls", {}).get("Repository")
    if address is None:
        return UNSET
    match = re.fullmatch(r"https://github\.com/([\w.-]+/[\w.-]+?)/?", address)
    if match is None:
        raise SystemExit(f"Repository must be https://github.com/OWNER/NAME, got {address}")
    launch = f"https://mybinder.org/v2/gh/{match[1]}/HEAD?urlpath=lab/tree/notebooks/{notebook}"
    return f"[![Open in Binder](https://mybinder.org/badge_logo.svg)]({launch})"


def course_table() -> str:
    """The notebooks by part, with minutes and prerequisites."""
    rows = ["| | notebook | minutes | builds on |", "|---|---|---|---|"]
    part = None
    for lesson in lessons().values():
        if lesson.part != part:
            part = lesson.part
            rows.append(f"| **{part.split()[0]}** | **{' '.join(part.split()[1:])}** | | |")
        link = f"[{lesson.title}](notebooks/{lesson.file})"
        title = link if lesson.written else f"{lesson.title} *(coming)*"
        needs = ", ".join(lesson.prerequisites) or "–"
        rows.append(f"| {lesson.number} | {title} | {lesson.minutes} | {needs} |")
    return "\n".join(rows)


def claims_table() -> str:
    """The claims that a paper gives a figure for, and how many there are in all."""
    rows = claims.collect(sorted(NOTEBOOKS_DIR.glob("*.ipynb")))
    count = f"All {len(rows)} claims, with and without a published figure: [CLAIMS.md](CLAIMS.md)."
    return f"{claims.reproductions(rows)}\n{count}"


def measured(name: str) -> str:
    """A benchmark's table as `make bench` last wrote it."""
    text = (ROOT / "benchmarks" / "results" / f"{name}.md").read_text(encoding="utf-8")
    return text.partition("\n")[2].strip()  # without its title: the README has one


def widgets_table() -> str:
    """What to do with each widget in two minutes of a lecture."""
    rows = ["| notebook | widget | what to do |", "|---|---|---|"]
    for name, entry in LECTURES.items():
        rows.append(f"| {entry.notebook} | `{name}`: {entry.title} | {entry.script} |")
    return "\n".join(rows)


PARTS = {
    "binder": binder_line,
    "course": course_table,
    "claims": claims_table,
    "speed": partial(measured, "solvers"),
    "gradients": partial(measured, "gradients"),
    "traces": partial(measured, "traces"),
}


INSTRUCTORS = {"widgets": widgets_table}


def fill(text: str, parts: dict, file: str) -> str:
    """`text` with every generated part renewed; raises `SystemExit` if a marker is missing."""
    for name, make in parts.items():
        pattern = rf"(<!-- begin {name} -->\n).*?(<!-- end {name} -->)"
        if len(re.findall(pattern, text, flags=re.S)) != 1:
            raise SystemExit(f"{file} needs `<!-- begin {name} -->` and `<!-- end {name} -->` once")
        content = make()
        text = re.sub(
            pattern, lambda m, c=content: m[1] + c.strip() + "\n" + m[2], text, flags=re.S
        )
    return text


def picture() -> bytes:
    """The PNG of Figure 0.1, as it is stored in notebook 00."""
    notebook = nbformat.read(NOTEBOOKS_DIR / "00_start_here.ipynb", as_version=4)
    outputs = (o for cell in notebook.cells for o in cell.get("outputs", []))
    images = (o["data"]["image/png"] for o in outputs if "image/png" in o.get("data", {}))
    return base64.b64decode(next(images))


def with_badge(notebook: nbformat.NotebookNode, file: str) -> nbformat.NotebookNode:
    """`notebook` with the line that follows the marker `<!-- binder-badge -->` renewed."""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            line = f"<!-- binder-badge -->{binder_line(file)}"
            cell.source = re.sub(r"<!-- binder-badge -->.*", lambda _, s=line: s, cell.source)
    return notebook


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="change nothing, say what is stale")
    check = parser.parse_args().check
    fresh = {PICTURE: picture()}
    for file, parts in {"README.md": PARTS, "INSTRUCTORS.md": INSTRUCTORS}.items():
        text = (ROOT / file).read_text(encoding="utf-8")
        fresh[ROOT / file] = fill(text, parts, file).encode()
    for path in sorted(NOTEBOOKS_DIR.glob("*.ipynb")):
        notebook = nbformat.read(path, as_version=4)
        fresh[path] = (nbformat.writes(with_badge(notebook, path.name)).rstrip() + "\n").encode()
    stale = [p for p, content in fresh.items() if not p.exists() or p.read_bytes() != content]
    for path in stale:
        if check:
            print(f"{path.relative_to(ROOT)} is out of date: run `make docs`")
        else:
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(fresh[path])
            print(f"wrote {path.relative_to(ROOT)}")
    return int(check and bool(stale))


if __name__ == "__main__":
    sys.exit(main())
