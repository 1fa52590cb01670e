"""The gallery has every widget of the course, and says of each what is there."""

import json
import re

import pytest

from course_lib import widgets
from course_lib.course_map import NOTEBOOKS_DIR, lessons
from course_lib.widgets.gallery import Gallery
from course_lib.widgets.guess import guess_the_ode
from course_lib.widgets.lectures import LECTURES

WIDGETS = widgets.EXPLORERS | widgets.CANVASES | {"guess_the_ode": guess_the_ode}


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
