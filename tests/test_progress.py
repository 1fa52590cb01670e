"""Progress is remembered, read back, drawn, and never in the way of a check."""

import json

import matplotlib.pyplot as plt
import pytest

from course_lib import check, progress
from course_lib.exercises import all_exercises


@pytest.fixture(autouse=True)
def own_file(tmp_path, monkeypatch):
    path = tmp_path / "progress.json"
    monkeypatch.setenv("COURSE_PROGRESS", str(path))
    monkeypatch.delenv("COURSE_EXECUTING", raising=False)
    monkeypatch.setattr(progress, "_said", set())
    return path


def right(start, end, s):
    return start + s * (end - start)


def wrong(start, end, s):
    return start + s * end


def test_a_right_answer_is_remembered_with_its_date(own_file):
    check("00.1", right)
    entries = json.loads(own_file.read_text())
    assert list(entries) == ["00.1"]
    assert len(entries["00.1"]) == len("2026-01-31")


def test_a_wrong_answer_is_not_remembered(own_file):
    check("00.1", wrong)
    check("00.1", ...)
    assert not own_file.exists()


def test_the_first_date_is_kept(own_file):
    own_file.write_text('{"00.1": "2020-02-02"}')
    check("00.1", right)
    assert progress.read_progress() == {"00.1": "2020-02-02"}


def test_nothing_is_remembered_while_notebooks_are_executed(own_file, monkeypatch):
    monkeypatch.setenv("COURSE_EXECUTING", "1")
    check("00.1", right)
    assert not own_file.exists()


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '"text"', "null", '{"nonsense": 3, "00.1": null}']
)
def test_a_damaged_file_never_stops_a_check(own_file, content, capsys):
    own_file.write_text(content)
    check("00.1", right)
    assert "correct" in capsys.readouterr().out
    assert "00.1" in progress.read_progress()


def test_a_damaged_file_is_set_aside(own_file):
    own_file.write_text("{ my notes")
    check("00.1", right)
    assert own_file.with_name("progress.json.corrupt").read_text() == "{ my notes"


def test_a_place_that_cannot_be_written_never_stops_a_check(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("COURSE_PROGRESS", str(tmp_path / "no such folder" / "progress.json"))
    check("00.1", right)
    check("00.1", right)
    out = capsys.readouterr().out
    assert out.count("00.1 A point on the way: correct") == 2
    assert out.count("cannot be saved") == 1, "say it once"


def test_progress_names_the_next_open_exercise(own_file, capsys):
    _, ax = plt.subplots()
    progress.progress(ax)
    everything = len(all_exercises())
    assert f"0 of {everything} exercises done. Next: 00.1" in capsys.readouterr().out
    check("00.1", right)
    capsys.readouterr()
    progress.progress(ax)
    out = capsys.readouterr().out
    assert f"1 of {everything} exercises done. Next: " in out and "Next: 00.1" not in out
    plt.close(ax.figure)


def test_progress_draws_the_share_of_each_notebook(own_file):
    check("00.1", right)
    _, ax = plt.subplots()
    progress.progress(ax)
    labels = [text.get_text() for text in ax.texts]
    assert any(label.startswith("00 (1 of 1)\n") for label in labels)
    plt.close(ax.figure)


def test_all_done(own_file, capsys):
    own_file.write_text(json.dumps({e.id: "2026-01-01" for e in all_exercises()}))
    _, ax = plt.subplots()
    progress.progress(ax)
    assert "All of them" in capsys.readouterr().out
    plt.close(ax.figure)
