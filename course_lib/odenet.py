"""Six networks for small grey images that differ in one block only, and how they are trained.

Stem (two strided convolutions), block, head: the block is nothing, one or six residual blocks, or
the flow of an ODE whose right-hand side is that same residual branch (Chen et al. 2018,
arXiv:1806.07366, section 3). A perceptron without convolutions is the sixth.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from course_lib.fields import Flow
from course_lib.gradients import odeint_adjoint
from course_lib.training import cosine, train

CHANNELS, GROUPS = 16, 4
KINDS = ("MLP", "no block", "one residual block", "ResNet, 6 blocks", "RK-Net", "ODE-Net")


class TimeConv(nn.Module):
    """A 3 × 3 convolution that knows the time: conv(x) + t · conv(1), shapes [n, c, h, w].

    >>> TimeConv(4)(0.5, torch.zeros(2, 4, 7, 7)).shape
    torch.Size([2, 4, 7, 7])
    """

    def __init__(self, channels: int):
        super().__init__()
        self.space = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.time = nn.Conv2d(1, channels, 3, padding=1)

    def forward(self, t, x: Tensor) -> Tensor:
        ones = x.new_ones(1, 1, *x.shape[2:])  # beyond the border are zeros: t knows the border
        return self.space(x) + t * self.time(ones)


class ConvField(nn.Module):
    """f(t, x) of the ODE-Net: a residual branch with time in its convolutions, then a norm.

    >>> ConvField(16)(0.5, torch.zeros(2, 16, 7, 7)).shape
    torch.Size([2, 16, 7, 7])
    """

    def __init__(self, channels: int):
        super().__init__()
        self.norms = nn.ModuleList(nn.GroupNorm(GROUPS, channels) for _ in range(3))
        self.convs = nn.ModuleList(TimeConv(channels) for _ in range(2))

    def forward(self, t, x: Tensor) -> Tensor:
        for norm, conv in zip(self.norms, self.convs, strict=False):
            x = conv(t, torch.relu(norm(x)))
        return self.norms[-1](x)


class ResidualBlock(nn.Module):
    """x + F(x), F two convolutions, each behind a norm and a ReLU (He et al. 2016, 1603.05027).

    >>> ResidualBlock(16)(torch.zeros(2, 16, 7, 7)).shape
    torch.Size([2, 16, 7, 7])
    """

    def __init__(self, channels: int):
        super().__init__()
        layers = []
        for _ in range(2):
            layers += [nn.GroupNorm(GROUPS, channels), nn.ReLU()]
            layers += [nn.Conv2d(channels, channels, 3, padding=1, bias=False)]
        self.branch = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.branch(x)


class ImageNet(nn.Module):
    """stem → block → head for images [n, 1, 28, 28], scores [n, 10].

    >>> net = ImageNet(nn.Flatten(), nn.Identity(), nn.Linear(784, 10))
    >>> net(torch.zeros(2, 1, 28, 28)).shape
    torch.Size([2, 10])
    """

    def __init__(self, stem: nn.Module, block: nn.Module, head: nn.Module):
        super().__init__()
        self.stem, self.block, self.head = stem, block, head

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.block(self.stem(x)))


def build(kind: str, generator: torch.Generator) -> ImageNet:
    """One of `KINDS`, with torch's own random weights.

    Args:
        generator: decides the weights; torch's global state is left as it was.

    RK-Net and ODE-Net take one step of RK4; the ODE-Net's gradient is the continuous adjoint's.

    >>> net = build("one residual block", torch.Generator().manual_seed(0))
    >>> net(torch.zeros(2, 1, 28, 28)).shape
    torch.Size([2, 10])
    """
    if kind not in KINDS:
        raise ValueError(f"unknown kind {kind!r}: choose from {list(KINDS)}")
    seed = int(torch.randint(2**31, (), generator=generator))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if kind == "MLP":
            stem = nn.Sequential(nn.Flatten(), nn.Linear(784, 300), nn.ReLU())
            return ImageNet(stem, nn.Identity(), nn.Linear(300, 10))
        return ImageNet(_stem(), _block(kind), _head())


def _stem() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, CHANNELS, 3, stride=2, padding=1),
        nn.GroupNorm(GROUPS, CHANNELS),
        nn.ReLU(),
        nn.Conv2d(CHANNELS, CHANNELS, 3, stride=2, padding=1),
    )


def _head() -> nn.Module:
    pool = [nn.GroupNorm(GROUPS, CHANNELS), nn.ReLU(), nn.AdaptiveAvgPool2d(3), nn.Flatten()]
    return nn.Sequential(*pool, nn.Linear(9 * CHANNELS, 10))


def _block(kind: str) -> nn.Module:
    step = {"method": "rk4", "options": {"step_size": 1.0}}
    if kind == "RK-Net":  # backpropagation through the step
        return Flow(ConvField(CHANNELS), **step)
    if kind == "ODE-Net":
        return Flow(ConvField(CHANNELS), solve=odeint_adjoint, **step)
    blocks = {"no block": 0, "one residual block": 1, "ResNet, 6 blocks": 6}[kind]
    return nn.Sequential(*[ResidualBlock(CHANNELS) for _ in range(blocks)])


def shifted(x: Tensor, generator: torch.Generator) -> Tensor:
    """Each image moved by −1, 0 or 1 pixel in both directions, zeros coming in: [n, 1, h, w].

    >>> image = torch.arange(9.0).reshape(1, 1, 3, 3)
    >>> shifted(image, torch.Generator().manual_seed(0)).shape
    torch.Size([1, 1, 3, 3])
    """
    n, _, height, width = x.shape
    padded = nn.functional.pad(x, (1, 1, 1, 1))
    down, right = torch.randint(3, (2, n, 1), generator=generator)
    rows, columns = down + torch.arange(height), right + torch.arange(width)
    index = torch.arange(n)[:, None, None]
    return padded[index, 0, rows[:, :, None], columns[:, None, :]][:, None]


def fit(net: nn.Module, x: Tensor, y: Tensor, epochs: int, generator: torch.Generator, **options):
    """AdamW with warm-up and cosine on shuffled batches of 100 shifted images; a `History`.

    Every image is seen once an epoch. `options` are those of `course_lib.training.train`.

    >>> generator = torch.Generator().manual_seed(0)
    >>> net, x, y = build("MLP", generator), torch.rand(200, 1, 28, 28), torch.zeros(200).long()
    >>> len(fit(net, x, y, 2, generator, progress=False).loss)  # two epochs of two batches
    4
    """
    batches = iter(_epochs(len(x), epochs, generator))

    def draw(generator):
        rows = next(batches)
        return shifted(x[rows], generator), y[rows]

    optimizer = torch.optim.AdamW(net.parameters(), lr=2e-2, weight_decay=1e-4, fused=True)
    settings = {"optimizer": optimizer, "schedule": cosine(0.15), "generator": generator}
    loss = lambda net, x, y: cross_entropy(net(x), y)  # noqa: E731
    return train(net, loss, draw, steps=epochs * (len(x) // 100), **(settings | options))


def _epochs(n: int, epochs: int, generator: torch.Generator):
    for _ in range(epochs):
        yield from torch.randperm(n, generator=generator)[: n // 100 * 100].split(100)


def predict(net: nn.Module, x: Tensor) -> Tensor:
    """Scores [n, 10] in batches of 500, without a graph.

    >>> net = build("MLP", torch.Generator().manual_seed(0))
    >>> predict(net, torch.zeros(501, 1, 28, 28)).shape
    torch.Size([501, 10])
    """
    net.eval()
    with torch.no_grad():
        return torch.cat([net(part) for part in x.split(500)])


def saved_bytes(block: nn.Module, x: Tensor) -> int:
    """Bytes that autograd keeps of `block(x)` for the way back, parameters not counted.

    Tensors are compared by their storage, so that what is saved twice counts once, and a saved
    view counts as the whole storage that it keeps alive.

    >>> saved_bytes(nn.Tanh(), torch.zeros(10))  # x is a leaf without gradient; tanh keeps y
    40
    """
    own = {p.untyped_storage().data_ptr() for p in block.parameters()}
    kept = {}

    def pack(tensor: Tensor):
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        alive = block(x.clone().requires_grad_())  # noqa: F841 - frees nothing while we count
    return sum(kept.values())
