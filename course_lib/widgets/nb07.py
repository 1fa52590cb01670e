"""The explorer of notebook 07: points and a grid carried by a trained flow, scrubbed through time.

The three networks were trained by experiments/flows.py; their frames are computed once a network.
Where a zero was added the state has three entries and the picture is a view of them that turns
from above (the first two entries) to the side (the normal of the separating plane points up).
"""

from functools import lru_cache

import numpy as np
import torch

from course_lib import datasets
from course_lib.fields import NeuralODE
from course_lib.results import load_weights
from course_lib.widgets.base import Choice
from course_lib.widgets.canvas import FlowExplorer, Scene, register_canvas

__all__ = ["FLOWS", "flow_explorer", "flow_frames", "load_flow", "points_of"]

FRAMES, LIMIT = 41, 3.0

#: text of the choice → (data, zeros added)
FLOWS = {
    "moons": ("moons", 0),
    "circles": ("circles", 0),
    "circles, one zero added": ("circles", 1),
}


def points_of(data: str, n: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The points [n, 2], float32, and labels [n] that the flows were trained on.

    >>> points_of("moons", 6)[0].shape
    torch.Size([6, 2])
    """
    generator = torch.Generator().manual_seed(0)
    if data == "moons":
        x, y = datasets.moons(n, generator, noise=0.08)
        return (x - torch.tensor([0.5, 0.25])).float(), y
    x, y = datasets.circles(n, generator, noise=0.06)
    return x.float(), y


@lru_cache
def load_flow(name: str) -> NeuralODE:
    """One of the trained networks, solved at a tolerance of 1e-4.

    Raises `FileNotFoundError`, naming the script that makes the weights.

    >>> load_flow("moons")(torch.zeros(1, 2)).shape
    torch.Size([1, 1])
    """
    stored = load_weights("flows")
    net = NeuralODE(2, 1, extra=FLOWS[name][1], rtol=1e-4, atol=1e-4)
    net.load_state_dict({key: stored[f"{name}/{key}"] for key in net.state_dict()})
    return net.float().requires_grad_(False)


def grid_of(limit: float = 1.4, lines: int = 11, k: int = 57) -> torch.Tensor:
    """Lines of a square grid, [2 · lines, k, 2].

    >>> grid_of().shape
    torch.Size([22, 57, 2])
    """
    along, across = torch.linspace(-limit, limit, k), torch.linspace(-limit, limit, lines)
    level = torch.stack([along.expand(lines, k), across[:, None].expand(lines, k)], -1)
    return torch.cat([level, level.flip(-1)])


def flow_frames(net: NeuralODE, x: torch.Tensor, grid: torch.Tensor, times) -> tuple:
    """Points [T, n, d] and grid [T, m, k, d] carried by the net's flow, as arrays.

    >>> x, net = torch.zeros(5, 2), load_flow("circles, one zero added")
    >>> points, lines = flow_frames(net, x, grid_of(), [0.0, 0.5, 1.0])
    >>> points.shape, lines.shape
    ((3, 5, 3), (3, 22, 57, 3))
    """
    states = net.features(torch.cat([x, grid.flatten(0, 1)]), times)
    points, lines = states[:, : len(x)], states[:, len(x) :]
    return points.numpy(), lines.unflatten(1, grid.shape[:2]).numpy()


def camera(net: NeuralODE, ends: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Views [T, d, 2]: the first two entries at time 0, the plane's normal upwards at the end."""
    d = ends.shape[1]
    start = np.eye(d)[:, :2]
    if d == 2:
        return np.repeat(start[None], len(times), axis=0)
    normal = net.head.weight[0].numpy().astype(float)
    normal = normal / np.linalg.norm(normal)
    normal *= 1.0 if normal[1] >= 0 else -1.0  # turn by less than half a turn
    flat = ends - ends.mean(0)
    flat = flat - np.outer(flat @ normal, normal)
    along = np.linalg.svd(flat, full_matrices=False)[2][0]
    along *= 1.0 if along[0] >= 0 else -1.0
    target = np.stack([along, normal], axis=1)
    views = []
    for s in times / times[-1]:
        q, r = np.linalg.qr((1 - s) * start + s * target)
        views.append(q * np.sign(np.diag(r)))
    return np.stack(views)


def hyperplane(net: NeuralODE) -> np.ndarray:
    """W x + b = 0 as the camera sees it at the end, one segment [1, 2, 2]."""
    w, b = net.head.weight[0].numpy(), net.head.bias.item()
    size = np.linalg.norm(w)
    if len(w) > 2:
        height = -b / size * (1.0 if w[1] >= 0 else -1.0)
        return np.array([[[-9.0, height], [9.0, height]]])
    foot, along = -b * w / size**2, np.array([-w[1], w[0]]) / size
    return np.stack([foot - 9 * along, foot + 9 * along])[None]


@lru_cache
def _scene(flow: str) -> Scene:
    net, (x, y) = load_flow(flow), points_of(FLOWS[flow][0], 240)
    times = np.linspace(0, 1, FRAMES)
    points, lines = flow_frames(net, x, grid_of(), times.tolist())
    views = camera(net, points[-1], times)
    points, lines = (np.einsum("t...d,tde->t...e", a, views) for a in (points, lines))
    labels = y.numpy()
    return Scene(times, points, labels, lines, hyperplane(net))


flow_explorer = register_canvas(
    FlowExplorer(
        "flow_explorer",
        _scene,
        xlim=(-LIMIT, LIMIT),
        ylim=(-LIMIT, LIMIT),
        controls={"flow": Choice("flow", list(FLOWS), "moons")},
        presets={
            "Start": {"t": 0.0},
            "Half-way": {"t": 0.5},
            "Circles in the plane": {"flow": "circles", "t": 1.0},
            "One zero added": {"flow": "circles, one zero added", "t": 1.0},
        },
        ask="The moons are interlocked, and no point may jump. How will a straight line part them?",
        try_this="Drag the time slowly. Watch the grid: where is it stretched, where squeezed, and "
        "do two of its lines ever cross?",
    )
)
