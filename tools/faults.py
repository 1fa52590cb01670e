"""Run notebooks under what goes wrong in class, and say whether they still do what is stored.

    python -m tools.faults                 all faults, notebooks 04, 09 and 12
    python -m tools.faults twice 05 17     one fault, some notebooks

    twice       all cells a second time in the same kernel, claims and checks included
    offline     no network at all, only the machine itself
    one-cpu     one processor
    memory      1 GiB for kernel and client together; no swap
    read-only   nothing can be written where the course is

What a fault needs and the machine does not have (Linux's namespaces, control groups, the
administrator) is reported as untried. No file of the course is changed.
"""

import argparse
import copy
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat

from tools.execute_notebooks import (
    PEAK_MIB,
    ROOT,
    differences,
    execute,
    explain,
    find,
    normalise,
    read,
)

NOTEBOOKS = ["04", "09", "12"]
MEMORY = Path("/sys/fs/cgroup")


def twice(path: Path) -> str:
    """What is another in the second of two runs in one kernel; empty if nothing is."""
    notebook = read(path)
    half = len(notebook.cells)
    notebook.cells += copy.deepcopy(notebook.cells)
    execute(notebook, path.parent, go_on=True)
    normalise(notebook)
    runs = [
        nbformat.v4.new_notebook(cells=part)
        for part in (notebook.cells[:half], notebook.cells[half:])
    ]
    for cell in [cell for run in runs for cell in run.cells]:
        cell.execution_count = None
        for output in cell.get("outputs", []):
            output.pop("execution_count", None)
    errors = [o for c in runs[1].cells for o in c.get("outputs", []) if o.output_type == "error"]
    if errors:
        return explain(RuntimeError("unknown"), runs[1])
    return "" if runs[0].cells == runs[1].cells else "\n".join(differences(*runs))


def offline() -> list[str]:
    """What to put before a command so that it has no network."""
    return [
        "unshare",
        "--map-root-user",
        "--net",
        "sh",
        "-c",
        'ip link set lo up && exec "$@"',
        "-",
    ]


def one_cpu() -> list[str]:
    """The same for one processor."""
    return ["taskset", "--cpu-list", "0"]


def memory() -> list[str]:
    """The same for 1 GiB, in a control group of version 1 or 2."""
    old = Path("/sys/fs/cgroup/memory")
    group = (old if old.is_dir() else old.parent) / "course-faults"
    limit = group / ("memory.limit_in_bytes" if old.is_dir() else "memory.max")
    script = (
        f"mkdir -p {group} && echo {PEAK_MIB * 2**20} > {limit} && echo $$ > {group}/cgroup.procs"
    )
    return ["sh", "-c", script + ' && exec "$@"', "-"]


def read_only() -> list[str]:
    """The same where the course's folder cannot be written to, not even by the administrator."""
    script = f'mount --bind "{ROOT}" "{ROOT}" && mount -o remount,ro,bind "{ROOT}" && exec "$@"'
    return ["unshare", "--map-root-user", "--mount", "sh", "-c", script, "-"]


PREFIXES = {"offline": offline, "one-cpu": one_cpu, "memory": memory, "read-only": read_only}


def can(prefix: list[str]) -> bool:
    """Whether a command can be run behind a prefix here."""
    if shutil.which(prefix[0]) is None:
        return False
    return subprocess.run([*prefix, "true"], capture_output=True).returncode == 0


def under(fault: str, path: Path) -> str:
    """What a notebook does otherwise under a fault; empty if nothing."""
    if fault == "twice":
        return twice(path)
    prefix = PREFIXES[fault]()
    if not can(prefix):
        return "untried: this machine has not what it needs, or does not let you use it"
    check = [sys.executable, "tools/execute_notebooks.py", "--check", str(path)]
    done = subprocess.run([*prefix, *check], cwd=ROOT, capture_output=True, text=True)
    return "" if done.returncode == 0 else (done.stdout + done.stderr).strip()


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("words", nargs="*", help="faults, and numbers of notebooks")
    words = parser.parse_args().words
    known = ["twice", *PREFIXES]
    faults = [word for word in words if word in known] or known
    paths = find([word for word in words if word not in known] or NOTEBOOKS)
    bad = 0
    for fault in faults:
        for path in paths:
            said = under(fault, path)
            bad += bool(said) and not said.startswith("untried")
            print(f"{fault:10} {path.name:44} {said or 'as stored'}", flush=True)
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
