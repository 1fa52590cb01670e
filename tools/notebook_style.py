"""The house style of a notebook, as far as a machine can see it.

    python tools/notebook_style.py          all notebooks
    python tools/notebook_style.py 04       one of them

Each rule yields one message a fault, which says how to mend it. tests/test_notebooks_style.py
runs every rule on every notebook, and shows for every rule a notebook that breaks it.
"""

import importlib
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import nbformat

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from course_lib.claims import MIME as CLAIM
from course_lib.course_map import Lesson, lessons
from tools import check_links
from tools.execute_notebooks import WIDGET, find, normalise, read, text_of

Faults = Iterator[str]
RULES: dict[str, Callable[["Page"], Faults]] = {}

# Notebooks with a shape of their own (SYLLABUS), and the rules that their shape leaves out.
EXEMPT = {
    # 00 looks at the environment before it imports anything, and teaches the tools, not a subject.
    "00": {
        *("setup_cell", "breaks", "predictions", "references"),
        *("equations", "exercises", "claims", "checked"),
    },
}


@dataclass
class Page:
    """A notebook, and what the rules ask of it."""

    path: Path
    notebook: nbformat.NotebookNode
    course: dict[str, Lesson]

    @property
    def number(self) -> str:
        return self.path.name[:2]

    @property
    def cells(self) -> list:
        return self.notebook.cells

    @property
    def code(self) -> list:
        return [cell for cell in self.cells if cell.cell_type == "code"]

    @property
    def prose(self) -> str:
        return "\n\n".join(cell.source for cell in self.cells if cell.cell_type == "markdown")

    @property
    def opening(self) -> str:
        """The markdown before the first code cell."""
        kinds = [cell.cell_type for cell in self.cells]
        end = kinds.index("code") if "code" in kinds else len(kinds)
        return "\n\n".join(cell.source for cell in self.cells[:end])

    def section(self, heading: str) -> str | None:
        """The text after the first heading, or bold opening words, that contain `heading`."""
        match = re.search(rf"^(?:#+ |\*\*)[^\n*]*{heading}[^\n*]*", self.prose, flags=re.M | re.I)
        if match is None:
            return None
        return re.split(r"^## ", self.prose[match.end() :], maxsplit=1, flags=re.M)[0]


def rule(function: Callable[[Page], Faults]) -> Callable[[Page], Faults]:
    """Register a rule under its function's name."""
    RULES[function.__name__] = function
    return function


def faults(path: Path, only: str | None = None, course: dict | None = None) -> list[str]:
    """What is wrong with the notebook at `path`, by all rules or `only` one."""
    page = Page(path, read(path), lessons() if course is None else course)
    names = [only] if only else [name for name in RULES if name not in exempt(path)]
    return [f"{path.name}: {name}: {text}" for name in names for text in RULES[name](page)]


def exempt(path: Path) -> set[str]:
    """The rules that do not hold for this notebook."""
    return EXEMPT.get(path.name[:2], set())


# --- shape -----------------------------------------------------------------------------------


@rule
def opening(page: Page) -> Faults:
    text, lesson = page.opening, page.course.get(page.number)
    if lesson is None:
        yield "is not in course_lib/course_map.json: add it there"
        return
    title = f"# {page.number} {lesson.title}"
    if not re.match(rf"# {page.number}\W* ?{re.escape(lesson.title)}$", text.partition("\n")[0]):
        yield f"the first line must be the title of the course map: {title!r}"
    if len(re.findall(r"^# ", page.prose, flags=re.M)) != 1:
        yield "has several first-level headings: only the title is one, sections begin with ##"
    if not re.search(r"^\*\*[^*]+\?\*\*$", text, flags=re.M | re.S):
        yield "the opening needs its question: one bold sentence that ends in a question mark"
    if not re.search(rf"\b{lesson.minutes} min", text):
        yield f"the opening must say how long it takes: {lesson.minutes} minutes (course map)"
    for needed in (page.course[number] for number in lesson.prerequisites):
        if needed.written and f"]({needed.file})" not in text:
            yield f"the opening must link to what is needed first: [{needed.title}]({needed.file})"
    objectives = re.findall(r"^(?:\d+\.|[-*]) ", text, flags=re.M)
    if not 3 <= len(objectives) <= 5:
        yield f"the opening lists {len(objectives)} objectives: name three to five, as a list"
    if "<!-- binder-badge -->" not in text:
        yield "the opening needs a line `<!-- binder-badge -->`; `make docs` fills it"


@rule
def setup_cell(page: Page) -> Faults:
    calls = [cell for cell in page.code if re.search(r"^setup\(", cell.source, flags=re.M)]
    if len(calls) != 1 or calls[0] is not page.code[0]:
        yield "the first code cell, and no other, must call setup(seed=0)"
        return
    source = calls[0].source
    if len(_lines(source)) > 8:
        yield f"the setup cell has {len(_lines(source))} lines: at most 8, so move the rest"
    if not re.search(r"^setup\(seed=0\b", source, flags=re.M):
        yield "the setup cell must say setup(seed=0): the seed is part of the text"
    for name in ("hint", "solution"):  # to which a wrong answer sends the reader
        if not re.search(rf"^from course_lib import[^=]*\b{name}\b", source, flags=re.M):
            yield f"the setup cell must import {name}"
    if re.search(r"^\s*[%!]|\bpip\b|://", source, flags=re.M):
        yield "the setup cell must not have magics, pip or addresses: requirements.txt installs"


@rule
def breaks(page: Page) -> Faults:
    if not re.search(r"^##+ .*When it breaks", page.prose, flags=re.M | re.I):
        yield "needs a section whose heading says 'When it breaks': one honest limit, shown"


@rule
def predictions(page: Page) -> Faults:
    asked = re.findall(r"predict|commit to|before you run|guess", page.prose, flags=re.I)
    if len(asked) < 3:
        yield f"asks for {len(asked)} predictions: each loop asks one before the cell that answers"


@rule
def references(page: Page) -> Faults:
    if page.section("Summary") is None:
        yield "needs a section 'Summary'"
    text = page.section("References")
    if text is None:
        yield "needs a section 'References'"
        return
    known = r"10\.\d{4,}/\S|arXiv:\s?\d{4}\.\d{4,5}|\babs/\d{4}\.\d{4,5}|ISBN"
    if not re.search(known, text):
        yield "the references need DOIs or arXiv ids (an old book: its ISBN)"
    for entry in re.findall(r"^(?:[-*]|\d+\.) (.*(?:\n(?![-*\n]|\d+\. |#).*)*)", text, flags=re.M):
        if not re.search(known, entry):
            yield f"the reference {entry[:50]!r} needs a DOI or an arXiv id (an old book: an ISBN)"


@rule
def neighbours(page: Page) -> Faults:
    order = list(page.course.values())
    place = [lesson.number for lesson in order].index(page.number)
    last = next((c.source for c in reversed(page.cells) if c.cell_type == "markdown"), "")
    for name, index in (("previous", place - 1), ("next", place + 1)):
        if not 0 <= index < len(order):
            continue
        lesson = order[index]
        linked = f"]({lesson.file})" in last
        if lesson.written and not linked:
            yield f"the last cell must link to the {name} notebook: [{lesson.title}]({lesson.file})"
        if not lesson.written and not re.search(rf"\b{lesson.number}\b", last):
            yield f"the last cell must name the {name} notebook, without a link: {lesson.number}"


@rule
def links(page: Page) -> Faults:
    yield from check_links.broken(page.prose, page.path.parent)


# --- code ------------------------------------------------------------------------------------


@rule
def code_size(page: Page) -> Faults:
    sizes = sorted(len(_lines(cell.source)) for cell in page.code if cell.source.strip())
    if not sizes:
        yield "has no code"
        return
    for cell in page.code:
        if len(_lines(cell.source)) > 30:
            yield f"a cell has more than 30 lines ({_first(cell)!r}): split it, or use course_lib"
        for line in cell.source.splitlines():
            if len(line) > 88:
                yield f"a line has more than 88 columns: {line[:60]!r}"
    if median(sizes) > 6:
        yield f"the median code cell has {median(sizes):.0f} lines: at most 6"
    if (ninth := sizes[min(len(sizes) - 1, int(0.9 * len(sizes)))]) > 18:
        yield f"one code cell in ten has {ninth} lines or more: at most 18"


@rule
def network(page: Page) -> Faults:
    forbidden = r"https?://|\burlopen|\burlretrieve|\brequests\.|^\s*[!%]|\bfetch_\w+\(|hub\.load"
    for cell in page.code:
        source = re.sub(r"#.*", "", cell.source)
        if found := re.search(forbidden + r"|download=True", source, flags=re.M):
            yield f"{found[0]!r} ({_first(cell)!r}): no network, shell or magics; bundle the data"


@rule
def executed(page: Page) -> Faults:
    counts = [cell.execution_count for cell in page.code if cell.source.strip()]
    if counts != list(range(1, len(counts) + 1)):
        yield f"was not executed whole, from top to bottom: run `make notebooks NB={page.number}`"
    for cell in page.code:
        for output in cell.outputs:
            if output.output_type == "error":
                yield f"{_first(cell)!r} ends in {output.ename}"
            if output.get("name") == "stderr":
                yield f"{_first(cell)!r} writes to stderr ({output.text[:60]!r}): mend its cause"
            text = output.get("data", {}).get("text/plain", "")
            if output.output_type == "execute_result" and re.search(r"<Axes|matplotlib\.", text):
                yield f"{_first(cell)!r} shows {text[:40]!r}: end the cell with plt.show()"


@rule
def stored_form(page: Page) -> Faults:
    old = text_of(page.notebook)
    normalise(page.notebook)
    if text_of(page.notebook) != old:
        yield f"is not in its stored form: run `make notebooks NB={page.number}`"


# --- figures and equations -------------------------------------------------------------------


@rule
def captions(page: Page) -> Faults:
    number, waiting = int(page.number), None
    for cell in page.cells:
        if cell.cell_type == "code":
            images = sum(map(_is_figure, cell.outputs))
            if images > 1:
                yield f"{_first(cell)!r} shows {images} figures: one a cell, each with its caption"
            if images and waiting is not None:
                yield f"the figure of {_first(waiting)!r} needs a caption before the next figure"
            waiting = cell if images else waiting
        elif waiting is not None:
            if not re.match(rf"\*\*(?:Figure {number}\.\d+|Animation)\.\*\*", cell.source):
                yield f"{_first(waiting)!r}: the next text must begin '**Figure {number}.M.** …'"
            waiting = None
    if waiting is not None:
        yield f"the figure of {_first(waiting)!r} needs a caption in the cell after it"
    found = re.findall(r"^\*\*Figure ([\d.]+)\.\*\*(.*(?:\n.+)*)", page.prose, flags=re.M)
    wanted = [f"{number}.{m}" for m in range(1, len(found) + 1)]
    if [name for name, _ in found] != wanted:
        yield f"captions are numbered {[name for name, _ in found]}, not in order from {number}.1"
    for name, text in found:
        if len(text.split()) < 15:
            yield f"the caption of Figure {name} has fewer than 15 words: say what to see in it"
    for name in sorted(set(re.findall(rf"Figure ({number}\.\d+)", page.prose)) - set(wanted)):
        yield f"the text speaks of Figure {name}, which is not there"


@rule
def equations(page: Page) -> Faults:
    number = int(page.number)
    formulas = re.findall(r"\$\$.*?\$\$|(?<!\$)\$[^$]+\$", page.prose, flags=re.S)
    label = rf"\\tag\{{({number}\.\d+)\}}|\(({number}\.\d+)\)"
    defined = [a or b for text in formulas for a, b in re.findall(label, text)]
    tags = [int(name.partition(".")[2]) for name in defined]
    if not tags:
        yield rf"numbers no equation: \tag{{{number}.1}} inside $$ … $$"
    if tags != sorted(set(tags)):
        yield f"equations are numbered {defined}: each number once, in increasing order"
    rest = re.sub(r"\$\$.*?\$\$|(?<!\$)\$[^$]+\$", " ", page.prose, flags=re.S)
    sources = "\n".join(cell.source for cell in page.code)
    used = set(re.findall(rf"\(({number}\.\d+)\)", rest + sources))
    for name in sorted(used - set(defined)):
        yield f"({name}) is referred to, but no equation has that number"


# --- exercises, widgets, claims --------------------------------------------------------------


@rule
def exercises(page: Page) -> Faults:
    source = "\n".join(cell.source for cell in page.code)
    here = set(re.findall(r"^check\(\s*[\"']([\d.]+)", source, flags=re.M))
    if not 4 <= len(here) <= 6:
        yield f"has {len(here)} exercises: four to six calls of check(…)"
    try:
        module = importlib.import_module(f"course_lib.exercises.nb{page.number}")
    except ModuleNotFoundError:
        yield f"needs its exercises in course_lib/exercises/nb{page.number}.py"
        return
    declared = {exercise.id for exercise in module.EXERCISES}
    if here != declared:
        yield f"checked here, or in the library only: {sorted(here ^ declared)}"
    for name in sorted(here):
        if not re.search(rf"\*\*(?:Exercise|Check) {name}\*?\*?.*●", page.prose):
            yield f"exercise {name} needs its line '**Exercise {name}** ●●○○○ 5 min. …'"


@rule
def widgets(page: Page) -> Faults:
    shown = [index for index, cell in enumerate(page.code) if _has(cell, WIDGET)]
    if not shown:
        yield "has no widget: show at least one explorer"
    for index in shown:
        cell = page.code[index]
        calls = [line for line in _lines(cell.source) if not re.match(r"from |import ", line)]
        if len(calls) > 1:
            yield f"the widget's cell {_first(cell)!r} must be its one call (and its import)"
        following = page.code[index + 1] if index + 1 < len(page.code) else None
        if following is None or not any(map(_is_figure, following.outputs)):
            yield f"{_first(cell)!r}: the next code cell must show the widget's static figure"


@rule
def claims(page: Page) -> Faults:
    if sum(_has(cell, CLAIM) for cell in page.code) < 2:
        yield "asserts fewer than two claims: a number that the text rests on is a claim"
    for cell in page.code:
        rows = [o.data[CLAIM] for o in cell.outputs if CLAIM in o.get("data", {})]
        if len(rows) > 1:
            yield f"{_first(cell)!r} has {len(rows)} claims: at most one a cell"
        for row in rows:
            if not row["passed"]:
                yield f"the claim {row['claim']!r} does not hold"


@rule
def checked(page: Page) -> Faults:
    marker = "# NBVAL_CHECK_OUTPUT"
    marked = [cell for cell in page.code if marker in cell.source]
    if not marked:
        yield f"has no checked output: {marker!r} on the first line of cells that the text cites"
    for cell in marked:
        if cell.source.splitlines()[0] != marker:
            yield f"{marker!r} must stand alone on the first line of its cell"
        if not any("text" in o or "text/plain" in o.get("data", {}) for o in cell.outputs):
            yield f"{_first(cell)!r} is marked as checked, but shows no text to compare"


def _lines(source: str) -> list[str]:
    return [line for line in source.splitlines() if line.strip()]


def _first(cell) -> str:
    """A cell's first telling line, for messages."""
    lines = [line for line in _lines(cell.source) if not line.startswith("# NBVAL")]
    return lines[0][:60] if lines else ""


def _has(cell, mime: str) -> bool:
    return any(mime in output.get("data", {}) for output in cell.outputs)


def _is_figure(output) -> bool:
    data = output.get("data", {})
    return any(key.startswith("image/") for key in data) or "<img" in data.get("text/html", "")


def main() -> int:
    lessons = [path for path in find(sys.argv[1:]) if path.name[0].isdigit()]  # not the gallery
    found = [text for path in lessons for text in faults(path)]
    print("\n".join(found) or "no faults")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
