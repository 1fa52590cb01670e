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
            "halves at every block",
            20,
            "{got} is right for a factor of 1/2 a block. Which factor does (3.5) give for weights "
            "that are uniform on ±1/√n?",
        ),
    ],
    means="at torch's default weights a plain tanh net of some 26 blocks sends less than a "
    "millionth of its gradient back to the input; no learning rate mends that for all blocks.",
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
    difficulty=3,
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
            "ignores the projection",
            _no_projection,
            "For {case} you get {got}, and {expected} is expected. A projection Ws is given here "
            "and your shortcut does not use it; where input and output differ in width, x cannot "
            "be added at all.",
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


def _bias_left(W1, b1, W2, b2):
    return W1, b1, torch.zeros_like(W2), b2


def _all_zero(W1, b1, W2, b2):
    return tuple(torch.zeros_like(part) for part in (W1, b1, W2, b2))


def _first_layer(W1, b1, W2, b2):
    return torch.zeros_like(W1), torch.zeros_like(b1), W2, b2


def _identity_matrix(W1, b1, W2, b2):
    return W1, b1, torch.eye(*W2.shape, dtype=W2.dtype), torch.zeros_like(b2)


def _start(answer, W1, b1, W2, b2):
    """What the learner's weights do: the largest |F(x)|, and how many of the four can learn."""
    x = torch.linspace(-1, 2, 4 * W1.shape[1], dtype=W1.dtype).reshape(4, -1)
    parts = [torch.as_tensor(p, dtype=x.dtype).clone() for p in answer(W1, b1, W2, b2)]
    for part in parts:
        part.requires_grad_()
    W1, b1, W2, b2 = parts
    branch = torch.tanh(x @ W1.T + b1) @ W2.T + b2
    gradients = torch.autograd.grad(branch.sum(), parts)
    return branch.abs().max().item(), sum(bool(g.abs().max() > 0) for g in gradients)


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
    alternatives=[_small_first_layer],
    misconceptions=[
        Misconception(
            "zeroes the weight but not the bias",
            _bias_left,
            "(Largest |F(x)|, parameters with a gradient): yours {got}, expected {expected}. "
            "F(x) is the same for every x, but not zero: each block shifts its input by a "
            "constant. Which parameter is that constant?",
        ),
        Misconception(
            "zeroes all layers",
            _all_zero,
            "(Largest |F(x)|, parameters with a gradient): yours {got}, expected {expected}. It is "
            "the identity, and both matrices keep it so for ever: ∂F/∂W₂ contains tanh(W₁x + b₁), "
            "∂F/∂W₁ contains W₂, and you made both zero.",
        ),
        Misconception(
            "zeroes the first layer",
            _first_layer,
            "(Largest |F(x)|, parameters with a gradient): yours {got}, expected {expected}. With "
            "W₁ = 0 and b₁ = 0 the hidden units are silent. What still reaches the output?",
        ),
        Misconception(
            "sets the last layer to the identity matrix",
            _identity_matrix,
            "(Largest |F(x)|, parameters with a gradient): yours {got}, expected {expected}. It is "
            "the *block* that should be the identity, x + F(x) = x. What must F be then?",
        ),
    ],
    means="F is zero at the start while ∂F/∂W₂ is not, so the first step already moves the last "
    "layer, and the second step moves the rest.",
    cases=_start_cases,
    run=_start,
)


# --- 03.6 Count the paths ------------------------------------------------------------------------

count_paths = Exercise(
    id="03.6",
    title="Count the paths",
    difficulty=2,
    minutes=3,
    kind="number",
    solution=math.comb(20, 3),
    hints=[
        "A path is a choice, at each of the 20 blocks, between the skip and the branch; its length "
        "is the number of branches.",
        "In how many ways can you choose which 3 of the 20 blocks are entered? The order is given "
        "by the network.",
    ],
    misconceptions=[
        Misconception(
            "counts orders",
            20 * 19 * 18,
            "{got} counts blocks 2, 5, 9 and blocks 9, 5, 2 as two paths. Can a signal pass the "
            "blocks in another order?",
        ),
        Misconception(
            "lets a block be entered twice",
            20**3,
            "{got} allows a path to enter the same block again. Every block is passed once.",
        ),
        Misconception(
            "counts all paths",
            2**20,
            "{got} is the number of paths of every length together. Here the length is 3.",
        ),
        Misconception(
            "counts choices in three blocks",
            2**3,
            "{got} is the number of paths through 3 blocks. How many blocks are there to choose "
            "from?",
        ),
        Misconception(
            "multiplies",
            60,
            "{got} is 20 · 3. In how many ways can 3 blocks be chosen out of 20?",
        ),
    ],
    means="path lengths follow the binomial coefficients: of the million paths through 20 blocks, "
    "only 1,140 are of length 3, and yet lengths of about 3 carry most of the gradient.",
    explanation="Choose the 3 blocks that are entered: 20! / (3! 17!) = 1140.",
)


EXERCISES = [
    vanishing_depth,
    jacobian_product,
    diagnose,
    block_forward,
    start_as_identity,
    count_paths,
]
