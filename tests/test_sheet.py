"""A sheet draws quickly what a fresh figure would show: the same pixels, and nothing left over."""

import gc
import io

import numpy as np
import pytest
from matplotlib.layout_engine import ConstrainedLayoutEngine
from PIL import Image

import course_lib
from course_lib.widgets.sheet import Sheet, canvas_for, png_of

SIZE = (3, 2)


@pytest.fixture(autouse=True)
def style():
    course_lib.setup()


def waves(n=1.0, high=1.0, label="$y$", bar=False, title="waves", legend="", ticks=None):
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
