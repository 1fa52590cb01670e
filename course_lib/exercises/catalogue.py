"""All exercises in tables, for whoever teaches: minutes, difficulty, wrong answers to expect.

`make docs` writes EXERCISES.md and a table of INSTRUCTORS.md from here.
"""

import inspect
import json
import re
from pathlib import Path

from course_lib.course_map import NOTEBOOKS_DIR, Lesson, lessons
from course_lib.exercises import all_exercises, exercises_of
from course_lib.exercises.exercise import Exercise

PAGE = "EXERCISES.md"
OPENING = """# Exercises, and the wrong answers to expect

The course's {count} exercises, {minutes} minutes in all, and the {wrong} wrong answers that `check`
knows by name. What each computes, and what the learner then reads, stands with the solutions in
`course_lib/exercises/nbNN.py`. `make docs` writes this page.
"""


def dots(difficulty: int) -> str:
    """A difficulty as the notebooks write it.

    >>> dots(2)
    '●●○○○'
    """
    return "●" * difficulty + "○" * (5 - difficulty)


def prose(notebook: Path) -> str:
    """The text of a notebook, without its code.

    >>> prose(NOTEBOOKS_DIR / "00_start_here.ipynb")[:15]
    '# 00 Start here'
    """
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    texts = ("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    return "\n\n".join(texts)


def overview() -> str:
    """A row for each notebook: its minutes, and its exercises by difficulty with theirs.

    >>> overview().splitlines()[2].endswith("| 15 | ● 00.1 | 3 |")
    True
    """
    rows = ["| notebook | minutes | exercises | of these minutes |", "|---|---|---|---|"]
    for number, lesson in lessons().items():
        levels: dict[int, list[str]] = {}
        for exercise in exercises_of(number):
            levels.setdefault(exercise.difficulty, []).append(exercise.id)
        found = "; ".join(f"{'●' * level} {', '.join(levels[level])}" for level in sorted(levels))
        minutes = sum(exercise.minutes for exercise in exercises_of(number))
        link = f"[{number} {lesson.title}]({PAGE}#{_place(lesson)})"
        rows.append(f"| {link} | {lesson.minutes} | {found} | {minutes} |")
    return "\n".join(rows)


def page() -> str:
    """EXERCISES.md: what every exercise asks, and the wrong answers that it knows.

    >>> page().splitlines()[0]
    '# Exercises, and the wrong answers to expect'
    """
    everything = all_exercises()
    count = {
        "count": len(everything),
        "minutes": sum(exercise.minutes for exercise in everything),
        "wrong": sum(len(exercise.misconceptions) for exercise in everything),
    }
    lines = [OPENING.format(**count)]
    for number, lesson in lessons().items():
        text = prose(NOTEBOOKS_DIR / lesson.file)
        lines += [f"## {number} {lesson.title}", ""]
        lines += ["| exercise | minutes | asks | wrong answers |", "|---|---|---|---|"]
        for exercise in exercises_of(number):
            name = f"**{exercise.id}** {exercise.title}<br>{dots(exercise.difficulty)}"
            wrong = " · ".join(known.name for known in exercise.misconceptions)
            cells = (name, str(exercise.minutes), asks(exercise, text), wrong)
            lines.append("| " + " | ".join(map(_in_table, cells)) + " |")
        lines.append("")
    return "\n".join(lines)


def asks(exercise: Exercise, text: str) -> str:
    """What an exercise wants, in a line: its function's purpose, or the notebook's question.

    Args:
        text: the notebook's prose, in which a choice or a number is asked for.

    >>> asks(exercises_of("04")[0], "")
    "One step of Euler's method: follow the slope at the start for a time h, (4.8)."
    """
    if exercise.kind == "function":
        return " ".join(inspect.getdoc(exercise.solution).partition("\n\n")[0].split())
    line = rf"\*\*[^*\n]*\b{re.escape(exercise.id)}\b[^*\n]*\*\*\s*{dots(exercise.difficulty)}"
    after = re.split(line + r"\s*\d+ min\.?", text)[1]
    question = re.split(r"\(A\)|\*\*A\*\*", " ".join(after.partition("\n\n")[0].split()))[0]
    sentences = re.split(r"(?<=[.?!])\s+(?=[A-Z($])", question.strip())
    for place, sentence in enumerate(sentences):
        if sentence.endswith("?"):  # "Why?" needs the sentence before it
            first = place - 1 if place and len(sentence.split()) < 4 else place
            return " ".join(sentences[first : place + 1])
    whole = [sentence for sentence in sentences if sentence.endswith((".", "!", ":"))]
    return " ".join(whole[:2])


def _place(lesson: Lesson) -> str:
    """The anchor of a notebook's heading, as GitHub and the site name it."""
    kept = re.sub(r"[^\w\s-]", "", f"{lesson.number} {lesson.title}".lower())
    return kept.replace(" ", "-")


def _in_table(text: str) -> str:
    """A text whose bars, of a norm or a determinant, do not end the cell of a table."""
    pieces = re.split(r"(\$[^$]+\$)", text)
    pieces[::2] = [piece.replace("|", r"\|") for piece in pieces[::2]]
    pieces[1::2] = [p.replace(r"\|", r"\Vert ").replace("|", r"\vert ") for p in pieces[1::2]]
    return "".join(pieces)
