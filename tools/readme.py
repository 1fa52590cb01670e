"""Write what is generated: tables of README, SPEED and INSTRUCTORS, EXERCISES.md, Binder lines.

    python tools/readme.py            write
    python tools/readme.py --check    change nothing; exit 1 if something is out of date

The one place that knows the public address is `[project.urls]` in pyproject.toml.
"""

import base64
import json
import re
import sys
import tomllib
from functools import partial
from pathlib import Path
from urllib.parse import urlencode

import nbformat
import yaml

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.harness import MORE, RESULTS
from course_lib import claims
from course_lib.course_map import NOTEBOOKS_DIR, lessons
from course_lib.exercises import catalogue
from tools import generated

ROOT = Path(__file__).resolve().parent.parent
PICTURE = ROOT / "data" / "figures" / "bunny_flow.png"
UNSET = "Binder: the repository's public address is not set yet."


def repository() -> str | None:
    """OWNER/NAME of the public address, or None while there is none."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    address = project.get("urls", {}).get("Repository")
    if address is None:
        return None
    match = re.fullmatch(r"https://github\.com/([\w.-]+/[\w.-]+?)/?", address)
    if match is None:
        raise SystemExit(f"Repository must be https://github.com/OWNER/NAME, got {address}")
    return match[1]


def binder_line(notebook: str = "00_start_here.ipynb") -> str:
    """A launch badge that opens `notebook`, or a plain sentence while there is no address."""
    if (name := repository()) is None:
        return UNSET
    launch = f"https://mybinder.org/v2/gh/{name}/HEAD?urlpath=lab/tree/notebooks/{notebook}"
    return f"[![Open in Binder](https://mybinder.org/badge_logo.svg)]({launch})"


def classroom_link() -> str:
    """The link by which students of a hub get the course, and what is missing in it."""
    name = repository()
    where = {
        "repo": f"https://github.com/{name or 'OWNER/NAME'}",
        "branch": "main",
        "targetpath": "course",
        "urlpath": "lab/tree/course/notebooks/00_start_here.ipynb",
    }
    note = "" if name else "\n\n(OWNER/NAME: the repository's public address is not set yet.)"
    return f"`https://HUB/hub/user-redirect/git-pull?{urlencode(where)}`{note}"


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
    text = (RESULTS / f"{name}.md").read_text(encoding="utf-8")
    short, _, more = text.partition("\n")[2].partition(MORE)  # without its title: SPEED.md has one
    link = f"\n\nThe rest of it: [{name}.md](benchmarks/results/{name}.md)."
    return short.strip() + (link if more else "")


def speed_table() -> str:
    """Ours and torchdiffeq's medians of five tasks, and how many targets are met in all."""

    def rows(name):
        return json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))["rows"]

    def pair(rows, ours, theirs):
        medians = {row["contender"]: row["median"] for row in reversed(rows)}
        return medians[ours], medians[theirs]

    solves = {row["case"]: row["contenders"] for row in rows("solvers")}
    steps = [row for row in rows("traces") if row["part"] == "step"]
    tasks = {
        f"a solve, {case}": [solves[case][who]["median"] for who in ("course_lib", "torchdiffeq")]
        for case in ("dopri5, batch 128, 2 outputs", "rk4 × 20, batch 128")
    }
    for method in ("backprop", "continuous adjoint"):
        contenders = f"course_lib, {method}", f"torchdiffeq, {method}"
        tasks[f"loss and gradient, {method}"] = pair(rows("gradients"), *contenders)
    contenders = "course_lib, dopri5, closed form", "torchdiffeq, backprop"
    tasks["training step of a continuous normalizing flow"] = pair(steps, *contenders)
    table = ["| time of | this course | torchdiffeq |", "|---|---|---|"]
    table += [f"| {task} | {ours:.2f} | {other:.2f} |" for task, (ours, other) in tasks.items()]
    text = "".join(make() for make in PARTS["SPEED.md"].values())
    met, missed = (len(re.findall(rf"[,:] {word}\b", text)) for word in ("met", "missed"))
    return "\n".join(table) + (
        "\n\nA solve in multiples of its evaluations of $f$ alone (1 would be perfect), the rest in"
        "\nmultiples of torchdiffeq's backpropagation; medians of paired runs on one thread."
        f"\n{met} of {met + missed} targets are met; the others are named, with the reason, in"
        " [SPEED.md](SPEED.md)."
    )


def bibtex() -> str:
    """CITATION.cff as an entry of a BibTeX file."""
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    authors = " and ".join(f"{{{author['name']}}}" for author in citation["authors"])
    fields = {
        "author": authors,
        "title": f"{{{citation['title']}}}",
        "year": citation["date-released"][:4],
        "note": f"Version {citation['version']}",
    }
    if address := citation.get("repository-code"):
        fields["url"] = address
    lines = [f"  {name:6} = {{{value}}}," for name, value in fields.items()]
    return "\n".join(["```bibtex", "@misc{continuous_time_deep_learning,", *lines, "}", "```"])


def projects_table() -> str:
    """The projects of notebook 20, with their difficulties."""
    section = catalogue.prose(NOTEBOOKS_DIR / lessons()["20"].file).partition(" projects\n")[2]
    return "\n".join(re.findall(r"^\|.*$", section.partition("\n## ")[0], flags=re.M))


# File → its generated parts, each between `<!-- begin NAME -->` and `<!-- end NAME -->`.
PARTS = {
    "README.md": {
        "binder": binder_line,
        "course": course_table,
        "claims": claims_table,
        "speed": speed_table,
        "citation": bibtex,
    },
    "SPEED.md": {
        "speed": partial(measured, "solvers"),
        "gradients": partial(measured, "gradients"),
        "traces": partial(measured, "traces"),
        "operators": partial(measured, "operators"),
        "work_precision": partial(measured, "work_precision"),
        "memory": partial(measured, "memory"),
        "scaling": partial(measured, "scaling"),
        "peers": partial(measured, "peers"),
        "latency": partial(measured, "latency"),
        "course": partial(measured, "course"),
    },
    "INSTRUCTORS.md": {
        "exercises": catalogue.overview,
        "nbgitpuller": classroom_link,
        "projects": projects_table,
    },
}


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
    fresh = {PICTURE: picture(), ROOT / "EXERCISES.md": catalogue.page()}
    for file, parts in PARTS.items():
        text = (ROOT / file).read_text(encoding="utf-8")
        fresh[ROOT / file] = fill(text, parts, file)
    for path in sorted(NOTEBOOKS_DIR.glob("*.ipynb")):
        notebook = nbformat.read(path, as_version=4)
        fresh[path] = nbformat.writes(with_badge(notebook, path.name)).rstrip() + "\n"
    return generated.keep(fresh, __doc__)


if __name__ == "__main__":
    sys.exit(main())
