"""The gallery has every widget of the course, and says of each what is there."""

import io
import json
import re

import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image

from course_lib import plotting, widgets
from course_lib.course_map import NOTEBOOKS_DIR, lessons
from course_lib.widgets.gallery import Gallery
from course_lib.widgets.guess import guess_the_ode
from course_lib.widgets.lectures import LECTURES
from course_lib.widgets.sheet import Sheet
from tools import demos, readme

INSTRUCTORS = (readme.ROOT / "INSTRUCTORS.md").read_text(encoding="utf-8")
NUMBER = r"(?<![\w.])[-−]?\d+(?:\.\d+)?(?:e[-+]?\d+)?"
# What a lecturer reads off the picture itself, not off the line under it.
PICTURED = {"forecast_explorer": {0.65, 0.68, 0.69}}

WIDGETS = demos.WIDGETS


def code_of(notebook: str) -> str:
    cells = json.loads((NOTEBOOKS_DIR / lessons()[notebook].file).read_text(encoding="utf-8"))
    return "\n".join("".join(c["source"]) for c in cells["cells"] if c["cell_type"] == "code")


def test_every_widget_is_there_in_the_order_of_the_course():
    assert set(LECTURES) == set(WIDGETS)
    numbers = [entry.notebook for entry in LECTURES.values()]
    assert numbers == sorted(numbers)


@pytest.mark.parametrize("name", LECTURES)
def test_what_the_lecturer_is_told(name):
    """The widget is shown in that notebook, and the buttons to press exist."""
    entry = LECTURES[name]
    assert re.search(rf"\b{name}\(\)", code_of(entry.notebook))
    buttons = set(getattr(WIDGETS[name], "presets", {})) | {"Reset"}
    assert set(re.findall(r'"([^"]+)"', entry.script)) <= buttons
    assert 20 <= len(entry.script.split()) <= 75, "two minutes, not more"


def demo(name: str) -> tuple[str, list[list[str]]]:
    """A widget's script and the rows of its buttons, as they stand in INSTRUCTORS.md."""
    script, _, rest = INSTRUCTORS.partition(f"(`{name}`). ")[2].partition("\n")
    table = rest.partition(f"<code>{name}</code>")[2].partition("</details>")[0]
    rows = re.findall(r"^\| (.+) \|$", table, flags=re.M)[1:]
    return script, [row.split(" | ") for row in rows]


def numbers(text: str) -> list[float]:
    return [float(number.replace("−", "-")) for number in re.findall(NUMBER, text)]


@pytest.mark.parametrize("name", LECTURES)
def test_the_instructors_page_has_the_script_and_every_button(name):
    script, rows = demo(name)
    assert script == LECTURES[name].script, "run `make docs`"
    there = [tuple(row[:2]) for row in rows]
    assert there == [(label, sets) for label, sets, _ in demos.buttons(name)], "run `make docs`"


@pytest.mark.parametrize("name", LECTURES)
def test_a_scripts_numbers_are_on_the_screen(name):
    """Each with decimals is, rounded, one that a button sets or that stands under the picture."""
    script, rows = demo(name)
    script = re.sub(r"Exercise \d\d\.\d", "", script)
    seen = {abs(number) for row in rows for cell in row[1:] for number in numbers(cell)}
    seen |= PICTURED.get(name, set())
    for text in re.findall(r"\d+\.\d+(?:e-?\d+)?", script):
        digits, _, power = text.partition("e")
        last = 10.0 ** (int(power or 0) - len(digits.partition(".")[2]))
        assert any(abs(number - float(text)) < 0.51 * last for number in seen), text


@pytest.mark.parametrize(
    "name", ["latent_explorer", "regularisation_explorer", "recovery_explorer", "cloud_explorer"]
)
def test_the_line_under_the_picture_is_what_the_page_says(name):
    """In words exactly; in numbers up to what another processor rounds differently."""
    _, rows = demo(name)
    for (label, _, params), row in zip(demos.buttons(name), rows, strict=True):
        line = demos.line(name, params)
        assert re.sub(NUMBER, "#", line) == re.sub(NUMBER, "#", row[2]), f"{label}: `make docs`"
        assert numbers(line) == pytest.approx(numbers(row[2]), rel=0.1, abs=0.011), label


def test_a_new_game_begins_at_the_round_of_its_button():
    panel = guess_the_ode.panel()
    panel.law.value, panel.p.value = 2, 0.8
    panel.buttons["Guess"].click()
    for label, where in guess_the_ode.presets.items():
        panel.presets[label].click()
        said = f"Round {where['round']} of 7. Points: 0 in this round, 0 in all."
        assert said in panel.status.value
    assert panel.game.last


def test_the_list_and_the_buttons_move_through_all():
    page = Gallery()
    seen = []
    for _ in LECTURES:
        seen.append(page.chosen.value)
        assert page.place.children == (page.panels[page.chosen.value],)
        assert LECTURES[page.chosen.value].notebook in page.hint.value
        page.next.click()
    assert seen == list(LECTURES) and page.chosen.value == seen[0]
    page.previous.click()
    assert page.chosen.value == seen[-1]


def test_a_widget_is_made_once():
    page = Gallery("neuron_explorer")
    page.next.click()
    first = page.panels["neuron_explorer"]
    page.previous.click()
    assert page.place.children[0] is first


def test_an_unknown_widget_is_refused_by_name():
    with pytest.raises(ValueError, match="neuron_explorer"):
        Gallery("neurone_explorer")


@pytest.mark.parametrize("name", widgets.EXPLORERS)
def test_no_label_is_cut_off_in_the_projectors_type(name):
    """The pixels along all four edges of the picture are white, in its first state and the last."""
    explorer = widgets.EXPLORERS[name]
    with plt.rc_context():
        plotting.use_style("projector")
        for params in ({}, list(explorer.presets.values())[-1]):
            state = explorer.complete(params)
            png, _ = Sheet(explorer.figsize).picture(
                lambda fig, state=state: explorer.draw(fig, **state)
            )
            pixels = np.asarray(Image.open(io.BytesIO(png)).convert("L"))
            edges = (pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1])
            assert min(edge.min() for edge in edges) > 250, state
