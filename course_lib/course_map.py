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

    Teaching order runs row by row, from left to right; a part is a row, or two, in a colour of its
    own. A notebook that is not written yet is drawn pale. Returns the axes.

    Args:
        done: notebook → (exercises done, exercises in all); fills each box by that share.

    >>> draw_map().get_title()
    'The course: arrows lead from what is needed to what needs it'
    """
    import matplotlib.pyplot as plt

    from course_lib.plotting import CYCLE

    if ax is None:
        _, ax = plt.subplots(figsize=(8, 7.6))
    parts = list(dict.fromkeys(lesson.part for lesson in lessons().values()))
    place = _places()
    for number, lesson in lessons().items():
        colour = CYCLE[parts.index(lesson.part) % len(CYCLE)]
        _box(ax, place[number], lesson, colour, (done or {}).get(number))
        for need in lesson.prerequisites:
            if not _implied(need, lesson):
                _arrow(ax, place[need], place[number], PAST.get((need, number)))
    for part in parts:
        heights = [place[n][1] for n, lesson in lessons().items() if lesson.part == part]
        name = _wrap(part, 15)
        ax.text(-0.6, sum(heights) / len(heights), name, ha="right", va="center", fontsize=9.5)
    ax.set_xlim(-1.75, 4.65)
    ax.set_ylim(0.5 - len(GRID), 0.5)
    ax.set_title("The course: arrows lead from what is needed to what needs it", fontsize=13)
    ax.axis("off")
    return ax


GRID = (  # rows from the top; ".." stays empty, so that an arrow may pass
    "00",
    "01 02 03",
    "04 05 06",
    "07 08 09 10",
    "11 12 13 .. 14",
    "15 16 17 18 19",
    ".. .. .. 20 21",
)
# Arrows that pass a row of boxes: between which columns (1.5: the second and the third).
PAST = {
    ("06", "12"): 1.5,
    ("09", "15"): 1.5,
    ("09", "21"): 4.5,
    ("13", "20"): 3.5,
    ("14", "20"): 3.5,
}
HALF_WIDTH, HALF_HEIGHT = 0.41, 0.33


def _places() -> dict[str, tuple[float, float]]:
    """Centre of each box, in columns and rows of GRID."""
    return {
        number: (float(column), -float(row))
        for row, line in enumerate(GRID)
        for column, number in enumerate(line.split())
        if number != ".."
    }


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
    label = lesson.number
    if done is not None:
        share = done[0] / done[1]
        bar = Rectangle((left, bottom), 2 * HALF_WIDTH * share, 0.06, color=colour, lw=0, zorder=4)
        ax.add_patch(bar)
        label += f" ({done[0]} of {done[1]})"
    label += f"\n{_wrap(lesson.title, 15)}"
    ax.text(x, y + 0.02, label, ha="center", va="center", fontsize=8, alpha=strength, zorder=5)


def _arrow(ax, start, end, past: float | None = None) -> None:
    """From one box to another: straight, over the box between in a bow, or `past` rows of boxes."""
    (x0, y0), (x1, y1) = start, end
    reach_x, reach_y = HALF_WIDTH + 0.03, HALF_HEIGHT + 0.03
    line = {"color": "0.45", "linewidth": 1.4}
    bow = 0.0
    if y0 != y1:
        # Leave and arrive on the side that faces the way.
        leave, arrive = (x1 if past is None else past), (x0 if past is None else past)
        tail = (x0 + 0.3 * ((leave > x0) - (leave < x0)), y0 - reach_y)
        head = (x1 + 0.3 * ((arrive > x1) - (arrive < x1)), y1 + reach_y)
    elif x1 - x0 == 1:
        tail, head = (x0 + reach_x, y0), (x1 - reach_x, y1)
    else:
        tail, head, bow = (x0 + 0.2, y0 + reach_y), (x1 - 0.2, y1 + reach_y), -0.2
    if past is not None:
        corners = [tail, (past, y0 - 1 + reach_y), (past, y1 + 1 - reach_y)]
        ax.plot(*zip(*corners, strict=True), "-", zorder=2, **line)
        tail = corners[-1]
    style = {"arrowstyle": "-|>", "shrinkA": 0, "shrinkB": 0, **line}
    style["connectionstyle"] = f"arc3,rad={bow}"
    ax.annotate("", xy=head, xytext=tail, zorder=2, arrowprops=style)


def _wrap(text: str, width: int) -> str:
    return "\n".join(textwrap.wrap(text, width, break_long_words=False))
