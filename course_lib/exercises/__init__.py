"""Exercises: `check` an answer, ask for a `hint`, see the `solution`.

The exercises of notebook NN stand in `nbNN.py`, which is loaded when one of them is first asked
for; so importing the course costs nothing. `grade` is `check` without the display, for tests.
"""

import importlib
import inspect
import os
import pkgutil
import textwrap
from typing import Any

from course_lib.exercises import display
from course_lib.exercises.exercise import ID_PATTERN, Exercise, Misconception, Result

__all__ = [
    "Exercise",
    "Misconception",
    "Result",
    "UnknownExercise",
    "all_exercises",
    "check",
    "exercises_of",
    "find_exercise",
    "grade",
    "hint",
    "solution",
]

_hints_shown: dict[str, int] = {}


class UnknownExercise(LookupError):
    """No exercise has this number; the message lists those there are."""


def notebooks_with_exercises() -> list[str]:
    """The numbers of the notebooks that have exercises, `["03", "04", …]`."""
    names = (module.name for module in pkgutil.iter_modules(__path__))
    return sorted(name[2:] for name in names if name.startswith("nb") and name[2:].isdigit())


def exercises_of(notebook: str) -> list[Exercise]:
    """The exercises of one notebook, in its order.

    Args:
        notebook: its number with two digits, `"04"`.

    >>> exercises_of("04")[0].id
    '04.1'
    """
    return list(importlib.import_module(f"{__name__}.nb{notebook}").EXERCISES)


def all_exercises() -> list[Exercise]:
    """The exercises of all notebooks.

    >>> all_exercises()[0].id
    '00.1'
    """
    return [exercise for number in notebooks_with_exercises() for exercise in exercises_of(number)]


def find_exercise(id: str) -> Exercise:
    """The exercise of that number.

    Raises:
        UnknownExercise: there is none; the message lists the known ones.

    >>> find_exercise("04.1").id
    '04.1'
    """
    if not (isinstance(id, str) and ID_PATTERN.fullmatch(id)):
        raise UnknownExercise(f'An exercise has a number such as "04.2", in quotes; got {id!r}.')
    notebook = id.partition(".")[0]
    if notebook not in notebooks_with_exercises():
        known = ", ".join(notebooks_with_exercises()) or "none yet"
        raise UnknownExercise(
            f"Notebook {notebook} has no exercises (there is no {id}). Notebooks with exercises:"
            f" {known}."
        )
    exercises = exercises_of(notebook)
    for exercise in exercises:
        if exercise.id == id:
            return exercise
    known = ", ".join(exercise.id for exercise in exercises)
    raise UnknownExercise(f"There is no exercise {id}. Those of this notebook are: {known}.")


def grade(id: str, answer: Any = ...) -> Result:
    """The verdict on an answer, without showing it.

    Args:
        id: the exercise's number, `"04.2"`.
        answer: a function, a letter or a number; `...` is "not attempted".

    >>> grade("04.1", lambda func, t, y, h: y + h * func(t, y)).outcome
    'correct'
    >>> grade("04.1").outcome
    'not attempted'
    """
    from course_lib.exercises.engine import grade_exercise

    try:
        exercise = find_exercise(id)
    except UnknownExercise as problem:
        return Result("error", str(problem), "unknown exercise")
    return grade_exercise(exercise, answer)


def check(id: str, answer: Any = ...) -> None:
    """Check an answer and show the verdict. Never raises, whatever the answer does.

    Args:
        id: the exercise's number, `"04.2"`.
        answer: a function, a letter or a number; `...` is "not attempted".

    >>> check("04.1", ...)  # doctest: +ELLIPSIS
    ○ 04.1 One step of Euler's method: not attempted
    ...
    """
    try:
        result = grade(id, answer)
        if result.outcome == "correct":
            from course_lib.progress import record

            record(id)
    except Exception as problem:
        result = Result(
            "error",
            "The check itself failed, which is a defect of the course, not of your answer:"
            f" {type(problem).__name__}: {problem}",
            "defect",
            id=id,
        )
    display.show_bundle(display.result_text(result), html=display.result_html(result))


def hint(id: str) -> None:
    """Show the next hint of an exercise; after the last one, that again.

    >>> hint("04.1")  # doctest: +ELLIPSIS
    ? 04.1, hint 1 of ...
    """
    try:
        exercise = find_exercise(id)
    except UnknownExercise as problem:
        display.show_bundle(str(problem))
        return
    count = len(exercise.hints)
    number = min(_hints_shown.get(id, 0) + 1, count)
    again = " (the last, once more)" if _hints_shown.get(id) == count else ""
    _hints_shown[id] = number
    title, text = f"{id}, hint {number} of {count}{again}", exercise.hints[number - 1]
    display.show_bundle(f"? {title}\n  {text}", html=display.hint_html(title, text))


def solution(id: str) -> None:
    """Show the reference solution of an exercise, the very function that the tests run.

    With `COURSE_SOLUTIONS=off` in the environment, for graded work, it is not shown.

    >>> solution("04.1")  # doctest: +ELLIPSIS
    ```python
    ...
    """
    if os.environ.get("COURSE_SOLUTIONS", "on").lower() == "off":
        text = "Solutions are switched off here (COURSE_SOLUTIONS=off)."
        display.show_bundle(f'{text} `hint("{id}")` gives a hint.')
        return
    try:
        exercise = find_exercise(id)
    except UnknownExercise as problem:
        display.show_bundle(str(problem))
        return
    if exercise.kind == "function":
        body = f"```python\n{textwrap.dedent(inspect.getsource(exercise.solution))}```"
    elif exercise.kind == "choice":
        text = exercise.options[exercise.solution]
        body = f"**{exercise.solution}** {text}\n\n{exercise.explanation}"
    else:
        body = f"**{exercise.solution:.4g}**\n\n{exercise.explanation}"
    text = f"{body}\n\n{exercise.meaning}"
    display.show_bundle(text, markdown=f"**Solution {id}**\n\n{text}")
