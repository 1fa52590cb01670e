"""Execute notebooks with shifted seeds: do their claims hold, and with how much room?

    python -m tools.seeds                    all notebooks, COURSE_SEED 0 to 4
    python -m tools.seeds --seeds 5-9 04 17  some of them, other seeds
    python -m tools.seeds --only-stored      run nothing, print what is known

No notebook is changed. Each run is kept as build/seeds/NN-S.json, and is made again only when the
notebook's code, course_lib, data or the pins have changed: an interrupted command goes on where it
stopped.

A margin is the distance from the measured number to the nearest bound, as a share of the allowed
interval's width, or of a single bound's size. Claims with an exact value have none.
"""

import argparse
import hashlib
import json
import re
import sys
from pathlib import Path

from nbclient.exceptions import CellTimeoutError, DeadKernelError

from course_lib import claims, files
from tools.execute_notebooks import NOTEBOOKS, ROOT, execute, explain, find, read

STORE = ROOT / "build" / "seeds"
NARROW = 0.10
# Claims whose margin is small by nature: notebook and the claim's first words → why.
EXPLAINED = {
    ("07", "Augmented by one zero: accuracy"): "1 is the most that an accuracy can be",
    ("20", "Spirals, 80% missing: accuracy"): "1 is the most that an accuracy can be",
    ("08", "Swapping ±1 on the line: loss above 1"): "(8.2) is the bound, and training comes near",
    ("09", "Best error of one-sided differences"): "orders of magnitude: a factor 7 to the bound",
}


def seeds(text: str) -> list[int]:
    """`3` → [3]; `0-4` → [0, 1, 2, 3, 4].

    >>> seeds("3"), seeds("0-4")
    ([3], [0, 1, 2, 3, 4])
    """
    first, _, last = text.partition("-")
    return list(range(int(first), int(last or first) + 1))


def fingerprint(path: Path, root: Path = ROOT) -> str:
    """Of all that decides a notebook's claims: its code, the library, data and pins.

    Of exercises and widgets only the notebook's own are counted; prose and style are not.
    """
    digest = hashlib.sha256((root / "requirements.txt").read_bytes())
    for cell in read(path).cells:
        if cell.cell_type == "code":
            digest.update(cell.source.encode() + b"\0")
    for folder in ("course_lib", "data"):
        for file in sorted((root / folder).rglob("*.*")):
            of_another = re.fullmatch(r"nb(\d\d)\.py", file.name)
            if of_another and of_another[1] != path.name[:2]:
                continue
            if file.suffix in (".py", ".json", ".npz", ".csv"):
                digest.update(file.read_bytes())
    return digest.hexdigest()


def stored(path: Path, seed: int, folder: Path = STORE) -> dict | None:
    """What is kept of a notebook's run with a seed, if nothing has changed since."""
    try:
        run = json.loads((folder / f"{path.name[:2]}-{seed}.json").read_text(encoding="utf-8"))
        return run if run["fingerprint"] == fingerprint(path) else None
    except (OSError, ValueError, KeyError):
        return None


def run(path: Path, seed: int, *, timeout: int = 600, folder: Path = STORE) -> dict:
    """Execute one notebook with a shifted seed; keep and return its claims and errors."""
    notebook = read(path)
    result = {"notebook": path.name, "seed": seed, "fingerprint": fingerprint(path)}
    try:
        cpu, peak = execute(notebook, path.parent, timeout=timeout, seed=seed, go_on=True)
    except (CellTimeoutError, DeadKernelError) as error:  # not kept: the machine may be to blame
        return result | {"claims": [], "errors": [explain(error, notebook)]}
    outputs = [o for cell in notebook.cells for o in cell.get("outputs", [])]
    result |= {
        "cpu": round(cpu),
        "peak": round(peak),
        "claims": [o["data"][claims.MIME] for o in outputs if claims.MIME in o.get("data", {})],
        "errors": [f"{o.ename}: {o.evalue}" for o in outputs if o.output_type == "error"],
    }
    folder.mkdir(parents=True, exist_ok=True)
    files.replace(folder / f"{path.name[:2]}-{seed}.json", json.dumps(result, indent=1))
    return result


def claim_line(row: dict) -> str:
    """One claim as a line: the number, what is required, and how much room is left."""
    mark = "✓" if row["passed"] else "✗"
    room = "" if row["margin"] is None else f"   margin {100 * row['margin']:.0f} %"
    return f"{mark} {row['claim']}: {row['measured_text']}, required {row['required']}{room}"


def smallest(runs: list[dict]) -> list[dict]:
    """For each claim of each notebook: the run's row with the smallest margin, and its `seed`.

    A claim that a notebook makes several times in the same words is counted by its place.
    """
    found: dict[tuple, dict] = {}
    for run in runs:
        for place, row in enumerate(run["claims"]):
            key = (run["notebook"][:2], place, row["claim"])
            row = row | {"notebook": key[0], "seed": run["seed"]}
            room = (row["passed"], float("inf") if row["margin"] is None else row["margin"])
            if key not in found or room < found[key]["room"]:
                found[key] = row | {"room": room}
    return list(found.values())


def why(row: dict) -> str:
    """Why a claim's margin is small by nature; empty if that is not known.

    >>> why({"notebook": "07", "claim": "Augmented by one zero: accuracy"})
    '1 is the most that an accuracy can be'
    """
    for (notebook, words), reason in EXPLAINED.items():
        if row["notebook"] == notebook and row["claim"].startswith(words):
            return reason
    return ""


def summary(runs: list[dict]) -> str:
    """How many claims hold in every run; those that fail, and those with less than 10 % of room."""
    rows = sorted(smallest(runs), key=lambda row: row["room"])
    held = sum(row["passed"] for row in rows)
    lines = [f"{len(runs)} runs; {held} of {len(rows)} claims hold in every one of them"]
    for row in rows:
        if not row["passed"] or (row["margin"] is not None and row["margin"] < NARROW):
            reason = f"   ({why(row)})" if row["passed"] and why(row) else ""
            lines.append(f"{row['notebook']} seed {row['seed']}  {claim_line(row)}{reason}")
    lines += [
        f"{r['notebook'][:2]} seed {r['seed']}  FAILED {e}" for r in runs for e in r["errors"]
    ]
    if len(lines) == 1 and rows:
        lines.append(f"and no margin is under {NARROW:.0%}")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("notebooks", nargs="*", help="number, file name or path (default: all)")
    parser.add_argument("--seeds", type=seeds, default=seeds("0-4"), help="one, or a range: 5-9")
    parser.add_argument("--timeout", type=int, default=600, help="seconds for one cell")
    parser.add_argument("--only-stored", action="store_true", help="run nothing")
    parser.add_argument("--store", type=Path, default=STORE, help="where runs are kept")
    options = parser.parse_args()
    paths = [p for p in find(options.notebooks, NOTEBOOKS) if p.name[:2].isdigit()]
    runs, missing = [], []
    for path in paths:
        for seed in options.seeds:
            known = stored(path, seed, options.store)
            if known is None and options.only_stored:
                missing.append(f"{path.name[:2]} seed {seed}")
                continue
            result = known or run(path, seed, timeout=options.timeout, folder=options.store)
            runs.append(result)
            for row in result["claims"]:
                print(f"{path.name[:2]} seed {seed}  {claim_line(row)}", flush=True)
    print(f"\n{summary(runs)}")
    if missing:
        print("not run, or changed since: " + ", ".join(missing))
    return int(any(run["errors"] for run in runs))


if __name__ == "__main__":
    sys.exit(main())
