"""Which notebook comes when, and what it stands on: one list for the map, the README, the tests."""

import json
import textwrap
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


def draw_map(ax=None, done: dict[str, tuple[int, int]] | None = None):
    """Draw the prerequisite graph: one box a notebook, arrows from what it needs.

    Parts run from top to bottom as rows, teaching order from left to right; a notebook that is
    not written yet is drawn pale. Returns the axes.

    Args:
        done: notebook → (exercises done, exercises in all); fills each box by that share.

    >>> draw_map().get_title()
    'The course: arrows lead from what is needed to what needs it'
    """
    import matplotlib.pyplot as plt

    from course_lib.plotting import CYCLE

    if ax is None:
        _, ax = plt.subplots(figsize=(12, 8.8))
    parts = list(dict.fromkeys(lesson.part for lesson in lessons().values()))
    place = _places(parts)
    for number, lesson in lessons().items():
        colour = CYCLE[parts.index(lesson.part) % len(CYCLE)]
        _box(ax, place[number], lesson, colour, (done or {}).get(number))
        for need in lesson.prerequisites:
            if not _implied(need, lesson):
                _arrow(ax, place[need], place[number])
    for row, part in enumerate(parts):
        name = _wrap(part, 14)
        ax.text(-0.65, -ROW * row, name, ha="right", va="center", fontsize=11)
    ax.set_xlim(-2.3, 7.5)
    ax.set_ylim(-ROW * (len(parts) - 1) - 0.65, 0.65)
    ax.set_title("The course: arrows lead from what is needed to what needs it")
    ax.axis("off")
    return ax


ROW = 1.6  # from one part to the next, in widths of a box
HALF_WIDTH, HALF_HEIGHT = 0.44, 0.54
COLUMN = {"20": 6.5, "21": 3.0}  # below what they stand on, so that their arrows cross few boxes


def _places(parts: list[str]) -> dict[str, tuple[float, float]]:
    """Centre of each box: a part is a row, filled from the left unless COLUMN says else."""
    count = dict.fromkeys(parts, 0)
    place = {}
    for number, lesson in lessons().items():
        column = COLUMN.get(number, count[lesson.part])
        place[number] = (float(column), -ROW * parts.index(lesson.part))
        count[lesson.part] += 1
    return place


def _implied(need: str, lesson: Lesson) -> bool:
    """Whether another prerequisite needs `need` already: its arrow would say nothing new."""
    others = [p for p in lesson.prerequisites if p != need]
    while others:
        above = lessons()[others.pop()].prerequisites
        if need in above:
            return True
        others.extend(above)
    return False


def _box(ax, centre, lesson: Lesson, colour: str, done: tuple[int, int] | None) -> None:
    from matplotlib.colors import to_rgba
    from matplotlib.patches import FancyBboxPatch, Rectangle

    x, y = centre
    left, bottom = x - HALF_WIDTH, y - HALF_HEIGHT
    strength = 1.0 if lesson.written else 0.4
    frame = FancyBboxPatch(
        (left, bottom), 2 * HALF_WIDTH, 2 * HALF_HEIGHT, boxstyle="round,pad=0.02", zorder=3
    )
    frame.set(facecolor="white", edgecolor=to_rgba(colour, strength), linewidth=2.5)
    ax.add_patch(frame)
    label = f"{lesson.number}\n{_wrap(lesson.title, 14)}"
    if done is not None:
        share = done[0] / done[1]
        ax.add_patch(
            Rectangle((left, bottom), 2 * HALF_WIDTH * share, 0.08, color=colour, zorder=4)
        )
        label += f"\n{done[0]} of {done[1]}"
    ax.text(x, y + 0.03, label, ha="center", va="center", fontsize=8.5, alpha=strength, zorder=5)


def _arrow(ax, start: tuple[float, float], end: tuple[float, float]) -> None:
    """From the side of one box to the facing side of another; over the boxes between, in a bow."""
    (x0, y0), (x1, y1) = start, end
    reach_x, reach_y = HALF_WIDTH + 0.02, HALF_HEIGHT + 0.02
    bow = 0.0
    if y0 != y1:
        tail, head = (x0, y0 - reach_y), (x1, y1 + reach_y)
    elif x1 - x0 == 1:
        tail, head = (x0 + reach_x, y0), (x1 - reach_x, y1)
    else:
        tail, head, bow = (x0 + 0.2, y0 + reach_y), (x1 - 0.2, y1 + reach_y), -0.2
    style = {"arrowstyle": "-|>", "color": "0.5", "linewidth": 1.4, "shrinkA": 0, "shrinkB": 0}
    style["connectionstyle"] = f"arc3,rad={bow}"
    ax.annotate("", xy=head, xytext=tail, zorder=2, arrowprops=style)


def _wrap(text: str, width: int) -> str:
    return "\n".join(textwrap.wrap(text, width, break_long_words=False))
