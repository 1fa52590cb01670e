"""A sheet that is drawn again and again, for a slider that is being moved: what is common, quickly.

Most of an update's time went into five things that are the same for every picture, and are done
here in a cheaper way that leaves the picture as it was:

- `Figure.clear` prepares each of the old axes for new use before it drops them; they are dropped;
- the constrained layout measures every label twice; where it put the axes is remembered for the
  next picture with the same labels and limits;
- an axis makes all its ticks anew, and sets the type of each label; what it drew is kept as pixels
  (a stamp) for the next picture where it would look the same;
- PNG's filters, which make files smaller, take longer than the compression after them; they are
  left out, for a picture goes no further than the screen;
- old artists refer to one another in circles: they are collected at once, before they grow old and
  bring about a search of the whole memory, which takes as long as several pictures.
"""

import gc
import struct
import sys
import zlib
from collections.abc import Callable

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

__all__ = ["WIDTH", "Sheet", "canvas_for", "png_of"]

WIDTH = 700  # pixels, of 8 inches; a narrower figure is shown as much narrower
TYPE = 15  # points, of course.mplstyle
MAX_STAMPS = 64  # 0.1 to 0.2 MB each


class Sheet:
    """A figure of that size in inches, and what it remembers of pictures that it has shown.

    >>> sheet = Sheet((8, 4.5))
    >>> png, text = sheet.picture(lambda fig: fig.subplots().plot([0, 1]) and "a line")
    >>> png[:4], text
    (b'\\x89PNG', 'a line')
    """

    def __init__(self, figsize: tuple[float, float]):
        self.canvas = canvas_for(figsize)
        self._places: dict[tuple, list] = {}
        self._stamps: dict[tuple, tuple] = {}
        self._shown = False

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
            looks = {axis: _look(axis) for ax in figure.axes for axis in (ax.xaxis, ax.yaxis)}
            self._lay_out(looks)
            self._stamp(looks)
            png = png_of(self.canvas)
            if not self._shown:
                self._shown = True
                _collect_all()
        finally:
            if collecting:
                gc.enable()
        return png, text or ""

    def _lay_out(self, looks: dict[Axis, tuple]) -> None:
        """Each axes to its place; nothing moves them afterwards."""
        figure, engine = self.canvas.figure, self.canvas.figure.get_layout_engine()
        key = _what_layout_sees(figure, looks)
        _apply_aspect(figure)
        if key in self._places:
            _put(figure, self._places[key])
        elif isinstance(engine, ConstrainedLayoutEngine):
            engine.execute(figure)
            if key is not None:
                self._places[key] = _places(figure)
        else:
            _grow_margins(figure)
        figure.set_layout_engine("none")
        _apply_aspect(figure)

    def _stamp(self, looks: dict[Axis, tuple]) -> None:
        """Ticks and labels that look as once before are not drawn, but stamped."""
        if len(self._stamps) > MAX_STAMPS:
            self._stamps.clear()
        for axis, look in looks.items():
            if not _can_be_stamped(axis):
                continue
            key = (look, axis.axes.bbox.bounds)
            if key not in self._stamps:
                self._stamps[key] = self._alone(axis)
            axis.set_visible(False)
            axis.axes.add_artist(_Stamp(*self._stamps[key], axis.get_zorder()))

    def _alone(self, axis: Axis) -> tuple:
        """What an axis draws, as pixels from the bottom up, and its distances left and below."""
        renderer = self.canvas.get_renderer()
        renderer.clear()
        axis.draw(renderer)
        pixels = np.asarray(renderer.buffer_rgba())
        inked = pixels[..., 3] > 0
        rows, columns = np.flatnonzero(inked.any(1)), np.flatnonzero(inked.any(0))
        if not len(rows):
            return pixels[:0, :0].copy(), 0, 0
        top, bottom, left = rows[0], rows[-1] + 1, columns[0]
        piece = pixels[top:bottom, left : columns[-1] + 1]
        return piece[::-1].copy(), left, len(pixels) - bottom


def _collect_all() -> None:
    """Search the whole memory now if modules were loaded since; else it is due in mid-move."""
    global _modules
    if len(sys.modules) > _modules:
        gc.collect()
        _modules = len(sys.modules)


_modules = 0  # at the last such search


class _Stamp(Artist):
    """Pixels at their place on the canvas."""

    def __init__(self, pixels: np.ndarray, left: int, below: int, zorder: float):
        super().__init__()
        self.pixels, self.left, self.below = pixels, left, below
        self.set_zorder(zorder)

    def draw(self, renderer) -> None:
        if self.pixels.size:
            renderer.draw_image(renderer.new_gc(), self.left, self.below, self.pixels)


def _look(axis: Axis) -> tuple:
    """All that decides how an axis is drawn in a box of given size."""
    look = [axis.axis_name, axis.get_scale(), *axis.get_view_interval()]
    for which, ticker in (("major", axis.major), ("minor", axis.minor)):
        places = ticker.locator()
        look += [tuple(places), tuple(ticker.formatter.format_ticks(places))]
        look += [ticker.formatter.get_offset(), repr(axis.get_tick_params(which))]
    label = axis.label
    look += [label.get_text(), label.get_size(), label.get_color(), label.get_visible()]
    look += [axis.get_label_position(), axis.labelpad, axis.get_visible(), axis.axes.axison]
    return (*look, plt.rcParams["font.size"])


def _can_be_stamped(axis: Axis) -> bool:
    """Is it drawn at all, and in no title's way? An offset, or ticks at the top, may push one."""
    ax, formatter = axis.axes, axis.get_major_formatter()
    at_top = any({"top", "labeltop"} & _true(axis.get_tick_params(w)) for w in ("major", "minor"))
    return (
        (ax.name == "rectilinear" and ax.axison and axis.get_visible())
        and not (formatter.get_offset() or at_top)
        and axis.get_label_position() != "top"
    )


def _true(params: dict) -> set[str]:
    return {name for name, value in params.items() if value is True}


def _apply_aspect(figure: Figure) -> None:
    for ax in figure.axes:
        locator = ax.get_axes_locator()
        ax.apply_aspect(locator(ax, None) if locator else None)


def _what_layout_sees(figure: Figure, looks: dict[Axis, tuple]) -> tuple | None:
    """All that decides where the constrained layout puts the axes; None if it has no say.

    Of a title it is the number of lines, for the layout asks only for its height; of a legend its
    entries, unless it is anchored within the axes, where it takes no room from them.
    """
    engine = figure.get_layout_engine()
    if not isinstance(engine, ConstrainedLayoutEngine) or figure.subfigs or figure.texts:
        return None
    key: list = [type(engine), engine._compress, *looks.values()]
    for ax in figure.axes:
        legend = ax.get_legend()
        key += [ax.get_title().count("\n") if ax.get_title() else None, ax.get_aspect()]
        outside = legend and legend.get_bbox_to_anchor() is not ax.bbox
        key += [text.get_text() for text in legend.get_texts()] if outside else [None]
        key += [(text.get_text(), text.get_position()) for text in ax.texts if text.get_text()]
    return tuple(key)


def _grow_margins(figure: Figure) -> None:
    """Places by hand are for the notebook's type; around a row of axes larger type needs more."""
    growth = plt.rcParams["font.size"] / TYPE
    if growth <= 1:
        return
    row = sorted(figure.axes, key=lambda ax: ax.get_position(original=True).x0)
    boxes = [ax.get_position(original=True) for ax in row]
    ends = [0.0, *(box.x1 for box in boxes)]
    starts = [*(box.x0 for box in boxes), 1.0]
    gaps = [growth * (start - end) for start, end in zip(starts, ends, strict=True)]
    narrower = (1 - sum(gaps)) / sum(box.width for box in boxes)
    left = 0.0
    for ax, box, gap in zip(row, boxes, gaps[:-1], strict=True):
        below, above, width = growth * box.y0, growth * (1 - box.y1), narrower * box.width
        ax.set_position((left + gap, below, width, 1 - below - above))
        left += gap + width


def _places(figure: Figure) -> list[tuple]:
    return [
        (ax.get_position(original=True), ax.get_position(), ax.get_anchor(), ax.get_box_aspect())
        for ax in figure.axes
    ]


def _put(figure: Figure, places: list[tuple]) -> None:
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
