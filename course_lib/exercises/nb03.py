"""Exercises of notebook 03, *Depth and residual networks*.

The reference solutions are what the notebook's later cells use:
`from course_lib.exercises.nb03 import residual_block`.
"""

import functools
import math

import torch

from course_lib.exercises.engine import Exercise, Misconception

# --- 03.1 How deep until the gradient is gone? ---------------------------------------------------

vanishing_depth = Exercise(
    id="03.1",
    title="How deep until the gradient is gone?",
    difficulty=2,
    minutes=4,
    kind="number",
    solution=26,
    hints=[
        "By (3.5) one block multiplies the expected *squared* norm by 1/3. What does it do to the "
        "norm, and what do D blocks do?",
        "Solve 3^(−D/2) < 10⁻⁶ for D by taking logarithms, and take the next whole number.",
    ],
    misconceptions=[
        Misconception(
            "forgets the square root",
            13,
            "{got} blocks would do if each shrank the norm by 1/3. Which quantity does (3.5) speak "
            "of, the norm or its square?",
        ),
        Misconception(
            "rounds down",
            25,
            "Check {got}: 3^(−25/2) is about 1.1 · 10⁻⁶. Is that below a millionth?",
        ),
        Misconception(
            "does not round to a whole block",
            2 * 6 * math.log(10) / math.log(3),
            "{got} solves the equation with an equals sign. How many whole blocks does a network "
            "need to be *below* a millionth?",
        ),
        Misconception(
            "mixes two logarithms",
            11,
            "{got} comes from 2 · 6 / ln 3: the 6 is a logarithm to base 10, ln 3 one to base e. "
            "Take the same base in both.",
        ),
        Misconception(
            "takes the measured factor of the weights' gradient",
            27,
            "{got} is right for 0.59 a block. That was measured on ∂L/∂W_ℓ, which by (3.4) has "
            "x_{ℓ−1} in it. Which factor does (3.5) give for g_ℓ?",
        ),
        Misconception(
            "halves at every block",
            20,
            "{got} is right for a factor of 1/2 a block. Which factor does (3.5) give for weights "
            "that are uniform on ±1/√n?",
        ),
    ],
    means="at torch's default weights a plain tanh net of some 26 blocks sends less than a "
    "millionth of its gradient back to the input.",
    explanation="The norm shrinks by 3^(−1/2) a block. 3^(−D/2) < 10⁻⁶ means D > 12 / log₁₀ 3 = "
    "25.15, so 26 blocks.",
)


# --- 03.2 The norm of a product of Jacobians -----------------------------------------------------


def jacobian_product_norm(jacobians):
    """Spectral norm of ∂x_D/∂x₀ = J_D ⋯ J₁, from the list [J₁, …, J_D], (3.3)."""
    product = torch.eye(jacobians[0].shape[1], dtype=jacobians[0].dtype)
    for jacobian in jacobians:
        product = jacobian @ product
    return torch.linalg.matrix_norm(product, ord=2)


def _multi_dot(jacobians):
    product = functools.reduce(lambda later, earlier: later @ earlier, reversed(jacobians))
    return torch.linalg.svdvals(product)[0]


def _wrong_order(jacobians):
    return torch.linalg.matrix_norm(functools.reduce(torch.matmul, jacobians), ord=2)


def _product_of_norms(jacobians):
    return math.prod(torch.linalg.matrix_norm(j, ord=2).item() for j in jacobians)


def _norm_of_sum(jacobians):
    return torch.linalg.matrix_norm(sum(jacobians), ord=2)


def _sum_of_norms(jacobians):
    return sum(torch.linalg.matrix_norm(j, ord=2) for j in jacobians)


def _frobenius(jacobians):
    return torch.linalg.matrix_norm(functools.reduce(torch.matmul, reversed(jacobians)))


def _spectral_radius(jacobians):
    product = functools.reduce(torch.matmul, reversed(jacobians))
    return torch.linalg.eigvals(product).abs().max()


def _whole_matrix(jacobians):
    return functools.reduce(torch.matmul, reversed(jacobians))


def _elementwise(jacobians):
    return torch.linalg.matrix_norm(functools.reduce(torch.mul, jacobians), ord=2)


def _jacobian_cases(generator):
    turn = torch.tensor([[0.0, -1.0], [1.0, 0.0]], dtype=torch.float64)
    stretch = torch.tensor([[2.0, 0.0], [0.0, 0.5]], dtype=torch.float64)
    shear = torch.tensor([[1.0, 1.0], [0.0, 1.0]], dtype=torch.float64)
    random = torch.randn(4, 5, 5, generator=generator, dtype=torch.float64) / 5**0.5
    return [([shear, stretch],), ([turn, shear, stretch],), (list(random),)]


jacobian_product = Exercise(
    id="03.2",
    title="The norm of a product of Jacobians",
    difficulty=2,
    minutes=6,
    hints=[
        "The first block acts first: in the product its matrix stands on the right, as in (3.3).",
        "Start from the identity, multiply every Jacobian from the left, and take "
        "`torch.linalg.matrix_norm(product, ord=2)` of the result, once.",
    ],
    solution=jacobian_product_norm,
    alternatives=[_multi_dot],
    misconceptions=[
        Misconception(
            "multiplies in the wrong order",
            _wrong_order,
            "For {case} you get {got}, and {expected} is expected. You form J₁J₂⋯J_D. Which block "
            "does a nudge of x₀ meet first, and on which side does its matrix stand?",
        ),
        Misconception(
            "multiplies the norms",
            _product_of_norms,
            "For {case} you get {got}, and {expected} is expected. The product of the norms is "
            "only an upper bound: the direction that one block stretches may be one that the next "
            "block squeezes. Norm last.",
        ),
        Misconception(
            "adds the Jacobians",
            _norm_of_sum,
            "For {case} you get {got}, and {expected} is expected. Blocks are composed; what does "
            "the chain rule do with the derivatives of a composition?",
        ),
        Misconception(
            "adds the norms",
            _sum_of_norms,
            "For {case} you get {got}, and {expected} is expected. A sum of norms grows with every "
            "block, whatever the blocks do. What does the chain rule do?",
        ),
        Misconception(
            "takes the Frobenius norm",
            _frobenius,
            "For {case} you get {got}, and {expected} is expected. That is the Frobenius norm of "
            "the right matrix. Asked for is the largest stretch of any direction.",
        ),
        Misconception(
            "takes the largest eigenvalue",
            _spectral_radius,
            "For {case} you get {got}, and {expected} is expected. That is the size of the largest "
            "eigenvalue. A matrix can stretch a direction that is no eigenvector further.",
        ),
        Misconception(
            "returns the product itself",
            _whole_matrix,
            "For {case} you get {got}, and {expected} is expected. The product is right; asked for "
            "is one number, its largest singular value.",
        ),
        Misconception(
            "multiplies element by element",
            _elementwise,
            "For {case} you get {got}, and {expected} is expected. `*` multiplies entry by entry; "
            "the chain rule needs the matrix product.",
        ),
    ],
    means="one number says how much a nudge at the input can be amplified by all blocks together, "
    "and it is not the product of what the blocks do alone.",
    cases=_jacobian_cases,
)


# --- 03.3 Read the symptoms ----------------------------------------------------------------------

diagnose = Exercise(
    id="03.3",
    title="Read the symptoms",
    difficulty=2,
    minutes=3,
    kind="choice",
    options={
        "A": "Vanishing gradients",
        "B": "Overfitting",
        "C": "An optimisation difficulty of the plain parametrisation",
        "D": "Too few parameters",
    },
    solution="C",
    hints=[
        "Go through the causes one by one: which number would each of them show?",
        "The 56-layer net can represent what the 20-layer net computes. So what is it that fails?",
    ],
    misconceptions=[
        Misconception(
            "vanishing gradients",
            "A",
            "The gradient in the first block is as large as in the last. What would it be if it "
            "had vanished?",
        ),
        Misconception(
            "overfitting",
            "B",
            "A net that overfits is good on the data it was trained on. Which error is the high "
            "one here?",
        ),
        Misconception(
            "too few parameters",
            "D",
            "The 56-layer net has more than twice the parameters of the 20-layer one, and "
            "contains it by (3.2). Then what is it that fails?",
        ),
    ],
    means="a good solution exists and the gradient is alive, yet the steps do not find it: He et "
    "al. called this degradation, and held vanishing gradients an unlikely cause.",
    explanation="Higher training error excludes overfitting; (3.2) excludes missing capacity; the "
    "ratio 1.0 excludes vanishing. What remains is that the optimiser does not get there.",
)

# --- 03.4 A residual block, forwards -------------------------------------------------------------


def residual_block(x, W1, b1, W2, b2, Ws=None):
    """Ws x + W2 tanh(W1 x + b1) + b2 for a batch x [batch, n]; Ws = None means the identity."""
    branch = torch.tanh(x @ W1.T + b1) @ W2.T + b2
    shortcut = x if Ws is None else x @ Ws.T
    return shortcut + branch


def _functional_block(x, W1, b1, W2, b2, Ws=None):
    linear = torch.nn.functional.linear
    branch = linear(torch.tanh(linear(x, W1, b1)), W2, b2)
    return branch + (x if Ws is None else linear(x, Ws))


def _no_skip(x, W1, b1, W2, b2, Ws=None):
    return torch.tanh(x @ W1.T + b1) @ W2.T + b2


def _tanh_after_sum(x, W1, b1, W2, b2, Ws=None):
    return torch.tanh(residual_block(x, W1, b1, W2, b2, Ws))


def _tanh_after_sum_only(x, W1, b1, W2, b2, Ws=None):
    shortcut = x if Ws is None else x @ Ws.T
    return torch.tanh(shortcut + (x @ W1.T + b1) @ W2.T + b2)


def _tanh_on_branch(x, W1, b1, W2, b2, Ws=None):
    shortcut = x if Ws is None else x @ Ws.T
    return shortcut + torch.tanh(torch.tanh(x @ W1.T + b1) @ W2.T + b2)


def _no_projection(x, W1, b1, W2, b2, Ws=None):
    return x + torch.tanh(x @ W1.T + b1) @ W2.T + b2


def _projection_added(x, W1, b1, W2, b2, Ws=None):
    projected = 0 if Ws is None else x @ Ws.T
    return x + projected + torch.tanh(x @ W1.T + b1) @ W2.T + b2


def _projection_only_if_needed(x, W1, b1, W2, b2, Ws=None):
    same_width = x.shape[1] == W2.shape[0]
    return residual_block(x, W1, b1, W2, b2, None if same_width else Ws)


def _relu(x, W1, b1, W2, b2, Ws=None):
    shortcut = x if Ws is None else x @ Ws.T
    return shortcut + torch.relu(x @ W1.T + b1) @ W2.T + b2


def _no_last_bias(x, W1, b1, W2, b2, Ws=None):
    return residual_block(x, W1, b1, W2, torch.zeros_like(b2), Ws)


def _projected_branch(x, W1, b1, W2, b2, Ws=None):
    if Ws is None:
        return residual_block(x, W1, b1, W2, b2)
    return torch.tanh((x @ Ws.T) @ W1.T + b1) @ W2.T + b2 + x @ Ws.T


def _block_cases(generator):
    def random(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    def block(n, hidden, out):
        return random(hidden, n), random(hidden), random(out, hidden), random(out)

    one = [torch.tensor(v, dtype=torch.float64) for v in ([[2.0]], [[1.0]], [0.0], [[3.0]], [0.5])]
    return [
        tuple(one),
        (random(4, 3), *block(3, 5, 3)),
        (random(4, 3), *block(3, 5, 3), random(3, 3)),
        (random(4, 3), *block(3, 5, 2), random(2, 3)),
    ]


block_forward = Exercise(
    id="03.4",
    title="A residual block, forwards",
    difficulty=2,
    minutes=8,
    hints=[
        "Compute the branch first, W₂ tanh(W₁x + b₁) + b₂. With one sample a row, W₁x is "
        "`x @ W1.T`.",
        "The shortcut is x itself, or `x @ Ws.T` where a projection is given. Add it last, and do "
        "nothing after the sum.",
    ],
    solution=residual_block,
    alternatives=[_functional_block],
    misconceptions=[
        Misconception(
            "forgets the skip",
            _no_skip,
            "For {case} you get {got}, and {expected} is expected: that is F(x) alone, a plain "
            "block. What turns it into the whole map H of (3.6)?",
        ),
        Misconception(
            "applies the activation after the sum as well",
            _tanh_after_sum,
            "For {case} you get {got}, and {expected} is expected. A tanh after the sum squeezes "
            "the shortcut too, and with it the gradient on its way back. Which of your two tanh "
            "does (3.7) have?",
        ),
        Misconception(
            "applies the activation after the sum only",
            _tanh_after_sum_only,
            "For {case} you get {got}, and {expected} is expected. With the one tanh after the sum "
            "the branch is a linear map, and the shortcut is no longer the identity. Where does "
            "(3.7) have it?",
        ),
        Misconception(
            "applies the activation at the end of the branch",
            _tanh_on_branch,
            "For {case} you get {got}, and {expected} is expected. A tanh behind W₂ bounds what "
            "the block may add by 1. Where does (3.7) have it?",
        ),
        Misconception(
            "uses the projection only where the widths differ",
            _projection_only_if_needed,
            "For {case} you get {got}, and {expected} is expected. Here Ws is given although the "
            "widths agree. What takes the place of x wherever there is a Ws?",
        ),
        Misconception(
            "adds the projection to x",
            _projection_added,
            "For {case} you get {got}, and {expected} is expected. You add both x and its "
            "projection. How many shortcuts does a block have?",
        ),
        Misconception(
            "takes ReLU",
            _relu,
            "For {case} you get {got}, and {expected} is expected. That is the branch of He et "
            "al., with ReLU. Which activation does (3.7) have?",
        ),
        Misconception(
            "forgets the second bias",
            _no_last_bias,
            "For {case} you get {got}, and {expected} is expected. They differ by a constant. "
            "Which term of (3.7) does not depend on x?",
        ),
        Misconception(
            "projects the branch's input too",
            _projected_branch,
            "For {case} you get {got}, and {expected} is expected. The projection belongs to the "
            "shortcut. What does the branch see?",
        ),
    ],
    means="the block computes a change of x and adds it; where the width changes, the shortcut is "
    "the cheapest map that makes the shapes fit.",
    cases=_block_cases,
)


# --- 03.5 Start as the identity ------------------------------------------------------------------


def identity_init(W1, b1, W2, b2):
    """Weights with which W2 tanh(W1 x + b1) + b2 is zero for every x, and still able to learn."""
    return W1, b1, torch.zeros_like(W2), torch.zeros_like(b2)


def _small_first_layer(W1, b1, W2, b2):
    return 0.01 * W1, b1, 0 * W2, 0 * b2


def _silent_hidden_units(W1, b1, W2, b2):
    return 0 * W1, 0 * b1, W2, 0 * b2


def _constant_cancelled(W1, b1, W2, b2):
    return 0 * W1, b1, W2, -W2 @ torch.tanh(b1)


def _cancelling_pairs(W1, b1, W2, b2):
    """Hidden units in pairs that see the same and answer opposite; an odd one out is silenced."""
    pairs = W1.shape[0] // 2
    W1, b1, W2 = W1.clone(), b1.clone(), W2.clone()
    W1[pairs : 2 * pairs], b1[pairs : 2 * pairs] = W1[:pairs], b1[:pairs]
    W2[:, pairs : 2 * pairs], W2[:, 2 * pairs :] = -W2[:, :pairs], 0
    return W1, b1, W2, torch.zeros_like(b2)


def _below_rounding(W1, b1, W2, b2):
    return W1, b1, 1e-9 * W2, 0 * b2


def _bias_left(W1, b1, W2, b2):
    return W1, b1, torch.zeros_like(W2), b2


def _all_zero(W1, b1, W2, b2):
    return tuple(torch.zeros_like(part) for part in (W1, b1, W2, b2))


def _first_matrix(W1, b1, W2, b2):
    return torch.zeros_like(W1), b1, W2, b2


def _small_last_layer(W1, b1, W2, b2):
    return W1, b1, 0.01 * W2, torch.zeros_like(b2)


def _identity_matrix(W1, b1, W2, b2):
    return W1, b1, torch.eye(*W2.shape, dtype=W2.dtype), torch.zeros_like(b2)


def _start(answer, W1, b1, W2, b2):
    """What the learner's weights do, in words: is F zero, and does either matrix have a gradient?

    Any such start is right, so weights are not compared; words need no legend in a message.
    """
    x = torch.linspace(-1, 2, 4 * W1.shape[1], dtype=W1.dtype).reshape(4, -1)
    parts = [torch.as_tensor(p, dtype=x.dtype).detach().clone() for p in answer(W1, b1, W2, b2)]
    W1, b1, W2, b2 = (part.requires_grad_() for part in parts)
    branch = torch.tanh(x @ W1.T + b1) @ W2.T + b2
    gradients = torch.autograd.grad(branch.sum(), (W1, W2))
    size = branch.abs().max().item()
    # Below 1e-6 an F is zero: answers may be float32, where sums that cancel leave about 1e-7.
    value = "F(x) = 0" if size < 1e-6 else f"F(x) as large as {size:.3g}"
    moves = any(bool(g.abs().max() > 0) for g in gradients)
    return f"{value}, W₁ and W₂ {'can learn' if moves else 'never move'}"


def _start_cases(generator):
    def random(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    return [
        (random(1, 1), random(1), random(1, 1), random(1)),
        (random(5, 3), random(5), random(3, 5), random(3)),
    ]


start_as_identity = Exercise(
    id="03.5",
    title="Start as the identity",
    difficulty=3,
    minutes=6,
    hints=[
        "x + F(x) = x for every x means F(x) = 0 for every x. Which parameters come last in F?",
        "Write down ∂F/∂W₂ and ∂F/∂W₁ at your choice. Where both are zero, gradient descent never "
        "moves either matrix.",
    ],
    solution=identity_init,
    alternatives=[
        _small_first_layer,
        _silent_hidden_units,
        _constant_cancelled,
        _cancelling_pairs,
        _below_rounding,
    ],
    misconceptions=[
        Misconception(
            "leaves the last bias",
            _bias_left,
            "Yours: {got}; expected: {expected}. F(x) is the same for every x, but not zero: each "
            "block shifts its input by a constant. Which parameter is that constant?",
        ),
        Misconception(
            "zeroes all layers",
            _all_zero,
            "Yours: {got}; expected: {expected}. It starts as the identity and remains it. Which "
            "parameters does ∂F/∂W₂ contain, which ∂F/∂W₁, and which of them did you zero?",
        ),
        Misconception(
            "zeroes the first matrix only",
            _first_matrix,
            "Yours: {got}; expected: {expected}. With W₁ = 0 the hidden units no longer see x. "
            "What do they say all the same?",
        ),
        Misconception(
            "makes the last layer small",
            _small_last_layer,
            "Yours: {got}; expected: {expected}. Nearly the identity, and 56 such blocks add up. "
            "Does anything keep you from going all the way?",
        ),
        Misconception(
            "sets the last layer to the identity matrix",
            _identity_matrix,
            "Yours: {got}; expected: {expected}. It is the *block* that should be the identity, "
            "x + F(x) = x. What must F be then?",
        ),
    ],
    means="F is zero at the start while one of the matrices has a gradient: the first steps move "
    "that one, and then the other.",
    cases=_start_cases,
    run=_start,
)


# --- 03.6 How many paths are short? --------------------------------------------------------------

_COUNTS = [math.comb(20, k) for k in range(21)]

short_paths = Exercise(
    id="03.6",
    title="How many paths are short?",
    difficulty=2,
    minutes=5,
    kind="number",
    rtol=0.02,  # how many digits is not said: 0.13 will do
    solution=sum(_COUNTS[:8]) / 2**20,
    hints=[
        "A path is a choice, at each of the 20 blocks, between the skip and the branch. In how "
        "many ways can k of the 20 branches be chosen?",
        "Add those numbers for k = 0, …, 7 (`math.comb` has them) and divide by the number of all "
        "paths.",
    ],
    misconceptions=[
        Misconception(
            "counts lengths instead of paths",
            8 / 21,
            "{got} is 8 of 21 lengths. Are there as many paths of length 0 as of length 7?",
        ),
        Misconception(
            "takes the share of the blocks",
            7 / 20,
            "{got} is 7 blocks of 20. A path is a choice at every block: how many choices pass 7?",
        ),
        Misconception(
            "counts one length only",
            _COUNTS[7] / 2**20,
            "{got} is the share of the paths with 7 branches and no fewer. Which others are short?",
        ),
        Misconception(
            "leaves the last length out",
            sum(_COUNTS[:7]) / 2**20,
            "{got} is the share with *fewer* than 7 branches. `range` and slices stop early.",
        ),
        Misconception(
            "takes the paths through seven blocks",
            2**7 / 2**20,
            "{got} counts the paths that branch among 7 fixed blocks. May the branches of a short "
            "path lie anywhere?",
        ),
        Misconception(
            "counts instead of dividing",
            sum(_COUNTS[:8]),
            "{got} is how many paths there are. Out of how many?",
        ),
        Misconception(
            "answers in percent",
            100 * sum(_COUNTS[:8]) / 2**20,
            "{got} is the share in percent. Give it as a number between 0 and 1.",
        ),
        Misconception(
            "takes the long ones",
            1 - sum(_COUNTS[:8]) / 2**20,
            "{got} is the share of the paths that have more than 7 branches.",
        ),
    ],
    means="one path in eight is that short, and by Figure 3.7 these few carry nearly all of the "
    "squared gradient.",
    explanation="The sum of C(20, k) for k = 0, …, 7 is 137,980, of 2²⁰ = 1,048,576 paths: 0.132.",
)


EXERCISES = [
    vanishing_depth,
    jacobian_product,
    diagnose,
    block_forward,
    start_as_identity,
    short_paths,
]
