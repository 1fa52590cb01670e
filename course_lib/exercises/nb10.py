"""Exercises of notebook 10, *Training is optimal control*.

The reference solutions are what the notebook's later cells use:
`from course_lib.exercises.nb10 import costates, hamiltonian`.
"""

import torch

from course_lib.exercises.engine import Exercise, Misconception

# --- 10.1 The Hamiltonian of a residual layer ----------------------------------------------------


def hamiltonian(x, p, W, b, decay):
    """H = pᵀf − r of f = tanh(Wx + b), r = decay/2·(‖W‖² + ‖b‖²), for each row of x, (10.4)."""
    f = torch.tanh(x @ W.T + b)
    r = decay / 2 * ((W**2).sum() + (b**2).sum())
    return (p * f).sum(-1) - r


def _hamiltonian_loop(x, p, W, b, decay):
    r = decay / 2 * (W.pow(2).sum() + b.pow(2).sum())
    return torch.stack([pi @ torch.tanh(W @ xi + b) - r for xi, pi in zip(x, p, strict=True)])


def _hamiltonian_plus_r(x, p, W, b, decay):
    r = decay / 2 * ((W**2).sum() + (b**2).sum())
    return (p * torch.tanh(x @ W.T + b)).sum(-1) + r


def _hamiltonian_no_r(x, p, W, b, decay):
    return (p * torch.tanh(x @ W.T + b)).sum(-1)


def _hamiltonian_transposed(x, p, W, b, decay):
    r = decay / 2 * ((W**2).sum() + (b**2).sum())
    return (p * torch.tanh(x @ W + b)).sum(-1) - r


def _hamiltonian_whole_block(x, p, W, b, decay):
    r = decay / 2 * ((W**2).sum() + (b**2).sum())
    return (p * (x + torch.tanh(x @ W.T + b))).sum(-1) - r


def _hamiltonian_not_summed(x, p, W, b, decay):
    r = decay / 2 * ((W**2).sum() + (b**2).sum())
    return p * torch.tanh(x @ W.T + b) - r


def _hamiltonian_one_number(x, p, W, b, decay):
    r = decay / 2 * ((W**2).sum() + (b**2).sum())
    return (p * torch.tanh(x @ W.T + b)).sum() - r


def _hamiltonian_mean(x, p, W, b, decay):
    return hamiltonian(x, p, W, b, decay).mean()


def _hamiltonian_no_tanh(x, p, W, b, decay):
    r = decay / 2 * ((W**2).sum() + (b**2).sum())
    return (p * (x @ W.T + b)).sum(-1) - r


def _hamiltonian_no_half(x, p, W, b, decay):
    r = decay * ((W**2).sum() + (b**2).sum())
    return (p * torch.tanh(x @ W.T + b)).sum(-1) - r


def _hamiltonian_bias_free(x, p, W, b, decay):
    r = decay / 2 * (W**2).sum()
    return (p * torch.tanh(x @ W.T + b)).sum(-1) - r


def _hamiltonian_norms_not_squared(x, p, W, b, decay):
    r = decay / 2 * (W.norm() + b.norm())
    return (p * torch.tanh(x @ W.T + b)).sum(-1) - r


def _hamiltonian_all_pairs(x, p, W, b, decay):
    r = decay / 2 * ((W**2).sum() + (b**2).sum())
    return p @ torch.tanh(x @ W.T + b).T - r


def layer_cases(generator):
    """(x, p, W, b, decay): one sample, a batch, no decay, a square batch (rows like columns)."""

    def draw(*shape):
        return torch.randn(*shape, generator=generator)

    return [
        (torch.tensor([[1.0, 0.0]]), torch.tensor([[2.0, 1.0]]), torch.tensor([[0.0, 1.0],
         [0.5, 0.0]]), torch.tensor([0.25, 0.0]), 0.4),
        (draw(5, 3), draw(5, 3), draw(3, 3), draw(3), 0.1),
        (draw(2, 2), draw(2, 2), draw(2, 2), draw(2), 0.0),
        (draw(4, 4), draw(4, 4), draw(4, 4), draw(4), 1.0),
    ]  # fmt: skip


_R_SIGN = (
    "You get {got}, expected is {expected}. H is to be made *large*. Is a running cost good or bad "
    "for it?"
)

HAMILTONIAN = Exercise(
    id="10.1",
    title="The Hamiltonian of a residual layer",
    difficulty=2,
    minutes=5,
    hints=[
        "(10.4) has two terms. The first is a scalar product, one number for each sample: each row "
        "of p with the same row of f.",
        "The rows of x are samples, so that W acts as `x @ W.T`, as in notebook 01.",
        "r depends on the weights alone: compute it once, and subtract it from every sample's pᵀf.",
    ],
    solution=hamiltonian,
    alternatives=[_hamiltonian_loop],
    misconceptions=[
        Misconception("adds the running cost", _hamiltonian_plus_r, _R_SIGN),
        Misconception(
            "running cost forgotten",
            _hamiltonian_no_r,
            "You get {got}, expected is {expected}, although it is right without weight decay. "
            "What do the weights cost in this layer?",
        ),
        Misconception(
            "weights transposed",
            _hamiltonian_transposed,
            "You get {got}, expected is {expected}. W has a row for each *output*. With samples in "
            "the rows of x, on which side does it stand, and how?",
        ),
        Misconception(
            "the whole block instead of its branch",
            _hamiltonian_whole_block,
            "You get {got}, expected is {expected}. In x + h f(x, θ), f is the velocity; you put "
            "the new state in its place. What does the skip connection contribute to a velocity?",
        ),
        Misconception(
            "not summed over the features",
            _hamiltonian_not_summed,
            "You keep one number for each *feature*. pᵀf is a scalar product: one number for each "
            "sample, p's row times f's row, added up.",
        ),
        Misconception(
            "summed over the samples",
            _hamiltonian_one_number,
            "You return one number, and each sample has its own H. Along which axis do the "
            "features lie?",
        ),
        Misconception(
            "averaged over the samples",
            _hamiltonian_mean,
            "You return the mean over the samples. That is what will be maximised in the end; here "
            "each sample's own H is asked for.",
        ),
        Misconception(
            "activation forgotten",
            _hamiltonian_no_tanh,
            "You get {got}, expected is {expected}. Your velocity is linear in x: which function "
            "stands round Wx + b?",
        ),
        Misconception(
            "the half forgotten",
            _hamiltonian_no_half,
            "You get {got}, expected is {expected}: your running cost is twice as large as it "
            "should be.",
        ),
        Misconception(
            "bias not counted in the cost",
            _hamiltonian_bias_free,
            "You get {got}, expected is {expected}. θ is W *and* b; whose size does your r "
            "measure?",
        ),
        Misconception(
            "norms not squared",
            _hamiltonian_norms_not_squared,
            "You get {got}, expected is {expected}. r has ‖W‖², the sum of squares; `norm()` is "
            "its root.",
        ),
        Misconception(
            "every p with every f",
            _hamiltonian_all_pairs,
            "You return a table: each row of p times *each* row of f. A sample's price belongs to "
            "its own velocity; what is asked for stands on the table's diagonal.",
        ),
    ],
    means="all that a layer can do for the cost, in one number: progress along p, minus its price.",
    cases=layer_cases,
)


# --- 10.2 The costate recursion ------------------------------------------------------------------


def costates(xs, Ws, bs, p_end, h):
    """p_0, …, p_D from p_D, for x_ℓ = x_{ℓ−1} + h tanh(W_ℓ x_{ℓ−1} + b_ℓ), (10.5)."""
    ps = [p_end]
    for x, W, b in zip(reversed(xs[:-1]), reversed(Ws), reversed(bs), strict=True):
        slope = 1 - torch.tanh(x @ W.T + b) ** 2
        ps.append(ps[-1] + h * (ps[-1] * slope) @ W)
    return ps[::-1]


def _costates_by_autograd(xs, Ws, bs, p_end, h):
    p, ps = p_end, [p_end]
    for i in reversed(range(len(Ws))):
        x = xs[i].detach().requires_grad_()
        H = (p * torch.tanh(x @ Ws[i].T + bs[i])).sum()
        p = p + h * torch.autograd.grad(H, x)[0]
        ps.insert(0, p)
    return torch.stack(ps)


def _costates_variant(
    sign=1.0, shift=0, transpose=False, skip=True, with_h=True, tanh=True, order="right",
    flip=True, last_weights=False, power=2, end=1.0,
):  # fmt: skip
    """The recursion with one thing changed: the raw material of the misconceptions."""

    def run(xs, Ws, bs, p_end, h):
        depth, ps = len(Ws), [end * p_end]
        for i in reversed(range(depth)):
            j = depth - 1 - i if order == "wrong" else max(i - 1, 0) if last_weights else i
            W, p = Ws[j], ps[-1]
            slope = 1 - torch.tanh(xs[i + shift] @ W.T + bs[j]) ** power if tanh else 1.0
            if transpose:
                change = (p * slope) @ W.T
            elif transpose is None:
                change = (p @ W) * slope
            else:
                change = (p * slope) @ W
            ps.append((p if skip else 0) + sign * (h if with_h else 1) * change)
        return ps[::-1] if flip else ps

    return run


def _costates_forward(xs, Ws, bs, p_end, h):
    ps = [p_end]
    for x, W, b in zip(xs[:-1], Ws, bs, strict=True):
        slope = 1 - torch.tanh(x @ W.T + b) ** 2
        ps.append(ps[-1] + h * (ps[-1] * slope) @ W)
    return ps


def costate_cases(generator):
    """(xs, Ws, bs, p_end, h) with xs the states of the net that the weights describe."""

    def case(n, d, depth, h):
        Ws = torch.randn(depth, d, d, generator=generator)
        bs = 0.5 * torch.randn(depth, d, generator=generator)
        xs = [torch.randn(n, d, generator=generator)]
        for W, b in zip(Ws, bs, strict=True):
            xs.append(xs[-1] + h * torch.tanh(xs[-1] @ W.T + b))
        return torch.stack(xs), Ws, bs, torch.randn(n, d, generator=generator), h

    return [case(1, 2, 1, 0.5), case(1, 2, 2, 0.25), case(3, 2, 3, 0.2), case(3, 3, 4, 0.5)]


COSTATE = Exercise(
    id="10.2",
    title="The costate, layer by layer",
    difficulty=4,
    minutes=10,
    hints=[
        "Start a list with p_end, walk through the layers from the last to the first, and turn the "
        "list round at the end.",
        "∇ₓ of pᵀtanh(Wx + b) is Wᵀ(φ′ ⊙ p), with φ′ = 1 − tanh²(Wx + b): first times the slope, "
        "then through the weights. For rows: `(p * slope) @ W`.",
        "Layer ℓ maps xs[ℓ−1] to xs[ℓ] with Ws[ℓ−1]: its Jacobian is taken at the state that "
        "goes *into* it.",
    ],
    solution=costates,
    alternatives=[_costates_by_autograd],
    misconceptions=[
        Misconception(
            "minus instead of plus",
            _costates_variant(sign=-1.0),
            "You get {got}, expected is {expected}. ṗ = −∇ₓH has its minus for walking *forwards* "
            "in time; (10.5) walks backwards.",
        ),
        Misconception(
            "weights not transposed",
            _costates_variant(transpose=True),
            "You get {got}, expected is {expected}. The formula's Wᵀ stands before a *column*; "
            "your p are rows. What becomes of Wᵀv when v is written as a row?",
        ),
        Misconception(
            "slope on the wrong side of the weights",
            _costates_variant(transpose=None),
            "You get {got}, expected is {expected}. On its way back p meets the tanh first and "
            "the weights after it: multiply by the slope *before* the weights.",
        ),
        Misconception(
            "Jacobian at the wrong state",
            _costates_variant(shift=1),
            "You get {got}, expected is {expected}. You take the slope of layer ℓ at the state "
            "that comes out of it. At which state did the layer look when it computed it?",
        ),
        Misconception(
            "skip connection forgotten",
            _costates_variant(skip=False),
            "You get {got}, expected is {expected}. A residual layer hands on its input as well; "
            "what does that do to p on the way back?",
        ),
        Misconception(
            "h forgotten",
            _costates_variant(with_h=False),
            "You get {got}, expected is {expected}: your layers are a whole unit of time thick. "
            "How long is a step?",
        ),
        Misconception(
            "activation forgotten",
            _costates_variant(tanh=False),
            "You get {got}, expected is {expected}. That would be the costate of a linear layer; "
            "what is the slope of tanh where the layer works?",
        ),
        Misconception(
            "tanh not squared",
            _costates_variant(power=1),
            "You get {got}, expected is {expected}. What is the derivative of tanh? Yours is 1 at "
            "0, as it should be, and beyond 1 to the left of it.",
        ),
        Misconception(
            "p_end negated",
            _costates_variant(end=-1.0),
            "You get {got}, expected is {expected}: the opposite, everywhere. `p_end` is p_D, a "
            "costate already: its minus sign has been taken.",
        ),
        Misconception(
            "weights taken in forward order",
            _costates_variant(order="wrong"),
            "You get {got}, expected is {expected}, although it is right for a single layer. Which "
            "layer's weights does p meet first on its way back?",
        ),
        Misconception(
            "weights one layer off",
            _costates_variant(last_weights=True),
            "You get {got}, expected is {expected}. Layer ℓ goes from xs[ℓ−1] to xs[ℓ] and has "
            "the weights Ws[ℓ−1]; yours belong to the layer before.",
        ),
        Misconception(
            "list not turned round",
            _costates_variant(flip=False),
            "Your costates are right, and in the order in which they were found, the last one "
            "first. Asked for is p_0, …, p_D.",
        ),
        Misconception(
            "runs forwards",
            _costates_forward,
            "You get {got}, expected is {expected}. You start with p_end at the *first* layer. At "
            "which end is the costate known?",
        ),
    ],
    means="this recursion is backpropagation, seen from the other side of a minus sign.",
    cases=costate_cases,
)


# --- 10.3 One step of successive approximations --------------------------------------------------


def msa_step(theta, x0, target, G, alpha, h):
    """Forward, backward, maximise for ẋ = αx + θ, r = θ²/2, Φ = G/2·(x − target)², (10.10)."""
    x = x0
    for u in theta:
        x = x + h * (alpha * x + u)
    p, new = -G * (x - target), []
    for _ in theta:
        new.append(p)  # H = p(αx + θ) − θ²/2 is largest at θ = p
        p = p + h * alpha * p
    return torch.stack(new[::-1])


def _msa_in_closed_form(theta, x0, target, G, alpha, h):
    depth = len(theta)
    grow = (1 + h * alpha) ** torch.arange(depth - 1, -1, -1)
    x_end = (1 + h * alpha) ** depth * x0 + h * (grow * theta).sum()
    return -G * (x_end - target) * grow


def _msa_variant(
    sign=-1.0, early=False, flip=True, back=True, grow=True, damp=False, mean=False, weight=True
):
    """The step with one thing changed: the raw material of the misconceptions."""

    def run(theta, x0, target, G, alpha, h):
        x = x0
        for u in theta:
            x = x + h * (alpha * x + u)
        p, new = sign * (G if weight else 1.0) * (x - target), []
        for _ in theta:
            before = p + h * alpha * p if grow else p
            new.append(before if early else p)
            p = before if back else p
        new = torch.stack(new[::-1] if flip else new)
        if damp:
            return theta + h * (new - theta)
        return (new + theta) / 2 if mean else new

    return run


def _msa_adds(theta, x0, target, G, alpha, h):
    return theta + msa_step(theta, x0, target, G, alpha, h)


def _msa_times_h(theta, x0, target, G, alpha, h):
    return h * msa_step(theta, x0, target, G, alpha, h)


def _msa_wrong_p_sign(theta, x0, target, G, alpha, h):
    x = x0
    for u in theta:
        x = x + h * (alpha * x + u)
    p, new = -G * (x - target), []
    for _ in theta:
        new.append(p)
        p = p - h * alpha * p
    return torch.stack(new[::-1])


def _msa_whole_units(theta, x0, target, G, alpha, h):
    x = x0
    for u in theta:
        x = x + alpha * x + u
    p, new = -G * (x - target), []
    for _ in theta:
        new.append(p)
        p = p + alpha * p
    return torch.stack(new[::-1])


def _msa_exponential(theta, x0, target, G, alpha, h):
    p_end = msa_step(theta, x0, target, G, alpha, h)[-1]
    return p_end * torch.exp(alpha * h * torch.arange(len(theta) - 1.0, -1.0, -1.0))


def msa_cases(generator):
    """(θ, x0, target, G, α, h) for unstable and stable dynamics; no h or G is 1."""

    def case(depth, alpha, h, G):
        start = torch.randn(3, generator=generator)
        return 0.5 * torch.randn(depth, generator=generator), start[0], 2 + start[1], G, alpha, h

    return [
        (torch.zeros(2), torch.tensor(1.0), torch.tensor(3.0), 0.5, 1.0, 0.5),
        case(4, 0.0, 0.25, 2.0),
        case(3, -0.8, 0.5, 1.5),
        case(6, 0.7, 0.2, 0.3),
    ]


MSA = Exercise(
    id="10.3",
    title="One step of successive approximations",
    difficulty=3,
    minutes=8,
    hints=[
        "Three parts. Forward: x through all the steps. Backward: p from the end. Maximise: over "
        "θ, for each layer.",
        "H = p(αx + θ) − θ²/2 is a parabola in θ. Where is its top?",
        "p_D = −G(x_D − target) belongs to the last layer; p_{ℓ−1} = p_ℓ + hα p_ℓ. By (10.5), "
        "layer ℓ's H contains p_ℓ, the costate *after* it.",
    ],
    solution=msa_step,
    alternatives=[_msa_in_closed_form],
    misconceptions=[
        Misconception(
            "a in place of p",
            _msa_variant(sign=1.0),
            "You get {got}, expected is {expected}: the opposite. You carry back the gradient of "
            "the cost, a; the costate is p = −a. With yours, H has to be *minimised*.",
        ),
        Misconception(
            "costate before the layer",
            _msa_variant(early=True),
            "You get {got}, expected is {expected}, although it is right for α = 0. Layer ℓ's "
            "Hamiltonian pairs the state before it with the costate *after* it.",
        ),
        Misconception(
            "order not turned round",
            _msa_variant(flip=False),
            "You get {got}, expected is {expected}: the right numbers in the order in which the "
            "backward sweep finds them, the last layer first.",
        ),
        Misconception(
            "costate not carried back",
            _msa_variant(grow=False),
            "You get {got}, expected is {expected}, although it is right for α = 0. What the first "
            "layer does is stretched by all the others; does your p know?",
        ),
        Misconception(
            "costate shrinks on its way back",
            _msa_wrong_p_sign,
            "You get {got}, expected is {expected}. ∇ₓH = αp; (10.5) *adds* h times that on the "
            "way back.",
        ),
        Misconception(
            "a step instead of a maximum",
            _msa_variant(damp=True),
            "You get {got}, expected is {expected}. That is a gradient step on H from the old θ; "
            "the method asks for the θ where H is largest, however far away.",
        ),
        Misconception(
            "adds the maximiser to the old control",
            _msa_adds,
            "You get {got}, expected is {expected}. You add to the old θ; the maximiser *replaces* "
            "it.",
        ),
        Misconception(
            "multiplied by h",
            _msa_times_h,
            "You get {got}, expected is {expected}. H is a rate: both its terms would be "
            "multiplied by h, and the place of its maximum does not move.",
        ),
        Misconception(
            "G forgotten",
            _msa_variant(weight=False),
            "You get {got}, expected is {expected}. ∇Φ of G/2·(x − target)² has a factor in front.",
        ),
        Misconception(
            "h forgotten in the sweeps",
            _msa_whole_units,
            "You get {got}, expected is {expected}. Both sweeps walk in steps of length h; yours "
            "are a whole unit of time long.",
        ),
        Misconception(
            "costate of the continuous problem",
            _msa_exponential,
            "You get {got}, expected is {expected}, although it is right for α = 0. You solved "
            "ṗ = −αp exactly; the costate that belongs to Euler's *steps* is (10.5).",
        ),
        Misconception(
            "mean of old and new",
            _msa_variant(mean=True),
            "You get {got}, expected is {expected}: half-way between the old control and the "
            "maximiser. Good idea, and the next section's; here the maximiser itself is asked for.",
        ),
    ],
    means="each layer did what is best if no other moves; that they all move is the trouble.",
    cases=msa_cases,
)


# --- 10.4 The smallest ρ that converges ----------------------------------------------------------

RHO = Exercise(
    id="10.4",
    title="How much must a layer be held back?",
    kind="number",
    difficulty=2,
    minutes=4,
    solution=4.5,
    rtol=1e-3,
    hints=[
        "By (10.13) the error is multiplied by (ρ − GT)/(ρ + 1) in each iteration. Which values of "
        "this factor let it shrink?",
        "The factor is always below 1. The condition to meet is factor > −1.",
        "ρ − GT > −(ρ + 1), with GT = 10. Solve for ρ.",
    ],
    explanation="ρ − 10 > −(ρ + 1) means 2ρ > 9. From ρ = 10 on, the factor is not even negative.",
    misconceptions=[
        Misconception(
            "where it becomes monotone",
            10.0,
            "At {got} the factor is exactly 0, and it is positive beyond: from there on the error "
            "no longer changes sign. Below, it swings; but swings may shrink as well.",
        ),
        Misconception(
            "sign error in the condition",
            5.5,
            "At {got} the factor is (5.5 − 10)/6.5 = −0.69, well inside (−1, 1): you can go lower. "
            "Check the sign of the 1 in your condition.",
        ),
        Misconception(
            "the 1 forgotten",
            5.0,
            "At {got} the factor is −5/6: it converges, but a smaller ρ does as well. The "
            "denominator is ρ + 1, not ρ.",
        ),
        Misconception(
            "twice too large",
            9.0,
            "At {got} the factor is −0.1. From −(ρ + 1) < ρ − 10, you have to divide by two.",
        ),
        Misconception(
            "signs lost",
            11.0,
            "At {got} the factor is 1/12: it converges, and without a swing, but far smaller ρ do "
            "as well. A factor may also be negative; how negative?",
        ),
        Misconception(
            "whole numbers only",
            4.0,
            "At {got} the factor is −6/5: the error still grows. ρ need not be a whole number.",
        ),
    ],
    means="beyond 4.5 every swing is smaller than the last, and from 10 on there are none.",
)


# --- 10.5 Reading a Riccati gain -----------------------------------------------------------------

GAIN = Exercise(
    id="10.5",
    title="Read a Riccati gain",
    kind="number",
    difficulty=2,
    minutes=3,
    solution=0.546,
    rtol=1e-2,  # 0.55 will do: K is given to three figures
    hints=[
        "u = −Kx = −(2.73 q + 2.73 v). What are q and v, with their signs?",
        "To the right is q = 0.1 > 0; on its way back q falls, so v = −0.3.",
    ],
    explanation="u = −(2.73 · 0.1 − 2.73 · 0.3) = 0.546: to the right, although the pole leans to "
    "the right. It is on its way back so fast that it has to be braked.",
    misconceptions=[
        Misconception(
            "minus of the feedback forgotten",
            -0.546,
            "The right size and the opposite direction: u = −Kx. Yours would make a pole that "
            "swings back too fast swing faster still.",
        ),
        Misconception(
            "direction of motion overlooked",
            -1.092,
            "{got} is right for a pole that is *falling* to the right. This one is on its way "
            "back: which sign has v?",
        ),
        Misconception(
            "both signs wrong",
            1.092,
            "At {got} you push a falling pole the way it falls. Which sign has v here, and which "
            "has u = −Kx?",
        ),
        Misconception(
            "angle only",
            -0.273,
            "{got} answers to the angle alone. The gain has a second number; what does it weigh?",
        ),
        Misconception(
            "angle only, minus forgotten",
            0.273,
            "{got} is K times the angle alone. The gain has a second number, and the law a minus.",
        ),
        Misconception(
            "velocity only, minus forgotten",
            -0.819,
            "{got} is K times the velocity alone. The gain has a first number, and the law a "
            "minus.",
        ),
        Misconception(
            "velocity only",
            0.819,
            "{got} answers to the velocity alone. The gain has a first number as well.",
        ),
    ],
    means="feedback on the rate is braking: the pole still leans to the right, and comes back so "
    "fast that the motor has to push to the right.",
)

EXERCISES = [HAMILTONIAN, COSTATE, MSA, RHO, GAIN]
