"""What an exercise declares: the words a learner sees, the right answers and the known wrong ones.

Nothing here runs an answer; `engine` does. Each `nbNN` module beside this file holds a list
`EXERCISES`, and the tests run every solution, alternative and misconception in it.
"""

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

KINDS = ("function", "choice", "number")
OUTCOMES = ("not attempted", "correct", "misconception", "wrong", "error")
ID_PATTERN = re.compile(r"[0-9]{2}\.[0-9]{1,2}")

# A float32 answer after up to about a hundred roundings of 2⁻²⁴ is still right: 100 · 6e-8 ≈ 1e-5.
FUNCTION_RTOL = 1e-5
# Numbers worked out by hand are asked for to three significant digits.
NUMBER_RTOL = 5e-3


@dataclass(frozen=True)
class Misconception:
    """A known way to be wrong, recognised by what it computes rather than by how it is written.

    Args:
        name: a short name, used in tests and reports ("evaluates the slope at the end").
        wrong: a wrong implementation, a wrong option's letter or a wrong value.
        message: what the learner reads: a pointer, not the answer. `{got}`, `{expected}` and
            `{case}` are filled in from the simplest case that gives the misconception away.
        detect: `detect(answer, cases) -> bool`, only where outputs cannot tell (an answer that
            calls `func` too often, say); it is asked even if all outputs are right.

    >>> Misconception("sign", lambda y: y, "Your {got} grows; should it?").name
    'sign'
    """

    name: str
    wrong: Any
    message: str
    detect: Callable[[Any, list], bool] | None = None


@dataclass(frozen=True, kw_only=True)
class Exercise:
    """One exercise of a notebook, with everything needed to check it and to test the check.

    Args:
        id: notebook and number, `"04.2"`.
        title: a few words.
        difficulty: 1 to 5.
        minutes: for a learner who has read the notebook so far.
        kind: `"function"`, `"choice"` or `"number"`.
        hints: at least two, each going further than the one before.
        solution: the reference function; the right letter; the right value.
        alternatives: other right answers (required for functions, at least one).
        misconceptions: at least three; for a choice one for every wrong letter.
        means: one sentence, shown with a right answer: what it means.
        cases: `cases(generator) -> list of argument tuples`, simplest first, random numbers from
            the given `torch.Generator`; arguments are Python floats, float64 tensors, callables
            (whose docstring's first line is shown to learners as their formula).
        rtol, atol: an entry e of the result may be off by atol + rtol (|e| + max|e| / 10).
            Defaults: rtol 1e-5 for functions (float32 is accepted), 5e-3 for numbers.
        compare: `compare(got, expected) -> bool` instead of the numerical comparison.
        run: `run(answer, *case)` instead of `answer(*case)`, for answers that are to be used
            in some other way than by one call.
        options: for a choice: letter → text.
        explanation: for a choice or a number: why the answer is what it is (`solution` shows it).

    Raises:
        ValueError: a declaration breaks one of the rules above; the message says which.
    """

    id: str
    title: str
    difficulty: int
    minutes: int
    kind: str = "function"
    hints: Sequence[str]
    solution: Any
    alternatives: Sequence[Any] = ()
    misconceptions: Sequence[Misconception]
    means: str
    cases: Callable[[Any], list[tuple]] | None = None
    rtol: float | None = None
    atol: float = 1e-7
    compare: Callable[[Any, Any], bool] | None = None
    run: Callable[..., Any] | None = None
    options: Mapping[str, str] | None = None
    explanation: str = ""

    def __post_init__(self):
        if self.rtol is None:
            rtol = NUMBER_RTOL if self.kind == "number" else FUNCTION_RTOL
            object.__setattr__(self, "rtol", rtol)
        for complaint in _complaints(self):
            raise ValueError(f"exercise {self.id}: {complaint}")

    @property
    def signature(self) -> str:
        """How the function asked for is called, `"euler_step(func, t, y, h)"`."""
        return f"{self.solution.__name__}{inspect.signature(self.solution)}"

    @property
    def meaning(self) -> str:
        """`means` as a sentence: with a capital, unless it begins with a symbol."""
        first = self.means.split()[0]
        starts_with_word = len(first) > 1 and first.isalpha()
        return self.means[0].upper() + self.means[1:] if starts_with_word else self.means


@dataclass(frozen=True)
class Result:
    """The verdict on one answer: what `grade` returns and `check` shows.

    Args:
        outcome: one of `OUTCOMES`.
        message: what the learner reads.
        name: the misconception's name, or that of the engine's own diagnosis ("wrong shape").
        got, expected: the values compared, as the message shows them, if it does.
        printed: whether the answer printed something (it is not shown).
        id, title: the exercise's.
    """

    outcome: str
    message: str
    name: str = ""
    got: str = ""
    expected: str = ""
    printed: bool = False
    id: str = ""
    title: str = ""


def _complaints(exercise: Exercise):
    """Yield what is wrong with a declaration, one sentence each."""
    if not (isinstance(exercise.id, str) and ID_PATTERN.fullmatch(exercise.id)):
        yield 'the id must look like "04.2"'
    if exercise.kind not in KINDS:
        yield f"kind must be one of {', '.join(KINDS)}, not {exercise.kind!r}"
    if not 1 <= exercise.difficulty <= 5:
        yield "difficulty must be 1 to 5"
    if len(exercise.hints) < 2:
        yield "give at least two hints"
    if len(exercise.misconceptions) < 3:
        yield "give at least three misconceptions"
    if len({m.name for m in exercise.misconceptions}) < len(exercise.misconceptions):
        yield "two misconceptions share a name"
    if not exercise.means:
        yield "say in `means` what a right answer means"
    if exercise.kind == "function":
        if exercise.cases is None:
            yield "a function needs `cases`"
        if not exercise.alternatives:
            yield "give at least one alternative right answer"
    elif not exercise.explanation:
        yield "give an `explanation` for `solution()` to show"
    if exercise.kind == "choice":
        wrong = set(exercise.options or ()) - {exercise.solution}
        if exercise.solution not in (exercise.options or ()):
            yield "the solution is not one of the options"
        if {m.wrong for m in exercise.misconceptions} != wrong:
            yield "give one misconception for every wrong option, and only for those"
