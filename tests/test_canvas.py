"""The canvas for motion: what is sent to the browser, and that every explorer's controls work."""

import gc
import itertools

import ipywidgets
import matplotlib.pyplot as plt
import numpy as np
import pytest

import course_lib
from course_lib.widgets import CANVASES, Choice, Slider, canvas
from course_lib.widgets.canvas import FlowExplorer, Scene


@pytest.fixture(autouse=True)
def clean():
    course_lib.setup()
    yield
    ipywidgets.Widget.close_all()
    plt.close("all")


def scene(turns=1, **parts):
    """Two points on a circle, and one line of three points between them."""
    t = np.linspace(0, turns, 5)
    angle = np.stack([2 * np.pi * t, 2 * np.pi * t + np.pi], axis=-1)
    points = np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    grid = np.stack([points[:, 0], 0 * points[:, 0], points[:, 1]], axis=1)[:, None]
    texts = [f"after {value:.2f} turns" for value in t]
    return Scene(t, points, **({"groups": [0, 1], "grid": grid, "texts": texts} | parts))


def explorer(**changes):
    parts = {
        "controls": {"turns": Slider("turns", 1, 3, 1, 1)},
        "presets": {"end": {"t": 1.0}, "three turns": {"turns": 3}},
        "ask": "Where does it end?",
        "try_this": "drag the time",
    }
    parts |= {"scene": scene, "xlim": (-1.5, 1.5), "ylim": (-1.5, 1.5)}
    return FlowExplorer("circle", **(parts | changes))


def unpack(sent):
    """Frames as the front end reads them: points [T, n, 2] and grid [T, m, k, 2]."""
    sizes = sent.scene
    n, lines, k = sizes["n"], sizes["gridLines"], sizes["gridPoints"]
    numbers = np.frombuffer(sent.frames, dtype="<f4").reshape(len(sizes["times"]), -1)
    points, grid = numbers[:, : 2 * n], numbers[:, 2 * n :]
    return points.reshape(-1, n, 2), grid.reshape(-1, lines, k, 2)


def test_the_browser_gets_the_scene():
    panel, wanted = explorer().panel(), scene()
    points, grid = unpack(panel.canvas)
    assert np.array_equal(points, wanted.points) and np.array_equal(grid, wanted.grid)
    assert panel.canvas.scene["texts"] == list(wanted.texts)


def test_a_control_asks_for_another_scene():
    panel = explorer().panel()
    before = panel.canvas.frames
    panel.controls["turns"].value = 2
    assert panel.canvas.frames != before
    assert panel.canvas.scene["times"][-1] == 2


def test_presets_move_controls_and_time():
    panel = explorer().panel()
    panel.presets["end"].click()
    assert panel.canvas.index == 4
    panel.presets["three turns"].click()
    assert (panel.controls["turns"].value, panel.canvas.index) == (3, 0)
    panel.presets["Reset"].click()
    assert (panel.controls["turns"].value, panel.canvas.index) == (1, 0)


def test_a_scene_with_fewer_frames_keeps_the_index_inside():
    def shorter(turns):
        whole, frames = scene(turns), 6 - turns
        return Scene(whole.times[:frames], whole.points[:frames], [0, 1])

    panel = explorer(scene=shorter).panel()
    panel.canvas.index = 4
    panel.controls["turns"].value = 3
    assert panel.canvas.index == 2


def test_an_error_is_shown_and_the_old_scene_stays():
    def fails(turns):
        if turns == 2:
            raise ZeroDivisionError("no <such> flow")
        return scene(turns)

    panel = explorer(scene=fails).panel()
    before = panel.canvas.frames
    panel.controls["turns"].value = 2
    assert "no &lt;such&gt; flow" in panel.message.value and panel.canvas.frames == before
    panel.controls["turns"].value = 3
    assert not panel.message.value


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"groups": [0]}, r"groups \[n\]"),
        ({"groups": [0, 4]}, "groups from 0 to 3"),
        ({"grid": np.zeros((4, 1, 3, 2))}, "grid"),
        ({"lines": np.zeros((1, 2))}, "lines"),
        ({"texts": ["one"]}, "texts"),
        ({"lines": np.full((1, 2, 2), np.nan)}, "finite"),
    ],
)
def test_a_scene_that_does_not_fit_is_refused(parts, message):
    with pytest.raises(ValueError, match=message):
        scene(**parts)


def test_a_third_control_beside_the_time_is_refused():
    controls = {name: Slider(name, 0, 1, 1, 0) for name in "abc"}
    with pytest.raises(ValueError, match="at most 2"):
        explorer(controls=controls, presets={})
    with pytest.raises(ValueError, match="goes from 1 to 3, got 4"):
        explorer(presets={"four": {"turns": 4}})


def test_the_static_figure_shows_three_moments():
    figure = explorer().figure(turns=2)
    titles = [ax.get_title() for ax in figure.axes]
    assert titles == ["time t = 0", "time t = 1", "time t = 2"]
    drawn = [ax.lines[0].get_xydata()[0] for ax in figure.axes]
    assert np.allclose(drawn, scene(2).points[[0, 2, 4], 0], atol=1e-6)


# --- the course's own ----------------------------------------


@pytest.mark.parametrize("name", sorted(CANVASES))
def test_a_canvas_of_the_course(name, capsys):
    """Well formed, every control changes the scene, every corner can be shown, nothing is left."""
    course = CANVASES[name]
    assert course.ask.strip() and course.try_this.strip(), "no question, or nothing to try"
    panel = course.panel()
    known = plt.get_fignums()
    for control, setting in course.controls.items():
        frames = set()
        for value in setting.extremes:
            panel.controls[control].value = value
            assert not panel.message.value, panel.message.value
            frames.add(panel.canvas.frames)
        assert len(frames) > 1, f"{control} never changes the scene"
    names = list(course.controls)
    for values in itertools.product(*(course.controls[n].extremes for n in names)):
        shown = course.scene(**dict(zip(names, values, strict=True)))
        assert len(shown.packed()[1]) < 4e6, "more than 4 MB a scene is too slow to send"
        inside = [
            (low <= shown.points[..., i]) & (shown.points[..., i] <= high)
            for i, (low, high) in enumerate((course.xlim, course.ylim))
        ]
        assert (inside[0] & inside[1]).mean() > 0.9, f"points leave the picture at {values}"
    for label, button in panel.presets.items():
        button.click()
        assert not panel.message.value, f"{label}: {panel.message.value}"
    again = course.panel()
    assert again.canvas.frames == course.panel().canvas.frames, "the first scene is not pure"
    gc.collect()
    assert plt.get_fignums() == known, "draws with pyplot's figures"
    course.figure()
    assert capsys.readouterr() == ("", "")
    text = course()._repr_mimebundle_()["text/plain"]
    assert text == f"{name}: an interactive widget; run the notebook to use it"


def test_choices_are_controls_too():
    both = explorer(
        controls={"turns": Choice("turns", {"one": 1, "two": 2}, 1)}, presets={"two": {"turns": 2}}
    )
    panel = both.panel()
    panel.presets["two"].click()
    assert panel.canvas.scene["times"][-1] == 2


def test_a_registered_canvas_is_found_by_its_name(monkeypatch):
    monkeypatch.setattr(canvas, "CANVASES", dict(CANVASES))
    ours = canvas.register_canvas(explorer())
    assert canvas.CANVASES["circle"] is ours
