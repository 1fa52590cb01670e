"""Every explorer is driven through all its controls; broken toys show that the checks would tell.

The helpers drive a panel as a front end does, by setting the values of its ipywidgets and clicking
its buttons. What a browser alone can tell is in the browser test.
"""

import gc
import io
import itertools
import re
import warnings

import ipywidgets
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

import course_lib
from course_lib import widgets
from course_lib.widgets import EXPLORERS, Choice, Explorer, Slider, Toggle
from course_lib.widgets.base import MAX_CONTROLS, register
from course_lib.widgets.sheet import canvas_for


@pytest.fixture(autouse=True)
def clean():
    course_lib.setup()
    yield
    ipywidgets.Widget.close_all()
    plt.close("all")


# --- what can be said of an explorer --------------------------------------------------------------


def picture(panel):
    return bytes(panel.image.value)


def assert_drawn(panel, where=""):
    assert not panel.message.value, f"{panel.explorer.name}{where}: {panel.message.value}"
    assert picture(panel).startswith(b"\x89PNG"), f"{panel.explorer.name}{where}: no picture"
    for text in (control.text(panel.params[name]) for name, control in controls(panel).items()):
        assert text in panel.status.value.replace("&#x27;", "'"), (
            f"{text!r} is not under the picture"
        )


def controls(panel):
    return panel.explorer.controls


def settings(control):
    """The values to try: the first, both ends, all choices."""
    return [control.value, *control.extremes]


def starts(explorer):
    """Where to try them from: the starting values, then each preset."""
    return [explorer.complete(params) for params in [{}, *explorer.presets.values()]]


def assert_well_formed(explorer):
    assert 1 <= len(explorer.controls) <= MAX_CONTROLS
    panel = explorer.panel()
    for control in panel.controls.values():
        assert control.description.strip(), "a control has no label"
        assert control.style.description_width == "initial", "a label may be cut off"
    for label, button in panel.presets.items():
        assert button.description == label and button.tooltip.strip()
    assert explorer.ask.strip() and explorer.try_this.strip(), "no question, or nothing to try"
    assert not explorer.ask.lower().startswith("ask") and not explorer.try_this.startswith("Try")


def assert_every_control_works(explorer):
    """Each control draws at all its settings, and changes the picture from at least one start."""
    panel = explorer.panel()
    for name, control in explorer.controls.items():
        for start in starts(explorer):
            panel.set(**start)
            pictures = {picture(panel)}
            for value in settings(control):
                panel.controls[name].value = value
                assert_drawn(panel, f" at {panel.params}")
                pictures.add(picture(panel))
            if len(pictures) > 1:
                break
        else:
            raise AssertionError(f"{explorer.name}: {name} never changes the picture")


def assert_corners_draw(explorer):
    """All combinations of extremes draw without an error; they are not rendered, to be quick."""
    names = list(explorer.controls)
    figure = Figure(figsize=explorer.figsize)
    for values in itertools.product(*(explorer.controls[name].extremes for name in names)):
        figure.clear()
        params = dict(zip(names, values, strict=True))
        try:
            explorer.draw(figure, **params)
        except Exception as error:
            raise AssertionError(f"{explorer.name} at {params}: {error!r}") from error
        assert figure.axes, f"{explorer.name} at {params}: nothing is drawn"


def assert_pure(explorer):
    """The same parameters give the same picture, whatever was drawn before, in any panel."""
    panel = explorer.panel()
    first = picture(panel)
    for name, control in explorer.controls.items():
        for value in control.extremes:
            panel.controls[name].value = value
    panel.presets["Reset"].click()
    assert picture(panel) == first, f"{explorer.name}: what was drawn before shows"
    assert picture(explorer.panel()) == first, f"{explorer.name}: two panels differ"


def assert_no_leak(explorer):
    """Updates leave no figure behind, in pyplot or in memory."""

    def figures():
        gc.collect()
        return sum(type(thing) is Figure for thing in gc.get_objects())

    def drive(panel):
        for name, control in explorer.controls.items():
            panel.controls[name].value = control.extremes[-1]
        panel.presets["Reset"].click()

    known = plt.get_fignums()
    panel = explorer.panel()
    drive(panel)
    before = figures()
    drive(panel)
    explorer.panel()
    assert figures() == before, f"{explorer.name}: figures are left in memory"
    assert plt.get_fignums() == known, f"{explorer.name}: draws with pyplot's figures"


def assert_presets_apply(explorer):
    """From another state, a preset's button sets every parameter; Reset goes to the start."""
    panel = explorer.panel()
    panel.set(**{name: control.extremes[-1] for name, control in explorer.controls.items()})
    for label, button in panel.presets.items():
        button.click()
        wanted = explorer.complete(explorer.presets.get(label, {}))
        for name, value in wanted.items():
            got = panel.params[name]
            same = got == (pytest.approx(value) if isinstance(value, float) else value)
            assert same, f"{explorer.name}, {label!r}: {name} is {got}, not {value}"
        assert_drawn(panel, f", {label!r}")


def assert_silent(explorer, capsys):
    """Nothing is printed and no warning given: in a callback both end up under some other cell."""
    capsys.readouterr()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert_corners_draw(explorer)
        assert_drawn(explorer.panel())
    out, err = capsys.readouterr()
    assert not out and not err, f"{explorer.name} prints {(out + err)[:80]!r}"


def assert_static_figure_is_the_same_picture(explorer):
    """So is the last preset's after all others, whose places of axes the widget remembers.

    A level of 255 may be missing where a tick lies on something else (sheet.py's stamps).
    """
    panel = explorer.panel()
    for params in starts(explorer):
        panel.set(**params)
    for state in (panel.params, {}):
        panel.set(**explorer.complete(state))
        shown = np.asarray(Image.open(io.BytesIO(picture(panel))))
        figure = explorer.figure(**state)
        assert figure.number in plt.get_fignums(), "plt.show() would not show it"
        figure.set_dpi(canvas_for(explorer.figsize).figure.dpi)
        figure.canvas.draw()
        static = np.asarray(figure.canvas.buffer_rgba()).astype(int)
        same = static.shape == shown.shape and np.abs(static - shown).max() <= 1
        assert same, f"{explorer.name}: the static figure is not the widget's picture at {state}"


def assert_stable_output(explorer):
    """What a notebook stores of the cell's text never changes and says what to do."""
    bundles = [explorer()._repr_mimebundle_() for _ in range(2)]
    texts = [bundle["text/plain"] for bundle in bundles]
    assert (
        texts[0]
        == texts[1]
        == (f"{explorer.name}: an interactive widget; run the notebook to use it")
    )
    model_ids = [b["application/vnd.jupyter.widget-view+json"]["model_id"] for b in bundles]
    assert all(
        not re.search(model_id, text) for model_id, text in zip(model_ids, texts, strict=True)
    )


SLOW = pytest.mark.slow  # seconds a case: left out of `make test-fast`

CHECKS = [
    assert_well_formed,
    assert_every_control_works,
    assert_pure,
    assert_no_leak,
    assert_presets_apply,
    assert_static_figure_is_the_same_picture,
    assert_stable_output,
]


# --- a toy that is right, and toys that are wrong in one way each ---------------------------------


def draw_waves(fig, n, shape, phase, grid):
    ax = fig.subplots()
    x = np.linspace(0, 6, 60)
    ax.plot(x, {"sine": np.sin, "cosine": np.cos}[shape](n * x + phase))
    ax.grid(grid)
    return f"{n} waves"


def toy(draw=draw_waves, **changes):
    parts = {
        "controls": {
            "n": Slider("number of waves", 1, 5, 1, 2),
            "phase": Slider("phase", 0.1, 3.0, 0.1, 0.3, log=True),
            "shape": Choice("shape", {"a sine": "sine", "a cosine": "cosine"}, "sine"),
        },
        "presets": {"fast": {"n": 5}, "slow cosine": {"n": 1, "shape": "cosine"}},
        "ask": "How many zeros are there if $n < 2$?",
        "try_this": "move the first slider",
    }

    def with_grid(fig, **params):
        return draw(fig, **{"grid": False, **params})

    return Explorer("toy", with_grid, **(parts | changes))


@pytest.mark.parametrize(
    "check", [pytest.param(c, marks=SLOW if c is assert_no_leak else ()) for c in CHECKS]
)
def test_checks_accept_a_sound_toy(check):
    check(toy())


def test_silence_is_accepted(capsys):
    assert_silent(toy(), capsys)


def ignores_phase(fig, phase, **params):
    draw_waves(fig, phase=0, **params)


def fails_at_an_end(fig, n, **params):
    draw_waves(fig, n=n, **params)
    if n == 5:
        raise ZeroDivisionError("too many waves")


def fails_in_a_corner(fig, n, shape, **params):
    draw_waves(fig, n=n, shape=shape, **params)
    if n == 5 and shape == "cosine":
        raise ZeroDivisionError("too many waves")


def draws_nothing(fig, **params):
    pass


def remembers():
    count = itertools.count()

    def draw(fig, phase, **params):
        draw_waves(fig, phase=phase + next(count), **params)

    return draw


def stains(fig, n, **params):
    draw_waves(fig, n=n, **params)
    if n == 5:
        fig.set_facecolor("yellow")


def opens_figures(fig, **params):
    draw_waves(fig, **params)
    plt.figure()


def hoards():
    kept = []

    def draw(fig, **params):
        draw_waves(fig, **params)
        kept.append(Figure())

    return draw


@pytest.mark.parametrize(
    ("check", "draw", "message"),
    [
        (assert_every_control_works, ignores_phase, "phase never changes"),
        (assert_every_control_works, fails_at_an_end, "too many waves"),
        (assert_corners_draw, fails_in_a_corner, "too many waves"),
        (assert_corners_draw, draws_nothing, "nothing is drawn"),
        (assert_presets_apply, fails_at_an_end, "too many waves"),
        (assert_pure, remembers(), "was drawn before"),
        (assert_pure, stains, "was drawn before"),
        pytest.param(assert_no_leak, opens_figures, "are left in memory", marks=SLOW),
        pytest.param(assert_no_leak, hoards(), "are left in memory", marks=SLOW),
        (assert_static_figure_is_the_same_picture, remembers(), "static"),
    ],
)
def test_checks_reject_a_broken_toy(check, draw, message):
    with pytest.raises(AssertionError, match=message):
        check(toy(draw))


def test_checks_reject_a_widget_without_a_question():
    with pytest.raises(AssertionError):
        assert_well_formed(toy(ask=""))


def test_checks_reject_a_preset_that_does_not_reach_its_control(monkeypatch):
    explorer = toy()
    monkeypatch.setattr(widgets.base.Panel, "set", lambda self, **params: None)
    with pytest.raises(AssertionError, match="fast"):
        assert_presets_apply(explorer)


def test_checks_reject_a_text_that_changes(monkeypatch):
    monkeypatch.setattr(widgets.base._Box, "__repr__", lambda self: f"widget {id(self)}")
    with pytest.raises(AssertionError):
        assert_stable_output(toy())


@pytest.mark.parametrize(
    "talk", [lambda: print("drawing"), lambda: warnings.warn("slow", stacklevel=1)]
)
def test_noise_is_rejected(talk, capsys):
    def noisy(fig, **params):
        draw_waves(fig, **params)
        talk()

    with pytest.raises(AssertionError):
        assert_silent(toy(noisy), capsys)


# --- the course's explorers -----------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("name", EXPLORERS)
def test_explorer(name, check):
    check(EXPLORERS[name])


@pytest.mark.slow
@pytest.mark.parametrize("name", EXPLORERS)
def test_explorer_is_silent(name, capsys):
    assert_silent(EXPLORERS[name], capsys)


@pytest.mark.parametrize("name", EXPLORERS)
def test_explorer_is_found_by_its_name(name):
    assert getattr(widgets, name) is EXPLORERS[name]
    assert EXPLORERS[name].name == name


def test_unknown_name_says_what_there_is():
    with pytest.raises(AttributeError, match=r"no widget 'no_such_explorer'; there are \["):
        _ = widgets.no_such_explorer
    with pytest.raises(ImportError):
        from course_lib.widgets import no_such_explorer  # noqa: F401


def test_name_cannot_be_taken_twice(monkeypatch):
    monkeypatch.setitem(EXPLORERS, "toy", toy())

    def elsewhere(fig, **params):
        draw_waves(fig, **params)

    elsewhere.__module__ = "elsewhere"
    with pytest.raises(ValueError, match="already defined"):
        register(Explorer("toy", elsewhere, toy().controls))


# --- details of the base --------------------------------------------------------------------------


def test_error_is_shown_and_the_last_picture_kept():
    def draw(fig, n, **params):
        draw_waves(fig, n=n, **params)
        if n == 4:
            raise ValueError("<no> waves")

    panel = toy(draw).panel()
    good = picture(panel)
    panel.controls["n"].value = 4
    assert "ValueError: &lt;no&gt; waves" in panel.message.value
    assert picture(panel) == good and "number of waves = 2" in panel.status.value
    panel.controls["n"].value = 3
    assert_drawn(panel)
    assert picture(panel) != good


def test_a_preset_draws_once():
    drawn = []

    def draw(fig, **params):
        drawn.append(params)
        draw_waves(fig, **params)

    panel = toy(draw).panel()
    drawn.clear()
    panel.presets["slow cosine"].click()
    assert [params["shape"] for params in drawn] == ["cosine"]


def test_text_of_draw_and_parameters_stand_under_the_picture():
    panel = toy().panel()
    assert panel.status.value == "Shown: number of waves = 2, phase = 0.3, shape: a sine. 2 waves"


def test_texts_are_shown_as_written_not_as_markup():
    lines = [child.value for child in toy().panel().box.children[:2]]
    assert lines == [
        "<b>Ask the room:</b> How many zeros are there if $n &lt; 2$?",
        "<b>Try:</b> move the first slider",
    ]


def test_classes_by_which_a_browser_finds_the_parts():
    panel = toy().panel()
    assert "course-widget" in panel.box._dom_classes
    assert "course-widget-image" in panel.image._dom_classes
    assert all("course-widget-control" in c._dom_classes for c in panel.controls.values())
    assert all("course-preset" in button._dom_classes for button in panel.presets.values())


def test_sliders_are_of_the_kind_of_their_numbers():
    kinds = {name: type(widget) for name, widget in toy().panel().controls.items()}
    assert kinds["n"] is ipywidgets.IntSlider and kinds["phase"] is ipywidgets.FloatLogSlider
    assert type(Slider("x", 0.0, 1, 1, 0).widget()) is ipywidgets.FloatSlider


def test_logarithmic_slider_reaches_its_ends():
    explorer = toy()
    panel = explorer.panel()
    for value in explorer.controls["phase"].extremes:
        panel.controls["phase"].value = value
        assert panel.params["phase"] == pytest.approx(value)
        panel.set(n=3)  # what the slider made of its end is still a value that it takes
        assert_drawn(panel)


def test_toggle_switches():
    explorer = toy(controls={"grid": Toggle("grid", False)}, presets={}, draw=draw_grid)
    assert_every_control_works(explorer)
    assert "grid: no" in explorer.panel().status.value


def draw_grid(fig, grid):
    draw_waves(fig, 1, "sine", 0.0, grid)


def test_picture_has_the_size_it_says():
    panel = toy(figsize=(6, 4)).panel()
    assert Image.open(io.BytesIO(panel.image.value)).size == (1050, 700), "twice what is shown"
    assert panel.image.layout.width == "525px"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Slider("h", 1.0, 0.0, 0.1, 0.5), "needs min < max"),
        (lambda: Slider("h", 0.0, 1.0, 0.1, 0.5, log=True), "min > 0"),
        (lambda: Slider("h", 0.0, 1.0, 0.1, 2.0), "goes from 0.0 to 1.0, got 2.0"),
        (lambda: Slider(" ", 0.0, 1.0, 0.1, 0.5), "needs a label"),
        (lambda: Choice("m", ["a"], "b"), "is one of"),
        (lambda: Toggle("t", 1), "True or False"),
        (lambda: toy(presets={"p": {"frequency": 1}}), r"not \['frequency'\]"),
        (lambda: toy(presets={"p": {"n": 9}}), "goes from 1 to 5"),
        (lambda: toy(presets={"": {"n": 3}}), "needs a label"),
        (lambda: toy(controls={}), "1 to 3 controls"),
        (lambda: toy(controls={str(i): Toggle("t", True) for i in range(4)}), "1 to 3 controls"),
        (lambda: toy().figure(frequency=1), r"not \['frequency'\]"),
        (lambda: toy().figure(shape="square"), "is one of"),
    ],
)
def test_mistakes_of_an_author_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()
