"""Which notebook comes when, and what it stands on: one list, read by the map, the README and the tests."""

import json
from functools import cache
from pathlib import Path
from typing import NamedTuple

NOTEBOOKS_DIR = Path(__file__).resolve().parent.parent / "notebooks"


class Lesson(NamedTuple):
    """One notebook of the course; `written` tells whether its file is there."""

    number: str
    file: str
    title: str
    part: str
    minutes: int
    prerequisites: tuple[str, ...]

    @property
    def written(self) -> bool:
        return (NOTEBOOKS_DIR / self.file).is_file()


@cache
def lessons() -> dict[str, Lesson]:
    """All notebooks in teaching order, by number.

    >>> lessons()["04"].title
    'Differential equations and their solvers'
    """
    rows = json.loads(Path(__file__).with_suffix(".json").read_text(encoding="utf-8"))
    return {r["number"]: Lesson(**{**r, "prerequisites": tuple(r["prerequisites"])}) for r in rows}


def levels() -> dict[str, int]:
    """How many notebooks, at the least, come before each one: the longest chain of prerequisites.

    >>> levels()["00"], levels()["02"]
    (0, 2)
    """
    depth: dict[str, int] = {}
    for number, lesson in lessons().items():  # teaching order: prerequisites come first
        depth[number] = 1 + max((depth[p] for p in lesson.prerequisites), default=-1)
    return depth


def draw_map(ax=None):
    """Draw the prerequisite graph: one box a notebook, arrows from what it needs.

    Parts run from top to bottom as rows, teaching order from left to right; a notebook that is
    not written yet is drawn pale. Returns the axes.

    >>> draw_map().get_title()
    'The course: arrows lead from what is needed to what needs it'
    """
    import matplotlib.pyplot as plt
    from matplotlib.patches import FancyBboxPatch

    from course_lib.plotting import CYCLE

    if ax is None:
        _, ax = plt.subplots(figsize=(12, 7))
    parts = list(dict.fromkeys(lesson.part for lesson in lessons().values()))
    place = _places(parts)
    for number, lesson in lessons().items():
        x, y = place[number]
        colour = CYCLE[parts.index(lesson.part) % len(CYCLE)]
        alpha = 1.0 if lesson.written else 0.35
        ax.add_patch(
            FancyBboxPatch(
                (x - 0.44, y - 0.3),
                0.88,
                0.6,
                boxstyle="round,pad=0.02",
                facecolor="white",
                edgecolor=colour,
                linewidth=2.5,
                alpha=alpha,
                zorder=3,
            )
        )
        ax.text(
            x, y, _label(lesson), ha="center", va="center", fontsize=8.5, alpha=alpha, zorder=4
        )
        for need in lesson.prerequisites:
            _arrow(ax, place[need], place[number])
    for row, part in enumerate(parts):
        ax.text(-0.6, -1.15 * row, _wrap(part, 14), ha="right", va="center", fontsize=10)
    ax.set_xlim(-2.4, 7.6)
    ax.set_ylim(-1.15 * (len(parts) - 1) - 0.6, 0.6)
    ax.set_title("The course: arrows lead from what is needed to what needs it")
    ax.axis("off")
    return ax


def _places(parts: list[str]) -> dict[str, tuple[float, float]]:
    count = dict.fromkeys(parts, 0)
    place = {}
    for number, lesson in lessons().items():
        place[number] = (float(count[lesson.part]), -1.15 * parts.index(lesson.part))
        count[lesson.part] += 1
    return place


def _wrap(text: str, width: int) -> str:
    import textwrap

    return "\n".join(textwrap.wrap(text, width))


def _label(lesson: Lesson) -> str:
    return f"{lesson.number}\n{_wrap(lesson.title, 15)}"


def _arrow(ax, start: tuple[float, float], end: tuple[float, float]) -> None:
    same_row = start[1] == end[1]
    bend = -0.35 if same_row and end[0] - start[0] > 1 else 0.0
    ax.annotate(
        "",
        xy=end,
        xytext=start,
        zorder=1,
        arrowprops={
            "arrowstyle": "-|>",
            "color": "0.55",
            "linewidth": 1.3,
            "shrinkA": 26,
            "shrinkB": 26,
            "connectionstyle": f"arc3,rad={bend}",
        },
    )
