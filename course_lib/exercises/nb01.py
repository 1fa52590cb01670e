"""Exercises of notebook 01, *Neurons and networks*.

Where the answer is a part of the library (`neuron`, `layer`, `mse`), the library's own function is
the reference solution; the notebook's later cells import it from `course_lib.neurons`.
"""

import itertools
import math

import torch

from course_lib.exercises.engine import Exercise, Misconception
from course_lib.neurons import layer, mse, neuron

# --- 01.1 What w and b mean ----------------------------------------------------------------------

DOUBLE = Exercise(
    id="01.1",
    title="Twice w and b",
    difficulty=1,
    minutes=2,
    kind="choice",
    options={
        "A": "the line moves to twice its distance from the origin",
        "B": "the line stays, and every answer moves away from one half",
        "C": "nothing changes at all, for only the ratio of w and b counts",
        "D": "the line turns, towards the input with the larger weight",
    },
    solution="B",
    hints=[
        "Write down z for a point of the line, before and after.",
        "The line is where z = 0. What is twice zero? And off the line, what becomes of z?",
    ],
    misconceptions=[
        Misconception(
            "b alone sets the distance",
            "A",
            "By (1.2) the line lies at the distance −b/‖w‖ from the origin. You have doubled b; "
            "what else in that fraction has doubled?",
        ),
        Misconception(
            "only the line matters",
            "C",
            "True of the line, and of which side a flower is on. But a neuron's answer is φ(z), "
            "and z of a flower off the line is not what it was.",
        ),
        Misconception(
            "larger weights turn the line",
            "D",
            "The line is perpendicular to w. Both components of w have doubled: does that change "
            "the direction of w?",
        ),
    ],
    explanation="Where w·x + b = 0, also 2w·x + 2b = 0: the line is the same. Elsewhere z doubles, "
    "so that σ(z) lies nearer to 0 or to 1. The direction of w and the ratio b/‖w‖ say where the "
    "line is; the length of w says how sure the neuron is.",
    means="the direction of w and b/‖w‖ say where the line is, the length of w how sure it is.",
)

# --- 01.2 A neuron -------------------------------------------------------------------------------


def neuron_cases(generator):
    """(x, w, b, phi): the flowers' neuron on two flowers, then more inputs; some z are negative."""

    def normal(*shape):
        return torch.randn(*shape, dtype=torch.float64, generator=generator)

    flowers = torch.tensor([[5.0, 1.5], [4.0, 1.0], [6.0, 2.5]], dtype=torch.float64)
    return [
        (flowers, torch.tensor([1.0, 2.0], dtype=torch.float64), -8.55, torch.sigmoid),
        (normal(2, 3), normal(3), 0.7, torch.tanh),
        (normal(5, 4), normal(4), -0.4, torch.relu),
        (normal(1, 2), normal(2), 1.3, torch.sigmoid),
    ]


def _neuron_by_products(x, w, b, phi):
    return phi((x * w).sum(-1) + b)


def _neuron_flower_by_flower(x, w, b, phi):
    return torch.stack([phi(torch.dot(row, w) + b) for row in x])


def _neuron_without_bias(x, w, b, phi):
    return phi(x @ w)


def _neuron_bias_last(x, w, b, phi):
    return phi(x @ w) + b


def _neuron_wrong_axis(x, w, b, phi):
    return phi((x * w).sum(0) + b)


def _neuron_linear(x, w, b, phi):
    return x @ w + b


def _neuron_activates_products(x, w, b, phi):
    return phi(x * w + b).sum(-1)


def _neuron_one_number(x, w, b, phi):
    return phi((x * w).sum() + b)


def _neuron_products_only(x, w, b, phi):
    return phi(x * w + b)


def _neuron_two_inputs(x, w, b, phi):
    return phi(x[:, 0] * w[0] + x[:, 1] * w[1] + b)


def _neuron_always_sigmoid(x, w, b, phi):
    return torch.sigmoid(x @ w + b)


def _neuron_subtracts_bias(x, w, b, phi):
    return phi(x @ w - b)


def _neuron_bias_per_input(x, w, b, phi):
    return phi((x * w + b).sum(-1))


def _neuron_activates_before_summing(x, w, b, phi):
    return phi(x * w).sum(-1) + b


NEURON = Exercise(
    id="01.2",
    title="A neuron",
    difficulty=2,
    minutes=5,
    hints=[
        "Three things in this order: weight and add up the inputs, add b, apply φ.",
        "`x * w` multiplies column j of x by w[j], for all samples at once. Over which axis must "
        "you add up, so that one number is left for each sample?",
        "`x @ w` multiplies and adds up in one go: [n, d] times [d] gives [n].",
    ],
    solution=neuron,
    alternatives=[_neuron_by_products, _neuron_flower_by_flower],
    misconceptions=[
        Misconception(
            "bias forgotten",
            _neuron_without_bias,
            "You get {got}, expected is {expected}. Your line goes through the origin whatever b "
            "is: one of the four inputs of your function isn't used.",
        ),
        Misconception(
            "activation before the bias",
            _neuron_bias_last,
            "You get {got}, expected is {expected}. A sigmoid lies between 0 and 1, and yours "
            "doesn't: b comes after φ. In (1.1), is b inside the bracket or outside?",
        ),
        Misconception(
            "sum over the wrong axis",
            _neuron_wrong_axis,
            "You get {got}, expected is {expected}: one number for each *input*, where one for "
            "each *sample* is asked for. You add up different flowers; over which axis of "
            "[n, d] do the parts of one sample lie?",
        ),
        Misconception(
            "activation forgotten",
            _neuron_linear,
            "You get {got}, expected is {expected}: that is z, right so far. What "
            "does (1.1) do to z?",
        ),
        Misconception(
            "activation inside the sum",
            _neuron_activates_products,
            "You get {got}, expected is {expected}. You apply φ to every single product and add up "
            "afterwards; in (1.1) there is one φ, outside of the whole sum, and one b.",
        ),
        Misconception(
            "activation of each product",
            _neuron_activates_before_summing,
            "You get {got}, expected is {expected}. You apply φ to every single product, and b "
            "comes last. How many times does (1.1) use φ, and on which number?",
        ),
        Misconception(
            "one bias for each input",
            _neuron_bias_per_input,
            "You get {got}, expected is {expected}. `x * w + b` adds b to each of the d products, "
            "so the sum holds d of them. How many does (1.1) have?",
        ),
        Misconception(
            "sum over everything",
            _neuron_one_number,
            "You get {got}, expected is {expected}: a single number for the whole batch. `.sum()` "
            "without an axis adds up the samples as well.",
        ),
        Misconception(
            "products not added up",
            _neuron_products_only,
            "You get {got}, expected is {expected}: a row of d numbers for each sample. `x * w` "
            "multiplies; (1.1) adds up the products, then b, and then comes φ.",
        ),
        Misconception(
            "two inputs only",
            _neuron_two_inputs,
            "Right for flowers, who have two inputs. For {case} you get {got}, expected is "
            "{expected}: the third input is left out. Write the sum without counting the inputs.",
        ),
        Misconception(
            "always a sigmoid",
            _neuron_always_sigmoid,
            "For {case} you get {got}, expected is {expected}: your neuron has a sigmoid built in. "
            "Which activation does the caller want?",
        ),
        Misconception(
            "bias subtracted",
            _neuron_subtracts_bias,
            "You get {got}, expected is {expected}. The bias is added; here it is negative by "
            "itself.",
        ),
    ],
    means="for any number of inputs a neuron is one weighted sum and one function of a number.",
    cases=neuron_cases,
)

# --- 01.3 A layer --------------------------------------------------------------------------------


def layer_cases(generator):
    """(x, W, b, phi): first a square one, where a transposed matrix goes unnoticed by shapes."""

    def normal(*shape):
        return torch.randn(*shape, dtype=torch.float64, generator=generator)

    x = torch.tensor([[1.0, 0.5], [0.0, 1.0]], dtype=torch.float64)
    W = torch.tensor([[1.0, 0.5], [-1.0, 2.0]], dtype=torch.float64)
    b = torch.tensor([-0.5, 0.5], dtype=torch.float64)
    return [
        (x, W, b, torch.sigmoid),
        (normal(3, 3), normal(3, 3), normal(3), torch.tanh),
        (normal(5, 2), normal(3, 2), normal(3), torch.tanh),
        (normal(1, 4), normal(2, 4), normal(2), torch.sigmoid),
    ]


def _layer_by_units(x, W, b, phi):
    return torch.stack([neuron(x, W[i], b[i], phi) for i in range(len(b))], dim=-1)


def _layer_by_samples(x, W, b, phi):
    return torch.stack([phi(W @ row + b) for row in x])


def _layer_by_einsum(x, W, b, phi):
    return phi(torch.einsum("ni,oi->no", x, W) + b)


def _layer_transposed_weights(x, W, b, phi):
    return phi(x @ W + b)


def _layer_bias_per_sample(x, W, b, phi):
    return phi(x @ W.T + b[:, None])


def _layer_samples_in_columns(x, W, b, phi):
    return phi(W @ x.T + b[:, None])


def _layer_matrix_first(x, W, b, phi):
    return phi(W @ x + b)


def _layer_without_bias(x, W, b, phi):
    return phi(x @ W.T)


def _layer_bias_last(x, W, b, phi):
    return phi(x @ W.T) + b


def _layer_linear(x, W, b, phi):
    return x @ W.T + b


def _layer_columns_and_rows(x, W, b, phi):
    return phi(W @ x.T + b)


def _layer_reshaped(x, W, b, phi):
    return phi((W @ x.T).reshape(len(x), -1) + b)


def _layer_always_sigmoid(x, W, b, phi):
    return torch.sigmoid(x @ W.T + b)


LAYER = Exercise(
    id="01.3",
    title="A layer, for a batch",
    difficulty=2,
    minutes=6,
    hints=[
        "The rows of x are samples, the rows of W are neurons. Both have the inputs along their "
        "second axis: these are what is multiplied and added up.",
        "[n, inputs] times [inputs, outputs] gives [n, outputs]. Which of the two do you have the "
        "wrong way round?",
        "`x @ W.T` has one column for each neuron, and b one entry for each neuron: broadcasting "
        "adds b to every row.",
    ],
    solution=layer,
    alternatives=[_layer_by_units, _layer_by_samples, _layer_by_einsum],
    misconceptions=[
        Misconception(
            "transposed weights",
            _layer_transposed_weights,
            "You get {got}, expected is {expected}. Only a square W lets this pass without an "
            "error: you multiply by the *columns* of W, and its rows are the neurons. This is the "
            "index trap of section 1.4.",
        ),
        Misconception(
            "bias per sample",
            _layer_bias_per_sample,
            "You get {got}, expected is {expected}. You add b[0] to everything in the first "
            "*sample*; it belongs to the first *neuron*. Along which axis of [n, outputs] do the "
            "neurons lie?",
        ),
        Misconception(
            "samples in columns",
            _layer_samples_in_columns,
            "You get {got}, expected is {expected}: the right numbers, transposed. In this course "
            "samples are the rows, of what comes out as of what goes in.",
        ),
        Misconception(
            "samples in columns, biases in rows",
            _layer_columns_and_rows,
            "You get {got}, expected is {expected}. `W @ x.T` has one *row* for each neuron, and "
            "`+ b` adds one number to each *column*: every sample gets another's bias. Which order "
            "of the product leaves the neurons along the columns?",
        ),
        Misconception(
            "reshaped instead of transposed",
            _layer_reshaped,
            "For {case} you get {got}, expected is {expected}. The shape is right, and the entries "
            "are in the wrong places: `reshape` counts them off row by row and does not turn rows "
            "into columns. What does?",
        ),
        Misconception(
            "always a sigmoid",
            _layer_always_sigmoid,
            "For {case} you get {got}, expected is {expected}: your layer has a sigmoid built in. "
            "Which activation does the caller want?",
        ),
        Misconception(
            "matrix in front of the batch",
            _layer_matrix_first,
            "You get {got}, expected is {expected}. `W @ x` is right for one sample, a vector. A "
            "batch has its inputs along the *second* axis, and `W @ x` adds up along the first: "
            "you mix different samples.",
        ),
        Misconception(
            "bias forgotten",
            _layer_without_bias,
            "You get {got}, expected is {expected}. Every neuron has a bias of its own; yours "
            "has none.",
        ),
        Misconception(
            "activation before the bias",
            _layer_bias_last,
            "You get {got}, expected is {expected}: b comes after φ. In (1.6) it is inside.",
        ),
        Misconception(
            "activation forgotten",
            _layer_linear,
            "You get {got}, expected is {expected}: the weighted sums, without φ. By (1.3) a stack "
            "of such layers is worth a single one.",
        ),
    ],
    means="one matrix product serves a thousand samples; most of a network's work is this line.",
    cases=layer_cases,
)

# --- 01.4 Counting parameters --------------------------------------------------------------------


def mlp_parameters(widths):
    """Weights and biases of a fully connected network with these widths, input to output."""
    return sum((inputs + 1) * outputs for inputs, outputs in itertools.pairwise(widths))


def _count_in_two_sums(widths):
    weights = 0
    for i in range(1, len(widths)):
        weights += widths[i - 1] * widths[i]
    return weights + sum(widths[1:])


def _count_without_biases(widths):
    return sum(a * b for a, b in itertools.pairwise(widths))


def _count_biased_inputs(widths):
    return sum(a * b for a, b in itertools.pairwise(widths)) + sum(widths)


def _count_bias_per_layer(widths):
    return sum(a * b + 1 for a, b in itertools.pairwise(widths))


def _count_units(widths):
    return sum(widths)


def _count_without_last_layer(widths):
    return mlp_parameters(widths[:-1])


def _count_bias_per_input(widths):
    return sum(a * (b + 1) for a, b in itertools.pairwise(widths))


def _count_biases_of_hidden_units_only(widths):
    return _count_without_biases(widths) + sum(widths[1:-1])


def _count_biases_only(widths):
    return sum(widths[1:])


COUNT = Exercise(
    id="01.4",
    title="Counting parameters",
    difficulty=1,
    minutes=4,
    hints=[
        "Take the 2-2-1 network of this section and count by hand, in (1.5).",
        "From a layer of n units to one of m: how many arrows, and how many units need a bias?",
        "`zip(widths, widths[1:])` gives the pairs (inputs, outputs) of all layers.",
    ],
    solution=mlp_parameters,
    alternatives=[_count_in_two_sums],
    misconceptions=[
        Misconception(
            "biases forgotten",
            _count_without_biases,
            "You get {got}, expected is {expected}: these are the arrows of the drawing. What does "
            "each circle have besides?",
        ),
        Misconception(
            "inputs with a bias",
            _count_biased_inputs,
            "You get {got}, expected is {expected}. You give the inputs a bias too; they are "
            "numbers that come from outside, not neurons.",
        ),
        Misconception(
            "one bias for a layer",
            _count_bias_per_layer,
            "You get {got}, expected is {expected}. You count one bias for each layer. In (1.5), "
            "do h₁ and h₂ share theirs?",
        ),
        Misconception(
            "counts the units",
            _count_units,
            "You get {got}, expected is {expected}: these are the circles. The numbers that can be "
            "set are on the arrows, and one more in each circle that computes.",
        ),
        Misconception(
            "last layer forgotten",
            _count_without_last_layer,
            "You get {got}, expected is {expected}: the outputs are neurons too, with weights and "
            "biases of their own.",
        ),
        Misconception(
            "outputs without a bias",
            _count_biases_of_hidden_units_only,
            "You get {got}, expected is {expected}. The hidden neurons have their biases in your "
            "count; look at the last line of (1.5).",
        ),
        Misconception(
            "weights forgotten",
            _count_biases_only,
            "You get {got}, expected is {expected}: one number for each neuron, its bias. What is "
            "on the arrows that arrive there?",
        ),
        Misconception(
            "one bias for each input",
            _count_bias_per_input,
            "You get {got}, expected is {expected}. You count the biases where the arrows start; "
            "a neuron adds its bias where they end.",
        ),
    ],
    means="from n to m units there are (n + 1)·m numbers: parameters grow with the width's square.",
    cases=lambda generator: [([2, 2, 1],), ([2, 1],), ([4, 10, 3],), ([64, 32, 32, 10],)],
)

# --- 01.5 XOR by folding -------------------------------------------------------------------------


def xor_weights():
    """One crease along the diagonal, from two ReLUs face to face, (1.7); then one straight cut."""
    W = torch.tensor([[1.0, -1.0], [-1.0, 1.0]])
    b = torch.tensor([0.0, 0.0])
    v, c = torch.tensor([1.0, 1.0]), -0.5
    return W, b, v, c


def xor_answers(answer, x):
    """What the network with the weights that `answer` returns says at the points x, 0 or 1."""
    weights = answer()
    if not isinstance(weights, tuple) or len(weights) != 4:
        raise ValueError("four things are asked for: return W, b, v, c")
    W, b, v, c = (torch.as_tensor(part, dtype=torch.float64) for part in weights)
    if W.shape != (2, 2) or b.numel() != 2 or v.numel() != 2 or c.numel() != 1:
        shapes = ", ".join(str(list(part.shape)) for part in (W, b, v, c))
        raise ValueError(f"W, b, v, c must have the shapes [2, 2], [2], [2], []; yours: {shapes}")
    return (torch.relu(x @ W.T + b.reshape(2)) @ v.reshape(2) + c.reshape(()) > 0).double()


def _weights(W, b, v, c):
    """A function that returns these weights, as a learner's would."""
    return lambda: (W, b, v, c)


_LINE = [[1.0, 1.0], [0.0, 0.0]]  # the first unit sees x₁ + x₂, the second nothing

XOR = Exercise(
    id="01.5",
    title="XOR with one fold",
    difficulty=3,
    minutes=8,
    hints=[
        "Draw the four corners. Along which line must you fold so that the two corners of class 1 "
        "come to lie on each other, or the two of class 0 on the crease?",
        "Class 1 is where x₁ and x₂ differ: where |x₁ − x₂| is 1 instead of 0.",
        "By (1.7), |x₁ − x₂| = relu(x₁ − x₂) + relu(x₂ − x₁): these are your two hidden units. v "
        "adds them, c cuts between 0 and 1.",
    ],
    solution=xor_weights,
    alternatives=[
        _weights([[1, 1], [1, 1]], [0, -1], [1, -2], -0.5),
        _weights([[1, 1], [-1, -1]], [-1, 1], [-1, -1], 0.5),
    ],
    misconceptions=[
        Misconception(
            "OR",
            _weights(_LINE, [0, 0], [1, 0], -0.5),
            "At the corners (0,0), (0,1), (1,0), (1,1) you get {got}, expected is {expected}: that "
            "is OR, which one straight line can do. Something must take (1,1) back again.",
        ),
        Misconception(
            "AND",
            _weights(_LINE, [0, 0], [1, 0], -1.5),
            "At the corners (0,0), (0,1), (1,0), (1,1) you get {got}, expected is {expected}: that "
            "is AND, which one straight line can do. Are both of your hidden units at work?",
        ),
        Misconception(
            "NAND",
            _weights(_LINE, [0, 0], [-1, 0], 1.5),
            "At the corners (0,0), (0,1), (1,0), (1,1) you get {got}, expected is {expected}: that "
            'is "not both", which one straight line can do. What is v·h + c at (0,0)?',
        ),
        Misconception(
            "the two classes exchanged",
            _weights([[1, -1], [-1, 1]], [0, 0], [-1, -1], 0.5),
            "You get {got}, expected is {expected}: the fold is right, and you keep the wrong side "
            "of the cut. Which number has the wrong sign?",
        ),
        Misconception(
            "half a crease",
            _weights([[1, -1], [0, 0]], [0, 0], [1, 0], -0.5),
            "You get {got}, expected is {expected}: of the two corners where the inputs differ you "
            "find only x₁ > x₂. A crease takes two ReLUs, one for each side.",
        ),
        Misconception(
            "the other half of a crease",
            _weights([[-1, 1], [0, 0]], [0, 0], [1, 0], -0.5),
            "You get {got}, expected is {expected}: of the two corners where the inputs differ you "
            "find only x₂ > x₁. A crease takes two ReLUs, one for each side.",
        ),
        Misconception(
            "always 1",
            _weights([[1, -1], [-1, 1]], [0, 0], [1, 1], 0.5),
            "You get {got}, expected is {expected}: the answer is 1 everywhere. Which values does "
            "v·h take at the four corners, and where must the cut lie between them?",
        ),
        Misconception(
            "always 0",
            _weights([[1, -1], [-1, 1]], [0, 0], [1, 1], -1.0),
            "You get {got}, expected is {expected}: the answer is 0 everywhere. Which values does "
            "v·h take at the four corners, and is v·h + c ever *above* zero? If two units are each "
            "other's negative *after* the ReLU, they cancel.",
        ),
    ],
    means="no line separates these four points; after one fold, one does.",
    cases=lambda generator: [
        (torch.tensor([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=torch.float64),)
    ],
    run=xor_answers,
)

# --- 01.6 Mean squared error ---------------------------------------------------------------------


def mse_cases(generator):
    """(prediction, target): one number for each sample, then several."""

    def normal(*shape):
        return torch.randn(*shape, dtype=torch.float64, generator=generator)

    first = torch.tensor([0.5, 1.0, 0.0], dtype=torch.float64)
    return [
        (first, torch.tensor([1.0, 1.0, 2.0], dtype=torch.float64)),
        (normal(6), normal(6)),
        (normal(4, 3), normal(4, 3)),
        (normal(2, 5), normal(2, 5)),
    ]


def _mse_by_counting(prediction, target):
    difference = prediction - target
    return (difference * difference).sum() / math.prod(difference.shape)


def _mse_sum(prediction, target):
    return ((prediction - target) ** 2).sum()


def _mse_features_only(prediction, target):
    return ((prediction - target) ** 2).mean(-1)


def _mse_samples_only(prediction, target):
    return ((prediction - target) ** 2).sum() / len(prediction)


def _mse_by_feature(prediction, target):
    return ((prediction - target) ** 2).mean(0)


def _mse_absolute(prediction, target):
    return (prediction - target).abs().mean()


def _mse_root(prediction, target):
    return ((prediction - target) ** 2).mean().sqrt()


def _mse_square_last(prediction, target):
    return (prediction - target).mean() ** 2


def _mse_half(prediction, target):
    return 0.5 * ((prediction - target) ** 2).mean()


def _mse_without_squares(prediction, target):
    return (prediction - target).mean()


def _mse_difference_of_squares(prediction, target):
    return (prediction**2 - target**2).mean()


def _mse_not_averaged(prediction, target):
    return (prediction - target) ** 2


MSE = Exercise(
    id="01.6",
    title="The mean squared error",
    difficulty=1,
    minutes=3,
    hints=[
        "Read the name from right to left: error, squared, mean.",
        "`.mean()` without an axis is the mean over every entry, whatever the shape.",
    ],
    solution=mse,
    alternatives=[_mse_by_counting],
    misconceptions=[
        Misconception(
            "sum instead of mean",
            _mse_sum,
            "You get {got}, expected is {expected}. Yours grows with the number of samples: twice "
            "the flowers, twice the loss, though no flower is treated worse.",
        ),
        Misconception(
            "mean over the features only",
            _mse_features_only,
            "You get {got}, expected is {expected}. With targets [n, k] you return one number for "
            "each sample. A loss is a single number: which axis is left to average over?",
        ),
        Misconception(
            "mean over the samples only",
            _mse_samples_only,
            "You get {got}, expected is {expected}. You divide by the number of samples; with "
            "targets [n, k] there are n·k squared differences.",
        ),
        Misconception(
            "one number for each feature",
            _mse_by_feature,
            "You get {got}, expected is {expected}. With targets [n, k] you return one number for "
            "each of the k columns. A loss is a single number: `.mean()` needs no axis.",
        ),
        Misconception(
            "absolute values",
            _mse_absolute,
            "You get {got}, expected is {expected}: the mean *absolute* error, a loss of its own "
            "kind. What is done to the difference in (1.9)?",
        ),
        Misconception(
            "root taken",
            _mse_root,
            "You get {got}, expected is {expected}: the root of it, RMSE, which has the units of "
            "the data. (1.9) has no root.",
        ),
        Misconception(
            "square of the mean",
            _mse_square_last,
            "You get {got}, expected is {expected}. You average first and square afterwards: an "
            "error of +1 and one of −1 then cancel. Which comes first in (1.9)?",
        ),
        Misconception(
            "not squared",
            _mse_without_squares,
            "You get {got}, expected is {expected}. Without the square, an answer that is too high "
            'pays for one that is too low, and the "error" can even be negative.',
        ),
        Misconception(
            "difference of the squares",
            _mse_difference_of_squares,
            "You get {got}, expected is {expected}. You square answers and targets, then subtract. "
            "What is inside the bracket in (1.9)?",
        ),
        Misconception(
            "not averaged",
            _mse_not_averaged,
            "You get {got}, expected is {expected}: the squared errors one by one, right so far. "
            "A loss is a single number.",
        ),
        Misconception(
            "half of it",
            _mse_half,
            "You get {got}, expected is {expected}. Some books put ½ in front, to shorten the "
            "derivative; (1.9) doesn't.",
        ),
    ],
    means="the loss is one number, comparable between data sets of different size.",
    cases=mse_cases,
)

EXERCISES = [DOUBLE, NEURON, LAYER, COUNT, XOR, MSE]
