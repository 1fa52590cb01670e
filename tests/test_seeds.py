"""`make seeds`: claims under other seeds, runs that are kept, and the table at the end."""

import json
import subprocess
import sys

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from course_lib import claims
from course_lib.results import ROOT
from tools import seeds
from tools.execute_notebooks import find

SOURCE = """
from course_lib import claim, course_seed
claim("seeds are small", course_seed(), below=2)
"""


def store(path, *sources):
    nbformat.write(new_notebook(cells=[new_code_cell(s) for s in sources]), path)
    return path


@pytest.mark.notebook
def test_runs_are_kept_and_made_again_when_the_code_changes(tmp_path):
    path, kept = store(tmp_path / "98_trial.ipynb", SOURCE, "print('ran')"), tmp_path / "kept"
    before = path.read_bytes()

    def call(*arguments):
        command = [sys.executable, "-m", "tools.seeds", "--store", str(kept), *arguments, str(path)]
        return subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=ROOT)

    first = call("--seeds", "1-2")
    assert first.returncode == 1, first.stderr
    assert "98 seed 1  ✓ seeds are small: 1, required < 2   margin 50 %" in first.stdout
    assert "2 runs; 0 of 1 claims hold in every one of them" in first.stdout
    assert "98 seed 2  FAILED ClaimError: seeds are small" in first.stdout
    times = [file.stat().st_mtime_ns for file in sorted(kept.iterdir())]
    assert call("--seeds", "1-2").stdout == first.stdout
    assert [file.stat().st_mtime_ns for file in sorted(kept.iterdir())] == times, "run again"
    assert path.read_bytes() == before

    store(path, SOURCE, "print('runs otherwise')")
    again = call("--seeds", "1", "--only-stored")
    assert "not run, or changed since: 98 seed 1" in again.stdout


def test_what_is_kept_is_not_believed_blindly(tmp_path):
    path, kept = store(tmp_path / "98_trial.ipynb", "1"), tmp_path / "98-0.json"
    assert seeds.stored(path, 0, tmp_path) is None
    kept.write_text('{"finger')  # cut off
    assert seeds.stored(path, 0, tmp_path) is None
    kept.write_text(json.dumps({"fingerprint": seeds.fingerprint(path)}))
    assert seeds.stored(path, 0, tmp_path) is not None
    store(path, "2")
    assert seeds.stored(path, 0, tmp_path) is None


def test_the_fingerprint_sees_code_library_data_and_pins_but_not_prose(tmp_path):
    path = store(tmp_path / "04_trial.ipynb", "1")
    for name in ("course_lib/widgets/nb04.py", "course_lib/widgets/nb05.py", "data/a.npz"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    (tmp_path / "requirements.txt").write_text("")
    old = seeds.fingerprint(path, tmp_path)
    (tmp_path / "course_lib/widgets/nb05.py").write_text("another notebook's")
    notebook = nbformat.read(path, as_version=4)
    notebook.cells.append(nbformat.v4.new_markdown_cell("prose"))
    nbformat.write(notebook, path)
    assert seeds.fingerprint(path, tmp_path) == old
    seen = {old}
    for name in ("course_lib/widgets/nb04.py", "data/a.npz", "requirements.txt"):
        (tmp_path / name).write_text("new")
        seen.add(seeds.fingerprint(path, tmp_path))
    assert len(seen) == 4


def row(text, margin, passed=True):
    return dict(claim=text, margin=margin, passed=passed, measured_text="1", required="> 0")


def test_the_table_lists_what_is_narrow_and_what_fails():
    runs = [
        dict(
            notebook="04_x",
            seed=0,
            errors=[],
            claims=[row("a", 0.5), row("b", 0.2), row("c", None)],
        ),
        dict(
            notebook="04_x", seed=1, errors=["E: x"], claims=[row("a", 0.05), row("b", -1, False)]
        ),
    ]
    lines = seeds.summary(runs).splitlines()
    assert lines[0] == "2 runs; 2 of 3 claims hold in every one of them"
    assert lines[1].startswith("04 seed 1  ✗ b") and lines[2].startswith("04 seed 1  ✓ a")
    assert lines[3:] == ["04 seed 1  FAILED E: x"]
    assert "no margin is under 10%" in seeds.summary([runs[0]])


def test_the_same_words_twice_are_two_claims():
    runs = [dict(notebook="04_x", seed=0, errors=[], claims=[row("a", 0.5), row("a", 0.2)])]
    assert [r["margin"] for r in seeds.smallest(runs)] == [0.5, 0.2]


def test_narrow_claims_of_the_stored_notebooks_are_explained():
    """A new one is given more room on seeds 5 to 9, or a reason in `seeds.EXPLAINED`."""
    rows = [r | {"notebook": r["notebook"].name[:2]} for r in claims.collect(find([]))]
    narrow = [r for r in rows if r["margin"] is not None and r["margin"] < seeds.NARROW]
    assert [r["claim"] for r in narrow if not seeds.why(r)] == []
    assert {seeds.why(r) for r in narrow} == set(seeds.EXPLAINED.values()), "an old reason"
