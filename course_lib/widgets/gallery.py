"""All widgets of the course on one page, one at a time: for a lecture hall, with `make project`.

from course_lib.widgets.gallery import gallery
gallery()
"""

import html
import importlib

import ipywidgets

from course_lib.course_map import lessons
from course_lib.widgets.base import EXPLORERS, boxed
from course_lib.widgets.canvas import CANVASES
from course_lib.widgets.guess import guess_the_ode
from course_lib.widgets.lectures import LECTURES

__all__ = ["Gallery", "gallery"]


class Gallery:
    """A list of widgets, two buttons, and the chosen widget, made when it is first asked for.

    Args:
        first: the widget to begin with.

    Keyboard: *Tab* goes from the list to the buttons and into the widget. `chosen` is the list,
    `panels` holds the widgets shown so far by name.

    Raises `ValueError` for a widget that is not in `lectures.LECTURES`.

    >>> page = Gallery("neuron_explorer")
    >>> page.next.click()
    >>> page.chosen.value
    'learning_rate_explorer'
    """

    def __init__(self, first: str = next(iter(LECTURES))):
        if first not in LECTURES:
            raise ValueError(f"no widget {first!r} in the gallery: choose from {list(LECTURES)}")
        self.panels: dict[str, ipywidgets.Widget] = {}
        self.chosen = ipywidgets.Dropdown(
            description="widget",
            options=[(f"{entry.notebook} {entry.title}", name) for name, entry in LECTURES.items()],
            value=first,
            style={"description_width": "initial"},
            layout=ipywidgets.Layout(width="auto", max_width="100%"),
        )
        self.previous, self.next = self._button("Previous", -1), self._button("Next", +1)
        self.hint = ipywidgets.HTML(layout=ipywidgets.Layout(flex="1 1 16em"))
        self.hint.add_class("course-widget-hint")
        self.place = ipywidgets.VBox()
        self.chosen.observe(lambda change: self._show(), names="value")
        bar = ipywidgets.HBox(
            [self.previous, self.chosen, self.next, self.hint],
            layout=ipywidgets.Layout(flex_flow="row wrap"),
        )
        self.box = boxed("gallery", bar, self.place)
        self._show()

    def _button(self, label: str, by: int) -> ipywidgets.Button:
        button = ipywidgets.Button(
            description=label,
            tooltip=f"{label} widget",
            layout=ipywidgets.Layout(width="auto"),
        )
        button.on_click(lambda _: self._move(by))
        return button

    def _move(self, by: int) -> None:
        """To a neighbour in the list; the last is followed by the first."""
        names = list(LECTURES)
        self.chosen.value = names[(names.index(self.chosen.value) + by) % len(names)]

    def _show(self) -> None:
        name = self.chosen.value
        if name not in self.panels:
            self.panels[name] = side_by_side(_widget(name).panel())
        entry = LECTURES[name]
        lesson = f"{entry.notebook} {lessons()[entry.notebook].title}"
        self.hint.value = (
            f"<details><summary>For the lecturer ({html.escape(lesson)})</summary>"
            f"{html.escape(entry.script)}</details>"
        )
        self.place.children = [self.panels[name]]


def gallery(first: str = next(iter(LECTURES))) -> ipywidgets.VBox:
    """The gallery, as the output of a cell.

    >>> gallery("neuron_explorer")
    gallery: an interactive widget; run the notebook to use it
    """
    return Gallery(first).box


def side_by_side(panel) -> ipywidgets.HBox:
    """A widget's panel on a wide screen: question and controls left, the picture beside them.

    The row bears the widget's name as a class of the page, so that a browser test can wait for it.
    """
    names = ("image", "canvas", "status", "message")
    seen = [getattr(panel, name) for name in names if hasattr(panel, name)]
    controls = [part for part in panel.box.children if part not in seen]
    for part in controls:
        part.layout.width = "auto"
    seen[0].layout.width = "100%"
    left = ipywidgets.VBox(controls, layout=ipywidgets.Layout(width="35%"))
    right = ipywidgets.VBox(seen, layout=ipywidgets.Layout(width="64%"))
    wide = ipywidgets.Layout(align_items="flex-start", justify_content="space-between")
    row = ipywidgets.HBox([left, right], layout=wide)
    return row.add_class("course-projected").add_class(panel.box.name)


def _widget(name: str):
    """The widget of that name; of all modules nbNN only its own is loaded, which saves seconds."""
    if name == guess_the_ode.name:
        return guess_the_ode
    importlib.import_module(f"course_lib.widgets.nb{LECTURES[name].notebook}")
    return (EXPLORERS | CANVASES)[name]
