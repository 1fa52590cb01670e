"""Perceptrons, plain nets and residual nets: the architectures of part I.

A plain and a residual net of the same width and depth have the same layers and the same number of
parameters; they differ in one `x +`. The stem (input to width) and the head (width to output) carry
torch's own random weights throughout, so that `init` speaks of the blocks alone.
"""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

#: n·Var(W), n the fan-in: a random layer multiplies squared lengths by it on average.
GAINS = {"default": 1 / 3, "xavier": 1.0, "he": 2.0, "orthogonal": 1.0}

Activation = Callable[[Tensor], Tensor]


def initialise(layer: nn.Linear, init: str = "default", generator=None) -> nn.Linear:
    """Draw a layer's weights in place and return it.

    Args:
        layer: a square or rectangular `nn.Linear`.
        init: `"default"` (torch's: weights and bias uniform on ±1/√n, so that n·Var(W) = 1/3),
            `"xavier"` (Glorot & Bengio 2010), `"he"` (He et al. 2015, arXiv:1502.01852),
            `"orthogonal"` (Saxe et al. 2014, arXiv:1312.6120), or `"zero"`. All but the default
            set the bias to zero.
        generator: source of randomness; torch's global one if None.

    >>> initialise(nn.Linear(3, 3), "zero").weight.abs().max().item()
    0.0
    """
    weight, bias = layer.weight, layer.bias
    fan_out, fan_in = weight.shape
    with torch.no_grad():
        bias.zero_()
        if init == "default":
            bound = 1 / math.sqrt(fan_in)
            weight.uniform_(-bound, bound, generator=generator)
            bias.uniform_(-bound, bound, generator=generator)
        elif init == "xavier":
            weight.normal_(0.0, math.sqrt(2 / (fan_in + fan_out)), generator=generator)
        elif init == "he":
            weight.normal_(0.0, math.sqrt(2 / fan_in), generator=generator)
        elif init == "orthogonal":
            nn.init.orthogonal_(weight, generator=generator)
        elif init == "zero":
            weight.zero_()
        else:
            raise ValueError(f"unknown init {init!r}: choose from {[*GAINS, 'zero']}")
    return layer


class MLP(nn.Module):
    """Multi-layer perceptron: affine maps with an activation between them.

    Args:
        widths: input width, hidden widths, output width.
        activation: after every layer but the last.
        out_activation: after the last layer; None leaves the output unbounded.
        init, generator: see `initialise`.

    Shapes: [..., widths[0]] → [..., widths[-1]].

    >>> MLP([2, 16, 3])(torch.zeros(5, 2)).shape
    torch.Size([5, 3])
    """

    def __init__(
        self,
        widths: Sequence[int],
        activation: Activation = torch.tanh,
        out_activation: Activation | None = None,
        *,
        init: str = "default",
        generator=None,
    ):
        super().__init__()
        if len(widths) < 2:
            raise ValueError(f"widths needs an input and an output, got {list(widths)}")
        self.activation, self.out_activation = activation, out_activation
        self.layers = nn.ModuleList(
            initialise(nn.Linear(n_in, n_out), init, generator) for n_in, n_out in pairwise(widths)
        )

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers[:-1]:
            x = self.activation(layer(x))
        x = self.layers[-1](x)
        return x if self.out_activation is None else self.out_activation(x)


class Layer(nn.Module):
    """One layer φ(W x + b), with batch normalisation before φ if asked for.

    >>> Layer(4)(torch.zeros(2, 4)).shape
    torch.Size([2, 4])
    """

    def __init__(
        self,
        width: int,
        activation: Activation = torch.tanh,
        *,
        init: str = "default",
        normalise: bool = False,
        generator=None,
    ):
        super().__init__()
        self.linear = initialise(nn.Linear(width, width), init, generator)
        self.norm = nn.BatchNorm1d(width) if normalise else nn.Identity()
        self.activation = activation

    def forward(self, x: Tensor) -> Tensor:
        return self.activation(self.norm(self.linear(x)))


class PlainNet(nn.Module):
    """Stem, `depth` layers one after the other, head: x ← φ(W x + b) in every block.

    Args:
        width: features carried from block to block.
        depth: number of blocks.
        n_in, n_out: input and output widths; where None there is no stem, or no head.
        activation: φ.
        init: see `initialise`; for the blocks.
        normalise: batch normalisation before φ (Ioffe & Szegedy 2015, arXiv:1502.03167).
        generator: source of randomness; torch's global one if None.

    Shapes: [batch, n_in or width] → [batch, n_out or width].

    >>> net = PlainNet(width=8, depth=3, n_in=64, n_out=10)
    >>> net(torch.zeros(5, 64)).shape, len(net.states(torch.zeros(5, 64)))
    (torch.Size([5, 10]), 4)
    """

    def __init__(
        self,
        width: int,
        depth: int,
        *,
        n_in: int | None = None,
        n_out: int | None = None,
        activation: Activation = torch.tanh,
        init: str = "default",
        normalise: bool = False,
        generator=None,
    ):
        super().__init__()
        if width < 1 or depth < 0:
            raise ValueError(f"need width ≥ 1 and depth ≥ 0, got width={width}, depth={depth}")
        self.stem = _affine(n_in, width, generator)
        self.blocks = nn.ModuleList(
            Layer(width, activation, init=init, normalise=normalise, generator=generator)
            for _ in range(depth)
        )
        self.head = _affine(width, n_out, generator)

    def step(self, x: Tensor, index: int) -> Tensor:
        """The state after block `index`, given the state before it."""
        return self.blocks[index](x)

    def states(self, x: Tensor, skip: Sequence[int] = ()) -> list[Tensor]:
        """All states x₀, …, x_D [batch, width]; x passes blocks in `skip` unchanged."""
        xs = [self.stem(x)]
        for index in range(len(self.blocks)):
            xs.append(xs[-1] if index in skip else self.step(xs[-1], index))
        return xs

    def forward(self, x: Tensor, skip: Sequence[int] = ()) -> Tensor:
        return self.head(self.states(x, skip)[-1])


class ResidualNet(PlainNet):
    """The same layers with a skip connection: x ← x + s F(x), F(x) = φ(W x + b), in every block.

    Source: He et al. 2016, arXiv:1512.03385, eq. 1, with nothing applied after the sum (He et al.
    2016, arXiv:1603.05027).

    Args:
        width, depth, n_in, n_out, activation, init, normalise, generator: see `PlainNet`.
        scale: s; a number, `"1/sqrt(depth)"` or `"1/depth"`.
        hidden: None for a branch of one layer; a width for the branch V φ(W x + b) + c.
        identity_init: zero the last affine map of every branch, weight and bias: the untrained net
            is then head ∘ stem.
        survival: stochastic depth (Huang et al. 2016, arXiv:1603.09382): in training mode block ℓ
            is kept for a whole batch with a probability that falls linearly to `survival` at the
            last block; in evaluation mode its branch is multiplied by that probability.

    >>> net = ResidualNet(8, 20, identity_init=True)
    >>> x = torch.ones(2, 8)
    >>> bool((net(x) == x).all())
    True
    """

    def __init__(
        self,
        width: int,
        depth: int,
        *,
        n_in: int | None = None,
        n_out: int | None = None,
        scale: float | str = 1.0,
        hidden: int | None = None,
        activation: Activation = torch.tanh,
        init: str = "default",
        identity_init: bool = False,
        normalise: bool = False,
        survival: float = 1.0,
        generator=None,
    ):
        super().__init__(
            width,
            depth,
            n_in=n_in,
            n_out=n_out,
            activation=activation,
            init=init,
            normalise=normalise,
            generator=generator,
        )
        if hidden is not None:
            if normalise:
                raise ValueError("normalise is for branches of one layer: leave hidden=None")
            widths = [width, hidden, width]
            self.blocks = nn.ModuleList(
                MLP(widths, activation, init=init, generator=generator) for _ in range(depth)
            )
        if identity_init:
            for block in self.blocks:
                initialise(block.linear if hidden is None else block.layers[-1], "zero")
        if not 0 < survival <= 1:
            raise ValueError(f"survival is a probability in (0, 1], got {survival}")
        named = {"1/sqrt(depth)": max(depth, 1) ** -0.5, "1/depth": 1 / max(depth, 1)}
        if isinstance(scale, str) and scale not in named:
            raise ValueError(f"unknown scale {scale!r}: a number, or one of {sorted(named)}")
        self.scale = named.get(scale, scale)
        self.survival = [1 - (1 - survival) * (i + 1) / depth for i in range(depth)]
        self.generator = generator

    def step(self, x: Tensor, index: int) -> Tensor:
        keep = self.survival[index]
        if keep == 1.0:
            return x + self.scale * self.blocks[index](x)
        if not self.training:
            return x + keep * self.scale * self.blocks[index](x)
        dropped = torch.rand((), generator=self.generator) >= keep
        return x if dropped else x + self.scale * self.blocks[index](x)


def count_parameters(module: nn.Module) -> int:
    """Number of trainable numbers in a module.

    >>> count_parameters(nn.Linear(64, 32))
    2080
    """
    return sum(p.numel() for p in module.parameters() if p.requires_grad)


def seeded_gru(n_in: int, hidden: int, generator=None) -> nn.GRU:
    """A batch-first `nn.GRU` whose weights follow torch's own law, drawn from a generator.

    Args:
        n_in, hidden: entries of an input, and of the state.
        generator: source of randomness; torch's global one if None.

    >>> states, last = seeded_gru(3, 8)(torch.zeros(5, 7, 3))
    >>> states.shape, last.shape
    (torch.Size([5, 7, 8]), torch.Size([1, 5, 8]))
    """
    gru = nn.GRU(n_in, hidden, batch_first=True)
    bound = hidden**-0.5
    with torch.no_grad():
        for weight in gru.parameters():
            weight.uniform_(-bound, bound, generator=generator)
    return gru


def log_cosh(a: Tensor) -> Tensor:
    """log(eᵃ + e⁻ᵃ) without overflow, elementwise; its derivative is tanh a.

    It is larger than the logarithm of cosh by log 2.

    >>> log_cosh(torch.tensor([0.0, 1000.0])).tolist()
    [0.6931471824645996, 1000.0]
    """
    size = a.abs()
    return size + torch.log1p(torch.exp(-2 * size))


def _affine(n_in: int | None, n_out: int | None, generator) -> nn.Module:
    if n_in is None or n_out is None:
        return nn.Identity()
    return initialise(nn.Linear(n_in, n_out), "default", generator)
