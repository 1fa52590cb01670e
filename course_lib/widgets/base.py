"""Controls from pictures: an `Explorer` is one pure drawing function and at most three controls.

The figure persists and belongs to no notebook cell; on every change it is cleared, drawn again by
`draw(fig, **params)` (quickly: sheet.py) and sent as a PNG to one `ipywidgets.Image`, so that the
picture never flickers. The front end holds back slider positions while the kernel is busy and then
sends only the latest, so that no queue of stale ones builds up.
"""

import html
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import ipywidgets
import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from course_lib.widgets.sheet import WIDTH, Sheet

MAX_CONTROLS = 3
_LABELLED = {"description_width": "initial"}  # a label is as wide as its text, never cut off


@dataclass(frozen=True)
class Slider:
    """A number between `min` and `max`; an integer if all four numbers are integers.

    Args:
        label: the text beside it.
        min, max, step, value: with `log=True` the slider is logarithmic and `step` is in decades.
        fmt: how the number is written, such as `".3g"`.

    >>> Slider("step size h", 0.01, 1.0, 0.25, 0.1, log=True).text(0.1)
    'step size h = 0.1'
    """

    label: str
    min: float
    max: float
    step: float
    value: float
    log: bool = False
    fmt: str = ""

    def __post_init__(self):
        _require_label(self.label)
        if not self.min < self.max or self.step <= 0 or (self.log and self.min <= 0):
            raise ValueError(f"{self.label!r} needs min < max and step > 0; if log, min > 0")
        self.check(self.value)

    @property
    def is_integer(self) -> bool:
        numbers = (self.min, self.max, self.step, self.value)
        return not self.log and all(isinstance(number, int) for number in numbers)

    @property
    def extremes(self) -> list:
        return [self.min, self.max]

    def check(self, value) -> None:
        slack = 1e-9 * (abs(self.min) + abs(self.max))  # a logarithmic slider rounds its ends
        if not self.min - slack <= value <= self.max + slack:
            raise ValueError(f"{self.label!r} goes from {self.min} to {self.max}, got {value!r}")

    def text(self, value) -> str:
        return f"{self.label} = {value:{self._format}}"

    def widget(self) -> ipywidgets.Widget:
        common = {
            "description": self.label,
            "value": self.value,
            "step": self.step,
            "readout_format": self._format,
            "style": _LABELLED,
            "layout": _wide(),
        }
        if self.log:
            ends = {"min": math.log10(self.min), "max": math.log10(self.max)}
            return ipywidgets.FloatLogSlider(**common, **ends)
        kind = ipywidgets.IntSlider if self.is_integer else ipywidgets.FloatSlider
        return kind(**common, min=self.min, max=self.max)

    @property
    def _format(self) -> str:
        return self.fmt or ("d" if self.is_integer else ".3g")


@dataclass(frozen=True)
class Choice:
    """One of several options.

    Args:
        label: the text beside it.
        options: the values, or text → value.
        value: the value at the start.

    >>> Choice("method", ["Euler", "RK4"], "RK4").extremes
    ['Euler', 'RK4']
    """

    label: str
    options: Sequence | Mapping[str, Any]
    value: Any

    def __post_init__(self):
        _require_label(self.label)
        self.check(self.value)

    @property
    def pairs(self) -> list[tuple[str, Any]]:
        if isinstance(self.options, Mapping):
            return list(self.options.items())
        return [(str(value), value) for value in self.options]

    @property
    def extremes(self) -> list:
        return [value for _, value in self.pairs]

    def check(self, value) -> None:
        if value not in self.extremes:
            raise ValueError(f"{self.label!r} is one of {self.extremes}, got {value!r}")

    def text(self, value) -> str:
        return f"{self.label}: {next(text for text, other in self.pairs if other == value)}"

    def widget(self) -> ipywidgets.Widget:
        return ipywidgets.Dropdown(
            description=self.label,
            options=self.pairs,
            value=self.value,
            style=_LABELLED,
            layout=ipywidgets.Layout(width="auto", max_width="100%"),
        )


@dataclass(frozen=True)
class Toggle:
    """Something that is on or off.

    >>> Toggle("show the exact solution", True).text(False)
    'show the exact solution: no'
    """

    label: str
    value: bool

    def __post_init__(self):
        _require_label(self.label)
        self.check(self.value)

    @property
    def extremes(self) -> list:
        return [False, True]

    def check(self, value) -> None:
        if not isinstance(value, bool):
            raise ValueError(f"{self.label!r} is True or False, got {value!r}")

    def text(self, value) -> str:
        return f"{self.label}: {'yes' if value else 'no'}"

    def widget(self) -> ipywidgets.Widget:
        return ipywidgets.Checkbox(
            description=self.label,
            value=self.value,
            indent=False,
            style=_LABELLED,
            layout=_wide(),
        )


class Controlled:
    """What every explorer does with its `name`, `controls`, `ask`, `try_this` and `panel`."""

    def __repr__(self) -> str:
        return f"{self.name}: an interactive widget; show it with {self.name}()"

    def __call__(self) -> ipywidgets.VBox:
        """The controls and the picture, as the output of a cell."""
        return self.panel().box

    def complete(self, params: Mapping) -> dict:
        """The parameters of a picture: those given, checked, and the rest as at the start."""
        unknown = set(params) - set(self.controls)
        if unknown:
            raise ValueError(f"{self.name} has {list(self.controls)}, not {sorted(unknown)}")
        for name, value in params.items():
            self.controls[name].check(value)
        return {name: params.get(name, control.value) for name, control in self.controls.items()}

    def box(self, *parts: ipywidgets.Widget) -> ipywidgets.VBox:
        """The question, what to try, and under them the parts of a panel."""
        ask = _line("course-widget-ask", "Ask the room:", self.ask)
        return boxed(self.name, *ask, *_line("course-widget-try", "Try:", self.try_this), *parts)


@dataclass(frozen=True, repr=False, eq=False)
class Explorer(Controlled):
    """A picture with controls; calling it shows both, `figure` draws one state of it.

    Args:
        name: the name under which `course_lib.widgets` hands it on.
        draw: `draw(fig, **params)` draws the whole picture into a cleared figure, from the
            parameters alone; a text that it returns is shown under the picture.
        controls: parameter → `Slider`, `Choice` or `Toggle`, at most three.
        presets: text of a button → parameters; those left out take their starting values.
        ask: a question for the room, before anybody touches a control.
        try_this: what to try, and what to look for.
        figsize: inches.

    Errors: `ValueError` for a preset, or a call of `figure`, that the controls could not make.

    >>> def draw(fig, slope):
    ...     fig.subplots().plot([0, 1], [0, slope])
    >>> line = Explorer("line", draw, {"slope": Slider("slope", -1.0, 1.0, 0.1, 0.5)})
    >>> line.panel().controls["slope"].value
    0.5
    """

    name: str
    draw: Callable
    controls: Mapping[str, Slider | Choice | Toggle]
    presets: Mapping[str, Mapping] = field(default_factory=dict)
    ask: str = ""
    try_this: str = ""
    figsize: tuple[float, float] = (8, 4.5)

    def __post_init__(self):
        if not 1 <= len(self.controls) <= MAX_CONTROLS:
            raise ValueError(f"{self.name}: needs 1 to {MAX_CONTROLS} controls")
        for label, params in self.presets.items():
            _require_label(label)
            self.complete(params)

    def figure(self, **params) -> Figure:
        """A pyplot figure of one state (by default the first), for where no widget is seen."""
        params = self.complete(params)
        fig = plt.figure(figsize=self.figsize, layout="constrained")
        self.draw(fig, **params)
        return fig

    def picture(self, **params) -> tuple[bytes, str]:
        """The PNG of one state, and what `draw` says about it."""
        return self._sheet.picture(lambda figure: self.draw(figure, **params))

    @cached_property
    def _sheet(self) -> Sheet:
        return Sheet(self.figsize)

    def panel(self) -> "Panel":
        """The controls and the picture with names, for tests."""
        return Panel(self)


class Panel:
    """One display of an `Explorer`: its `controls`, `presets`, `image`, `status` and `message`."""

    def __init__(self, explorer: Explorer):
        self.explorer = explorer
        self._held = False
        self.controls = {name: control.widget() for name, control in explorer.controls.items()}
        self.presets = {
            label: self._preset(label, explorer.complete(params))
            for label, params in {**explorer.presets, "Reset": {}}.items()
        }
        width = round(WIDTH * min(explorer.figsize[0], 8) / 8)
        self.image = ipywidgets.Image(format="png", layout=_wide(width))
        self.image.add_class("course-widget-image")
        self.status = ipywidgets.HTML().add_class("course-widget-status")
        self.message = ipywidgets.HTML().add_class("course-widget-message")
        for control in self.controls.values():
            control.add_class("course-widget-control")
            control.observe(lambda change: self.update(), names="value")
        self.box = explorer.box(
            *self.controls.values(), row(self.presets), self.image, self.status, self.message
        )
        self.update()

    @property
    def params(self) -> dict:
        """The parameters that the controls say now."""
        return {name: control.value for name, control in self.controls.items()}

    def set(self, **params) -> None:
        """Move several controls and draw once."""
        params = self.explorer.complete(self.params | params)
        self._held = True
        for name, value in params.items():
            self.controls[name].value = value
        self._held = False
        self.update()

    def update(self) -> None:
        """Draw what the controls say; an error is shown as text under the last good picture."""
        if self._held:
            return
        params = self.params
        try:
            self.image.value, text = self.explorer.picture(**params)
        except Exception as error:  # a traceback in a callback would be seen by nobody
            reason = html.escape(f"{type(error).__name__}: {error}")
            self.message.value = f"This picture could not be drawn. {reason}"
            return
        self.message.value = ""
        values = [self.explorer.controls[name].text(value) for name, value in params.items()]
        sentence = f"Shown: {', '.join(values)}. {text}"
        self.status.value = html.escape(sentence.strip())

    def _preset(self, label: str, params: dict) -> ipywidgets.Button:
        values = ", ".join(self.explorer.controls[name].text(v) for name, v in params.items())
        button = ipywidgets.Button(
            description=label, tooltip=values, layout=ipywidgets.Layout(width="auto")
        )
        button.on_click(lambda _: self.set(**params))
        return button.add_class("course-preset")


class _Box(ipywidgets.VBox):
    """A VBox whose text says the same at every execution; the usual one spells out all children."""

    name = ""

    def __repr__(self) -> str:
        return f"{self.name}: an interactive widget; run the notebook to use it"


EXPLORERS: dict[str, Explorer] = {}


def register(explorer: Explorer) -> Explorer:
    """Make an explorer known to `course_lib.widgets` and to the tests, and hand it back.

    >>> time = Slider("time t", 0, 1, 0.1, 0)
    >>> demo = register(Explorer("demo", lambda fig, t: "at rest", {"t": time}))
    >>> EXPLORERS.pop("demo") is demo
    True
    """
    known = EXPLORERS.get(explorer.name)
    if known is not None and known.draw.__module__ != explorer.draw.__module__:
        raise ValueError(f"{explorer.name} is already defined in {known.draw.__module__}")
    EXPLORERS[explorer.name] = explorer
    return explorer


def _line(css_class: str, opening: str, text: str) -> list[ipywidgets.Widget]:
    """A line of text over a widget, in a list; an empty list if there is no text."""
    if not text:
        return []
    line = ipywidgets.HTMLMath(f"<b>{opening}</b> {html.escape(text)}", layout=_wide())
    return [line.add_class(css_class)]


def boxed(name: str, *parts: ipywidgets.Widget) -> ipywidgets.VBox:
    """The parts of a widget below each other, as the output of a cell."""
    box = _Box(list(parts))
    box.name = name
    return box.add_class("course-widget")


def row(buttons: Mapping[str, ipywidgets.Widget]) -> ipywidgets.HBox:
    """Buttons side by side, in as many rows as it takes."""
    return ipywidgets.HBox(list(buttons.values()), layout=ipywidgets.Layout(flex_flow="row wrap"))


def _wide(pixels: int = WIDTH) -> ipywidgets.Layout:
    """As wide as that, and never wider than its cell."""
    return ipywidgets.Layout(width=f"{pixels}px", max_width="100%")


def _require_label(label: str) -> None:
    if not label.strip():
        raise ValueError("a control needs a label that says what it changes")
