"""The zoo as a Markdown table, made from the list."""

from collections.abc import Iterable, Mapping

from course_lib.schemes.scheme import Scheme

__all__ = ["zoo_table"]


def zoo_table(
    schemes: Iterable[Scheme], columns: Mapping[str, Mapping[str, object]] | None = None
) -> str:
    """One row a scheme: what it is (with its paper's arXiv number), and any further columns.

    Args:
        columns: heading → {key of a scheme: entry}; a scheme that is missing gets a dash.

    >>> from course_lib.schemes import ZOO
    >>> print(zoo_table([ZOO["resnet"]], {"error": {"resnet": "2.4 %"}}).splitlines()[0])
    | architecture | scheme | next state | calls | solves | error | buys |
    """
    extra = columns or {}
    head = ["architecture", "scheme", "next state", "calls", "solves", *extra]
    rows = [[*head, "buys"]]
    rows.append(["---"] * len(rows[0]))
    for s in schemes:
        known = [str(column.get(s.key, "–")) for column in extra.values()]
        paper = f" ({s.source.removeprefix('arXiv:')})" if s.source else ""
        name = s.architecture + paper
        row = [name, s.scheme, f"${s.update}$", f"{s.evaluations:g}", f"${s.equation}$"]
        rows.append([*row, *known, s.buys])
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)
