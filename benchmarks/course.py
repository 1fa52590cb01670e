"""What every notebook costs: CPU seconds and peak memory, beside its budget.

    python -m benchmarks.course          measures all notebooks (a quarter of an hour)
    python -m benchmarks.course 04 13    only these; the stored rows of the others are kept
    python -m benchmarks.course --page   writes the page again, from what is stored

Executes a copy in memory, as `make notebooks` does, and writes no notebook. After `--quick` nothing
is stored.
"""

import argparse
import json
import os
import sys
from datetime import UTC, datetime

from benchmarks.harness import RESULTS, footer, run
from tools.execute_notebooks import CPU_SECONDS, PEAK_MIB, execute, find, read

SUITE_MINUTES = 25
NEAR = 0.9  # of a budget: said in the table


def measure(path) -> dict:
    """A row of the table: one execution of a copy of the notebook."""
    cpu, peak = execute(read(path), path.parent)
    print(f"{path.name:44} {cpu:6.1f} s CPU {peak:6.0f} MiB", flush=True)
    return {
        "notebook": path.stem,
        "cpu_seconds": round(cpu, 1),
        "peak_mib": round(peak),
        "load": round(os.getloadavg()[0], 1),
        "date": datetime.now(UTC).date().isoformat(),
    }


def asked() -> list[str]:
    """The names on the command line; its options stay there for `harness.run`."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("names", nargs="*")
    found, sys.argv[1:] = parser.parse_known_args()
    return found.names


def stored(name: str) -> list[dict]:
    """The rows of an earlier run, if there was one."""
    path = RESULTS / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8"))["rows"] if path.exists() else []


def merged(key: str, order: list[str], known: list[dict], new: list[dict]) -> list[dict]:
    """The rows whose `key` is in `order`, in that order, new ones in the place of old ones."""
    rows = {row[key]: row for row in [*known, *new]}
    return [rows[name] for name in order if name in rows]


def missing(key: str, order: list[str], rows: list[dict]) -> list[str]:
    """A paragraph of a page that names what has not been measured; nothing if all has."""
    names = [name for name in order if name not in {row[key] for row in rows}]
    return ["", f"Not measured yet: {', '.join(names)}."] if names else []


def notebooks() -> list[str]:
    """All notebooks by name, in the order of the course."""
    return [path.stem for path in find([])]


def budget(row: dict) -> int:
    """CPU seconds that the row's notebook may take."""
    return CPU_SECONDS.get(row["notebook"][:2], 60)


def judged(used: float, allowed: float) -> str:
    """What the table says of a budget."""
    return "over" if used > allowed else "near" if used > NEAR * allowed else "met"


def table(record: dict) -> str:
    """The measurements as a Markdown page."""
    rows = record["rows"]
    lines = [
        "# What every notebook costs",
        "",
        "CPU seconds of the kernel, from its start to the end of the last cell, and the most",
        f"memory that it held; one execution each. Memory may be {PEAK_MIB} MiB. `near`: more than",
        f"{100 * NEAR:.0f} % of a budget. Load: processes that wanted to run in the last minute;",
        "where they are more than the processors, a CPU second does less.",
        "Made by `python -m benchmarks.course`.",
        "",
        "| notebook | CPU (s) | budget (s) | | peak (MiB) | | load | measured |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        cpu, peak, allowed = row["cpu_seconds"], row["peak_mib"], budget(row)
        lines.append(
            f"| {row['notebook']} | {cpu:.1f} | {allowed} | {judged(cpu, allowed)} | {peak} | "
            f"{judged(peak, PEAK_MIB)} | {row['load']} | {row['date']} |"
        )
    minutes = sum(row["cpu_seconds"] for row in rows) / 60
    lines += [
        "",
        f"All {len(rows)} together: {minutes:.1f} CPU-minutes; {SUITE_MINUTES} are allowed: "
        f"{judged(minutes, SUITE_MINUTES)}.",
        *missing("notebook", notebooks(), rows),
    ]
    return "\n".join([*lines, "", footer(record)]) + "\n"


if __name__ == "__main__":
    names = asked()

    def rows(rounds: int) -> list[dict]:
        new = [measure(path) for path in find(names)]
        return merged("notebook", notebooks(), stored("course"), new)

    run("course", 1, rows, table)
