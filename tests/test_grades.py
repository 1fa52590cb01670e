"""Grades are read from notebooks as data: every outcome, and whatever else may be handed in."""

import copy
import csv
import json
import os
import random
import subprocess

import nbformat
import pytest

from course_lib.exercises import all_exercises, display, exercises_of, grade
from course_lib.exercises.comparison import filled
from course_lib.exercises.exercise import Result
from tools import grades

RIGHT = "return start + s * (end - start)"
MISCONCEPTION = "return start + s * end"


def checked(id, given, source=None):
    """A cell with a check, and its output as a notebook stores it."""
    result = grade(id, given)
    data = {"text/plain": display.result_text(result), "text/html": display.result_html(result)}
    output = nbformat.v4.new_output("display_data", data)
    return nbformat.v4.new_code_cell(source or f'check("{id}", answer)', outputs=[output])


def notebook(*cells):
    return nbformat.v4.new_notebook(cells=list(cells))


def hand_in(folder, name, *cells):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook(*cells), path)
    return path


def table(folder, *options):
    """What `make grades` writes for a folder: the rows as dictionaries."""
    output = folder.parent / "grades.csv"
    assert grades.main([str(folder), "--output", str(output), *options]) == 0
    with output.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def right(start, end, s):
    return start + s * (end - start)


def adds(start, end, s):
    return start + s * end


def unlike(start, end, s):
    return start + 17 * s**3


def broken(start, end, s):
    return start[end]


def test_every_outcome_has_its_row(tmp_path, capsys):
    answers = {"ada": right, "ben": adds, "cem": unlike, "dan": broken, "eve": ...}
    for name, given in answers.items():
        hand_in(tmp_path / "in", f"{name}/00_start_here.ipynb", checked("00.1", given))
    rows = {row["student"]: row for row in table(tmp_path / "in")}
    outcomes = {name: row["outcome"] for name, row in rows.items()}
    assert outcomes == {
        "ada": "correct",
        "ben": "misconception",
        "cem": "wrong",
        "dan": "error",
        "eve": "not attempted",
    }
    assert "1 × 00.1: adds the target instead" in capsys.readouterr().out
    assert rows["ben"]["name"] == "adds the target instead of the way to it"
    assert {row["exercise"] for row in rows.values()} == {"00.1"}


def test_every_misconception_of_the_course_is_named_by_its_message():
    """With values filled in as the engine does; of two with one message, either will do."""
    lost = []
    for exercise in all_exercises():
        messages = {known.name: known.message for known in exercise.misconceptions}
        for name, template in messages.items():
            text = filled(template, got="[1.5, 2.0]", expected="3", case="y = 1, h = 0.1")
            text += " Yours gives [1.5, 2.0], expected is 3. (Tried with y = 1, h = 0.1.)"
            result = Result("misconception", text, id=exercise.id, title=exercise.title)
            named = grades.misconception(exercise.id, display.result_text(result))
            if messages.get(named) != template:
                lost.append((exercise.id, name, named))
    assert not lost


def test_the_engines_own_misconception_is_named():
    said = "Your function changes its input `y` in place: after the call, the caller's own numbers"
    text = display.result_text(Result("misconception", said, id="04.1", title="One step"))
    assert grades.misconception("04.1", text) == "changes its input"


def test_the_best_of_several_counts_and_what_is_missing_is_not_attempted(tmp_path):
    hand_in(tmp_path / "in", "ada/00_a.ipynb", checked("00.1", adds), checked("00.1", right))
    hand_in(tmp_path / "in", "ada/copies/00_b.ipynb", checked("00.1", ...))
    hand_in(tmp_path / "in", "ada/04_odes.ipynb", nbformat.v4.new_markdown_cell("nothing run"))
    rows = table(tmp_path / "in")
    assert [row["exercise"] for row in rows] == ["00.1", *(e.id for e in exercises_of("04"))]
    assert rows[0]["outcome"] == "correct" and rows[0]["file"] == "00_a.ipynb"
    assert {row["outcome"] for row in rows[1:]} == {"not attempted"}
    assert {row["note"] for row in rows[1:]} == {"no result"}


def test_a_notebook_a_student_is_enough(tmp_path):
    hand_in(tmp_path / "in", "ada.ipynb", checked("00.1", right))
    (row,) = table(tmp_path / "in")
    assert (row["student"], row["outcome"]) == ("ada", "correct")


def test_a_result_whose_cell_asks_for_no_check_is_marked(tmp_path):
    hand_in(tmp_path / "in", "ada/00.ipynb", checked("00.1", right, source="print('hello')"))
    (row,) = table(tmp_path / "in")
    assert row["note"] == "its cell does not call this check"


def test_results_of_exercises_that_do_not_exist_are_left_out(tmp_path):
    cell = checked("00.1", right)
    data = cell.outputs[0].data
    data["text/plain"] = data["text/plain"].replace("00.1", "77.7")
    hand_in(tmp_path / "in", "ada/solution.ipynb", cell)
    (row,) = table(tmp_path / "in")
    assert row["outcome"] == "no exercise"


@pytest.mark.skipif(os.name == "nt", reason="no file may have such a name there")
@pytest.mark.parametrize("name", ["=cmd|'x'!A1", "+1", "-1", "@SUM(1)", " =1", "\t=1"])
def test_no_cell_is_a_formula(tmp_path, name):
    hand_in(tmp_path / "in", f"{name}/00.ipynb", checked("00.1", right))
    hand_in(tmp_path / "in", f"ada/{name}.ipynb", checked("00.1", right))
    for row in table(tmp_path / "in"):
        for cell in row.values():
            assert not cell.lstrip().startswith(("=", "+", "-", "@")), row


def test_what_is_broken_says_so_and_stops_nothing(tmp_path):
    folder = tmp_path / "in"
    hand_in(folder, "zoe/00.ipynb", checked("00.1", right))
    good = json.dumps(notebook(checked("00.1", right)))
    broken_files = {
        "a_empty": b"",
        "b_text": b"To be handed in later.",
        "c_cut": good.encode()[: len(good) // 2],
        "d_bytes": b"\xff\xfe\x00\x01" * 50,
        "e_list": b"[]",
        "f_number": b"17",
        "g_deep": b'{"cells": ' + b"[" * 200_000 + b"]" * 200_000 + b"}",
        "h_cells": b'{"cells": 3, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}',
        "i_outputs": good.replace('"outputs": [', '"outputs": [3, ').encode(),
        "j_digits": b'{"nbformat": ' + b"9" * 10_000 + b"}",
        "k_future": b'{"cells": [], "metadata": {}, "nbformat": 17, "nbformat_minor": 0}',
    }
    for name, content in broken_files.items():
        (folder / name).mkdir(parents=True)
        (folder / name / "00_start_here.ipynb").write_bytes(content)
    rows = {row["student"]: row for row in table(folder)}
    assert rows.pop("zoe")["outcome"] == "correct"
    assert set(rows) == set(broken_files)
    for row in rows.values():
        assert row["outcome"] in ("unreadable", "not attempted") and row["note"], row
    assert rows["c_cut"]["outcome"] == "unreadable"


def test_what_is_too_large_or_no_notebook_is_not_read(tmp_path):
    folder = tmp_path / "in"
    path = hand_in(folder, "ada/00.ipynb", checked("00.1", right))
    (folder / "photo.jpg").write_bytes(b"\xff\xd8")
    (folder / "empty").mkdir()
    limit = str(path.stat().st_size / 2**21)
    rows = {row["student"]: row for row in table(folder, "--largest", limit)}
    assert "larger than" in rows["ada"]["note"]
    assert "not a notebook" in rows["photo"]["note"]
    assert rows["empty"]["outcome"] == "no exercise"


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
def test_links_and_pipes_are_not_followed(tmp_path):
    folder = tmp_path / "in"
    secret = hand_in(tmp_path, "secret/00.ipynb", checked("00.1", right))
    (folder / "ada").mkdir(parents=True)
    (folder / "ada" / "00.ipynb").symlink_to(secret)
    (folder / "ben").symlink_to(secret.parent)
    (folder / "cem").mkdir()
    os.mkfifo(folder / "cem" / "00.ipynb")
    (folder / "dan").mkdir()
    (folder / "dan" / "deeper").symlink_to(secret.parent)
    rows = {row["student"]: row for row in table(folder)}
    assert [rows[name]["outcome"] for name in ("ada", "ben", "cem")] == ["unreadable"] * 3
    assert rows["dan"]["outcome"] == "no exercise"


def test_lone_surrogates_can_be_written(tmp_path):
    row = grades.Row("ada \ud800", "00.1", "correct")
    grades.write([row], tmp_path / "grades.csv")
    assert "ada ?" in (tmp_path / "grades.csv").read_text(encoding="utf-8-sig")


def test_mutilated_notebooks_never_stop_it(tmp_path):
    """Two hundred, with places or bytes replaced or missing: rows for each, and no exception."""
    random.seed(0)
    whole = json.loads(json.dumps(notebook(checked("00.1", right), checked("00.1", adds))))
    nonsense = [None, 3, -1.5, "", "=1", [], {}, [[]], {"a": []}, True, "✓ 00.1 x: correct"]
    path = tmp_path / "00.ipynb"
    for _ in range(100):
        mutilated = copy.deepcopy(whole)
        for _ in range(random.randint(1, 3)):
            holder, key = random.choice(list(places(mutilated)))
            if random.random() < 0.3:
                del holder[key]
            else:
                holder[key] = copy.deepcopy(random.choice(nonsense))
        path.write_text(json.dumps(mutilated))
        rows = grades.rows_of("ada", [path], grades.stored_results)
        assert rows
        assert {row.outcome for row in rows} <= {*grades.BEST_FIRST, "unreadable", "no exercise"}
    for _ in range(100):
        text = bytearray(json.dumps(whole).encode())
        for _ in range(random.randint(1, 20)):
            text[random.randrange(len(text))] = random.randrange(256)
        path.write_bytes(bytes(text))
        assert grades.rows_of("ada", [path], grades.stored_results)


def places(value):
    """Every (container, key) of a nested value."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, part in list(items):
        yield value, key
        if isinstance(part, (dict, list)):
            yield from places(part)


# --- executed anew ----------------------------------------------------------------------------


def source(body):
    return nbformat.v4.new_code_cell(
        "from course_lib import check\n"
        f"def on_the_way(start, end, s):\n    {body}\n"
        "check('00.1', on_the_way)"
    )


def test_a_forged_result_does_not_survive(tmp_path):
    forged = checked("00.1", right, source=source(MISCONCEPTION).source)
    stops = nbformat.v4.new_code_cell("raise ValueError('a cell that fails is passed over')")
    hand_in(tmp_path / "in", "ada/00.ipynb", stops, forged)
    assert [row["outcome"] for row in table(tmp_path / "in")] == ["correct"]
    (row,) = table(tmp_path / "in", "--regrade")
    assert row["outcome"] == "misconception"
    assert row["name"] == "adds the target instead of the way to it"


def test_a_process_that_dies_keeps_what_it_had_and_leaves_no_child(tmp_path, monkeypatch):
    """It sees nothing of our environment either: with the secret, its answer would be wrong."""
    monkeypatch.setenv("COURSE_TEST_SECRET", "open sesame")
    body = f"import os; {RIGHT} if 'COURSE_TEST_SECRET' not in os.environ else 0"
    pid = tmp_path / "pid"
    ends = nbformat.v4.new_code_cell(
        "import os, pathlib, subprocess, sys\n"
        "sleeps = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        f"pathlib.Path({str(pid)!r}).write_text(str(sleeps.pid))\n"
        "os._exit(1)"
    )
    hand_in(tmp_path / "in", "ada/00.ipynb", source(body), ends)
    rows = table(tmp_path / "in", "--regrade")
    assert sorted(row["outcome"] for row in rows) == ["correct", "error"]
    assert any("ended before the last cell" in row["note"] for row in rows)
    if os.name != "nt":
        assert not is_running(int(pid.read_text()))


def is_running(pid):
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True)
    return state.stdout.strip()[:1] not in ("", "Z")


def test_time_is_limited(tmp_path):
    hand_in(tmp_path / "in", "ada/00.ipynb", source("import time; time.sleep(600)"))
    rows = table(tmp_path / "in", "--regrade", "--seconds", "1")
    assert {row["outcome"] for row in rows} == {"error", "not attempted"}
    assert any("stopped after 1 s" in row["note"] for row in rows)
