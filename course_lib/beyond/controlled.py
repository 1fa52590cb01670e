"""Controlled differential equations, dz = f(z) dX: a state that is driven by a path.

control = Control(knots, "hermite")        # a path through rows of data, [batch, n, channels]
z = cdeint(field, z0, control)             # the state at every knot, [n, batch, hidden]
model = NeuralCDE(channels=3, hidden=8, outputs=1, generator=g)   # knots → logits

The place s on the path runs from 0 to n − 1, one unit from knot to knot, whatever the times of the
knots: a solution does not depend on how fast its control is run through. So rows of a batch that
were seen at different times are solved together; time is one of the channels.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from course_lib.nets import MLP, initialise, seeded_gru
from course_lib.solvers import odeint

KINDS = ("linear", "hermite")


def with_time(t: Tensor, x: Tensor) -> Tensor:
    """Times [batch, n] as a channel in front of data [batch, n, d]: [batch, n, 1 + d].

    >>> with_time(torch.tensor([[0.0, 2.0]]), torch.ones(1, 2, 1)).tolist()
    [[[0.0, 1.0], [2.0, 1.0]]]
    """
    if t.shape != x.shape[:-1]:
        raise ValueError(f"need one time a row of x: t is {[*t.shape]}, x is {[*x.shape]}")
    return torch.cat([t[..., None], x], dim=-1)


class Control:
    """A path X(s) through knots, 0 ≤ s ≤ n − 1.

    Args:
        knots: [batch, n, channels], the points X(0), …, X(n − 1) of each row.
        kind: `"linear"`, straight from knot to knot; or `"hermite"`, cubics whose slope at a knot
            is that of the piece before it, so that no piece depends on later knots (Morrill et al.
            2021, arXiv:2106.11028, there with the spacing in time).

    Errors: ValueError for fewer than two knots or another kind.

    >>> path = Control(torch.tensor([[[0.0], [2.0], [3.0]]]), "linear")
    >>> path(1.5).item(), path.slope(0.5).item()
    (2.5, 2.0)
    """

    def __init__(self, knots: Tensor, kind: str = "linear"):
        if knots.ndim != 3 or knots.shape[1] < 2:
            raise ValueError(
                f"knots are [batch, n, channels] with n ≥ 2, got {[*knots.shape]}; a path needs "
                "two points"
            )
        if kind not in KINDS:
            raise ValueError(f"unknown kind {kind!r}: choose from {list(KINDS)}")
        self.knots, self.kind = knots, kind
        self.jumps = knots.diff(dim=1)  # [batch, n − 1, channels]
        # The slope at the first knot is that of the first piece: there is none before it.
        self.slopes = torch.cat([self.jumps[:, :1], self.jumps], dim=1)

    @property
    def length(self) -> int:
        """Number of pieces, n − 1."""
        return self.jumps.shape[1]

    def _piece(self, s) -> tuple[int, float]:
        i = min(max(int(float(s)), 0), self.length - 1)  # the right end belongs to the last piece
        return i, float(s) - i

    def __call__(self, s) -> Tensor:
        """X(s), [batch, channels]."""
        i, r = self._piece(s)
        start, jump = self.knots[:, i], self.jumps[:, i]
        if self.kind == "linear":
            return start + r * jump
        bend = self.slopes[:, i] - jump  # what is left of the slope before this piece
        return start + r * jump + r * (1 - r) ** 2 * bend

    def slope(self, s) -> Tensor:
        """dX/ds, [batch, channels]; at a knot of a linear path that of the piece to its right."""
        i, r = self._piece(s)
        jump = self.jumps[:, i]
        if self.kind == "linear":
            return jump
        return jump + (1 - r) * (1 - 3 * r) * (self.slopes[:, i] - jump)


def cdeint(
    field: Callable[[Tensor], Tensor], z0: Tensor, control: Control, steps: int = 1
) -> Tensor:
    """Solve dz = f(z) dX along a control; the state at every knot, [n, batch, hidden].

    Args:
        field: z [batch, hidden] → f(z) [batch, hidden, channels].
        z0: the state at the first knot, [batch, hidden].
        steps: steps from knot to knot. A Hermite path is solved by RK4. The slope of a linear one
            jumps at the knots; there the midpoint rule is used, whose calls are at the left end
            and in the middle of a step, never beyond a jump.

    Errors: ValueError where the shapes do not fit.

    Source: Kidger et al. 2020, arXiv:2005.08926, equation 4.

    >>> doubled = cdeint(lambda z: 2 * torch.ones(1, 1, 1), torch.zeros(1, 1),
    ...                  Control(torch.tensor([[[0.0], [1.0], [5.0]]])))
    >>> doubled[:, 0, 0].tolist()
    [0.0, 2.0, 10.0]
    """
    batch, _, channels = control.knots.shape
    found = field(z0)
    if found.shape[-2:] != (z0.shape[-1], channels):
        raise ValueError(
            f"f(z) has shape {[*found.shape]}; for {z0.shape[-1]} entries of the state and "
            f"{channels} channels of the control it is [{batch}, {z0.shape[-1]}, {channels}]"
        )

    def rate(s, z):
        return (field(z) @ control.slope(s)[..., None])[..., 0]

    places = torch.arange(control.length + 1, dtype=z0.dtype)
    method = "midpoint" if control.kind == "linear" else "rk4"
    return odeint(rate, z0, places, method=method, options={"step_size": 1 / steps})


class NeuralCDE(nn.Module):
    """z(0) from the first knot, dz = f(z) dX, and a linear read-out of the last state.

    Args:
        channels: of the control.
        hidden: entries of the state z.
        outputs: of the read-out.
        width: of f's hidden layer.
        kind: of the control, see `Control`.
        generator: source of the weights; torch's global one if None.

    Shapes: knots [batch, n, channels] → [batch, outputs].

    f ends in a tanh, so that no entry of z moves by more than the sum of |dX| over the channels: a
    long path cannot make it explode.

    Source: Kidger et al. 2020, arXiv:2005.08926, section 3.

    >>> model = NeuralCDE(3, hidden=4, outputs=2)
    >>> model(torch.zeros(7, 5, 3)).shape
    torch.Size([7, 2])
    """

    def __init__(
        self,
        channels: int,
        hidden: int = 8,
        outputs: int = 1,
        width: int = 32,
        *,
        kind: str = "linear",
        generator=None,
    ):
        super().__init__()
        self.hidden, self.channels, self.kind = hidden, channels, kind
        self.start = initialise(nn.Linear(channels, hidden), generator=generator)
        self.net = MLP(
            [hidden, width, hidden * channels], out_activation=torch.tanh, generator=generator
        )
        self.read = initialise(nn.Linear(hidden, outputs), generator=generator)

    def field(self, z: Tensor) -> Tensor:
        """f(z), [batch, hidden, channels]."""
        return self.net(z).unflatten(-1, (self.hidden, self.channels))

    def states(self, knots: Tensor) -> Tensor:
        """z at every knot, [n, batch, hidden]."""
        return cdeint(self.field, self.start(knots[:, 0]), Control(knots, self.kind))

    def forward(self, knots: Tensor) -> Tensor:
        return self.read(self.states(knots)[-1])


class GapGRU(nn.Module):
    """The rival: a GRU that reads (time since the knot before, data), and a linear read-out.

    Args:
        channels: of the knots, time being the first.
        hidden, outputs, generator: as for `NeuralCDE`.

    Shapes: knots [batch, n, channels] → [batch, outputs].

    >>> GapGRU(3, hidden=4, outputs=2)(torch.zeros(7, 5, 3)).shape
    torch.Size([7, 2])
    """

    def __init__(self, channels: int, hidden: int = 18, outputs: int = 1, generator=None):
        super().__init__()
        self.gru = seeded_gru(channels, hidden, generator)
        self.read = initialise(nn.Linear(hidden, outputs), generator=generator)

    def forward(self, knots: Tensor) -> Tensor:
        gaps = knots[..., :1].diff(dim=1, prepend=knots[:, :1, :1])
        return self.read(self.gru(torch.cat([gaps, knots[..., 1:]], dim=-1))[0][:, -1])
