"""Notebook 01: the neuron explorer, and the folded sheet of paper.

The explorer turns one sigmoid neuron by hand over real flowers. A neuron with two inputs has three
numbers, so three sliders reach every one of them; they are the direction of w, where the line lies,
and the length of w, because each of these changes one thing that is seen (w₁, w₂ and b change all
at once; the title shows them). The activation is no fourth control: a long w makes the sigmoid a
step, and tanh(z) = 2σ(2z) − 1 is the same neuron on another scale.
"""

import math
from functools import cache

import numpy as np
import torch
from matplotlib.collections import LineCollection
from matplotlib.colors import hsv_to_rgb

from course_lib import datasets, plotting
from course_lib.neurons import ACTIVATIONS, neuron
from course_lib.widgets.base import Explorer, Slider, register

CENTRE = torch.tensor([4.9, 1.7], dtype=torch.float64)  # the middle of the two species, in cm
WINDOW = (2.8, 7.1), (0.8, 2.7)


@cache
def _petals():
    data = datasets.iris(columns=(2, 3))
    two = data.y_train > 0
    return data.x_train[two].double(), data.y_train[two].double() - 1


def neuron_weights(degrees: float, shift: float, sharpness: float):
    """w [2] and b of the neuron whose line lies `shift` from the flowers' middle, along w.

    >>> w, b = neuron_weights(0.0, 0.1, 2.0)
    >>> w.tolist(), round(b, 3)
    ([2.0, 0.0], -10.0)
    """
    angle = math.radians(degrees)
    direction = torch.tensor([math.cos(angle), math.sin(angle)], dtype=torch.float64)
    return sharpness * direction, -sharpness * ((direction @ CENTRE).item() + shift)


def neuron_measures(w, b) -> tuple[float, float, int]:
    """Cross-entropy, mean squared error and number of flowers right, on the training flowers.

    >>> loss, squared, right = neuron_measures(torch.tensor([1.0, 2.0]).double(), -8.55)
    >>> round(loss, 4), round(squared, 4), right
    (0.2879, 0.0766, 61)
    """
    x, y = _petals()
    z = x @ w + b
    # From z, as in (1.12): a saturated sigmoid would give ln 0.
    loss = (ACTIVATIONS["softplus"](z) - y * z).mean().item()
    squared = ((torch.sigmoid(z) - y) ** 2).mean().item()
    return loss, squared, int(((z > 0) == (y > 0.5)).sum())


def draw_neuron(fig, degrees: float, shift: float, sharpness: float) -> str:
    """Probability of virginica over the petals' plane, with w as an arrow and the loss on top."""
    ax = fig.subplots()
    x, y = _petals()
    w, b = neuron_weights(degrees, shift, sharpness)
    plotting.decision_map(
        lambda points: neuron(points.double(), w, b, torch.sigmoid), *WINDOW, ax, density=100,
        points=x, labels=y,
    )  # fmt: skip
    direction = w / w.norm()
    foot = CENTRE + shift * direction
    ax.annotate(
        "", (foot + 0.45 * direction).tolist(), foot.tolist(),
        arrowprops={"arrowstyle": "-|>", "linewidth": 2.5, "shrinkA": 0, "shrinkB": 0},
    )  # fmt: skip
    loss, squared, right = neuron_measures(w, b)
    ax.set(xlabel="petal length (cm)", ylabel="petal width (cm)")
    ax.set_title(f"cross-entropy {loss:.3f},  MSE {squared:.3f},  {right} of {len(x)} right")
    ax.text(2.95, 1.45, "versicolor (0)", fontsize="small")
    ax.text(5.75, 2.5, "virginica (1)", fontsize="small")
    return f"w = ({w[0]:.2f}, {w[1]:.2f}), b = {b:.2f}".replace("-", "−")


neuron_explorer = register(
    Explorer(
        "neuron_explorer",
        draw_neuron,
        controls={
            "degrees": Slider("direction of w (degrees)", -180, 180, 1, 63),
            "shift": Slider("line's distance from the middle (cm)", -1.5, 1.5, 0.01, 0.11),
            "sharpness": Slider("length of w (per cm)", 0.3, 30.0, 0.01, 2.24, log=True),
        },
        presets={
            "Set by eye": {},
            "Almost a step": {"sharpness": 30.0},
            "Undecided": {"sharpness": 0.3},
            "Wrong way round": {"degrees": -117, "shift": -0.11},
        },
        ask="Which of the three numbers never moves a flower to the other side of the line? Can it "
        "change the loss all the same?",
        try_this="bring the cross-entropy below .13. Then make w as long as it goes: what happens "
        "to the loss, and what to the count?",
    )
)


def folded_sheet(transform, ax, window=(-1.15, 1.65), pixels: int = 280, lines: int = 11):
    """Draw where a map takes a square sheet of paper: coloured by where each piece came from.

    The sheet is a million grains; a pixel has the mean colour of the grains that come to lie in it,
    and is the darker the more layers they make.

    Args:
        transform: points [n, 2] → [n, 2].
        ax: axes to draw into.
        window: the square that is shown, in either direction; the sheet is [−1, 1]².
        pixels: along an edge of the window.
        lines: grid lines drawn on the sheet, in either direction.

    >>> import matplotlib.pyplot as plt
    >>> folded_sheet(lambda x: x, plt.subplots()[1], pixels=20).get_aspect()
    1.0
    """
    ticks = (np.arange(1000) + 0.5) / 500 - 1
    grains = np.stack(np.meshgrid(ticks, ticks, indexing="ij"), -1).reshape(-1, 2)
    moved = _moved(transform, grains)
    place = np.floor((moved - window[0]) / (window[1] - window[0]) * pixels).astype(int)
    seen = ((place >= 0) & (place < pixels)).all(axis=1)
    cell = place[seen] @ [1, pixels]

    def total(values=None):
        return np.bincount(cell, values, pixels**2).reshape(pixels, pixels)

    count = total()
    hues = _hues(grains)[seen].T
    color = np.stack([total(channel) for channel in hues], -1) / np.maximum(count, 1)[..., None]
    one_layer = ((window[1] - window[0]) / pixels * 500) ** 2  # grains in a pixel of flat paper
    opacity = 1 - 0.5 ** (count / one_layer)
    picture = np.concatenate([color, opacity[..., None]], -1).clip(0, 1)
    ax.imshow(picture, extent=(*window, *window), origin="lower", interpolation="bilinear")
    fine, marks = np.linspace(-1, 1, 401), np.linspace(-1, 1, lines)
    rows = np.stack(np.meshgrid(fine, marks), -1)
    paths = [_moved(transform, path) for path in [*rows, *rows[..., ::-1]]]
    ax.add_collection(LineCollection(paths, colors="0.25", linewidths=0.6))
    ax.set(xlim=window, ylim=window, xticks=(-1, 0, 1), yticks=(-1, 0, 1))
    return ax


def _hues(points: np.ndarray) -> np.ndarray:
    """A colour for each point of the sheet, [n, 3]: the hue is its direction, paler near 0."""
    hue = np.arctan2(points[:, 1], points[:, 0]) / (2 * np.pi) % 1
    saturation = 0.25 + 0.6 * np.clip(np.hypot(*points.T), 0, 1)
    return hsv_to_rgb(np.stack([hue, saturation, np.full_like(hue, 0.9)], -1))


def _moved(transform, points: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        return transform(torch.tensor(points.copy(), dtype=torch.get_default_dtype())).numpy()
