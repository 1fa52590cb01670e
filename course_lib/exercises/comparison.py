"""An answer beside the reference, case by case: right, a known misconception, or what else?

A misconception is recognised by behaviour: the answer computes what a known wrong implementation
computes, wherever that one differs from the reference. How the answer is written plays no part.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from course_lib.exercises import diagnosis, inspection
from course_lib.exercises.exercise import Exercise, Misconception, Result
from course_lib.exercises.limits import TimeLimit
from course_lib.exercises.sandbox import Trial, attempt
from course_lib.exercises.values import close, show, show_pair


@dataclass(frozen=True)
class Comparison:
    """An answer's calls beside those of the reference, case by case; `seconds` is its patience."""

    exercise: Exercise
    answer: Callable
    cases: list[tuple]
    trials: list[Trial]
    references: list[Trial]
    seconds: float

    def verdict(self) -> Result:
        late = next((i for i, t in enumerate(self.trials) if isinstance(t.error, TimeLimit)), None)
        if late is not None:
            return self.diagnosed(late)  # without running it any further
        right = self.agreement(self.trials, self.references)
        if not all(right) and inspection.has_gap(self.answer):
            text = "There is still a `...` in your function: put your code in its place."
            return Result("not attempted", text, "gap")
        known, index = self.recognised()
        if known is not None:
            return self.described("misconception", known.name, known.message, index)
        if all(right):
            return Result("correct", self.exercise.meaning)
        return self.diagnosed(right.index(False))

    def agreement(self, mine: list[Trial], others: list[Trial]) -> list[bool]:
        """For every case, whether two functions did the same."""
        return [self.same(*pair) for pair in zip(mine, others, strict=True)]

    def same(self, mine: Trial, other: Trial) -> bool:
        """Whether two calls did the same: value within tolerance, the same argument changed."""
        if mine.error is not None or other.error is not None:
            return type(mine.error) is type(other.error)
        if mine.changed != other.changed:
            return False
        exercise = self.exercise
        if exercise.compare is None:
            return close(mine.value, other.value, exercise.rtol, exercise.atol)
        try:
            return bool(exercise.compare(mine.value, other.value))
        except Exception:  # an unforeseen kind of value is not the expected one
            return False

    def recognised(self) -> tuple[Misconception | None, int]:
        """The misconception that the answer shows, and the first case that gives it away.

        One that explains every case is preferred to one that explains only those in which it
        differs from the reference: there may be a second fault in the others.
        """
        partly: tuple[Misconception | None, int] = (None, 0)
        for known in self.exercise.misconceptions:
            if known.detect is not None:
                if self.detected(known):
                    return known, 0
                continue
            wrongs, _ = attempt(known.wrong, self.cases, self.exercise.run)
            is_right = self.agreement(wrongs, self.references)
            agrees = self.agreement(self.trials, wrongs)
            telling = [i for i, same in enumerate(is_right) if not same]
            # Two answers that fail in the same way need not be wrong for the same reason.
            shown = [i for i in telling if wrongs[i].error is None]
            if not shown or not all(agrees[i] for i in telling):
                continue
            if all(agrees):
                return known, shown[0]
            if partly[0] is None:
                partly = known, shown[0]
        return partly

    def detected(self, known: Misconception) -> bool:
        look = lambda cases: bool(known.detect(self.answer, cases))  # noqa: E731
        (trial,), _ = attempt(look, [(self.cases,)], seconds=self.seconds)
        return trial.value is True

    def diagnosed(self, index: int) -> Result:
        """What to say of an answer that fits no misconception; `index` is its simplest failure."""
        trial, reference = self.trials[index], self.references[index]
        order = inspection.argument_order(self.exercise, self.answer)
        if trial.error is not None:
            text = inspection.explain_error(trial.error)
            text += f" This happens for {self.case_text(index)}.{order}"
            return Result("error", text, type(trial.error).__name__)
        if trial.changed is not None and reference.changed is None:
            values, wanted = (
                [Trial(t.value, t.error) for t in trials]
                for trials in (self.trials, self.references)
            )
            right = all(self.agreement(values, wanted))
            text = diagnosis.changed_input(self.argument_names()[trial.changed], right)
            return Result("misconception", text, "changes its input")
        name, text = self.diagnosis_of_value(trial.value, reference.value) or (
            "argument order" if order else "",
            "For {case} yours gives {got}, expected is {expected}." + order,
        )
        hint = f' `hint("{self.exercise.id}")` gives a hint.'
        result = self.described("wrong", name, text, index)
        return replace(result, message=result.message + hint)

    def diagnosis_of_value(self, got: Any, expected: Any) -> tuple[str, str] | None:
        if self.exercise.compare is not None:
            return None
        looks = (diagnosis.wrong_kind, diagnosis.wrong_shape, diagnosis.not_finite)
        found = next((problem for look in looks if (problem := look(got, expected))), None)
        return found or diagnosis.common_factor(self.trials, self.references)

    def described(self, outcome: str, name: str, template: str, index: int) -> Result:
        """A result whose message has the learner's value beside the expected one."""
        got, expected = show_pair(self.trials[index].value, self.references[index].value)
        case = self.case_text(index)
        text = filled(template, got=got, expected=expected, case=case)
        if got != expected:  # else the value is right, and something else is not
            if not ("{got}" in template and "{expected}" in template):
                text += f" Yours gives {got}, expected is {expected}."
            if "{case}" not in template:
                text += f" (Tried with {case}.)"
        return Result(outcome, text, name, got=got, expected=expected)

    def case_text(self, index: int) -> str:
        """The inputs of a case in words: `t = 0, y = 1, h = 0.1`."""
        named = zip(self.argument_names(), self.cases[index], strict=False)
        return ", ".join(
            f"{name}: `{show(value)}`" if callable(value) else f"{name} = {show(value)}"
            for name, value in named
        )

    def argument_names(self) -> list[str]:
        """What the inputs of a case are called: by the solution, or by `run` after the answer."""
        names = list(inspect.signature(self.exercise.solution).parameters)
        count = len(self.cases[0])
        if len(names) < count and self.exercise.run is not None:
            names = list(inspect.signature(self.exercise.run).parameters)[1:]
        return names if len(names) >= count else [f"argument {i + 1}" for i in range(count)]


def filled(template: str, **values: str) -> str:
    """Put values into `{got}`, `{expected}`, `{case}`; other braces (LaTeX) stay as they are."""
    for name, value in values.items():
        template = template.replace("{" + name + "}", value)
    return template
