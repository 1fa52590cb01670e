"""Paired timing that can be trusted on a shared machine.

CPU time of one process and one thread; every contender runs between two runs of the floor, which
is the right-hand side called on the very states that the contender visited; the order of the
contenders is shuffled in every round; what counts is the median of the paired ratios.

Every benchmark is a module with `ROUNDS`, `rows(rounds)`, `table(record)` and perhaps
`plot(record)`, and ends with `run(...)`, its command line:

    python -m benchmarks.NAME            measure; write results/NAME.json, NAME.md and NAME.png
    python -m benchmarks.NAME --quick    a look: three rounds or tiny settings, writes nothing
    python -m benchmarks.NAME --page     write page and picture again, from what is stored
"""

import argparse
import json
import os
import platform
import random
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch

from benchmarks.peers import PEERS, missing
from course_lib import plotting
from course_lib.files import replace

__all__ = [
    "MORE",
    "QUICK_ROUNDS",
    "ROOT",
    "Contender",
    "footer",
    "paired_ratios",
    "replay",
    "run",
    "seconds",
    "slope",
    "spread",
    "verdict",
]

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
MORE = "<!-- more -->"  # on a page: SPEED.md shows what is above it
QUICK_ROUNDS = 3

PACKAGES = ["torch", "torchdiffeq", "scipy", "numpy"]
MIN_SECONDS = 0.005  # shorter measurements are repeated until they last this long


@dataclass
class Contender:
    """Something to time, and the floor that it cannot be faster than."""

    name: str
    run: Callable[[], object]
    floor: Callable[[], object]


def replay(func, visited: list) -> Callable[[], None]:
    """A floor: func once more on every (t, y) that a solver visited, the results dropped."""

    def run():
        for t, y in visited:
            func(t, y)

    return run


def seconds(run: Callable[[], object], repeats: int) -> float:
    """CPU seconds of one run, as the mean of `repeats`."""
    start = time.process_time()
    for _ in range(repeats):
        run()
    return (time.process_time() - start) / repeats


def enough_repeats(run: Callable[[], object]) -> int:
    """How many runs last MIN_SECONDS; the first call also warms up."""
    run()
    return max(1, round(MIN_SECONDS / max(seconds(run, 1), 1e-6) + 0.5))


def paired_ratios(contenders: list[Contender], rounds: int, seed: int = 0) -> dict[str, dict]:
    """Median and quartiles of time / floor for each contender, over `rounds` shuffled rounds."""
    shuffle = random.Random(seed).shuffle
    repeats = {c.name: (enough_repeats(c.run), enough_repeats(c.floor)) for c in contenders}
    ratios: dict[str, list[float]] = {c.name: [] for c in contenders}
    for _ in range(rounds):
        order = list(contenders)
        shuffle(order)
        for contender in order:
            of_run, of_floor = repeats[contender.name]
            before = seconds(contender.floor, of_floor)
            taken = seconds(contender.run, of_run)
            after = seconds(contender.floor, of_floor)
            ratios[contender.name].append(taken / ((before + after) / 2))
    return {name: summary(values) for name, values in ratios.items()}


def summary(values: list[float]) -> dict:
    """Median and quartiles, rounded to what a measurement on a shared machine can mean."""
    low, middle, high = statistics.quantiles(values, n=4)
    return {"median": round(middle, 3), "quartiles": [round(low, 3), round(high, 3)]}


def machine() -> dict:
    """Processor and versions, without which a number means little."""
    name = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        lines = [line for line in info.read_text().splitlines() if line.startswith("model name")]
        name = lines[0].split(":", 1)[1].strip() if lines else name
    here = [name for name in PEERS if name not in missing()]
    return {
        "cpu": name,
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "versions": {package: version(package) for package in PACKAGES + here},
    }


def record_of(rows: list[dict], rounds: int) -> dict:
    """The measurements, with all that is needed to read them later."""
    date = datetime.now(UTC).date().isoformat()
    load = round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None
    return {"date": date, **machine(), "load": load, "rounds": rounds, "rows": rows}


def spread(row: dict) -> str:
    """A cell of a page: median and [quartiles]."""
    low, high = row["quartiles"]
    return f"{row['median']:.2f} [{low:.2f}, {high:.2f}]"


def verdict(value: float, target: float | None) -> str:
    """A cell of a page: the target, and whether it is met; empty if there is none."""
    if target is None:
        return ""
    return f"≤ {target:g}, {'met' if value <= target else 'missed'}"


def slope(x: list[float], y: list[float]) -> float:
    """The exponent p of the best y ∝ xᵖ: least squares on logarithms."""
    return float(np.polyfit(np.log(x), np.log(y), 1)[0])


def footer(record: dict) -> str:
    """The last line of a page: processor, versions, date."""
    packages = ", ".join(f"{name} {number}" for name, number in record["versions"].items())
    load = f"; {record['load']} processes wanted to run" if record.get("load") else ""
    return f"{record['cpu']}; Python {record['python']}, {packages}; {record['date']}{load}."


def run(
    name: str,
    rounds: int,
    rows: Callable[[int], list[dict]],
    table: Callable[[dict], str],
    plot: Callable[[dict], object] | None = None,
) -> None:
    """The command line of a benchmark: measure, print the page, store it.

    Args:
        name: what the files in benchmarks/results/ are called.
        rounds: of one measurement; `rows` gets QUICK_ROUNDS instead for a look.
        rows: rounds → the measurements.
        table: record → the page, Markdown.
        plot: record → a matplotlib figure.
    """
    parser = argparse.ArgumentParser(prog=f"python -m benchmarks.{name}")
    parser.add_argument("--quick", action="store_true", help="a look; writes nothing")
    parser.add_argument("--page", action="store_true", help="write the page again, measure nothing")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    stored = RESULTS / f"{name}.json"
    if asked.page:
        record = json.loads(stored.read_text(encoding="utf-8"))
    else:
        rounds = QUICK_ROUNDS if asked.quick else rounds
        record = record_of(rows(rounds), rounds)
    page = table(record)
    print(page)
    if not asked.quick:
        RESULTS.mkdir(exist_ok=True)
        text = json.dumps(record, indent=1, ensure_ascii=False) + "\n"
        replace(stored, text)
        replace(RESULTS / f"{name}.md", page)
        if plot is not None:
            os.environ.setdefault("MPLBACKEND", "agg")
            plotting.use_style()
            plot(record).savefig(RESULTS / f"{name}.png", dpi=80, metadata={"Software": None})
