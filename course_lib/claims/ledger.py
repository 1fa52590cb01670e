"""The ledger: the claims stored in executed notebooks, as one table each, in CLAIMS.md."""

import argparse
import json
import sys
from collections.abc import Iterable
from pathlib import Path

from course_lib import files

MIME = "application/vnd.course.claim+json"
ROOT = Path(__file__).resolve().parents[2]
COMMAND = "python -m course_lib.claims"


def collect(paths: Iterable[Path | str]) -> list[dict]:
    """The claims stored in executed notebooks, in order.

    Args:
        paths: notebook files.

    Returns:
        One dictionary a claim: what `claim` stored, and `notebook` (the path given), `title`
        (the notebook's first heading) and `cell` (index).

    >>> collect([ROOT / "notebooks" / "04_odes_and_solvers.ipynb"])[0]["passed"]
    True
    """
    rows = []
    for path in map(Path, paths):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        title = _title(cells) or path.stem
        for index, cell in enumerate(cells):
            for output in cell.get("outputs", []):
                row = output.get("data", {}).get(MIME)
                if row is not None:
                    rows.append({**row, "notebook": path, "title": title, "cell": index})
    return rows


def to_markdown(rows: list[dict]) -> str:
    """The ledger: one table a notebook, its heading a link, relative to the repository's root.

    Args:
        rows: from `collect`.

    >>> row = dict(claim="a", measured_text="1", required="> 0", published="", source="(1.1)",
    ...            passed=True, notebook=Path("n/01.ipynb"), title="One")
    >>> print(to_markdown([row]))
    ## [One](n/01.ipynb)
    <BLANKLINE>
    | | claim | measured | required | published | source |
    |---|---|---|---|---|---|
    | ✓ | a | 1 | > 0 |  | (1.1) |
    <BLANKLINE>
    """
    lines: list[str] = []
    previous = None
    for row in rows:
        if row["notebook"] != previous:
            previous = row["notebook"]
            lines += [""] if lines else []
            lines += [f"## [{row['title']}]({_link(previous)})", ""]
            lines += ["| | claim | measured | required | published | source |", "|---" * 6 + "|"]
        mark = "✓" if row["passed"] else "✗"
        entries = [row[key] for key in ("claim", "measured_text", "required")]
        entries += [row["published"], row["source"]]
        lines.append(f"| {mark} | " + " | ".join(map(_entry, entries)) + " |")
    return "\n".join(lines) + "\n"


def reproductions(rows: list[dict]) -> str:
    """One table of the claims that a paper gives a figure for: theirs and ours side by side.

    >>> row = dict(claim="a", measured_text="1", required="> 0", published="2", source="Doe 2020",
    ...            passed=True, notebook=Path("n/01_one.ipynb"), title="One")
    >>> print(reproductions([row, row | {"published": ""}]))
    | | what | published | measured here | required | source |
    |---|---|---|---|---|---|
    | [01](n/01_one.ipynb) | a | 2 | 1 | > 0 | Doe 2020 |
    <BLANKLINE>
    """
    lines = ["| | what | published | measured here | required | source |", "|---" * 6 + "|"]
    for row in rows:
        if row["published"]:
            entries = [row[key] for key in ("claim", "published", "measured_text", "required")]
            link = f"[{row['notebook'].name[:2]}]({_link(row['notebook'])})"
            lines.append(f"| {link} | " + " | ".join(map(_entry, [*entries, row["source"]])) + " |")
    return "\n".join(lines) + "\n"


def ledger(root: Path = ROOT) -> str:
    """The whole text of CLAIMS.md, from the notebooks under `root`."""
    paths = sorted((root / "notebooks").glob("[0-9][0-9]_*.ipynb"))
    rows = [{**row, "notebook": row["notebook"].relative_to(root)} for row in collect(paths)]
    failed = sum(not row["passed"] for row in rows)
    notebooks = len({row["notebook"] for row in rows})
    count = f"Claims: {len(rows)}; notebooks: {notebooks}"
    state = "all claims hold" if not failed else f"claims that do not hold: {failed}"
    return (
        "# Claims\n\n"
        f"<!-- Generated from the executed notebooks by `{COMMAND}`; do not edit. -->\n\n"
        "Every number on which a notebook rests is asserted in the notebook itself, which fails"
        " if it does not hold. *Published* is the figure of the source, where it has one."
        f" {count}; {state}.\n\n"
        f"{to_markdown(rows)}"
    )


def main(arguments: list[str] | None = None, root: Path = ROOT) -> int:
    """Write CLAIMS.md, or with `--check` say whether it is current (exit code 1 if not).

    >>> main(["--check"])  # doctest: +SKIP
    0
    """
    parser = argparse.ArgumentParser(prog=COMMAND, description=main.__doc__.partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="change nothing")
    checking = parser.parse_args(arguments).check
    path, text = root / "CLAIMS.md", ledger(root)
    if checking:
        if path.exists() and path.read_text(encoding="utf-8") == text:
            return 0
        print(f"CLAIMS.md is not current: run `{COMMAND}` and commit it.", file=sys.stderr)
        return 1
    files.replace(path, text)
    return 0


def _link(path: Path) -> str:
    """A notebook's address, from the repository's root where it stands there."""
    return (path.relative_to(ROOT) if path.is_relative_to(ROOT) else path).as_posix()


def _entry(value: object) -> str:
    """A cell of a Markdown table."""
    return str(value).replace("|", r"\|").replace("\n", " ")


def _title(cells: list[dict]) -> str:
    """The first heading of a notebook."""
    for cell in cells:
        for line in "".join(cell["source"]).splitlines():
            if cell["cell_type"] == "markdown" and line.startswith("# "):
                return line[2:].strip()
    return ""
