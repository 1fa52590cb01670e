"""What takes longer than a notebook may: made by experiments/, stored, read in the notebook.

`make experiments` runs the scripts; each ends with `save` for a table, `save_weights` for arrays.
A notebook calls `load` or `load_weights`, and says so.
"""

import datetime
import io
import json
import platform
import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from course_lib import files
from course_lib.environment import installed

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "data" / "results"
WEIGHTS = ROOT / "data" / "weights"
VERSIONS_OF = ("numpy", "torch", "scipy", "scikit-learn", "torchdiffeq")


def save(name: str, rows: list[dict], seeds: list[int], *, script, folder: Path = FOLDER) -> Path:
    """Store a table as `data/results/NAME.json`, with what is needed to make it again.

    Args:
        name: lower-case letters, digits and underscores; what `load` is called with.
        rows: one dict a row; values may be numpy or torch scalars and arrays, but all finite.
        seeds: the seeds that went into the rows.
        script: `__file__` of the experiment.

    Raises `ValueError` for a bad name, no rows, or a value that is not finite.

    >>> import tempfile
    >>> there = Path(tempfile.mkdtemp())
    >>> rows = [{"depth": 2, "error": 0.25}]
    >>> path = save("demo", rows, seeds=[0, 1], script="experiments/demo.py", folder=there)
    >>> load("demo", folder=there)["seeds"]
    [0, 1]
    """
    _check_name(name)
    if not rows or not all(isinstance(item, dict) for item in rows):
        raise ValueError(f"results {name!r}: rows must be a non-empty list of dicts, one a row")
    script = Path(script).resolve()
    table = {
        "script": script.relative_to(ROOT).as_posix() if ROOT in script.parents else script.name,
        "seeds": list(seeds),
        "versions": {"python": platform.python_version()} | {p: installed(p) for p in VERSIONS_OF},
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "rows": rows,
    }
    try:
        text = json.dumps(table, indent=1, allow_nan=False, default=_plain, ensure_ascii=False)
    except ValueError as error:
        raise ValueError(
            f"results {name!r}: a value is NaN or infinite; store the failure as text instead"
        ) from error
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.json"
    files.replace(path, text + "\n")
    return path


def load(name: str, *, folder: Path = FOLDER) -> dict:
    """A stored table: a dict with `script`, `seeds`, `versions`, `date` and `rows`.

    Raises `FileNotFoundError`, naming the command that makes the table.

    >>> load("depth")["script"]
    'experiments/depth.py'
    """
    _check_name(name)
    path = folder / f"{name}.json"
    if not path.is_file():
        raise FileNotFoundError(
            f"no stored results {name!r}: run `make experiments NAME={name}` in the course's folder"
        )
    return json.loads(path.read_text(encoding="utf-8"))


def row(table: dict, **where) -> dict:
    """The one row of a loaded table whose entries equal all of `where`.

    Raises `LookupError` if there is none, or more than one.

    >>> row({"rows": [{"depth": 2, "error": 0.25}, {"depth": 9, "error": 0.5}]}, depth=9)["error"]
    0.5
    """
    found = [r for r in table["rows"] if all(r.get(k) == v for k, v in where.items())]
    if len(found) != 1:
        raise LookupError(f"{len(found)} rows have {where}; one is wanted")
    return found[0]


def save_weights(name: str, arrays: Mapping, *, folder: Path = WEIGHTS) -> Path:
    """Store arrays, a trained network's weights say, as `data/weights/NAME.npz`.

    Args:
        name: as for `save`.
        arrays: name → tensor or array, stored in its own dtype (`.half()` makes a small file).

    >>> import tempfile
    >>> save_weights("demo", {"w": torch.zeros(3)}, folder=Path(tempfile.mkdtemp())).name
    'demo.npz'
    """
    _check_name(name)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.npz"
    found = {key: torch.as_tensor(value).detach().cpu().numpy() for key, value in arrays.items()}
    content = io.BytesIO()
    np.savez_compressed(content, **found)
    files.replace(path, content.getvalue())
    return path


def load_weights(
    name: str, *, experiment: str | None = None, folder: Path = WEIGHTS
) -> dict[str, Tensor]:
    """The arrays of `data/weights/NAME.npz`, name → tensor.

    Args:
        experiment: the script in experiments/ that makes them, if it has another name.

    Raises `FileNotFoundError`, naming the command that makes them.

    >>> import tempfile
    >>> there = Path(tempfile.mkdtemp())
    >>> path = save_weights("demo", torch.nn.Linear(2, 1).state_dict(), folder=there)
    >>> {k: tuple(v.shape) for k, v in load_weights("demo", folder=there).items()}
    {'weight': (1, 2), 'bias': (1,)}
    """
    _check_name(name)
    path = folder / f"{name}.npz"
    if not path.is_file():
        raise FileNotFoundError(
            f"no {path.name} in data/weights: run `make experiments NAME={experiment or name}` in "
            "the course's folder"
        )
    with np.load(path) as file:
        return {key: torch.from_numpy(file[key]) for key in file.files}


def _check_name(name: str) -> None:
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise ValueError(
            f"results name {name!r}: use lower-case letters, digits and underscores, such as "
            "'depth_and_error'"
        )


def _plain(value):
    """numpy and torch values as the numbers and lists that JSON knows."""
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"cannot store a {type(value).__name__} in a results table")
