"""Build the course as static pages: `make site` writes build/site/, to be opened in any browser.

    python tools/website.py

Sphinx with MyST-NB reads the notebooks as they are committed, executed. The pages need no network:
mathematics, search and style are inside. Widgets are shown by the figure that follows them.
"""

import json
import re
import shutil
import sys
from pathlib import Path

from sphinx.cmd.build import build_main

from course_lib.course_map import lessons

ROOT = Path(__file__).resolve().parent.parent
SOURCE, TARGET = ROOT / "build" / "site_source", ROOT / "build" / "site"
PAGES = (
    *("INSTRUCTORS.md", "EXERCISES.md", "CLAIMS.md", "SPEED.md", "CONTRIBUTING.md"),
    "data/README.md",
)
FILES = ("LICENSE", "LICENSE-CONTENT", "CITATION.cff", "data/LICENSE-pvlib")


def caption_of(cells: list[dict], index: int) -> str:
    """The caption that follows a picture's cell, in plain words; empty if there is none."""
    for cell in cells[index + 1 :]:
        text = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            found = re.match(r"\*\*((?:Figure|Animation) [^*]*)\*\*(.*?)(?:\n\s*\n|$)", text, re.S)
            return " ".join(re.sub(r"[*`$\\]", "", found[1] + found[2]).split()) if found else ""
    return ""


def with_alternative_texts(notebook: dict) -> dict:
    """The notebook with each picture's caption as its alternative text."""
    for index, cell in enumerate(notebook["cells"]):
        shown = [o for o in cell.get("outputs", []) if "image/png" in o.get("data", {})]
        if shown:
            alt = caption_of(notebook["cells"], index) or "A figure; the text describes it."
            cell["metadata"]["mystnb"] = {"image": {"alt": alt}}
    return notebook


def contents() -> str:
    """The tables of contents: one for each part, and one for the other pages."""
    parts: dict[str, list[str]] = {}
    for lesson in lessons().values():
        parts.setdefault(lesson.part.partition(" ")[2], []).append(f"notebooks/{lesson.file[:-6]}")
    parts["Beside the notebooks"] = [page.removesuffix(".md") for page in PAGES]
    tree = "```{{toctree}}\n:hidden:\n:caption: {}\n\n{}\n```\n"
    return "\n".join(tree.format(name, "\n".join(files)) for name, files in parts.items())


def collect(source: Path = SOURCE) -> None:
    """Lay out what Sphinx reads: index.md (the README), the notebooks, texts, settings."""
    shutil.rmtree(source, ignore_errors=True)
    shutil.copytree(ROOT / "website", source)
    (source / "notebooks").mkdir()
    for lesson in lessons().values():
        path = ROOT / "notebooks" / lesson.file
        notebook = with_alternative_texts(json.loads(path.read_text(encoding="utf-8")))
        (source / "notebooks" / lesson.file).write_text(json.dumps(notebook), encoding="utf-8")
    shutil.copytree(ROOT / "data" / "figures", source / "data" / "figures")
    for name in (*PAGES, *FILES):
        (source / name).parent.mkdir(exist_ok=True)
        text = (ROOT / name).read_text(encoding="utf-8")
        text = re.sub(r"\]\((\.\./)?README\.md", r"](\1index.md", text)  # it is the first page
        text = re.sub(r"(?<!!)\[([^]]+)\]\((benchmarks/[^)]+)\)", r"`\2`", text)  # not on the site
        (source / name).write_text(text, encoding="utf-8")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (source / "index.md").write_text(f"{readme}\n{contents()}", encoding="utf-8")


def build(source: Path = SOURCE, target: Path = TARGET) -> int:
    """Collect and build; the exit code is 0 if Sphinx had nothing to complain of."""
    collect(source)
    return build_main(["-q", "-W", "--keep-going", "-b", "html", str(source), str(target)])


def main() -> int:
    code = build()
    if code == 0:
        print(f"open {TARGET.relative_to(ROOT) / 'index.html'}")
    return code


if __name__ == "__main__":
    sys.exit(main())
