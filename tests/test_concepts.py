"""No concept is used before it is introduced: terms against the graph of prerequisites.

A notebook may use a term that it introduces itself, or one of its ancestors. Any other use must
point to the notebook where the term is explained, by its number in the same paragraph.
"""

import json
import re
from functools import cache

import pytest

from course_lib.course_map import NOTEBOOKS_DIR, lessons

#: term (a pattern) → the notebooks that introduce it, each on its own
CONCEPTS = {
    "backpropagation": ("02",),
    "learning rate": ("02",),
    "momentum": ("02",),
    "Adam": ("02",),
    "Hessian": ("02",),
    "Euler's method": ("02",),
    "Jacobian": ("03", "04"),
    "residual block": ("03",),
    "residual network": ("03",),
    "vanishing gradient": ("03",),
    "stochastic depth": ("03",),
    "Lipschitz": ("04",),
    "stiff": ("04",),
    "RK4": ("04",),
    "Dormand": ("04",),
    "implicit Euler": ("04",),
    "Van der Pol": ("04",),
    "RevNet": ("05",),
    "PolyNet": ("05",),
    "adjoint": ("09",),
    "checkpoint": ("09",),
    "costate": ("10",),
    "Pontryagin": ("10",),
    "Riccati": ("10",),
    "turnpike": ("10",),
    "climatology": ("11",),
    "Lyapunov exponent": ("12",),
    "attractor": ("12",),
    "evidence lower bound|ELBO": ("13",),
    "posterior": ("13", "18"),
    "latent ODE": ("13",),
    "GRU": ("13",),
    "universal differential equation": ("14",),
    "normalizing flow": ("15",),
    "change of variables": ("15",),
    "(?<!cross-)entropy": ("15",),
    "Hutchinson": ("16",),
    "FFJORD": ("16",),
    "RNODE": ("16",),
    "bits per dimension": ("16",),
    "Kantorovich": ("17",),
    "Brenier": ("17",),
    "OT-Flow": ("17",),
    "Hamilton–Jacobi": ("17",),
    "value function": ("17",),
    "mean-field": ("18",),
    "flow matching": ("19",),
    "probability-flow": ("19",),
    "Brownian motion": ("05", "20"),
    "controlled differential": ("20",),
    "Stratonovich": ("20",),
    "method of lines": ("20",),
}


@cache
def paragraphs(number: str) -> list[str]:
    """What a notebook says: its Markdown without title line, mathematics, code and references."""
    cells = json.loads((NOTEBOOKS_DIR / lessons()[number].file).read_text(encoding="utf-8"))
    texts = ["".join(c["source"]) for c in cells["cells"] if c["cell_type"] == "markdown"]
    found = []
    for text in texts:
        text = re.sub(r"\$\$.*?\$\$|```.*?```", " ", text, flags=re.S)
        text = re.split(r"^(?:#+ |\*\*)References", text, flags=re.M)[0]
        found += [p for p in re.split(r"\n\s*\n|\n(?=- )", text) if not p.startswith(("# ", "|"))]
    return found


@cache
def ancestors(number: str) -> frozenset[str]:
    direct = lessons()[number].prerequisites
    return frozenset(direct).union(*(ancestors(need) for need in direct))


def strays(number: str, term: str, homes: tuple[str, ...], texts: list[str]) -> list[str]:
    """The paragraphs that use a term without having it, or a pointer to where it is explained."""
    if {number, *ancestors(number)} & set(homes):
        return []
    pattern = re.compile(rf"(?<![\w-])(?:{term})", 0 if term[0].isupper() else re.I)
    pointer = re.compile(rf"(?<![\d.,])(?:{'|'.join(homes)})(?!\.?\d|%)")
    return [text for text in texts if pattern.search(text) and not pointer.search(text)]


@pytest.mark.parametrize("term", CONCEPTS)
def test_a_term_is_used_where_it_is_known(term):
    homes = CONCEPTS[term]
    for home in homes:
        assert any(re.search(term, text, re.I) for text in paragraphs(home)), f"not in {home}"
    written = [number for number, lesson in lessons().items() if lesson.written and number != "00"]
    found = {n: strays(n, term, homes, paragraphs(n)) for n in written}
    found = {n: texts for n, texts in found.items() if texts}
    assert not found, f"{term!r} comes from {homes}: {found}"


def test_a_stray_term_is_seen():
    """The rule finds its fault, and a pointer cures it."""
    assert strays("07", "GRU", ("13",), ["A GRU reads the rows."])
    assert not strays("07", "GRU", ("13",), ["A GRU (13) reads the rows."])
    assert not strays("20", "GRU", ("13",), ["A GRU reads the rows."])  # 13 is an ancestor of 20
