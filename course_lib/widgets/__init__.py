"""The course's widgets, each by its name: `from course_lib.widgets import slope_field_explorer`.

The explorers of a notebook are in the module of its number, `nb04`; all such modules are found by
themselves, at the first use of a name, so that importing the library stays cheap.
"""

import importlib
import pkgutil

from course_lib.widgets.base import Choice, Explorer, Slider, Toggle, register

__all__ = ["Choice", "Explorer", "Slider", "Toggle", "register"]


def __getattr__(name: str):
    if name.startswith("_"):
        raise AttributeError(name)
    from course_lib.widgets.base import EXPLORERS
    from course_lib.widgets.canvas import CANVASES

    for module in pkgutil.iter_modules(__path__):
        if module.name.startswith("nb"):
            importlib.import_module(f"{__name__}.{module.name}")
    if name == "EXPLORERS":
        return EXPLORERS
    if name == "CANVASES":
        return CANVASES
    known = EXPLORERS | CANVASES
    if name not in known:
        raise AttributeError(f"there is no widget {name!r}; there are {sorted(known)}")
    return known[name]
