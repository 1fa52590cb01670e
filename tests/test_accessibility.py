"""Figures, captions and widgets for those who see or move differently, and for the last row.

Contrast is WCAG 2.2's: at least 3 : 1 for what is drawn (1.4.11), 4.5 : 1 for text (1.4.3). How
colours look to the colour-blind is simulated with the matrices of Machado, Oliveira and Fernandes
(2009, doi:10.1109/TVCG.2009.113) at full severity.
"""

import ast
import itertools
import json
import re
import sys

import ipywidgets
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.collections import PathCollection
from matplotlib.colors import to_rgb
from matplotlib.text import Text

from course_lib import plotting
from course_lib.course_map import NOTEBOOKS_DIR
from course_lib.results import ROOT
from course_lib.widgets import canvas
from course_lib.widgets.gallery import Gallery
from course_lib.widgets.lectures import LECTURES
from tests.test_browser import (  # noqa: F401, fixtures among them
    TOKEN,
    browser_type_launch_args,
    lab_environment,
    serving,
    visit,
)
from tests.test_gallery import WIDGETS
from tests.test_plotting import assert_curves_distinct
from tools.website import caption_of

MACHADO = {
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
                   [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
                     [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602],
                   [0.004733, 0.691367, 0.303900]],
}  # fmt: skip
XYZ = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
DRAWN, TEXT = 3.0, 4.5  # least contrast
APART = 15.0  # least difference of two colours in CIELAB; 2.3 is just noticeable


def linear(color) -> np.ndarray:
    """Linear red, green and blue of a colour of matplotlib's."""
    values = np.array(to_rgb(color))
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def contrast(color, background="white") -> float:
    pale, dark = sorted((linear(c) @ XYZ[1] for c in (color, background)), reverse=True)
    return (pale + 0.05) / (dark + 0.05)


def lab(rgb) -> np.ndarray:
    """CIELAB of linear red, green and blue, under daylight D65."""
    scaled = np.array(XYZ) @ np.clip(rgb, 0, 1) / [0.9505, 1.0, 1.089]
    x, y, z = np.where(scaled > 0.008856, np.cbrt(scaled), 7.787 * scaled + 16 / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def difference(a, b, sight="full") -> float:
    """How far apart two colours are in CIELAB for one kind of sight."""
    seen = np.array(MACHADO.get(sight, np.eye(3)))
    return float(np.linalg.norm(lab(seen @ linear(a)) - lab(seen @ linear(b))))


# --- colours -------------------------------------------------------------------------------------


def test_measures_on_known_colours():
    """WCAG's own extremes; grey #767676 is its lightest for text; red and green are confused."""
    assert contrast("black") == pytest.approx(21)
    assert contrast("#767676") > TEXT > contrast("#777777")
    assert lab(linear("white")) == pytest.approx([100, 0, 0], abs=0.1)
    red, green = "#7F3F00", "#4F5F00"
    assert difference(red, green) > 2 * difference(red, green, "deuteranopia")
    for matrix in MACHADO.values():
        assert np.sum(matrix, axis=1) == pytest.approx(1, abs=1e-5)  # grey stays grey


DRAWN_COLORS = {f"CYCLE[{i}]": color for i, color in enumerate(plotting.CYCLE)}
DRAWN_COLORS |= plotting.COLORS | {"canvas frame": canvas._FRAME, "canvas grid": canvas._GRID}


@pytest.mark.parametrize("name", DRAWN_COLORS)
def test_what_is_drawn_stands_out_from_white(name):
    assert contrast(DRAWN_COLORS[name]) >= DRAWN


def test_lines_in_the_colours_of_time_stand_out_from_white():
    assert min(contrast(color) for color in plotting.TIME_CMAP(np.linspace(0, 1, 50))) >= 1.5
    assert contrast(plotting.TIME_CMAP(0.0)) >= DRAWN


@pytest.mark.parametrize("sight", ["full", *MACHADO])
def test_colours_are_told_apart(sight):
    for a, b in itertools.combinations(plotting.CYCLE, 2):
        assert difference(a, b, sight) >= APART, f"{a} and {b}"


@pytest.mark.parametrize("sight", ["full", *MACHADO])
def test_ends_of_a_diverging_map_are_told_apart(sight):
    low, middle, high = (plotting.DIVERGING(x) for x in (0.0, 0.5, 1.0))
    for a, b in itertools.combinations((low, middle, high), 2):
        assert difference(a, b, sight) >= APART


def test_a_map_of_magnitudes_is_read_without_hue():
    lightness = [lab(linear(color))[0] for color in plotting.SEQUENTIAL(np.linspace(0, 1, 50))]
    assert (np.diff(lightness) > 0).all()


# --- widgets: type, text colours, and no meaning by colour alone ---------------------------------


def figures_of(name):
    """The figures of a widget's first state and of its last preset, one after the other."""
    widget = WIDGETS[name]
    last = list(getattr(widget, "presets", {}).items())[-1:]
    for label, params in [("Reset", {}), *last]:
        figure = widget.figure(**{key: value for key, value in params.items() if key != "t"})
        yield label, figure
        plt.close(figure)


def texts_of(figure):
    """All texts that are seen; ticks are written without drawing the figure, which is slow."""
    for ax in figure.axes:
        for axis in (ax.xaxis, ax.yaxis):
            axis.get_ticklabels(which="both")
    for text in figure.findobj(Text):
        if text.get_visible() and text.get_text().strip():
            yield text


def assert_groups_distinct(ax):
    """Labelled clouds of points that share axes differ in their marker, not in colour alone."""
    clouds = [c for c in ax.collections if isinstance(c, PathCollection)]
    clouds = [cloud for cloud in clouds if not cloud.get_label().startswith("_")]
    for a, b in itertools.combinations(clouds, 2):
        same = np.array_equal(a.get_paths()[0].vertices, b.get_paths()[0].vertices)
        assert not same, f"{a.get_label()!r} and {b.get_label()!r} differ in colour alone"


FIGURES = [name for name in WIDGETS if hasattr(WIDGETS[name], "figure")]


@pytest.mark.slow
@pytest.mark.parametrize("name", FIGURES)
def test_a_widget_is_legible(name):
    plotting.use_style("notebook")
    for label, figure in figures_of(name):
        shown = min(1, 8 / figure.get_figwidth())  # a wider figure is shown smaller
        for text in texts_of(figure):
            where = f"{name}, {label}: {text.get_text()!r}"
            assert text.get_fontsize() * shown >= 7, where
            assert contrast(text.get_color()) >= TEXT, where
        for ax in figure.axes:
            assert_curves_distinct(ax)
            assert_groups_distinct(ax)


@pytest.mark.slow
@pytest.mark.parametrize("name", FIGURES)
def test_a_widget_is_legible_from_the_last_row(name):
    plotting.use_style("projector")
    figure = next(figures_of(name))[1]
    small = [t.get_text() for t in texts_of(figure) if t.get_fontsize() < 14]
    assert not small, f"under 14 pt: {small}"


def test_colour_alone_is_found():
    _, ax = plt.subplots()
    for color in plotting.CYCLE[:2]:
        ax.scatter([0, 1], [0, 1], color=color, label=color)
    with pytest.raises(AssertionError, match="colour alone"):
        assert_groups_distinct(ax)


# The map of the course: 22 boxes in one figure, the same picture in every context.
FIXED_TYPE = {"course_map.py"}


def fixed_sizes(source: str):
    """Sizes of type that are numbers, not names: they would not grow where a lecturer projects."""
    for node in ast.walk(ast.parse(source)):
        named = []
        if isinstance(node, ast.keyword):
            named = [(node.arg, node.value)]
        elif isinstance(node, ast.Dict):
            pairs = zip(node.keys, node.values, strict=True)
            named = [(getattr(k, "value", None), v) for k, v in pairs]
        for name, size in named:
            number = isinstance(size, ast.Constant) and not isinstance(size.value, str)
            if number and name in {"fontsize", "labelsize", "titlesize"}:
                yield size.value


def code_of(path):
    if path.suffix == ".py":
        return path.read_text(encoding="utf-8")
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return "\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "code")


def test_sizes_of_type_have_names():
    paths = [*(ROOT / "course_lib").rglob("*.py"), *NOTEBOOKS_DIR.glob("*.ipynb")]
    found = {p.name: list(fixed_sizes(code_of(p))) for p in paths if p.name not in FIXED_TYPE}
    assert {name: sizes for name, sizes in found.items() if sizes} == {}
    assert list(fixed_sizes("ax.text(0, 0, 'a', fontsize=9, **{'fontsize': 8})")) == [9, 8]


# --- captions ------------------------------------------------------------------------------------

PICTURES = [
    (path, index)
    for path in sorted(NOTEBOOKS_DIR.glob("[0-9]*.ipynb"))
    for index, cell in enumerate(json.loads(path.read_text(encoding="utf-8"))["cells"])
    if any("image/png" in output.get("data", {}) for output in cell.get("outputs", []))
]


@pytest.mark.parametrize(
    ("path", "index"), PICTURES, ids=[f"{path.stem[:2]}-{index}" for path, index in PICTURES]
)
def test_a_caption_stands_without_its_picture(path, index):
    """What a screen reader says: what is shown, in words, not that something is shown."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    caption = caption_of(cells, index)
    words = re.sub(r"^(?:Figure [\d.]+|Animation)\.?\s*", "", caption)
    assert len(words.split()) >= 8, caption
    assert not re.match(r"(?:This|The) (?:figure|plot|picture)\b|Shows\b|Figure shows", words)


# --- keyboard ------------------------------------------------------------------------------------

# What a Tab stops at, and what holds or only shows.
FOCUSED = (
    ipywidgets.FloatSlider,
    ipywidgets.IntSlider,
    ipywidgets.FloatLogSlider,
    ipywidgets.Dropdown,
    ipywidgets.Checkbox,
    ipywidgets.Button,
    canvas._Canvas,
)
SILENT = (ipywidgets.Box, ipywidgets.HTML, ipywidgets.HTMLMath, ipywidgets.Image, ipywidgets.Label)


def parts_of(widget):
    yield widget
    for child in getattr(widget, "children", ()):
        yield from parts_of(child)


@pytest.mark.slow
@pytest.mark.parametrize("name", LECTURES)
def test_every_part_of_a_widget_is_of_a_kind_that_keys_reach(name):
    parts = list(parts_of(Gallery(name).box))
    assert sum(isinstance(part, FOCUSED) for part in parts) >= 4
    for part in parts:
        assert isinstance(part, FOCUSED + SILENT), f"{name}: {type(part).__name__}"
        if isinstance(part, FOCUSED) and not isinstance(part, canvas._Canvas):
            assert part.description.strip(), "a control needs words beside it"
            assert not part.disabled


def test_the_canvas_speaks_and_takes_keys():
    """Its slider is the browser's own, inside the label that names it; the picture has a text."""
    source = (ROOT / "course_lib" / "widgets" / "canvas.js").read_text(encoding="utf-8")
    assert 'make("input", label, { type: "range"' in source and 'make("button", bar' in source
    for wanted in ('"role", "img"', '"aria-label", `', '"aria-valuetext", `'):
        assert wanted in source
    css = (ROOT / "course_lib" / "widgets" / "canvas.css").read_text(encoding="utf-8")
    assert "outline" not in css, "the ring that shows what has the focus must stay"


# What has the focus: its kind, the words beside it, its value, and whether one sees the focus.
FOCUS = """() => {
    const e = document.activeElement;
    const look = () => {
        const style = getComputedStyle(e);
        return [style.outline, style.boxShadow, style.borderColor, style.backgroundColor].join();
    };
    const beside = e.closest(".widget-inline-hbox, label") ?? e;
    const found = {
        kind: e.getAttribute("role") ?? e.tagName.toLowerCase(),
        words: (e.tagName !== "SELECT" && e.innerText) || beside.innerText,
        value: Number(e.getAttribute("aria-valuenow") ?? e.value),
        focused: look(),
    };
    e.blur();
    found.seen = look() !== found.focused;
    e.focus();
    return found;
}"""
CONTROLS = ".course-widget :is([role=slider], select, button, input)"  # the gallery's own, too


@pytest.mark.browser
@pytest.mark.timeout(300)
def test_keys_reach_and_move_every_control(lab_environment, visit, tmp_path):  # noqa: F811
    """What `make project` shows: Tab comes to every control, and Page Up is a long step."""
    command = [sys.executable, "-m", "voila", "notebooks/gallery.ipynb", "--template=course"]
    command += ["--no-browser", "--port={port}", f"--token={TOKEN}", "--Voila.ip=127.0.0.1"]
    command += ['--VoilaConfiguration.extension_denylist=["jupyterlab-jupytext"]']
    environment = lab_environment | {"JUPYTER_PATH": str(ROOT / "deploy" / "projector")}
    page = visit.page
    with serving(command, ROOT, environment, tmp_path / "voila.log") as address:
        page.goto(f"{address}/?token={TOKEN}")
        page.locator(".course-widget-image").first.wait_for(state="visible", timeout=60_000)
        for number in ("01", "07"):  # a figure's sliders and buttons; a list and a canvas
            label = next(
                f"{entry.notebook} {entry.title}"
                for entry in LECTURES.values()
                if entry.notebook == number
            )
            chosen = page.get_by_role("combobox").first
            chosen.select_option(label=label)
            page.get_by_text(f"For the lecturer ({number} ").first.wait_for(state="visible")
            page.locator(".course-preset").first.wait_for(state="visible", timeout=20_000)
            page.wait_for_timeout(500)  # the widget before has gone
            count = page.locator(CONTROLS).count()
            chosen.focus()
            reached = []
            for _ in range(2 * count + 10):  # a slider's number and a summary are stops as well
                page.keyboard.press("Tab")
                stop = page.evaluate(FOCUS)
                reached += [stop] if stop["kind"] in ("slider", "select", "button", "input") else []
                if stop["words"].startswith("widget"):  # once around
                    break
            assert len(reached) == count, reached
            for stop in reached:
                assert stop["words"].strip() and stop["seen"], stop

        page.get_by_role("combobox").first.select_option(index=1)
        slider = page.locator(".course-widget [role=slider]").first
        slider.wait_for(state="visible")
        slider.focus()
        values = [page.evaluate(FOCUS)["value"]]
        for key in ("ArrowRight", "PageUp"):
            page.keyboard.press(key)
            values.append(page.evaluate(FOCUS)["value"])
    assert 0 < values[1] - values[0] < values[2] - values[1], values
    assert visit.errors == []
