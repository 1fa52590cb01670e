"""Execute notebooks and store their outputs in such a form that a second run changes nothing.

    python tools/execute_notebooks.py              all notebooks, in place
    python tools/execute_notebooks.py 04 03        some of them: number, file name or path
    python tools/execute_notebooks.py --check 04   execute and compare, write nothing

What a run leaves to chance is made regular before anything is stored: memory addresses, colour
codes, how a stream was cut into pieces, the interpreter's patch release. Of a widget only its text
is stored: a view without a kernel behind it would open as "model not found". A notebook that fails
keeps its old file. CPU seconds and peak memory are printed, never stored.
"""

import argparse
import copy
import hashlib
import json
import os
import re
import sys
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

from course_lib import files

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = ROOT / "notebooks"
VIEW = "application/vnd.jupyter.widget-view+json"
WIDGET = "application/vnd.course.widget+json"  # stands in a stored notebook where a view was shown
CPU_SECONDS = {"07": 120, "13": 120, "17": 120, "18": 120}  # DESIGN §4; every other one: 60
PEAK_MIB = 1024

METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {
        "codemirror_mode": {"name": "ipython", "version": 3},
        "file_extension": ".py",
        "mimetype": "text/x-python",
        "name": "python",
        "nbconvert_exporter": "python",
        "pygments_lexer": "ipython3",
    },
}

# Runs in the notebook's own kernel after its last cell. `/proc` is asked first because Linux
# counts into ru_maxrss what the parent held before the kernel started; Windows has neither.
USAGE = """
def _usage():
    import pathlib, re, sys, time
    cpu, peak = time.process_time(), 0.0
    status = pathlib.Path("/proc/self/status")
    if status.exists():
        peak = int(re.search(r"VmHWM:\\s+(\\d+)", status.read_text())[1]) / 2**10
    elif sys.platform == "darwin":
        import resource
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return cpu, peak
"""


def find(names: list[str], folder: Path = NOTEBOOKS) -> list[Path]:
    """Paths of the notebooks named by number (`04`), file name or path; all if none is named."""
    if not names:
        return sorted(folder.glob("*.ipynb"))
    paths = []
    for name in names:
        matches = (
            [Path(name)] if name.endswith(".ipynb") else sorted(folder.glob(f"{name}_*.ipynb"))
        )
        matches = [path if path.exists() else folder / path.name for path in matches]
        if len(matches) != 1 or not matches[0].exists():
            there = ", ".join(path.name for path in sorted(folder.glob("*.ipynb"))) or "none"
            raise SystemExit(f"no notebook {name!r}; there are: {there}")
        paths += matches
    return paths


def kernel_environment(seed: int | None, ipython: str) -> dict[str, str]:
    """The environment a notebook is executed in: nothing of the user's own, `ipython` is empty."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(("COURSE_", "MPLBACKEND"))}
    env["COURSE_EXECUTING"] = "1"
    env["IPYTHONDIR"] = ipython
    if seed is not None:
        env["COURSE_SEED"] = str(seed)
    return env


def execute(notebook, cwd: Path, *, timeout: int = 300, seed: int | None = None, go_on=False):
    """Run all cells of a notebook node in place; return its CPU seconds and peak memory in MiB.

    Raises the nbclient error of the first cell that fails, unless `go_on`.
    """
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
            cell.metadata.pop("execution", None)
    client = NotebookClient(
        notebook,
        kernel_name="python3",
        timeout=timeout,
        record_timing=False,
        store_widget_state=False,
        allow_errors=go_on,
        extra_arguments=["--log-level=ERROR"],  # the kernel's word on encryption is not for us
        resources={"metadata": {"path": str(cwd)}},
    )
    probe = nbformat.v4.new_code_cell(USAGE + "print(*_usage())")
    client.reset_execution_trackers()
    code = [
        (index, cell)
        for index, cell in enumerate(notebook.cells)
        if cell.cell_type == "code" and cell.source.strip()
    ]
    notebook.cells.append(probe)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as ipython:
        try:
            with client.setup_kernel(env=kernel_environment(seed, ipython)):
                for count, (index, cell) in enumerate(code, start=1):
                    client.execute_cell(cell, index, execution_count=count)
                client.execute_cell(probe, len(notebook.cells) - 1)
        finally:
            notebook.cells.pop()
    # A busy machine may cut the line into two outputs.
    cpu, peak = map(float, "".join(output.text for output in probe.outputs).split())
    return cpu, peak


def normalise(notebook) -> None:
    """Make regular, in place, what differs between two runs of the same notebook."""
    for key in list(notebook.metadata):
        if key not in METADATA and key != "title":
            del notebook.metadata[key]
    notebook.metadata.update(copy.deepcopy(METADATA))
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    for cell in notebook.cells:
        if cell.cell_type != "code":
            cell.pop("outputs", None)
            continue
        cell.metadata.pop("execution", None)
        cell.outputs = [nbformat.from_dict(_regular(o)) for o in _merge_streams(cell.outputs)]
        for output in cell.outputs:
            if output.get("data", {}).pop(VIEW, None) is not None:
                output.data[WIDGET] = {}


def _merge_streams(outputs: list) -> list:
    """One output for consecutive pieces of the same stream: where it is cut depends on timing."""
    merged: list = []
    for output in outputs:
        last = merged[-1] if merged else output
        same = last is not output and last.output_type == output.output_type == "stream"
        if same and last.name == output.name:
            last.text += output.text
        else:
            merged.append(output)
    return merged


def _regular(value):
    """`value` without colour codes and memory addresses in its text."""
    if isinstance(value, dict):
        return {
            key: item if key.startswith("image/") else _regular(item) for key, item in value.items()
        }
    if isinstance(value, list):
        return [_regular(item) for item in value]
    if isinstance(value, str):
        value = re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", value)
        return re.sub(r" at 0x[0-9a-fA-F]+", "", value)
    return value


def read(path: Path):
    """The notebook at `path`; a file that is no notebook ends the program with a clear message."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        _give_ids(data["cells"], path.stem)
        return nbformat.reads(json.dumps(data), as_version=4)
    except (OSError, ValueError, KeyError, TypeError, nbformat.ValidationError) as error:
        raise SystemExit(f"{path.name}: cannot be read as a notebook: {error!r}") from None


def _give_ids(cells: list[dict], name: str) -> None:
    """A missing or doubled cell id is derived from the cell's text; nbformat would draw lots."""
    seen: set[str] = set()
    for cell in cells:
        new, again = cell.get("id"), 0
        while not new or new in seen:
            text = f"{name}/{cell['cell_type']}/{''.join(cell['source'])}/{again}"
            new, again = hashlib.sha1(text.encode()).hexdigest()[:8], again + 1
        cell["id"] = new
        seen.add(new)


def text_of(notebook) -> str:
    """What is stored: indented JSON with a final newline, the same on every platform."""
    nbformat.validate(notebook)
    return nbformat.writes(notebook) + "\n"


def differences(old, new) -> list[str]:
    """One line for each cell whose stored form differs between two notebooks."""
    if len(old.cells) != len(new.cells):
        return [f"{len(old.cells)} cells stored, {len(new.cells)} now"]
    lines = []
    for index, (a, b) in enumerate(zip(old.cells, new.cells, strict=True)):
        keys = [key for key in sorted({*a, *b}) if a.get(key) != b.get(key)]
        if keys:
            lines.append(f"cell {index} differs in {', '.join(keys)}: {b.source[:30]!r}")
    return lines or ["metadata or layout of the file differs"]


def explain(error: Exception, notebook) -> str:
    """Which cell failed and why, without the frames of the libraries in between."""
    if isinstance(error, CellTimeoutError):
        return str(error)
    for index, cell in enumerate(notebook.cells):
        for output in cell.get("outputs", []):
            if output.output_type == "error":
                first = cell.source.strip().splitlines()[0]
                trace = re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", "\n".join(output.traceback))
                return f"cell {index} ({first!r}): {output.ename}: {output.evalue}\n{trace}"
    return f"{type(error).__name__}: {error}"


def run_in_place(path: Path, *, check: bool, timeout: int) -> bool:
    """Execute one notebook and store it (or, with `check`, compare it); True if all is well."""
    notebook = read(path)
    try:
        cpu, peak = execute(notebook, path.parent, timeout=timeout)
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        print(f"{path.name}: FAILED, the file is left as it was\n{explain(error, notebook)}")
        return False
    normalise(notebook)
    new, old = text_of(notebook), path.read_text(encoding="utf-8")
    state = "unchanged" if new == old else ("differs" if check else "stored")
    over = []
    if cpu > (limit := CPU_SECONDS.get(path.name[:2], 60)):
        over.append(f"over its {limit} CPU-seconds")
    if peak > PEAK_MIB:
        over.append(f"over {PEAK_MIB} MiB")
    note = f"   {'; '.join(over)}" if over else ""
    print(f"{path.name:44} {cpu:6.1f} s CPU {peak:6.0f} MiB   {state}{note}", flush=True)
    if check and new != old:
        print("\n".join(differences(nbformat.reads(old, as_version=4), notebook)))
        return False
    if new != old:
        files.replace(path, new)
    return True


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("notebooks", nargs="*", help="number, file name or path (default: all)")
    parser.add_argument("--timeout", type=int, default=300, help="seconds for one cell")
    parser.add_argument("--check", action="store_true", help="compare with the file, write nothing")
    options = parser.parse_args()
    paths = find(options.notebooks)
    good = [run_in_place(p, check=options.check, timeout=options.timeout) for p in paths]
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
