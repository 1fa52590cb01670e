"""A sheet draws quickly what a fresh figure would show: the same pixels, and nothing left over.

One level of 255 is allowed where ticks and labels lie on something else: stamps are rounded twice.
"""

import gc
import io

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.axis import Axis
from matplotlib.layout_engine import ConstrainedLayoutEngine
from PIL import Image

import course_lib
from course_lib.widgets.sheet import MAX_STAMPS, TYPE, Sheet, canvas_for, png_of

SIZE = (3, 2)


@pytest.fixture(autouse=True)
def style():
    course_lib.setup()


def waves(
    n=1.0, high=1.0, label="$y$", bar=False, title="waves", legend="", ticks=None, change=None
):
    """A draw function whose parts are all that a layout looks at."""

    def draw(fig):
        ax = fig.subplots()
        x = np.linspace(0, 6, 50)
        ax.plot(x, high * np.sin(n * x), label=legend or None)
        ax.set(ylim=(-high, high), ylabel=label, title=title)
        if bar:
            fig.colorbar(ax.imshow([[0.0, n]], aspect="auto", extent=(0, 6, -1, 1)), label="z")
        if legend:
            ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0))
        if ticks:
            ax.set_yticks([-1, 0, 1], ticks)
        if change:
            change(ax)
        return f"{n} waves"

    return draw


def pixels(png):
    return np.asarray(Image.open(io.BytesIO(png)))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({}, {"n": 2.0}),
        ({}, {"title": "more waves"}),
        ({}, {"title": "two\nlines"}),
        ({}, {"high": 1e5}),
        ({}, {"label": "$y$\nof two lines"}),
        ({"bar": True}, {"bar": True, "n": 30.0}),
        ({}, {"bar": True}),
        ({}, {"legend": "a wave"}),
        ({"ticks": ["a", "b", "c"]}, {"ticks": ["long", "longer", "the longest of all"]}),
    ],
    ids=str,
)
def test_a_picture_does_not_depend_on_the_one_before_it(first, second):
    sheet = Sheet(SIZE)
    sheet.picture(waves(**first))
    fresh = pixels(Sheet(SIZE).picture(waves(**second))[0])
    for time in ("first", "second"):  # the second time its places are remembered
        assert (pixels(sheet.picture(waves(**second))[0]) == fresh).all(), f"the {time} time"


def test_margins_by_hand_are_for_the_notebooks_type():
    assert plt.rcParams["font.size"] == TYPE


def test_the_layout_is_looked_for_once(monkeypatch):
    calls, execute = [], ConstrainedLayoutEngine.execute
    monkeypatch.setattr(
        ConstrainedLayoutEngine, "execute", lambda self, fig: calls.append(1) or execute(self, fig)
    )
    sheet = Sheet(SIZE)
    for n in (1.0, 2.0, 3.0):
        sheet.picture(waves(n))
    assert len(calls) == 1
    sheet.picture(waves(high=1e5))
    assert len(calls) == 2


@pytest.mark.parametrize(
    "change",
    [
        lambda ax: ax.grid(True),
        lambda ax: ax.tick_params(labelsize=5),
        lambda ax: ax.tick_params(axis="y", which="major", labelcolor="red"),
        lambda ax: ax.xaxis.tick_top(),
        lambda ax: ax.xaxis.set_label_position("top"),
        lambda ax: ax.set_ylim(1e7, 1e7 + 1),  # with an offset
        lambda ax: ax.set_yscale("symlog"),
        lambda ax: ax.set_ylabel("$y$", color="red", fontsize=5),
        lambda ax: ax.set_xlabel("$x$", labelpad=10),
        lambda ax: ax.yaxis.set_inverted(True),
        lambda ax: ax.minorticks_on(),
        lambda ax: ax.set_aspect("equal"),
        lambda ax: ax.set_axis_off(),
        lambda ax: ax.yaxis.set_visible(False),
        lambda ax: ax.set_xticks([1, 4]),
        lambda ax: ax.set_xticks([1, 4], ["0", "2"]),
    ],
)
def test_stamps_show_what_matplotlib_draws(change):
    canvas = canvas_for(SIZE)
    waves(change=change)(canvas.figure)
    expected = pixels(png_of(canvas)).astype(int)
    sheet = Sheet(SIZE)
    sheet.picture(waves())
    for time in ("first", "second"):  # the second time the stamps are remembered
        shown = pixels(sheet.picture(waves(change=change))[0])
        assert np.abs(shown - expected).max() <= 1, f"the {time} time"


def test_ticks_and_labels_are_drawn_once(monkeypatch):
    drawn, draw = [], Axis.draw

    def count(self, renderer):
        drawn.extend([self.axis_name] * self.get_visible())
        draw(self, renderer)

    monkeypatch.setattr(Axis, "draw", count)
    sheet = Sheet(SIZE)
    for n in (1.0, 2.0, 3.0):
        sheet.picture(waves(n))
    assert drawn == ["x", "y"]
    sheet.picture(waves(high=2.0))
    assert drawn[2:] in (["y"], ["x", "y"]), "the x axis if its place has changed"


def test_stamps_are_not_kept_without_end():
    sheet = Sheet(SIZE)
    for i in range(MAX_STAMPS):
        sheet.picture(waves(high=1.0 + i))
    assert len(sheet._stamps) <= MAX_STAMPS + 2


def test_a_png_has_the_pixels_of_the_canvas():
    canvas = canvas_for(SIZE)
    waves()(canvas.figure)
    shown = Image.open(io.BytesIO(png_of(canvas)))
    shown.verify()  # checksums
    assert (pixels(png_of(canvas)) == np.asarray(canvas.buffer_rgba())).all()


def test_after_an_error_garbage_is_collected_and_the_next_picture_is_whole():
    def broken(fig):
        fig.subplots().plot([0, 1])
        raise ValueError("no picture")

    sheet = Sheet(SIZE)
    with pytest.raises(ValueError, match="no picture"):
        sheet.picture(broken)
    assert gc.isenabled()
    assert sheet.picture(waves())[0] == Sheet(SIZE).picture(waves())[0]
