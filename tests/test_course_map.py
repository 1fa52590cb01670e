"""The map has no circles, runs in teaching order, and its picture shows all of it."""

import itertools

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.text import Annotation

from course_lib import course_map
from course_lib.course_map import NOTEBOOKS_DIR, draw_map, lessons
from course_lib.plotting import use_style


def test_every_prerequisite_comes_earlier():
    seen = set()
    for number, lesson in lessons().items():
        assert lesson.file.startswith(f"{number}_"), f"{lesson.file} should start with {number}_"
        assert set(lesson.prerequisites) <= seen, f"{number} needs something that comes later"
        seen.add(number)


def test_there_are_22_notebooks_and_every_file_is_on_the_map():
    assert [lesson.number for lesson in lessons().values()] == [f"{n:02}" for n in range(22)]
    known = {lesson.file for lesson in lessons().values()} | {"gallery.ipynb"}
    strangers = {path.name for path in NOTEBOOKS_DIR.glob("*.ipynb")} - known
    assert not strangers, f"add {strangers} to course_lib/course_map.json"


@pytest.fixture
def drawn():
    use_style()
    ax = draw_map(done={"00": (1, 1), "01": (1, 4)})
    yield ax
    plt.close(ax.figure)


def test_the_picture_names_every_notebook_once(drawn):
    texts = [text.get_text() for text in drawn.texts]
    for number in lessons():
        assert sum(text.startswith((f"{number}\n", f"{number} (")) for text in texts) == 1


def test_the_picture_draws_only_arrows_that_say_something_new(drawn):
    arrows = [text for text in drawn.texts if isinstance(text, Annotation)]
    needed = {(need, n) for n, lesson in lessons().items() for need in lesson.prerequisites}
    implied = {(need, n) for need, n in needed if course_map._implied(need, lessons()[n])}
    assert len(arrows) == len(needed - implied)


def test_a_box_fills_by_the_share_that_is_done(drawn):
    from matplotlib.patches import Rectangle

    widths = sorted(p.get_width() for p in drawn.patches if type(p) is Rectangle)
    assert widths == pytest.approx([0.25 * widths[1], widths[1]])


def test_no_label_is_larger_than_its_box():
    use_style()
    ax = draw_map(done={number: (0, 6) for number in lessons()})
    ax.figure.canvas.draw()
    size = (2 * course_map.HALF_WIDTH, 2 * course_map.HALF_HEIGHT)
    room = np.ptp(ax.transData.transform([size, (0, 0)]), axis=0)
    for text in ax.texts:
        if text.get_text()[:2].isdigit():
            extent = text.get_window_extent()
            assert extent.width < room[0] and extent.height < room[1], text.get_text()


def test_the_picture_can_be_read_when_it_is_as_wide_as_a_page(drawn):
    """Seven points at eight inches, as everywhere (tests/test_accessibility.py)."""
    shown = min(1, 8 / drawn.figure.get_figwidth())
    assert min(text.get_fontsize() for text in drawn.texts if text.get_text()) * shown >= 7


def pieces_behind_boxes(ax):
    """Straight pieces of arrows that run behind a box; a bow stays between two rows."""
    corners = [np.stack(line.get_data(), 1) for line in ax.lines]
    heads = [t for t in ax.texts if isinstance(t, Annotation) and t.xyann[1] != t.xy[1]]
    corners += [np.array([head.xyann, head.xy]) for head in heads]
    half = np.array([course_map.HALF_WIDTH, course_map.HALF_HEIGHT])
    centres = np.array(list(course_map._places().values()))
    for start, end in (piece for line in corners for piece in itertools.pairwise(line)):
        points = np.linspace(start, end, 50)
        if (np.abs(points[:, None] - centres) < half).all(-1).any():
            yield start, end


def test_no_arrow_runs_behind_a_box(drawn, monkeypatch):
    assert list(pieces_behind_boxes(drawn)) == []
    monkeypatch.setattr(course_map, "PAST", {})  # 09 → 21 straight on, as it once was
    assert len(list(pieces_behind_boxes(draw_map()))) >= 3
