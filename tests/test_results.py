"""Stored tables: what is saved is what is loaded, and bad tables are refused with a remedy."""

import json

import numpy as np
import pytest
import torch

from course_lib import results
from course_lib.results import ROOT, load, row, save


def test_saved_is_loaded(tmp_path):
    rows = [
        {"depth": 2, "error": np.float64(0.5), "curve": np.arange(3)},
        {"depth": 9, "error": torch.tensor(0.25), "curve": torch.zeros(2)},
    ]
    path = save("a_table", rows, range(3), script=ROOT / "experiments" / "x.py", folder=tmp_path)
    table = load("a_table", folder=tmp_path)
    assert path.name == "a_table.json" and path.read_text(encoding="utf-8").endswith("}\n")
    assert table["script"] == "experiments/x.py"
    assert table["seeds"] == [0, 1, 2]
    assert table["versions"]["torch"] == torch.__version__.split("+")[0]
    assert table["date"].count("-") == 2
    assert table["rows"][0] == {"depth": 2, "error": 0.5, "curve": [0, 1, 2]}
    assert table["rows"][1] == {"depth": 9, "error": 0.25, "curve": [0.0, 0.0]}


def test_one_row_is_found_and_not_several():
    table = {"rows": [{"d": 1, "k": "a"}, {"d": 1, "k": "b"}]}
    assert row(table, d=1, k="b") == {"d": 1, "k": "b"}
    with pytest.raises(LookupError, match="2 rows"):
        row(table, d=1)
    with pytest.raises(LookupError, match="0 rows"):
        row(table, d=2)


@pytest.mark.parametrize("name", ["../x", "A", "a b", "", "1st"])
def test_bad_names_are_refused(name, tmp_path):
    with pytest.raises(ValueError, match="lower-case"):
        save(name, [{"a": 1}], [0], script=__file__, folder=tmp_path)
    with pytest.raises(ValueError, match="lower-case"):
        load(name, folder=tmp_path)


@pytest.mark.parametrize("rows", [[], [1, 2], [{"a": 1}, None]])
def test_rows_must_be_dicts(rows, tmp_path):
    with pytest.raises(ValueError, match="list of dicts"):
        save("x", rows, [0], script=__file__, folder=tmp_path)


@pytest.mark.parametrize("value", [float("nan"), np.inf, torch.tensor(float("nan"))])
def test_a_value_that_is_not_finite_is_refused_and_nothing_is_written(value, tmp_path):
    with pytest.raises(ValueError, match="NaN or infinite"):
        save("x", [{"a": value}], [0], script=__file__, folder=tmp_path)
    assert not list(tmp_path.iterdir())


def test_an_object_is_refused(tmp_path):
    with pytest.raises(TypeError, match="cannot store a object"):
        save("x", [{"a": object()}], [0], script=__file__, folder=tmp_path)


def test_a_missing_table_names_the_command(tmp_path):
    with pytest.raises(FileNotFoundError, match="make experiments NAME=nothing"):
        load("nothing", folder=tmp_path)


def test_missing_weights_name_the_command(tmp_path):
    with pytest.raises(FileNotFoundError, match="make experiments NAME=nothing`"):
        results.load_weights("nothing", folder=tmp_path)
    with pytest.raises(FileNotFoundError, match="make experiments NAME=other`"):
        results.load_weights("nothing", experiment="other", folder=tmp_path)


def test_weights_come_back_in_their_dtype(tmp_path):
    arrays = {"a/b": torch.ones(2, 3, dtype=torch.float16, requires_grad=True), "c": np.arange(3)}
    results.save_weights("some", arrays, folder=tmp_path)
    back = results.load_weights("some", folder=tmp_path)
    assert back["a/b"].dtype == torch.float16 and back["a/b"].shape == (2, 3)
    assert back["c"].tolist() == [0, 1, 2]


def test_stored_weights_are_small():
    assert sum(path.stat().st_size for path in results.WEIGHTS.glob("*.npz")) < 2e6


@pytest.mark.parametrize("path", sorted(results.FOLDER.glob("*.json")), ids=lambda p: p.stem)
def test_stored_tables_are_complete(path):
    """Each names a script that is there, its seeds, versions and date, and has rows."""
    table = json.loads(path.read_text(encoding="utf-8"))
    assert set(table) == {"script", "seeds", "versions", "date", "rows"}
    assert (ROOT / table["script"]).is_file()
    assert table["rows"] and table["seeds"] and table["versions"]["torch"]
