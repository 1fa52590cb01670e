"""Widget of notebook 03: how large the loss gradient is in every block of an untrained network."""

from functools import lru_cache

import torch
from torch.nn.functional import cross_entropy

from course_lib.datasets import digits
from course_lib.metrics import gradient_norms
from course_lib.nets import PlainNet, ResidualNet
from course_lib.plotting import gradient_per_layer
from course_lib.widgets.base import Choice, Explorer, Slider, register

ACTIVATIONS = {"tanh": torch.tanh, "ReLU": torch.relu}
NETS = {
    "plain": (PlainNet, {}),
    "residual, $s=1$": (ResidualNet, {"scale": 1.0}),
    r"residual, $s=1/\sqrt{D}$": (ResidualNet, {"scale": "1/sqrt(depth)"}),
}
DEEPEST = 60
FLOOR = 1e-20  # below this a curve leaves the picture: the shape of the others stays readable


@lru_cache(maxsize=256)
def norms(depth: int, init: str, activation: str) -> dict[str, torch.Tensor]:
    """Gradient norm of every block for the three nets, on 32 training images; always seed 0."""
    data = digits()
    x, y = data.x_train[:32], data.y_train[:32]
    found = {}
    for name, (kind, options) in NETS.items():
        options = options | {"init": init, "activation": ACTIVATIONS[activation]}
        generator = torch.Generator().manual_seed(0)
        net = kind(32, depth, n_in=64, n_out=10, generator=generator, **options)
        found[name] = gradient_norms(net, cross_entropy(net(x), y))
    return found


def draw(fig, depth: int, init: str, activation: str) -> str:
    found = norms(depth, init, activation)
    ax = gradient_per_layer(
        found, fig.subplots(), ylabel=r"$\|\partial\mathcal{L}/\partial W_\ell\|$"
    )
    ax.set(xlim=(0, DEEPEST + 1), xlabel=r"block $\ell$ (1 is next to the input)")
    # The frame is that of the deepest nets and stands still while the depth is moved.
    deepest = torch.cat(list(norms(DEEPEST, init, activation).values()))
    low, high = deepest[deepest > 0].min().item(), deepest.max().item()
    ax.set_ylim(max(min(low / 2, 1e-6), FLOOR), max(2 * high, 1e2))
    ratios = [f"{name.split(',')[-1]} {v[0] / v[-1]:.1e}" for name, v in found.items()]
    text = "; ".join(ratios).replace("$", "").replace(r"\sqrt{D}", "√D")
    return f"First block's gradient over the last block's: {text}."


gradient_explorer = register(
    Explorer(
        "gradient_explorer",
        draw,
        {
            "depth": Slider("depth D", 2, DEEPEST, 1, 56),
            "init": Choice(
                "weights",
                {
                    "torch's default": "default",
                    "Xavier": "xavier",
                    "He": "he",
                    "orthogonal": "orthogonal",
                },
                "default",
            ),
            "activation": Choice("activation", ["tanh", "ReLU"], "tanh"),
        },
        presets={
            "Shallow": {"depth": 8},
            "Other weights": {"init": "xavier"},
            "It explodes": {"init": "he", "activation": "ReLU"},
        },
        ask="The plain net loses its gradient. Is the depth to blame, or the weights?",
        try_this="find weights with which the plain net keeps its gradient at depth 56, and "
        "weights with which a residual net does not.",
    )
)
