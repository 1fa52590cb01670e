"""Write the demonstrations of INSTRUCTORS.md: each widget's script, and what its buttons show.

    python tools/demos.py            write
    python tools/demos.py --check    change nothing; exit 1 if something is out of date

Every button's picture is drawn once, for the line that stands under it: a quarter of a minute. What
else is generated in INSTRUCTORS.md is made by tools/readme.py.
"""

import sys
from pathlib import Path

from matplotlib.figure import Figure

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import course_lib
from course_lib import widgets
from course_lib.widgets.guess import Game, guess_the_ode
from course_lib.widgets.lectures import LECTURES
from tools import generated, readme

WIDGETS = widgets.EXPLORERS | widgets.CANVASES | {guess_the_ode.name: guess_the_ode}


def settings(name: str, params: dict) -> str:
    """The values that a button sets, in the words of the controls.

    >>> settings("noise_explorer", {"c": 1.5, "steps": 64})
    'strength of noise c = 1.5; steps: 64'
    """
    if name == guess_the_ode.name:
        return f"round {params['round']}"
    widget = WIDGETS[name]
    said = {key: control.text for key, control in widget.controls.items()}
    if name in widgets.CANVASES:
        said["t"] = lambda t: f"{widget.time_label} = {t:g}"
    return "; ".join(said[key](value) for key, value in params.items())


def start(name: str) -> dict:
    """The parameters after *Reset*, from which a button changes those that it names."""
    if name == guess_the_ode.name:
        return {"round": 1}
    first = WIDGETS[name].complete({})
    if name in widgets.CANVASES:
        return {"t": float(WIDGETS[name].scene(**first).times[0]), **first}
    return first


def line(name: str, params: dict) -> str:
    """What stands under the picture after a press of the button; empty if nothing does."""
    widget = WIDGETS[name]
    if name == guess_the_ode.name:
        return Game().reset(**params)
    if name in widgets.CANVASES:
        t, others = params["t"], {key: params[key] for key in params if key != "t"}
        scene = widget.scene(**others)
        return scene.texts[scene.nearest(t)] if scene.texts else ""
    return widget.draw(Figure(figsize=widget.figsize, layout="constrained"), **params) or ""


def buttons(name: str) -> list[tuple[str, str, dict]]:
    """Of each button: its name, what it sets, and all parameters of the picture then.

    The first is *Reset*, which sets everything; the others are told by what differs from it.
    """
    first = start(name)
    again = "Start again" if name == guess_the_ode.name else "Reset"
    found = [(again, settings(name, first), first)]
    for label, params in WIDGETS[name].presets.items():
        changed = {key: value for key, value in params.items() if value != first[key]}
        found.append((label, settings(name, changed) or f"as {again}", first | params))
    return found


def demo(name: str) -> str:
    """A widget's script and, folded up, a table of its buttons."""
    entry = LECTURES[name]
    rows = [(label, sets, line(name, params)) for label, sets, params in buttons(name)]
    told = any(text for *_, text in rows)
    head = ["button", "sets", "line under the picture"]
    table = [_row(head[: 2 + told]), "|" + "---|" * (2 + told)]
    table += [_row([label, sets, text][: 2 + told]) for label, sets, text in rows]
    return "\n".join(
        [
            f"**{entry.notebook}, {entry.title}** (`{name}`). {entry.script}",
            "",
            f"<details><summary>Buttons of <code>{name}</code></summary>",
            "",
            *table,
            "",
            "</details>",
        ]
    )


def demos() -> str:
    """All demonstrations, in the order of the course."""
    course_lib.setup()
    return "\n\n".join(map(demo, LECTURES))


def _row(cells: list[str]) -> str:
    texts = [" ".join(text.split()).replace("|", r"\|") for text in cells]
    return f"| {' | '.join(texts)} |"


def main() -> int:
    path = readme.ROOT / "INSTRUCTORS.md"
    text = readme.fill(path.read_text(encoding="utf-8"), {"demos": demos}, path.name)
    return generated.keep({path: text}, __doc__)


if __name__ == "__main__":
    sys.exit(main())
