"""Exercises of notebook 17, *Optimal transport*.

The reference solutions are what the notebook's later cells use:
`from course_lib.exercises.nb17 import hjb_residual, sorted_cost, straightness`.
"""

import torch

from course_lib import transport
from course_lib.exercises.engine import Exercise, Misconception

# --- 17.1 Transport on a line --------------------------------------------------------------------


def sorted_cost(x, y):
    """Least mean squared distance between two samples [n] of numbers, (17.2)."""
    return ((x.sort().values - y.sort().values) ** 2).mean()


def _sorted_by_ranks(x, y):
    partner = torch.empty_like(y)
    partner[x.argsort()] = y[y.argsort()]
    return ((x - partner) ** 2).sum() / len(x)


def _cost_unsorted(x, y):
    return ((x - y) ** 2).mean()


def _cost_one_sorted(x, y):
    return ((x.sort().values - y) ** 2).mean()


def _cost_other_sorted(x, y):
    return ((x - y.sort().values) ** 2).mean()


def _cost_opposite(x, y):
    return ((x.sort().values - y.sort(descending=True).values) ** 2).mean()


def _cost_absolute(x, y):
    return (x.sort().values - y.sort().values).abs().mean()


def _cost_root(x, y):
    return sorted_cost(x, y).sqrt()


def _cost_sum(x, y):
    return ((x.sort().values - y.sort().values) ** 2).sum()


def _cost_nearest(x, y):
    return ((x[:, None] - y[None]) ** 2).min(1).values.mean()


def _cost_of_means(x, y):
    return (x.mean() - y.mean()) ** 2


def _cost_all_pairs(x, y):
    return ((x[:, None] - y[None]) ** 2).mean()


def _cost_half(x, y):
    return sorted_cost(x, y) / 2


def _cost_signed(x, y):
    return (x.sort().values - y.sort().values).mean()


def line_cases(generator):
    """(x, y): a pair that crosses, then random samples."""
    draw = lambda n: torch.randn(n, generator=generator)  # noqa: E731
    return [
        (torch.tensor([0.0, 1.0, 5.0]), torch.tensor([4.0, 1.5, 9.0])),
        (draw(6), 2 + draw(6)),
        (draw(9), 3 * torch.rand(9, generator=generator)),
    ]


SORTED = Exercise(
    id="17.1",
    title="Transport on a line",
    difficulty=1,
    minutes=4,
    hints=[
        "If two paths cross, exchanging their goals never makes the sum of squares larger. Which "
        "pairing has no crossing at all?",
        "`x.sort().values` has the numbers in order. The smallest of x goes to the smallest of y.",
    ],
    solution=sorted_cost,
    alternatives=[_sorted_by_ranks],
    misconceptions=[
        Misconception(
            "pairs as they come",
            _cost_unsorted,
            "You get {got}, expected is {expected}. You send each point to the one that happens to "
            "stand at the same place of the list. Which order makes no two paths cross?",
        ),
        Misconception(
            "sorts x only",
            _cost_one_sorted,
            "You get {got}, expected is {expected}. Only x is in order: the smallest of x should "
            "go to which of y?",
        ),
        Misconception(
            "sorts y only",
            _cost_other_sorted,
            "You get {got}, expected is {expected}. Only y is in order: which of x goes to its "
            "smallest?",
        ),
        Misconception(
            "smallest to largest",
            _cost_opposite,
            "You get {got}, expected is {expected}: the *dearest* pairing. All your paths cross.",
        ),
        Misconception(
            "distances not squared",
            _cost_absolute,
            "You get {got}, expected is {expected}. That is the mean distance (it is called W₁). "
            "The cost in (17.2) is of another power.",
        ),
        Misconception(
            "root taken",
            _cost_root,
            "You get {got}, expected is {expected}. You return W₂; asked for is its square.",
        ),
        Misconception(
            "sum instead of mean",
            _cost_sum,
            "You get {got}, expected is {expected}: n times too much. Each point carries a share "
            "of 1/n of the mass.",
        ),
        Misconception(
            "everybody to the nearest",
            _cost_nearest,
            "You get {got}, expected is {expected}, cheaper than possible: two points of x may now "
            "share a goal, and a point of y may get nothing. Every y must be filled once.",
        ),
        Misconception(
            "means only",
            _cost_of_means,
            "You get {got}, expected is {expected}. You move the centre of mass. What does it cost "
            "to change the *shape*?",
        ),
        Misconception(
            "all pairs",
            _cost_all_pairs,
            "You get {got}, expected is {expected}. You average over all pairs, as if every x were "
            "spread over all y. Each goes to one.",
        ),
        Misconception(
            "a half too many",
            _cost_half,
            "You get {got}, expected is {expected}. The ½ of a kinetic energy is not in (17.2).",
        ),
        Misconception(
            "square forgotten",
            _cost_signed,
            "You get {got}, expected is {expected}. Ways to the left and to the right cancel in "
            "yours. Which power has the cost in (17.2)?",
        ),
    ],
    means="on a line sorting is the exact plan; in the plane there is no such shortcut.",
    cases=line_cases,
)

# --- 17.2 Between two Gaussians ------------------------------------------------------------------


def gaussian_cost(m0, S0, m1, S1):
    """W₂² of N(m0, S0) and N(m1, S1), (17.3)."""
    root = transport.matrix_root(S0)
    cross = transport.matrix_root(root @ S1 @ root)
    return ((m0 - m1) ** 2).sum() + (S0 + S1 - 2 * cross).trace()


def _gaussian_by_eigenvalues(m0, S0, m1, S1):
    # S0·S1 has the same eigenvalues as S0^½ S1 S0^½
    eigenvalues = torch.linalg.eigvals(S0 @ S1).real.clamp(min=0)
    return (m0 - m1).dot(m0 - m1) + (S0 + S1).trace() - 2 * eigenvalues.sqrt().sum()


def _gaussian_variant(means=1.0, cross=2.0, kind="root", scale=1.0, power=1.0):
    """The formula with one thing changed: the raw material of the misconceptions."""

    def run(m0, S0, m1, S1):
        root = transport.matrix_root(S0)
        middle = {
            "root": lambda: transport.matrix_root(root @ S1 @ root).trace(),
            "entries": lambda: (root @ S1 @ root).abs().sqrt().trace(),
            "product": lambda: (root @ transport.matrix_root(S1)).trace(),
            "plain": lambda: (root @ S1 @ root).trace(),
            "unsymmetric": lambda: transport.matrix_root(S0 @ S1).trace(),
            "covariances": lambda: transport.matrix_root(S0 @ S1 @ S0).trace(),
            "starred": lambda: transport.matrix_root(root * S1 * root).trace(),
            "naive": lambda: (S0.sqrt() @ S1 @ S0.sqrt()).sqrt().trace(),
            "squares": lambda: (S0 @ S1).trace().abs().sqrt(),
            "diagonal": lambda: (S0.diagonal() * S1.diagonal()).sqrt().sum(),
        }[kind]()
        cost = means * ((m0 - m1) ** 2).sum() + S0.trace() + S1.trace() - cross * middle
        return scale * cost**power

    return run


def _gaussian_mean_distance(m0, S0, m1, S1):
    return gaussian_cost(m0, S0, m1, S1) - ((m0 - m1) ** 2).sum() + (m0 - m1).norm()


def gaussian_cases(generator):
    """(m0, S0, m1, S1): commuting, then turned against each other."""

    def covariance(d):
        root = torch.randn(d, d, generator=generator)
        return root @ root.T + 0.3 * torch.eye(d)

    draw = lambda d: torch.randn(d, generator=generator)  # noqa: E731
    return [
        (torch.zeros(2), torch.diag(torch.tensor([4.0, 9.0])), torch.tensor([3.0, 0.0]),
         torch.diag(torch.tensor([16.0, 25.0]))),
        (draw(2), covariance(2), draw(2), covariance(2)),
        (draw(3), covariance(3), draw(3), covariance(3)),
    ]  # fmt: skip


BURES = Exercise(
    id="17.2",
    title="Between two Gaussians",
    difficulty=3,
    minutes=7,
    hints=[
        "Three parts: the means' squared distance, both traces, and minus twice the trace of a "
        "matrix root.",
        "`matrix_root` takes the root of a symmetric matrix. S0^½ S1 S0^½ is symmetric, so first "
        "`root = matrix_root(S0)`, then the root of `root @ S1 @ root`.",
        "A root of a matrix is not the root of its entries.",
    ],
    solution=gaussian_cost,
    alternatives=[_gaussian_by_eigenvalues],
    misconceptions=[
        Misconception(
            "means forgotten",
            _gaussian_variant(means=0.0),
            "You get {got}, expected is {expected}. That is the cost of changing the shape in "
            "place. How far do the centres have to move?",
        ),
        Misconception(
            "root of every entry",
            _gaussian_variant(kind="entries"),
            "You get {got}, expected is {expected}. It is right where the matrices are diagonal. "
            "Is the root of a matrix the root of its entries?",
        ),
        Misconception(
            "roots multiplied",
            _gaussian_variant(kind="product"),
            "You get {got}, expected is {expected}. S0^½ S1^½ is right only if the two ellipses "
            "have the same axes, so that the matrices commute. Where does (17.3) take the outer "
            "root?",
        ),
        Misconception(
            "no outer root",
            _gaussian_variant(kind="plain"),
            "You get {got}, expected is {expected}. Variances must not be multiplied with each "
            "other and subtracted from variances: mind the units. Which root is missing?",
        ),
        Misconception(
            "one root of the product",
            _gaussian_variant(kind="unsymmetric"),
            "You get {got}, expected is {expected}. S0·S1 is not symmetric, and `matrix_root` "
            "needs a matrix that is. Which product in (17.3) is?",
        ),
        Misconception(
            "no inner roots",
            _gaussian_variant(kind="covariances"),
            "You get {got}, expected is {expected}. S0 S1 S0 has three factors S: mind the units. "
            "With which power does S0 stand there?",
        ),
        Misconception(
            "entries multiplied",
            _gaussian_variant(kind="starred"),
            "You get {got}, expected is {expected}. It is right where the matrices are diagonal: "
            "`*` multiplies entry by entry.",
        ),
        Misconception(
            "roots of entries throughout",
            _gaussian_variant(kind="naive"),
            "You get {got}, expected is {expected}. `sqrt` takes the root of every entry. Is that "
            "the root of a matrix?",
        ),
        Misconception(
            "root of the trace",
            _gaussian_variant(kind="squares"),
            "You get {got}, expected is {expected}. You take the root of a trace; asked for is the "
            "trace of a root.",
        ),
        Misconception(
            "each coordinate by itself",
            _gaussian_variant(kind="diagonal"),
            "You get {got}, expected is {expected}. You treat the coordinates as independent: "
            "where are the covariances?",
        ),
        Misconception(
            "the two forgotten",
            _gaussian_variant(cross=1.0),
            "You get {got}, expected is {expected}. With equal Gaussians your cost is not zero. "
            "How often does the cross term appear when a square is multiplied out?",
        ),
        Misconception(
            "cross term added",
            _gaussian_variant(cross=-2.0),
            "You get {got}, expected is {expected}. With equal Gaussians your cost is far from "
            "zero: which sign has the cross term of a squared difference?",
        ),
        Misconception(
            "root taken",
            _gaussian_variant(power=0.5),
            "You get {got}, expected is {expected}. You return W₂; asked for is its square.",
        ),
        Misconception(
            "a half too many",
            _gaussian_variant(scale=0.5),
            "You get {got}, expected is {expected}. The ½ of a kinetic energy is not in (17.3).",
        ),
        Misconception(
            "distance of the means not squared",
            _gaussian_mean_distance,
            "You get {got}, expected is {expected}. All other terms are squared lengths; your "
            "means contribute a length.",
        ),
    ],
    means="the one case in many dimensions where the optimal cost is a formula: a ruler for nets.",
    cases=gaussian_cases,
)

# --- 17.3 A potential one can do by hand ---------------------------------------------------------


def quadratic_flow(A, b, x):
    """(v [n, d], tr ∂v/∂x) of v = −∇Φ for Φ = ½ xᵀAx + bᵀx, A any square matrix; the trace is the
    same everywhere, so it may come once or once for each sample."""
    return -(0.5 * x @ (A + A.T) + b), -A.trace()


def _quadratic_by_autograd(A, b, x):
    x = x.detach().clone().requires_grad_()
    value = (0.5 * torch.einsum("ni,ij,nj->n", x, A, x) + x @ b).sum()
    (v,) = torch.autograd.grad(-value, x, create_graph=True)
    rows = [torch.autograd.grad(v[0, i], x, retain_graph=True)[0][0] for i in range(x.shape[1])]
    return v.detach(), torch.stack(rows).trace()


def _quadratic_variant(left=0.5, right=0.5, linear=1.0, sign=-1.0, trace=-1.0, kind="trace"):
    """The pair with one thing changed: the raw material of the misconceptions."""

    def run(A, b, x):
        v = sign * (left * x @ A + right * x @ A.T + linear * b)
        size = {
            "trace": lambda: A.trace(),
            "sum": lambda: A.sum(),
            "det": lambda: torch.linalg.det(A),
        }[kind]()
        return v, trace * size

    return run


def _one_trace_each(answer, A, b, x):
    """The pair with a trace for each sample; an answer may give it once, since it is constant."""
    pair = answer(A, b, x)
    if not (isinstance(pair, tuple | list) and len(pair) == 2):
        return pair
    trace = torch.as_tensor(pair[1])
    return pair[0], trace.expand(len(x)) if trace.ndim == 0 else trace


def quadratic_cases(generator):
    """(A, b, x): one sample and an asymmetric A, then batches."""
    draw = lambda *shape: torch.randn(*shape, generator=generator)  # noqa: E731
    return [
        (torch.tensor([[2.0, 4.0], [0.0, 3.0]]), torch.tensor([0.5, -1.0]),
         torch.tensor([[1.0, 2.0]])),
        (draw(2, 2), draw(2), draw(5, 2)),
        (draw(3, 3), draw(3), draw(4, 3)),
    ]  # fmt: skip


QUADRATIC = Exercise(
    id="17.3",
    title="A potential one can do by hand",
    difficulty=2,
    minutes=6,
    hints=[
        "Write ½ xᵀAx as a double sum and differentiate by one coordinate: it occurs twice, once "
        "with A's row and once with A's column.",
        "∇Φ = ½(A + Aᵀ)x + b. The trace of ∂v/∂x is −ΔΦ: differentiate again, add the diagonal.",
        "Rows of x are samples: `x @ (A + A.T)`.",
    ],
    solution=quadratic_flow,
    alternatives=[_quadratic_by_autograd],
    misconceptions=[
        Misconception(
            "A taken as symmetric",
            _quadratic_variant(left=0.0, right=1.0),
            "You get {got}, expected is {expected}. ∇(½ xᵀAx) = Ax holds for symmetric A. In the "
            "double sum, in which two places does x₁ occur?",
        ),
        Misconception(
            "A taken as symmetric, from the other side",
            _quadratic_variant(left=1.0, right=0.0),
            "You get {got}, expected is {expected}. `x @ A` alone is Aᵀx. In the double sum, in "
            "which two places does x₁ occur?",
        ),
        Misconception(
            "the half forgotten",
            _quadratic_variant(left=1.0, right=1.0),
            "You get {got}, expected is {expected}: the quadratic part is twice as large. Where is "
            "the ½ of Φ?",
        ),
        Misconception(
            "the half forgotten, in the trace too",
            _quadratic_variant(left=1.0, right=1.0, trace=-2.0),
            "You get {got}, expected is {expected}: the quadratic part and its trace are twice as "
            "large. Where is the ½ of Φ?",
        ),
        Misconception(
            "half the half",
            _quadratic_variant(left=0.25, right=0.25),
            "You get {got}, expected is {expected}. The ½ of Φ is in your v twice.",
        ),
        Misconception(
            "uphill",
            _quadratic_variant(sign=1.0, trace=1.0),
            "You get {got}, expected is {expected}. These are ∇Φ and ΔΦ. Which way do agents go?",
        ),
        Misconception(
            "velocity uphill",
            _quadratic_variant(sign=1.0),
            "Your trace is right, your velocity points uphill: v = −∇Φ.",
        ),
        Misconception(
            "trace of the wrong sign",
            _quadratic_variant(trace=1.0),
            "Your velocity is right. The trace asked for is that of *its* Jacobian; you return ΔΦ.",
        ),
        Misconception(
            "linear term forgotten",
            _quadratic_variant(linear=0.0),
            "You get {got}, expected is {expected}. At x = 0 your samples stand still. What does "
            "bᵀx do to them?",
        ),
        Misconception(
            "half the trace",
            _quadratic_variant(trace=-0.5),
            "Your velocity is right. For A = I it is −x − b, whose Jacobian is −I: what is the "
            "trace of that?",
        ),
        Misconception(
            "twice the trace",
            _quadratic_variant(trace=-2.0),
            "Your velocity is right. For A = I it is −x − b, whose Jacobian is −I: what is the "
            "trace of that?",
        ),
        Misconception(
            "all entries of A",
            _quadratic_variant(kind="sum"),
            "Your velocity is right. A trace adds up the *diagonal*; you added all entries.",
        ),
        Misconception(
            "determinant instead of trace",
            _quadratic_variant(kind="det"),
            "Your velocity is right. You return a determinant. What changes log p per unit of "
            "time is the trace.",
        ),
    ],
    means="a symmetric Jacobian is what a potential guarantees: Φ cannot make samples rotate.",
    cases=quadratic_cases,
    run=_one_trace_each,
)

# --- 17.4 The residual of the Hamilton–Jacobi–Bellman equation -----------------------------------


def hjb_residual(phi, t, x, Q):
    """−∂ₜΦ + ½‖∇Φ‖² − Q for each sample, [n]; phi(t [n], x [n, d]) → [n], (17.9)."""
    t, x = t.detach().clone().requires_grad_(), x.detach().clone().requires_grad_()
    dt, gradient = torch.autograd.grad(phi(t, x).sum(), (t, x))
    return -dt + 0.5 * gradient.square().sum(1) - Q


def _hjb_by_rows(phi, t, x, Q):
    found = []
    for ti, xi, qi in zip(t, x, Q, strict=True):
        ti, xi = ti.detach().clone().requires_grad_(), xi.detach().clone().requires_grad_()
        dt, gradient = torch.autograd.grad(phi(ti[None], xi[None])[0], (ti, xi))
        found.append(gradient @ gradient / 2 - dt - qi)
    return torch.stack(found)


def _hjb_variant(dt=-1.0, half=0.5, q=-1.0, power=2, reduce=None):
    """The residual with one thing changed: the raw material of the misconceptions."""

    def run(phi, t, x, Q):
        t, x = t.detach().clone().requires_grad_(), x.detach().clone().requires_grad_()
        rate, gradient = torch.autograd.grad(phi(t, x).sum(), (t, x))
        out = dt * rate + half * gradient.norm(dim=1) ** power + q * Q
        return out if reduce is None else reduce(out)

    return run


def _hjb_summed_gradient(phi, t, x, Q):
    t, x = t.detach().clone().requires_grad_(), x.detach().clone().requires_grad_()
    rate, gradient = torch.autograd.grad(phi(t, x).sum(), (t, x))
    return -rate + 0.5 * gradient.square().sum() - Q


def _hjb_component_sum(phi, t, x, Q):
    t, x = t.detach().clone().requires_grad_(), x.detach().clone().requires_grad_()
    rate, gradient = torch.autograd.grad(phi(t, x).sum(), (t, x))
    return -rate + 0.5 * gradient.sum(1) ** 2 - Q


def _hjb_mean_phi(phi, t, x, Q):
    t, x = t.detach().clone().requires_grad_(), x.detach().clone().requires_grad_()
    rate, gradient = torch.autograd.grad(phi(t, x).mean(), (t, x))
    return -rate + 0.5 * gradient.square().sum(1) - Q


def _phi_wave(t, x):
    """Φ = sin(x₁ + t) + t·x₂"""
    return torch.sin(x[:, 0] + t) + t * x[:, 1]


def _phi_bowl(t, x):
    """Φ = ‖x‖²/(1 + t) + 3t"""
    return x.square().sum(1) / (1 + t) + 3 * t


def hjb_cases(generator):
    """(phi, t, x, Q): one sample, then several at different times."""

    def case(phi, n, d):
        draw = lambda *shape: torch.rand(*shape, generator=generator)  # noqa: E731
        return phi, draw(n), 2 * draw(n, d) - 1, 0.5 + draw(n)

    first = (_phi_bowl, torch.tensor([0.0]), torch.tensor([[1.0, 2.0]]), torch.tensor([1.0]))
    return [first, case(_phi_wave, 4, 2), case(_phi_bowl, 3, 3)]


HJB = Exercise(
    id="17.4",
    title="The residual of the Hamilton–Jacobi–Bellman equation",
    difficulty=3,
    minutes=8,
    hints=[
        "Both derivatives come out of one call, torch.autograd.grad(phi(t, x).sum(), (t, x)), "
        "once t and x require gradients: sample i's value depends on nothing but tᵢ and xᵢ.",
        "‖∇Φ‖² is a sum over the coordinates of one sample: `.square().sum(1)`.",
        "Q goes to the left side: it is subtracted.",
    ],
    solution=hjb_residual,
    alternatives=[_hjb_by_rows],
    misconceptions=[
        Misconception(
            "time derivative with plus",
            _hjb_variant(dt=1.0),
            "You get {got}, expected is {expected}. Φ is a cost *to go*: while time passes it is "
            "paid off. Which sign has ∂ₜΦ in (17.9)?",
        ),
        Misconception(
            "the half forgotten",
            _hjb_variant(half=1.0),
            "You get {got}, expected is {expected}. With L = ½‖v‖² and v = −∇Φ, what is left of "
            "½‖v‖² + ∇Φ·v?",
        ),
        Misconception(
            "running cost added",
            _hjb_variant(q=1.0),
            "You get {got}, expected is {expected}. Q stands on the right of (17.9). Which sign "
            "has it on the left?",
        ),
        Misconception(
            "running cost forgotten",
            _hjb_variant(q=0.0),
            "You get {got}, expected is {expected}, the left side of (17.9). What is on the right?",
        ),
        Misconception(
            "time derivative forgotten",
            _hjb_variant(dt=0.0),
            "You get {got}, expected is {expected}. Your Φ has no clock: what does (17.9) say of "
            "its change in time?",
        ),
        Misconception(
            "gradient not squared",
            _hjb_variant(power=1),
            "You get {got}, expected is {expected}. You have half the slope's *length*; (17.9) has "
            "its square.",
        ),
        Misconception(
            "coordinates added before squaring",
            _hjb_component_sum,
            "You get {got}, expected is {expected}. ‖∇Φ‖² is the sum of squares, not the square of "
            "the sum.",
        ),
        Misconception(
            "summed over samples",
            _hjb_summed_gradient,
            "You get {got}, expected is {expected}, although it is right for one sample. Over "
            "which axis does ‖∇Φ‖² add up?",
        ),
        Misconception(
            "derivative of the mean",
            _hjb_mean_phi,
            "You get {got}, expected is {expected}, although it is right for one sample. The mean "
            "of Φ has derivatives n times too small.",
        ),
        Misconception(
            "size instead of value",
            _hjb_variant(reduce=torch.abs),
            "Your numbers have the right size. The residual asked for has a sign.",
        ),
        Misconception(
            "mean over samples",
            _hjb_variant(reduce=torch.mean),
            "You return one number, and each sample has its own residual.",
        ),
        Misconception(
            "all signs turned",
            _hjb_variant(dt=1.0, half=-0.5, q=1.0),
            "You get {got}, expected is {expected}: the right side minus the left.",
        ),
    ],
    means="zero residual along the paths means that nobody could have gone there more cheaply.",
    cases=hjb_cases,
)

# --- 17.5 How straight? --------------------------------------------------------------------------


def straightness(path):
    """Mean length of paths [times, n, d] over their mean displacement."""
    length = (path[1:] - path[:-1]).norm(dim=-1).sum(0)
    return length.mean() / (path[-1] - path[0]).norm(dim=-1).mean()


def _straightness_diff(path):
    steps = torch.diff(path, dim=0).square().sum(-1).sqrt()
    return steps.sum() / (path[-1] - path[0]).square().sum(-1).sqrt().sum()


def _straight_inverse(path):
    return 1 / straightness(path)


def _straight_mean_of_ratios(path):
    length = (path[1:] - path[:-1]).norm(dim=-1).sum(0)
    return (length / (path[-1] - path[0]).norm(dim=-1)).mean()


def _straight_per_path(path):
    length = (path[1:] - path[:-1]).norm(dim=-1).sum(0)
    return length / (path[-1] - path[0]).norm(dim=-1)


def _straight_mean_step(path):
    length = (path[1:] - path[:-1]).norm(dim=-1).mean(0)
    return length.mean() / (path[-1] - path[0]).norm(dim=-1).mean()


def _straight_squares(path):
    length = (path[1:] - path[:-1]).square().sum(-1).sum(0)
    return length.mean() / (path[-1] - path[0]).square().sum(-1).mean()


def _straight_of_the_mean(path):
    mean = path.mean(1)
    return (mean[1:] - mean[:-1]).norm(dim=-1).sum() / (mean[-1] - mean[0]).norm()


def _straight_matrix_norm(path):
    length = torch.stack([step.norm() for step in path[1:] - path[:-1]]).sum()
    return length / (path[-1] - path[0]).norm()


def _straight_from_origin(path):
    length = (path[1:] - path[:-1]).norm(dim=-1).sum(0)
    return length.mean() / path[-1].norm(dim=-1).mean()


def _straight_wrong_axis(path):
    length = (path[:, 1:] - path[:, :-1]).norm(dim=-1).sum(1)
    return length.mean() / (path[:, -1] - path[:, 0]).norm(dim=-1).mean()


def _straight_length_only(path):
    return (path[1:] - path[:-1]).norm(dim=-1).sum(0).mean()


def _straight_excess(path):
    return straightness(path) - 1


def path_cases(generator):
    """(path,): two corners, then random walks, of which there are more or fewer than steps."""
    corner = torch.tensor(
        [[[0.0, 0.0], [1.0, 1.0]], [[3.0, 0.0], [1.0, 3.0]], [[3.0, 4.0], [1.0, 7.0]]]
    )
    walks = [torch.randn(k, n, d, generator=generator) for k, n, d in ((4, 5, 2), (6, 2, 3))]
    return [(corner,)] + [(walk.cumsum(0) + 1,) for walk in walks]


STRAIGHT = Exercise(
    id="17.5",
    title="How straight are the paths?",
    difficulty=2,
    minutes=5,
    hints=[
        "A step is `path[1:] - path[:-1]`, [times − 1, n, d]; its length is a norm over the last "
        "axis.",
        "Add the steps' lengths over time, average over the samples; divide by the average "
        "distance from first to last state.",
    ],
    solution=straightness,
    alternatives=[_straightness_diff],
    misconceptions=[
        Misconception(
            "upside down",
            _straight_inverse,
            "You get {got}, expected is {expected}. A detour should make the number larger.",
        ),
        Misconception(
            "mean of the ratios",
            _straight_mean_of_ratios,
            "You get {got}, expected is {expected}. You average the samples' own ratios: one that "
            "hardly moves then counts as much as one that travels far. Average first, then divide.",
        ),
        Misconception(
            "one number for each path",
            _straight_per_path,
            "You return a ratio for each sample. Asked for is one: mean length over mean "
            "displacement.",
        ),
        Misconception(
            "mean step instead of length",
            _straight_mean_step,
            "You get {got}, expected is {expected}. A path's length is the *sum* of its steps.",
        ),
        Misconception(
            "squared lengths",
            _straight_squares,
            "You get {got}, expected is {expected}. With squares a straight path of many steps "
            "would have a ratio far below one. Which power has a length?",
        ),
        Misconception(
            "path of the mean",
            _straight_of_the_mean,
            "You get {got}, expected is {expected}. You measure how the *centre* travels; it can "
            "stand still while all samples move.",
        ),
        Misconception(
            "one norm for all samples",
            _straight_matrix_norm,
            "You get {got}, expected is {expected}. Your norm runs over samples and coordinates "
            "at once. Which axis holds the coordinates?",
        ),
        Misconception(
            "displacement from the origin",
            _straight_from_origin,
            "You get {got}, expected is {expected}. You divide by the distance from the origin. "
            "Where did the samples start?",
        ),
        Misconception(
            "steps between samples",
            _straight_wrong_axis,
            "You get {got}, expected is {expected}. You walk from sample to sample. Which axis is "
            "time?",
        ),
        Misconception(
            "not divided",
            _straight_length_only,
            "You get {got}, expected is {expected}. That is how far they travel. How far did they "
            "have to?",
        ),
        Misconception(
            "the excess",
            _straight_excess,
            "You get {got}, expected is {expected}: by how much the paths are too long. Asked for "
            "is the ratio itself.",
        ),
    ],
    means="1 is a straight line; for a solver, straight paths at constant speed cost one step.",
    cases=path_cases,
)

# --- 17.6 What does a gap of zero prove? ---------------------------------------------------------

GAP = Exercise(
    id="17.6",
    title="What would acquit a map?",
    difficulty=3,
    minutes=4,
    kind="choice",
    options={
        "A": "the gap is 0 on ten other samples of 500 points as well",
        "B": "its Jacobian is symmetric, with positive eigenvalues, at all points",
        "C": "its density agrees with the target everywhere",
        "D": "its paths are straight, and never meet on the way",
    },
    solution="B",
    hints=[
        "Give every test to the rotation by 30°, whose lines, drawn straight, don't meet before "
        "the end either. Which of them does it fail?",
        "(17.4) says what an optimal map is. How does one recognise a gradient by its derivative, "
        "and how a convex function?",
    ],
    misconceptions=[
        Misconception(
            "more of a blind test",
            "A",
            "The rotation passes that too: look at Figure 17.4. More samples of a size at which "
            "nothing is ever found find nothing.",
        ),
        Misconception(
            "density taken for cost",
            "C",
            "The rotation has exactly the right density. So had the CNF, nearly, and it wasted "
            "half.",
        ),
        Misconception(
            "the way taken for the map",
            "D",
            "Then no energy is lost on the way, (17.7). But any endpoints can be joined by "
            "straight lines: are these the right ones?",
        ),
    ],
    means="a symmetric Jacobian makes a gradient, a positive one a convex function; it is local, "
    "and works in any number of dimensions.",
    explanation="On a convex domain a map with a symmetric Jacobian is a gradient, and with "
    "positive eigenvalues that of a convex function: then (17.4) says that it is the optimal map "
    "onto whatever density it makes. A rotation's Jacobian is the rotation itself, which is not "
    "symmetric. A, C and D are all passed by the rotation, if its straight lines are taken.",
)

EXERCISES = [SORTED, BURES, QUADRATIC, HJB, STRAIGHT, GAP]
