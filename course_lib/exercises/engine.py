"""Grade an answer: not attempted, correct, a named misconception, wrong, or an error.

A misconception is recognised by behaviour: the answer computes what a known wrong implementation
computes, wherever that one differs from the reference. How the answer is written plays no part.
"""

import inspect
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from course_lib.exercises import diagnosis
from course_lib.exercises.exercise import Exercise, Misconception, Result
from course_lib.exercises.sandbox import Trial, attempt, contained
from course_lib.exercises.values import as_array, close, show, show_pair

__all__ = ["Exercise", "Misconception", "Result", "cases_of", "grade_exercise"]

NOT_ATTEMPTED = "Not attempted yet: put your code in place of the `...` and run the cell again."


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
    graders = {"function": _grade_function, "choice": _grade_choice, "number": _grade_number}
    if answer is ... or answer is None:
        verdict = _not_attempted(exercise)
    else:
        verdict = graders[exercise.kind](exercise, answer)
    outcome, name, message, *printed = verdict
    return Result(outcome, message, name, exercise.id, exercise.title, any(printed))


def cases_of(exercise: Exercise) -> list[tuple]:
    """The inputs an answer is tried on: the same in every run, others for every exercise."""
    generator = torch.Generator().manual_seed(zlib.crc32(exercise.id.encode()))
    with contained():
        return [tuple(case) for case in exercise.cases(generator)]


def _not_attempted(exercise: Exercise) -> tuple:
    if exercise.kind == "choice":
        letters = ", ".join(exercise.options)
        text = f"Not attempted yet: replace `...` by one of the letters {letters}, in quotes."
    elif exercise.kind == "number":
        text = "Not attempted yet: replace `...` by your number."
    else:
        text = NOT_ATTEMPTED
    return "not attempted", "", text


def _grade_choice(exercise: Exercise, answer: Any) -> tuple:
    letter = answer.strip(" .)(").upper() if isinstance(answer, str) else None
    if letter not in exercise.options:
        letters = ", ".join(f'"{option}"' for option in exercise.options)
        return "wrong", "not an option", f"Answer with one of the letters {letters}, in quotes."
    if letter == exercise.solution:
        return "correct", "", exercise.means
    found = next(m for m in exercise.misconceptions if m.wrong == letter)
    return "misconception", found.name, _filled(found.message, got=letter)


def _grade_number(exercise: Exercise, answer: Any) -> tuple:
    try:
        number = as_array(float(answer) if hasattr(answer, "__float__") else answer)
    except (TypeError, ValueError, RuntimeError):
        number = np.empty(0)
    if isinstance(answer, bool) or number.size != 1:
        kind = "string" if isinstance(answer, str) else type(answer).__name__
        return "wrong", "not a number", f"A single number is asked for, and this is a {kind}."
    got = number.item()

    def equals(value):
        return close(got, value, exercise.rtol, exercise.atol)

    if equals(exercise.solution):
        return "correct", "", exercise.means
    for found in exercise.misconceptions:
        if equals(found.wrong):
            message = _filled(found.message, got=show(got))
            return "misconception", found.name, _with_number(message, found.message, got)
    if equals(-exercise.solution):
        return "wrong", "wrong sign", f"{show(got)} has the right size and the opposite sign."
    return "wrong", "", f'{show(got)} is not it. `hint("{exercise.id}")` gives a hint.'


def _with_number(message: str, template: str, got: float) -> str:
    return message if "{got}" in template else f"{message} (Yours: {show(got)}.)"


def _grade_function(exercise: Exercise, answer: Any) -> tuple:
    if problem := diagnosis.not_a_function(exercise, answer):
        return "error", *problem
    if diagnosis.is_stub(answer):
        return _not_attempted(exercise)
    cases = cases_of(exercise)
    if problem := diagnosis.wrong_signature(exercise, answer, cases[0]):
        return "error", *problem

    references = _reference_trials(exercise, cases)
    trials, printed = attempt(answer, cases, exercise.run)
    if isinstance(trials[0].error, NotImplementedError):
        return _not_attempted(exercise)
    right = [_same(exercise, *pair) for pair in zip(trials, references, strict=True)]
    if not all(right) and diagnosis.has_gap(answer):
        text = "There is still a `...` in your function: put your code in its place."
        return "not attempted", "gap", text, printed

    recognised = _recognise(exercise, answer, cases, trials, references)
    if recognised:
        found, index = recognised
        message = _compare_text(exercise, found.message, cases, trials, references, index)
        return "misconception", found.name, message, printed
    if all(right):
        return "correct", "", exercise.means, printed
    verdict = _diagnose(exercise, answer, cases, trials, references, right)
    return *verdict, printed


def _reference_trials(exercise: Exercise, cases: list[tuple]) -> list[Trial]:
    trials, _ = attempt(exercise.solution, cases, exercise.run)
    for trial in trials:
        if trial.error is not None:
            raise trial.error
    return trials


def _same(exercise: Exercise, mine: Trial, other: Trial) -> bool:
    """Whether two calls did the same: value within tolerance, the same argument changed."""
    if mine.error is not None or other.error is not None:
        return type(mine.error) is type(other.error)
    if mine.changed != other.changed:
        return False
    if exercise.compare is None:
        return close(mine.value, other.value, exercise.rtol, exercise.atol)
    try:
        return bool(exercise.compare(mine.value, other.value))
    except Exception:  # an unforeseen kind of value is not the expected one
        return False


def _recognise(
    exercise: Exercise,
    answer: Callable,
    cases: list[tuple],
    trials: list[Trial],
    references: list[Trial],
) -> tuple[Misconception, int] | None:
    """The misconception that the answer shows, and the first case that gives it away.

    One that explains every case is preferred to one that explains those where it differs from
    the reference, which is preferred to none.
    """
    partial = None
    for found in exercise.misconceptions:
        if found.detect is not None:
            if _detected(found, answer, cases):
                return found, 0
            continue
        wrongs, _ = attempt(found.wrong, cases, exercise.run)
        pairs = list(zip(wrongs, references, strict=True))
        differs = [i for i, pair in enumerate(pairs) if not _same(exercise, *pair)]
        agrees = [_same(exercise, *pair) for pair in zip(trials, wrongs, strict=True)]
        values = [i for i in differs if wrongs[i].error is None]
        if not values or not all(agrees[i] for i in differs):
            continue
        if all(agrees):
            return found, values[0]
        partial = partial or (found, values[0])
    return partial


def _detected(found: Misconception, answer: Callable, cases: list[tuple]) -> bool:
    (trial,), _ = attempt(lambda: bool(found.detect(answer, cases)), [()])
    return trial.value is True


def _diagnose(
    exercise: Exercise,
    answer: Callable,
    cases: list[tuple],
    trials: list[Trial],
    references: list[Trial],
    right: list[bool],
) -> tuple[str, str, str]:
    """Outcome, name and message for an answer that is not right and fits no misconception."""
    index = right.index(False)
    trial, reference = trials[index], references[index]
    order = diagnosis.argument_order(exercise, answer)
    if trial.error is not None:
        text = diagnosis.explain_error(trial.error)
        when = f" This happens for {_case_text(exercise, cases[index])}."
        return "error", type(trial.error).__name__, text + when + order
    if trial.changed is not None and reference.changed is None:
        return "misconception", "changes its input", _changed_text(exercise, trial, reference)

    def found(name, text):
        return "wrong", name, _compare_text(exercise, text, cases, trials, references, index)

    if exercise.compare is None:
        for look in (diagnosis.wrong_kind, diagnosis.wrong_shape, diagnosis.not_finite):
            if problem := look(trial.value, reference.value):
                return found(*problem)
        if problem := diagnosis.common_factor(trials, references):
            return found(*problem)
    return found("argument order" if order else "", order.strip())


def _changed_text(exercise: Exercise, trial: Trial, reference: Trial) -> str:
    name = _argument_names(exercise, trial.changed + 1)[trial.changed]
    text = (
        f"Your function changes its input `{name}` in place: after the call, the caller's own"
        f" numbers are others. Write `{name} = {name} + …` instead of `{name} += …` or"
        f" `{name}[…] = …`, or work on a copy."
    )
    if _same(exercise, Trial(trial.value), Trial(reference.value)):
        return text + " The value returned is right."
    return text + " The value returned is not right either."


def _argument_names(exercise: Exercise, count: int) -> list[str]:
    names = list(inspect.signature(exercise.solution).parameters)
    return names if len(names) >= count else [f"argument {i + 1}" for i in range(count)]


def _case_text(exercise: Exercise, case: tuple) -> str:
    """The inputs of a case in words: `t = 0, y = 1, h = 0.1`."""
    names = _argument_names(exercise, len(case))
    return ", ".join(f"{name} = {show(value)}" for name, value in zip(names, case, strict=False))


def _compare_text(
    exercise: Exercise,
    template: str,
    cases: list[tuple],
    trials: list[Trial],
    references: list[Trial],
    index: int,
) -> str:
    """A message with the learner's value beside the expected one for one case."""
    if _same(exercise, trials[index], references[index]):  # only `detect` saw something
        return _filled(template, got=show(trials[index].value), case="")
    got, expected = show_pair(trials[index].value, references[index].value)
    case = _case_text(exercise, cases[index])
    message = _filled(template, got=got, expected=expected, case=case)
    if got != expected and not ("{got}" in template and "{expected}" in template):
        message = f"{message} Yours gives {got}, expected is {expected}.".strip()
    return message if "{case}" in template else f"{message} (Tried with {case}.)"


def _filled(template: str, **values: str) -> str:
    """Put values into `{got}`, `{expected}`, `{case}`; other braces (LaTeX) stay as they are."""
    for name, value in values.items():
        template = template.replace("{" + name + "}", value)
    return template
