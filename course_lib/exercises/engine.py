"""Grade an answer: not attempted, correct, a named misconception, wrong, or an error.

Functions are run on the exercise's cases and handed to `comparison`; letters and numbers are
looked up here.
"""

import time
import zlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch

from course_lib.exercises import inspection
from course_lib.exercises.comparison import Comparison, filled
from course_lib.exercises.containment import contained
from course_lib.exercises.exercise import Exercise, Misconception, Result
from course_lib.exercises.sandbox import attempt, outcome, settled
from course_lib.exercises.values import a_kind, as_array, close, show

__all__ = ["Exercise", "Misconception", "Result", "cases_of", "grade_exercise"]

NOT_ATTEMPTED = {
    "function": "Put your code in place of the `...` and run the cell again.",
    "raise": "Put your code in place of the line with `raise` and run the cell again.",
    "choice": "Put the letter of your answer, in quotes, in place of the `...`.",
    "number": "Put your number in place of the `...`.",
}
# How long an answer may run, all cases together: so many seconds, and so many times the reference.
SECONDS, SLOWER = 10.0, 20.0


def grade_exercise(exercise: Exercise, answer: Any) -> Result:
    """The verdict on an answer; nothing the answer does gets out of here.

    Args:
        exercise: what was asked.
        answer: a function, a letter or a number, by the exercise's kind.

    Raises:
        Exception: only if the exercise itself is at fault (its reference solution fails).

    >>> from course_lib.exercises.exercise import Exercise, Misconception
    >>> square = Exercise(
    ...     id="99.1", title="Square", difficulty=1, minutes=1, kind="number", solution=9.0,
    ...     hints=["Three rows…", "… of three."], means="Areas grow with the square.",
    ...     explanation="3 · 3 = 9.",
    ...     misconceptions=[
    ...         Misconception("doubles", 6.0, "{got} is twice three. What is three times three?"),
    ...         Misconception("adds", 5.0, "Multiply."),
    ...         Misconception("cubes", 27.0, "One factor too many."),
    ...     ],
    ... )
    >>> grade_exercise(square, 9).outcome, grade_exercise(square, 6).message
    ('correct', '6 is twice three. What is three times three?')
    """
    if answer is ... or answer is None:
        result = Result("not attempted", NOT_ATTEMPTED[exercise.kind])
    elif exercise.kind == "function":
        result = _grade_function(exercise, answer)
    else:
        judge = _grade_choice if exercise.kind == "choice" else _grade_number
        result = _guarded(lambda: judge(exercise, settled(answer)))
    return replace(result, id=exercise.id, title=exercise.title)


def cases_of(exercise: Exercise) -> list[tuple]:
    """The inputs an answer is tried on: the same in every run, others for every exercise."""
    generator = torch.Generator().manual_seed(zlib.crc32(exercise.id.encode()))
    with contained(trusted=True):
        return [tuple(case) for case in exercise.cases(generator)]


def _guarded(look: Callable[[], Result | None]) -> Result | None:
    """The result of looking at an answer, whatever code of its own that runs."""
    with contained():
        result, error = outcome(look, SECONDS)
    return result if error is None else _failed(error)


def _failed(error: BaseException) -> Result:
    return Result("error", inspection.explain_error(error), type(error).__name__)


def _grade_choice(exercise: Exercise, answer: Any) -> Result:
    letter = answer.strip(" .()").upper() if isinstance(answer, str) else None
    if letter not in exercise.options:
        letters = ", ".join(f'"{option}"' for option in exercise.options)
        text = f"Answer with one of the letters {letters}, in quotes."
        return Result("wrong", text, "not an option")
    if letter == exercise.solution:
        return Result("correct", exercise.meaning)
    known = next(m for m in exercise.misconceptions if m.wrong == letter)
    return Result("misconception", filled(known.message, got=letter), known.name)


def _grade_number(exercise: Exercise, answer: Any) -> Result:
    number = _one_number(answer)
    if number is None:
        text = f"A single number is asked for, and this is {a_kind(answer)}."
        text += " Leave the quotation marks out." if isinstance(answer, str) else ""
        return Result("wrong", text, "not a number")
    got = show(number)

    def equals(value):
        return close(number, value, exercise.rtol, exercise.atol)

    if equals(exercise.solution):
        return Result("correct", exercise.meaning)
    for known in exercise.misconceptions:
        if equals(known.wrong):
            text = filled(known.message, got=got)
            text += "" if "{got}" in known.message else f" (Yours: {got}.)"
            return Result("misconception", text, known.name, got=got)
    if equals(-exercise.solution):
        text = f"{got} has the right size and the opposite sign."
        return Result("wrong", text, "wrong sign", got=got)
    return Result("wrong", f'{got} is not it. `hint("{exercise.id}")` gives a hint.', got=got)


def _one_number(answer: Any) -> float | complex | None:
    """The number that an answer is, or None; a fraction or a decimal counts, a string does not."""
    if isinstance(answer, (str, bool)):
        return None
    try:
        array = as_array(answer)
    except (TypeError, ValueError):
        try:
            array = as_array(float(answer))
        except (TypeError, ValueError, OverflowError):
            return None
    return array.item() if array.size == 1 else None


def _grade_function(exercise: Exercise, answer: Any) -> Result:
    stub = Result("not attempted", NOT_ATTEMPTED["function"])
    cases = cases_of(exercise)
    if (result := _guarded(lambda: _looked_at(exercise, answer, cases[0], stub))) is not None:
        return result
    start = time.monotonic()
    references, _ = attempt(exercise.solution, cases, exercise.run)
    patience = max(SECONDS, SLOWER * (time.monotonic() - start))
    for reference in references:
        if reference.error is not None:
            raise reference.error
    trials, printed = attempt(answer, cases, exercise.run, patience)
    if isinstance(trials[0].error, NotImplementedError):
        return Result("not attempted", NOT_ATTEMPTED["raise"])
    comparison = Comparison(exercise, answer, cases, trials, references, patience)
    return replace(comparison.verdict(), printed=printed)


def _looked_at(exercise: Exercise, answer: Any, case: tuple, stub: Result) -> Result | None:
    """What is to be said of an answer before it is called, if anything."""
    if problem := inspection.not_a_function(exercise, answer):
        return Result("error", problem[1], problem[0])
    if inspection.is_stub(answer):
        return stub
    if problem := inspection.wrong_signature(exercise, answer, case):
        return Result("error", problem[1], problem[0])
    inspection.has_gap(answer), inspection.argument_order(exercise, answer)  # asked for later
    return None
