"""Claims: what passes, what fails, what the row says, and that CLAIMS.md is current."""

import json
import math
from pathlib import Path

import nbformat
import numpy as np
import pytest
import torch

from course_lib.claims import MIME, ClaimError, claim, collect, main, number_text, to_markdown
from course_lib.claims.ledger import ROOT

NOTEBOOKS = sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))


@pytest.fixture
def shown(monkeypatch):
    """The bundles that `claim` displays inside IPython."""
    bundles = []
    monkeypatch.setattr("IPython.get_ipython", lambda: object())
    monkeypatch.setattr("IPython.display.display", lambda data, raw: bundles.append(data))
    return bundles


@pytest.mark.parametrize(
    "value",
    [3.98, np.float32(3.98), np.array(3.98), torch.tensor(3.98), torch.tensor([3.98])],
    ids=lambda value: f"{type(value).__name__}{list(getattr(value, 'shape', []))}",
)
def test_any_scalar_passes(value, capsys):
    claim("RK4 converges at order 4", value, between=(3.85, 4.15))
    assert "measured 3.98" in capsys.readouterr().out


def test_tensor_with_gradient_passes(capsys):
    claim("a", torch.tensor(2.0, requires_grad=True), above=1)
    assert "✓ a" in capsys.readouterr().out


def test_row_reads_as_a_sentence(capsys):
    claim(
        "RK4 converges at order 4",
        3.98,
        between=(3.85, 4.15),
        source="Hairer, Nørsett & Wanner 1993, II.1",
        published=4,
    )
    words = " ".join(capsys.readouterr().out.split())
    assert words == (
        "✓ RK4 converges at order 4 measured 3.98 required 3.85 … 4.15 "
        "published 4 (Hairer, Nørsett & Wanner 1993, II.1)"
    )


def test_rows_are_aligned(capsys):
    claim("short", 1, equals=1, source="(1.1)")
    claim("a somewhat longer claim", 0.25, below=0.5, source="(1.2)")
    first, second = capsys.readouterr().out.splitlines()
    for word in ("measured", "required", "("):
        assert first.index(word) == second.index(word)


def test_a_long_claim_leaves_the_columns_where_they_are(capsys):
    claim("short", 1, equals=1)
    claim("a claim that needs many more words than its column has room for", 1, equals=1)
    short, long, numbers = capsys.readouterr().out.splitlines()
    assert long.startswith("✓ a claim that") and long.endswith("room for")
    assert numbers.index("measured") == short.index("measured")


def test_a_long_source_goes_under_the_numbers(capsys):
    claim("short", 1, equals=1, source="Hairer, Nørsett & Wanner 1993, II.1", published="one")
    numbers, origin = capsys.readouterr().out.splitlines()
    assert origin.index("published one (Hairer") == numbers.index("measured")


@pytest.mark.parametrize(
    ("value", "requirement"),
    [
        (4.2, {"between": (3.85, 4.15)}),
        (3.8, {"between": (3.85, 4.15)}),
        (1.0, {"below": 1.0}),
        (1.0, {"above": 1.0}),
        (13, {"equals": 14}),
        (False, {"equals": True}),
        (math.nan, {"between": (0, 1)}),
        (math.nan, {"below": 1}),
        (math.nan, {"above": 1}),
        (math.nan, {"equals": 1}),
        (math.inf, {"below": 1}),
    ],
)
def test_failures_are_shown_and_raised(value, requirement, capsys):
    with pytest.raises(ClaimError, match=r"^it holds: measured .+, required .+"):
        claim("it holds", value, **requirement)
    assert capsys.readouterr().out.startswith("✗ it holds")


def test_failure_shows_enough_digits_to_see_why():
    with pytest.raises(ClaimError, match=r"measured 4\.1504, required 3\.85 … 4\.15"):
        claim("near miss", 4.1504, between=(3.85, 4.15))


@pytest.mark.parametrize(
    ("value", "requirement"),
    [
        (3.85, {"between": (3.85, 4.15)}),
        (14, {"equals": 14}),
        (True, {"equals": True}),
        (np.bool_(True), {"equals": True}),
        (torch.tensor(True), {"equals": True}),
        (torch.tensor(7), {"equals": 7}),
        (0.0, {"equals": 0}),
        (math.inf, {"above": 1e6}),
    ],
)
def test_bounds_that_pass(value, requirement, capsys):
    claim("it holds", value, **requirement)
    assert capsys.readouterr().out.startswith("✓ it holds")


@pytest.mark.parametrize(
    ("requirement", "part"),
    [
        ({}, "exactly one of between=, below=, above=, equals="),
        ({"below": 1, "above": 0}, "exactly one"),
        ({"between": (2, 1)}, "lower < upper"),
        ({"between": (0, math.nan)}, "lower < upper"),
        ({"between": (1, 2, 3)}, "lower, upper"),
        ({"below": math.nan}, "NaN"),
        ({"equals": math.nan}, "NaN"),
    ],
)
def test_bad_requirements_are_refused_with_a_remedy(requirement, part):
    with pytest.raises(ValueError, match=part):
        claim("a", 1.0, **requirement)


@pytest.mark.parametrize("value", ["4", None, 1j, [1.0], torch.ones(2), np.ones((2, 2))])
def test_only_one_real_number_is_a_measurement(value):
    with pytest.raises(TypeError, match=r"one real number.*reduce"):
        claim("a", value, above=0)


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (3.98412, "3.98"),
        (0.5, "0.5"),
        (0.0, "0"),
        (0.000123456, "1.23e-4"),
        (-4.56e-12, "-4.56e-12"),
        (1234.5, "1234"),
        (12345678.0, "1.23e7"),
        (15241, "15241"),
        (True, "True"),
        (math.nan, "nan"),
    ],
)
def test_numbers_are_short(number, text):
    assert number_text(number) == text


def test_exponents_of_bounds_are_short(capsys):
    claim("a", 1e-7, between=(3e-9, 3e7))
    assert "required 3e-9 … 3e7" in capsys.readouterr().out


def test_data_beside_the_text(shown):
    claim("order", 3.98, between=(3.85, 4.15), source="HNW", published=4)
    (bundle,) = shown
    row = json.loads(json.dumps(bundle[MIME], allow_nan=False))
    assert row["claim"] == "order"
    assert row["measured"] == 3.98
    assert (row["lower"], row["upper"], row["required"]) == (3.85, 4.15, "3.85 … 4.15")
    assert (row["source"], row["published"], row["passed"]) == ("HNW", "4", True)
    assert row["margin"] == pytest.approx(0.13 / 0.30, abs=1e-3)
    assert bundle["text/plain"].startswith("✓ order")


@pytest.mark.parametrize(
    ("value", "requirement", "margin"),
    [
        (0.5, {"between": (0, 1)}, 0.5),
        (8.0, {"below": 10}, 0.2),
        (12.0, {"above": 10}, 0.2),
        (3.0, {"above": 0}, 1.0),
        (5, {"equals": 5}, None),
    ],
)
def test_margin(value, requirement, margin, shown):
    claim("a", value, **requirement)
    assert shown[0][MIME]["margin"] == (margin if margin is None else pytest.approx(margin))


def test_failed_row_is_strict_json_with_negative_margin(shown):
    with pytest.raises(ClaimError):
        claim("a", 1.5, between=(0, 1))
    with pytest.raises(ClaimError):
        claim("b", math.nan, below=1)
    first, second = (json.loads(json.dumps(b[MIME], allow_nan=False)) for b in shown)
    assert first["margin"] == pytest.approx(-0.5)
    assert not first["passed"]
    assert second["measured"] is None
    assert second["measured_text"] == "nan"


def written_notebook(root: Path, name: str, title: str, source: str) -> Path:
    """A notebook with the outputs that a kernel would store."""
    bundles = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("IPython.get_ipython", lambda: object())
        patch.setattr("IPython.display.display", lambda data, raw: bundles.append(data))
        exec(source, {})
    outputs = [nbformat.v4.new_output("display_data", data=bundle) for bundle in bundles]
    cells = [
        nbformat.v4.new_markdown_cell(f"# {title}\n\ntext"),
        nbformat.v4.new_code_cell(source, outputs=outputs),
    ]
    path = root / "notebooks" / name
    path.parent.mkdir(exist_ok=True)
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    return path


SOURCE = """
from course_lib import claim
claim("first | one", 2.0, between=(1, 3), source="(1.1)")
claim("second", 14, equals=14, published=14, source="DOPRI")
"""


def test_claims_are_collected_from_notebooks(tmp_path):
    path = written_notebook(tmp_path, "01_one.ipynb", "One idea", SOURCE)
    rows = collect([path])
    assert [row["claim"] for row in rows] == ["first | one", "second"]
    assert {row["title"] for row in rows} == {"One idea"}
    assert {row["cell"] for row in rows} == {1}
    table = to_markdown(rows)
    assert "One idea" in table
    assert r"first \| one" in table
    assert "| ✓ | second | 14 | = 14 | 14 | DOPRI |" in table


def test_ledger_is_written_checked_and_found_stale(tmp_path, capsys):
    written_notebook(tmp_path, "01_one.ipynb", "One idea", SOURCE)
    assert main(["--check"], root=tmp_path) == 1
    assert "run `python -m course_lib.claims`" in capsys.readouterr().err
    assert main([], root=tmp_path) == 0
    text = (tmp_path / "CLAIMS.md").read_text(encoding="utf-8")
    assert "## [One idea](notebooks/01_one.ipynb)" in text
    assert "Claims: 2; notebooks: 1; all claims hold" in text
    assert main(["--check"], root=tmp_path) == 0
    written_notebook(tmp_path, "02_two.ipynb", "Another", SOURCE)
    assert main(["--check"], root=tmp_path) == 1


def test_ledger_in_the_repository_is_current():
    assert main(["--check"]) == 0, "CLAIMS.md is stale: run `python -m course_lib.claims`"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_stored_claims_hold(path):
    failed = [row["claim"] for row in collect([path]) if not row["passed"]]
    assert not failed, f"claims stored as failed in {path.name}: {failed}"
