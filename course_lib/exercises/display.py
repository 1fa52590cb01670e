"""Results as a reader sees them: a symbol, words and a coloured edge, never colour alone.

Text takes its colour and size from the page, so that light and dark themes and a projector's
larger type all work; the edge's colours have a contrast of at least 3 : 1 on black and on white.
"""

import html
import os
import re

from course_lib.exercises.exercise import Result

# outcome → (symbol, heading, colour of the edge)
STYLES = {
    "correct": ("✓", "correct", "#009E73"),
    "misconception": ("✗", "not quite", "#D55E00"),
    "wrong": ("✗", "not yet right", "#D55E00"),
    "error": ("!", "could not be run", "#B5609A"),
    "not attempted": ("○", "not attempted", "#808080"),
    "hint": ("?", "", "#3A87C8"),
}
PRINTED = "(Your print output is not shown here.)"


def result_text(result: Result) -> str:
    """A result in plain text: a heading line and the message.

    >>> print(result_text(Result("correct", "So it is.", id="04.2", title="A step")))
    ✓ 04.2 A step: correct
      So it is.
    """
    note = f"\n  {PRINTED}" if result.printed else ""
    return f"{_heading(result)}\n  {result.message}{note}"


def result_html(result: Result) -> str:
    """A result as HTML: the heading in bold, the message, an edge in the outcome's colour."""
    note = f"<br><small>{PRINTED}</small>" if result.printed else ""
    content = f"<b>{_inline(_heading(result))}</b><br>{_inline(result.message)}{note}"
    return box(content, STYLES[result.outcome][2])


def _heading(result: Result) -> str:
    """Symbol, number and title, verdict."""
    symbol, verdict, _ = STYLES[result.outcome]
    title = f"{result.id} {result.title}".strip()
    return f"{symbol} {title}: {verdict}" if title else f"{symbol} {result.name}"


def box(content: str, colour: str) -> str:
    """HTML content between a coloured edge and the page; larger where a lecturer projects."""
    size = "1.3em" if os.environ.get("COURSE_CONTEXT") == "projector" else "1em"
    return (
        f'<div style="border-left: 6px solid {colour}; padding: 0.4em 0.8em; margin: 0.3em 0; '
        f'font-size: {size}; line-height: 1.5; max-width: 50em">{content}</div>'
    )


def hint_html(title: str, text: str) -> str:
    """A hint as HTML."""
    return box(f"<b>{_inline(title)}</b><br>{_inline(text)}", STYLES["hint"][2])


def show_bundle(text: str, **formats: str) -> None:
    """Show the richest format that the front end knows; print the text outside of IPython.

    Args:
        text: the plain form, always there.
        formats: `html=…` and `markdown=…`.
    """
    from IPython import get_ipython
    from IPython.display import display

    if get_ipython() is None:
        print(text)
        return
    rich = {f"text/{name}": content for name, content in formats.items()}
    display({"text/plain": text, **rich}, raw=True)


def _inline(text: str) -> str:
    """Escape text for HTML; `code` between backticks and *emphasis* between asterisks are set."""
    pieces = html.escape(text, quote=False).split("`")
    pieces[::2] = [
        re.sub(r"(?<![\w*])\*(\S[^*]*?)(?<=\S)\*(?!\w)", r"<em>\1</em>", p) for p in pieces[::2]
    ]
    pieces[1::2] = [f"<code>{piece}</code>" for piece in pieces[1::2]]
    return "".join(pieces)
