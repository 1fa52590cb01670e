"""Tables that take longer than a notebook may: made by experiments/, stored, read in the notebook.

`make experiments` runs the scripts; each ends with `save`. A notebook calls `load` and says so.
"""

import datetime
import json
import platform
import re
from pathlib import Path

from course_lib.environment import installed

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "data" / "results"
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
    path.write_text(text + "\n", encoding="utf-8", newline="\n")
    return path


def load(name: str, *, folder: Path = FOLDER) -> dict:
    """A stored table: a dict with `script`, `seeds`, `versions`, `date` and `rows`.

    Raises `FileNotFoundError`, naming the command that makes the table.
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
