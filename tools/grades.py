"""Collect the results of all checks in notebooks handed in: one row a student and exercise.

    python tools/grades.py handed_in                 write build/grades.csv
    python tools/grades.py handed_in --regrade       execute every notebook anew, then write

`handed_in` holds one folder, or one notebook, a student; its name is the student's. Only what is
stored in the notebooks is read, nothing is executed. A student's best result for an exercise
counts; an exercise of a notebook handed in that has no result is "not attempted".

Stored results are text in a file that the student has edited: they can be forged with any editor.
For marks that count use --regrade, which runs each notebook's code again and asks the course's own
checks. That code is whatever was handed in, and a process of its own with limits on time and memory
is no sandbox: it can read your files and use your network, and code made to deceive can
still put results of its own in the place of the real ones. Run it in a container, or as a user that
may lose everything, and look at the answers.
"""

import argparse
import csv
import functools
import io
import json
import os
import re
import signal
import stat
import subprocess
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import nbformat

from course_lib.exercises import UnknownExercise, exercises_of, find_exercise
from course_lib.exercises.display import STYLES
from course_lib.files import replace

ROOT = Path(__file__).resolve().parent.parent
LARGEST = 20  # MiB; the course's own notebooks have less than 2
SECONDS = 300  # to execute one notebook; the slowest of the course needs about 100
BEST_FIRST = ("correct", "misconception", "wrong", "error", "not attempted")
VERDICTS = {verdict: outcome for outcome, (_, verdict, _) in STYLES.items() if verdict}
HEADING = re.compile(r"\S (\d\d\.\d{1,2}) [^\n]{0,200}: (" + "|".join(VERDICTS) + r")(?:\n|$)")
ENGINES_OWN = {"changes its input": "Your function changes its input `"}
SKIPPED = (".ipynb_checkpoints", "__MACOSX")


@dataclass(frozen=True)
class Row:
    """One line of the table. `outcome` is one of `BEST_FIRST`, or "unreadable", "no exercise"."""

    student: str
    exercise: str
    outcome: str
    name: str = ""
    file: str = ""
    note: str = ""


def hand_ins(folder: Path) -> Iterator[tuple[str, list[Path]]]:
    """Each student's name and notebooks; links are listed, never followed."""
    for entry in sorted(folder.iterdir()):
        if entry.name.startswith(".") or entry.name in SKIPPED:
            continue
        if not entry.is_dir() or entry.is_symlink():
            yield entry.stem, [entry]
            continue
        found = []
        for path, folders, files in os.walk(entry):
            folders[:] = sorted(name for name in folders if name not in SKIPPED)
            found += [
                Path(path, name)
                for name in sorted(files)
                if name.endswith(".ipynb") and not name.startswith(".")
            ]
        yield entry.name, found


def read(path: Path, largest: float = LARGEST):
    """A notebook as data; `ValueError` says why it is not read.

    Args:
        path: a file from somebody else.
        largest: of what size it may be, in MiB.
    """
    status = path.lstat()
    if not stat.S_ISREG(status.st_mode):
        raise ValueError("not a regular file")
    if path.suffix != ".ipynb":
        raise ValueError("not a notebook")
    if status.st_size > largest * 2**20:
        raise ValueError(f"larger than {largest} MiB")
    with warnings.catch_warnings(action="ignore"):  # on what it mends, such as cells without an id
        return nbformat.reads(path.read_text(encoding="utf-8"), as_version=4)


def stored_results(notebook) -> Iterator[dict[str, str]]:
    """What `check` left in a notebook: exercise, outcome, the misconception's name, a note."""
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            text = output.get("data", {}).get("text/plain", "")
            found = HEADING.match(text)
            if found is None:
                continue
            exercise, outcome = found[1], VERDICTS[found[2]]
            name = misconception(exercise, text) if outcome == "misconception" else ""
            asked = re.search(rf"check\(\s*['\"]{re.escape(exercise)}['\"]", cell.source)
            note = "" if asked else "its cell does not call this check"
            yield {"exercise": exercise, "outcome": outcome, "name": name, "note": note}


def misconception(exercise: str, text: str) -> str:
    """The name of the misconception whose message stands in `text`; empty if none fits.

    >>> said = "✗ 00.1 A point on the way: not quite\\n  For start = 2 you get 3.5, not 3: at s = 1"
    >>> misconception("00.1", said + " you would be at start + end. How far is it from `start` to")
    ''
    >>> misconception("00.1", said + " you would be at start + end. How far is it from `start` to "
    ...               "`end`?")
    'adds the target instead of the way to it'
    """
    message = text.partition("\n")[2].lstrip()[:5000]
    try:
        known = {m.name: m.message for m in find_exercise(exercise).misconceptions}
    except UnknownExercise:
        return ""
    fitting = [name for name, template in (known | ENGINES_OWN).items() if fits(template, message)]
    return max(fitting, key=lambda name: len((known | ENGINES_OWN)[name]), default="")


def fits(template: str, message: str) -> bool:
    """Whether a message may have been made from a template with `{got}`, `{expected}`, `{case}`.

    >>> fits("You get {got}.", "You get 3.5. And …"), fits("You get {got}.", "So you get 2.")
    (True, False)
    """
    first, *others = re.split(r"\{(?:got|expected|case)\}", template)
    if not message.startswith(first):
        return False
    at = len(first)
    for piece in others:
        at = message.find(piece, at)
        if at < 0:
            return False
        at += len(piece)
    return True


def new_results(notebook, seconds: float = SECONDS) -> Iterator[dict[str, str]]:
    """What the checks say when a notebook's code is executed again, in a process of its own.

    Its environment has nothing of yours; it is killed with its children when time is up, and what
    had been checked until then counts. This is no protection against malice: see above.
    """
    code = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    keep = ("PATH", "SYSTEMROOT", "LANG")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
        env = {name: os.environ[name] for name in keep if name in os.environ}
        places = ("HOME", "USERPROFILE", "TMPDIR", "TEMP", "IPYTHONDIR", "MPLCONFIGDIR")
        env |= dict.fromkeys(places, home)
        env |= {"PYTHONPATH": str(ROOT), "COURSE_EXECUTING": "1", "MPLBACKEND": "agg"}
        results = Path(home, "results.jsonl")
        process = subprocess.Popen(
            [sys.executable, str(ROOT / "tools" / "regrade.py"), str(results), str(int(seconds))],
            cwd=home,
            env=env | {"OMP_NUM_THREADS": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        note = ""
        try:
            process.communicate(json.dumps(code).encode(), timeout=seconds)
        except subprocess.TimeoutExpired:
            note = f"stopped after {seconds:.0f} s"
        finally:
            _end(process)
        if not note and process.returncode != 0:
            note = "stopped: its process ended before the last cell"
        lines = results.read_text(encoding="utf-8").splitlines() if results.is_file() else []
        for line in lines:
            entry = json.loads(line)
            exercise, outcome, name = (str(entry[key]) for key in ("exercise", "outcome", "name"))
            if outcome in BEST_FIRST:
                yield {"exercise": exercise, "outcome": outcome, "name": name, "note": ""}
        if note:
            yield {"exercise": "", "outcome": "error", "name": "", "note": note}


def _end(process: subprocess.Popen) -> None:
    """Kill a process and whatever it has started and left behind."""
    try:
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    except (ProcessLookupError, PermissionError):
        pass  # all gone already
    process.wait()


def rows_of(student: str, paths: list[Path], results, largest: float = LARGEST) -> list[Row]:
    """A student's rows: for every exercise of the notebooks handed in the best result.

    Args:
        student: whose they are.
        paths: the notebooks.
        results: `stored_results` or `new_results`.
        largest: of what size a notebook may be, in MiB.
    """
    rows, best, numbers = [], {}, {}
    for path in paths:
        try:
            notebook = read(path, largest)
            found = list(results(notebook))
        except Exception as problem:  # whatever is wrong with one file, the others are read
            reason = f"{type(problem).__name__}: {problem}"
            rows.append(Row(student, "", "unreadable", file=path.name, note=reason))
            continue
        number = path.name[:2]
        numbers.setdefault(number, path.name)
        for result in found:
            if result["exercise"] in exercises(result["exercise"][:2]):
                row = Row(student, file=path.name, **result)
                best[row.exercise] = min(best.get(row.exercise, row), row, key=_rank)
                numbers.setdefault(row.exercise[:2], path.name)
            elif not result["exercise"]:
                rows.append(Row(student, file=path.name, **result))
    for number, file in sorted(numbers.items()):
        for exercise in exercises(number):
            nothing = Row(student, exercise, "not attempted", file=file, note="no result")
            rows.append(best.get(exercise, nothing))
    if not rows:
        rows.append(Row(student, "", "no exercise", note=f"{len(paths)} notebooks handed in"))
    return rows


def _rank(row: Row) -> int:
    return BEST_FIRST.index(row.outcome)


@functools.cache
def exercises(number: str) -> tuple[str, ...]:
    """The exercises' numbers of a notebook; none if the course has no such notebook.

    >>> exercises("00"), exercises("my")
    (('00.1',), ())
    """
    if not re.fullmatch(r"[0-9][0-9]", number):
        return ()
    try:
        return tuple(exercise.id for exercise in exercises_of(number))
    except ModuleNotFoundError:
        return ()


def safe(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula and no terminal obeys: one line, not long.

    >>> safe("=1+1"), safe("two\\nlines"), safe("Ada"), safe("\\x1b[31mred")
    ("'=1+1", 'two lines', 'Ada', '?[31mred')
    """
    cell = "".join(c if c.isprintable() else "?" for c in " ".join(cell[:1000].split()))[:200]
    return "'" + cell if cell.startswith(("=", "+", "-", "@")) else cell


def write(rows: list[Row], path: Path) -> None:
    """The table as CSV, in UTF-8 with the mark by which spreadsheets know it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = io.StringIO(newline="")
    table = csv.writer(text)
    table.writerow(field.name for field in fields(Row))
    table.writerows([safe(cell) for cell in asdict(row).values()] for row in rows)
    replace(path, text.getvalue().encode("utf-8-sig", errors="replace"))


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="one folder or notebook a student")
    parser.add_argument("--output", type=Path, default=ROOT / "build" / "grades.csv")
    parser.add_argument("--regrade", action="store_true", help="execute each notebook: see above")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="for one notebook")
    parser.add_argument("--largest", type=float, default=LARGEST, help="notebook in MiB")
    options = parser.parse_args(arguments)
    if not options.folder.is_dir():
        parser.error(f"{options.folder} is not a folder")
    results = stored_results
    if options.regrade:
        results = functools.partial(new_results, seconds=options.seconds)
    else:
        print("Read from stored outputs, which can be forged: --regrade executes them anew.")
    rows = []
    for student, paths in hand_ins(options.folder):
        its_rows = rows_of(student, paths, results, options.largest)
        right = sum(row.outcome == "correct" for row in its_rows)
        print(f"{safe(student)}: {right} of {sum(bool(row.exercise) for row in its_rows)} correct")
        rows += its_rows
    wrong = Counter((row.exercise, row.name) for row in rows if row.name)
    for (exercise, name), count in wrong.most_common(5):
        print(f"{count} × {exercise}: {safe(name)}")
    write(rows, options.output)
    print(f"wrote {options.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
