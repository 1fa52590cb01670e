"""A sheet that is drawn again and again, for a slider that is being moved: what is common, quickly.

Half of an update's time went into four things that are the same for every picture, and are done
here in a cheaper way that leaves the picture as it was:

- `Figure.clear` prepares each of the old axes for new use before it drops them; they are dropped;
- the constrained layout measures every label twice; where it put the axes is remembered for the
  next picture with the same labels and limits;
- PNG's filters, which make files smaller, take longer than the compression after them; they are
  left out, for a picture goes no further than the screen;
- old artists refer to one another in circles: they are collected at once, before they grow old and
  bring about a search of the whole memory, which takes as long as several pictures.
"""

import gc
import struct
import zlib
from collections.abc import Callable

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

__all__ = ["WIDTH", "Sheet", "canvas_for", "png_of"]

WIDTH = 700  # pixels, of 8 inches; a narrower figure is shown as much narrower


class Sheet:
    """A figure of that size in inches, and the places of axes that it has seen.

    >>> sheet = Sheet((8, 4.5))
    >>> png, text = sheet.picture(lambda fig: fig.subplots().plot([0, 1]) and "a line")
    >>> png[:4], text
    (b'\\x89PNG', 'a line')
    """

    def __init__(self, figsize: tuple[float, float]):
        self.canvas = canvas_for(figsize)
        self._places: dict[tuple, list] = {}

    def picture(self, draw: Callable[[Figure], str | None]) -> tuple[bytes, str]:
        """The PNG of what `draw(figure)` makes of the empty figure, and the text it returns."""
        figure = self.canvas.figure
        collecting = gc.isenabled()
        gc.disable()
        try:
            for ax in figure.axes:
                figure.delaxes(ax)
            figure.clear()
            gc.collect(1)
            figure.set_layout_engine("constrained")  # an earlier picture may have changed it
            text = draw(figure)
            key = _what_layout_sees(figure)
            if key in self._places:
                _put(figure, self._places[key])
            png = png_of(self.canvas)
            if key is not None:
                self._places.setdefault(key, _places(figure))
        finally:
            if collecting:
                gc.enable()
        return png, text or ""


def _what_layout_sees(figure: Figure) -> tuple | None:
    """All that decides where the constrained layout puts the axes; None if it has no say.

    Of a title it is the number of lines, for the layout asks only for its height; of a legend its
    entries, for only one above the axes takes room from them.
    """
    engine = figure.get_layout_engine()
    if not isinstance(engine, ConstrainedLayoutEngine) or figure.subfigs or figure.texts:
        return None
    key: list = [type(engine), engine._compress, plt.rcParams["font.size"]]
    for ax in figure.axes:
        legend = ax.get_legend()
        for axis in (ax.xaxis, ax.yaxis):
            key += [axis.get_scale(), axis.get_label_text(), *axis.get_view_interval()]
            key += axis.get_major_formatter().format_ticks(axis.get_majorticklocs())
        key += [ax.get_title().count("\n") if ax.get_title() else None, ax.get_aspect()]
        key += [text.get_text() for text in legend.get_texts()] if legend else [None]
        key += [(text.get_text(), text.get_position()) for text in ax.texts if text.get_text()]
    return tuple(key)


def _places(figure: Figure) -> list[tuple]:
    return [
        (ax.get_position(original=True), ax.get_position(), ax.get_anchor(), ax.get_box_aspect())
        for ax in figure.axes
    ]


def _put(figure: Figure, places: list[tuple]) -> None:
    """Each axes to its place; nothing else moves them."""
    figure.set_layout_engine("none")
    for ax, (original, active, anchor, box_aspect) in zip(figure.axes, places, strict=True):
        ax.set_box_aspect(box_aspect)
        ax.set_anchor(anchor)
        ax.set_position(original, which="original")
        ax.set_position(active, which="active")


def canvas_for(figsize: tuple[float, float]) -> FigureCanvasAgg:
    """A canvas with a figure of its own, two pixels for each that is shown: sharp on any screen.

    A `Figure`, not `plt.figure`: pyplot would keep it alive, and show it under the cell once more.

    >>> canvas_for((8, 4.5)).get_width_height()
    (1400, 787)
    """
    dpi = 2 * WIDTH / max(8, figsize[0])
    return FigureCanvasAgg(Figure(figsize=figsize, dpi=dpi, layout="constrained"))


def png_of(canvas: FigureCanvasAgg) -> bytes:
    """The canvas drawn anew, as a PNG without filters and with little compression.

    Source: PNG specification (W3C 2003), sections 5.3 (chunks), 9 (filters) and 11.2 (IHDR).

    >>> png_of(canvas_for((2, 1)))[:4]
    b'\\x89PNG'
    """
    canvas.draw()
    pixels = np.asarray(canvas.buffer_rgba())
    height, width, _ = pixels.shape
    rows = np.zeros((height, 1 + 4 * width), np.uint8)  # each begins with the number of its filter
    rows[:, 1:] = pixels.reshape(height, -1)
    header = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)  # eight bits, RGBA
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in ((b"IHDR", header), (b"IDAT", zlib.compress(rows, 1)), (b"IEND", b""))
    )
