"""The exercise engine on a small bank of its own: outcomes, diagnoses, and no side effects."""

# ruff: noqa: NPY002 - that the legacy random state is left alone is one of the things tested

import builtins
import contextlib
import copy
import cProfile
import decimal
import functools
import gc
import inspect
import io
import json
import locale
import math
import os
import random
import signal
import sys
import tempfile
import threading
import time
import types
import warnings
from fractions import Fraction

import IPython
import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from IPython.core.compilerop import CachingCompiler

from course_lib import exercises, sequences, solvers
from course_lib.exercises import (
    Exercise,
    Misconception,
    check,
    containment,
    engine,
    grade,
    hint,
    limits,
    solution,
)
from course_lib.exercises.display import STYLES, result_html, result_text
from course_lib.exercises.engine import cases_of, grade_exercise
from course_lib.exercises.exercise import OUTCOMES, Result
from course_lib.exercises.limits import TimeLimit, limited
from course_lib.exercises.sandbox import attempt, settled
from course_lib.exercises.values import close, show, show_pair

# --- The bank: Euler's step, a distance matrix, a pair of values, a choice, a number --------------


def decay(t, y):
    """f(t, y) = −2 y"""
    return -2 * y


def driven(t, y):
    """f(t, y) = t − y"""
    return t - y


def euler_step(func, t, y, h):
    return y + h * func(t, y)


def step_cases(generator):
    y = torch.rand(3, generator=generator, dtype=torch.float64)
    return [(decay, 0.0, 1.0, 0.1), (driven, 1.0, 2.0, 0.5), (decay, 0.0, y, 0.2)]


def misconception(name, wrong, message="Look again."):
    return Misconception(name, wrong, message)


STEP = Exercise(
    id="98.1",
    title="One step",
    difficulty=2,
    minutes=5,
    hints=["Where does the step start?", "A slope times a time is a change."],
    solution=euler_step,
    alternatives=[lambda func, t, y, h: func(t, y) * h + y],
    misconceptions=[
        misconception(
            "no h",
            lambda func, t, y, h: y + func(t, y),
            "For {case} you get {got} and not {expected}: which time passes? {unused} $h^{2}$",
        ),
        misconception("slope only", lambda func, t, y, h: h * func(t, y)),
        misconception("later time", lambda func, t, y, h: y + h * func(t + h, y)),
    ],
    means="one step follows the tangent.",
    cases=step_cases,
)


def pairwise(x):
    return (x[:, None] - x[None, :]) ** 2


def residual(x):
    return x - x.mean()


def row_cases(generator):
    values = torch.rand(4, generator=generator, dtype=torch.float64)
    return [(torch.tensor([1.0, 3.0]),), (values,)]


ROWS = Exercise(
    id="98.2",
    title="Deviations from the mean",
    difficulty=1,
    minutes=3,
    hints=["What is the mean?", "Subtract it."],
    solution=residual,
    alternatives=[lambda x: x - x.sum() / len(x)],
    misconceptions=[
        misconception("sum", lambda x: x - x.sum()),
        misconception("median", lambda x: x - x.median()),
        misconception("max", lambda x: x - x.max()),
    ],
    means="deviations sum to zero.",
    cases=row_cases,
)


def both(x):
    return x**2, torch.stack([x, -x])


PAIR = Exercise(
    id="98.3",
    title="A pair",
    difficulty=1,
    minutes=3,
    hints=["One.", "Two."],
    solution=both,
    alternatives=[lambda x: [x**2, [x, -x]]],
    misconceptions=[
        misconception("swapped", lambda x: (torch.stack([x, -x]), x**2)),
        misconception("cube", lambda x: (x**3, torch.stack([x, -x]))),
        misconception("no sign", lambda x: (x**2, torch.stack([x, x]))),
    ],
    means="two values.",
    cases=lambda generator: [(torch.tensor(2.0),), (torch.rand((), generator=generator),)],
)

CHOICE = Exercise(
    id="98.4",
    title="A choice",
    difficulty=1,
    minutes=1,
    kind="choice",
    options={"A": "halves", "B": "quarters", "C": "stays", "D": "doubles"},
    solution="B",
    hints=["Twice the steps.", "Each four times better."],
    misconceptions=[
        misconception("global", "A", "You answer {got}: that is another error."),
        misconception("round-off", "C"),
        misconception("upside down", "D"),
    ],
    means="the local error is of second order.",
    explanation="The Taylor remainder.",
)

NUMBER = Exercise(
    id="98.5",
    title="A number",
    difficulty=1,
    minutes=1,
    kind="number",
    solution=0.81,
    hints=["Two steps.", "Each multiplies by 0.9."],
    misconceptions=[
        misconception("one step", 0.9, "{got} is where one step leads."),
        misconception("three steps", 0.729),
        misconception("linear", 0.8),
    ],
    means="two steps multiply twice.",
    explanation="0.9 · 0.9 = 0.81.",
)

BANK = [STEP, ROWS, PAIR, CHOICE, NUMBER]


@pytest.fixture(autouse=True)
def bank(monkeypatch):
    """Notebook 98 with the bank above, and no hint shown yet."""
    module = types.ModuleType("course_lib.exercises.nb98")
    module.EXERCISES = BANK
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(exercises, "notebooks_with_exercises", lambda: ["97", "98"])
    monkeypatch.setattr(exercises, "_hints_shown", {})
    monkeypatch.setenv("COURSE_EXECUTING", "1")  # right answers here are nobody's progress


def step(answer):
    return grade_exercise(STEP, answer)


# --- Right answers, however they are written -----------------------------------------------------


class Stepper:
    def __call__(self, func, t, y, h):
        return y + h * func(t, y)

    def method(self, func, t, y, h):
        return y + h * func(t, y)

    @staticmethod
    def plain(func, t, y, h):
        return y + h * func(t, y)


class StepModule(torch.nn.Module):
    def forward(self, func, t, y, h):
        return y + h * func(t, y)


def general_step(func, t, y, h, order):
    return y + h * func(t, y)


def as_list(func, t, y, h):
    result = y + h * func(t, y)
    return result.tolist() if isinstance(result, torch.Tensor) else [result]


def as_numpy_float32(func, t, y, h):
    return np.asarray(y + h * func(t, y), dtype=np.float32)


def as_torch_float32(func, t, y, h):
    y = torch.as_tensor(y, dtype=torch.float32)
    return y + torch.tensor(h, dtype=torch.float32) * func(t, y)


def with_gradient(func, t, y, h):
    y = torch.as_tensor(y).clone().requires_grad_()
    return y + h * func(t, y)


def with_defaults(func, t, y, h=0.1):
    return y + h * func(t, y)


def any_arguments(*arguments):
    return euler_step(*arguments)


def with_stray_dots(func, t, y, h):
    ...  # the stub's line, left in place
    return y + h * func(t, y)


def with_annotations(func, t: float, y: torch.Tensor, h: float) -> torch.Tensor:
    """The docstring."""
    return y + h * func(t, y)


@pytest.mark.parametrize(
    "answer",
    [
        euler_step,
        lambda func, t, y, h: y + h * func(t, y),
        functools.partial(general_step, order=1),
        Stepper(),
        Stepper().method,
        Stepper.plain,
        StepModule(),
        as_list,
        as_numpy_float32,
        as_torch_float32,
        with_gradient,
        with_defaults,
        any_arguments,
        with_stray_dots,
        with_annotations,
        functools.lru_cache(euler_step),
    ],
)
def test_right_answers_are_correct(answer):
    result = step(answer)
    assert (result.outcome, result.message) == ("correct", "One step follows the tangent.")


@pytest.mark.parametrize("exercise", BANK, ids=lambda exercise: exercise.id)
def test_bank_itself(exercise):
    for answer in (exercise.solution, *exercise.alternatives):
        assert grade_exercise(exercise, answer).outcome == "correct"
    for known in exercise.misconceptions:
        result = grade_exercise(exercise, known.wrong)
        assert (result.outcome, result.name) == ("misconception", known.name)


def test_pair_may_be_numpy_or_list():
    assert grade_exercise(PAIR, lambda x: (float(x) ** 2, np.array([x, -x]))).outcome == "correct"
    assert grade_exercise(PAIR, lambda x: x**2).name == "wrong kind"
    assert grade_exercise(PAIR, lambda x: (x**2, x)).name == "wrong shape"
    assert grade_exercise(PAIR, lambda x: (x**2, None)).name == "returns nothing"


# --- Not attempted -------------------------------------------------------------------------------


def stub_dots(func, t, y, h): ...


def stub_pass(func, t, y, h):
    pass


def stub_docstring(func, t, y, h):
    """One step."""


def stub_returns_dots(func, t, y, h):
    return ...


def stub_not_implemented(func, t, y, h):
    raise NotImplementedError


class StubCallable:
    def __call__(self, func, t, y, h): ...


@pytest.mark.parametrize(
    "answer",
    [
        ...,
        None,
        stub_dots,
        stub_pass,
        stub_docstring,
        stub_returns_dots,
        stub_not_implemented,
        lambda func, t, y, h: ...,
        StubCallable(),
        functools.partial(stub_dots),
    ],
)
def test_stubs_are_not_attempted(answer):
    result = step(answer)
    assert result.outcome == "not attempted"
    assert ("`raise`" if answer is stub_not_implemented else "`...`") in result.message


@pytest.mark.parametrize("exercise", [CHOICE, NUMBER], ids=lambda exercise: exercise.kind)
def test_dots_are_not_attempted(exercise):
    assert grade_exercise(exercise, ...).outcome == "not attempted"


def test_half_filled_stub_is_told_about_its_gap():
    def half(func, t, y, h):
        slope = func(t, y)
        change = ...  # noqa: F841
        return y + slope

    result = step(half)
    assert (result.outcome, result.name) == ("not attempted", "gap")


def test_ellipsis_as_an_index_is_no_gap():
    def indexed(x):
        return x[...] + x.mean()

    assert grade_exercise(ROWS, indexed).outcome == "wrong"


# --- Named misconceptions ------------------------------------------------------------------------


def test_misconception_is_recognised_by_behaviour_not_by_text():
    def written_otherwise(func, t, y, h):
        unit = 1.0
        for _ in range(1):
            y = y + unit * func(t, y)
        return y

    result = step(written_otherwise)
    assert (result.outcome, result.name) == ("misconception", "no h")


def test_message_is_filled_in_and_other_braces_stay():
    message = step(lambda func, t, y, h: y + func(t, y)).message
    assert "For func: `f(t, y) = −2 y`, t = 0, y = 1, h = 0.1 you get −1 and not 0.8" in message
    assert "{unused} $h^{2}$" in message


def test_both_numbers_are_added_where_the_message_lacks_them():
    message = step(lambda func, t, y, h: h * func(t, y)).message
    assert message.startswith("Look again. Yours gives −0.2, expected is 0.8. (Tried with func:")


def test_misconception_that_agrees_on_the_simplest_case_shows_the_case_that_tells():
    message = step(lambda func, t, y, h: y + h * func(t + h, y)).message
    assert "f(t, y) = t − y" in message
    assert "Yours gives 1.75, expected is 1.5." in message


def test_misconception_in_float32_is_recognised():
    result = step(lambda func, t, y, h: np.asarray(y + func(t, y), dtype=np.float32))
    assert result.name == "no h"


def test_misconception_is_named_although_another_fault_hides_where_it_agrees():
    def late_and_off_for_decay(func, t, y, h):
        return y + h * func(t + h, y) + (1.0 if func is decay else 0.0)

    assert step(late_and_off_for_decay).name == "later time"


def test_misconception_that_explains_everything_beats_one_that_explains_a_part():
    def first_entry_zero(x):
        return torch.cat([torch.zeros(1), x[1:]]) if len(x) > 2 else x

    exercise = Exercise(
        id="98.9",
        title="t",
        difficulty=1,
        minutes=1,
        hints=["a", "b"],
        solution=lambda x: x,
        alternatives=[lambda x: +x],
        misconceptions=[
            misconception("part", first_entry_zero),
            misconception(
                "whole", lambda x: torch.cat([torch.zeros(1), x[1:]]) if len(x) > 2 else -x
            ),
            misconception("other", lambda x: 7 * x),
        ],
        means="m",
        cases=lambda generator: [(torch.ones(2),), (torch.ones(3),)],
    )
    for known in exercise.misconceptions:
        assert grade_exercise(exercise, known.wrong).name == known.name


def counted_calls(answer, cases):
    calls = []

    def counting(t, y):
        calls.append(t)
        return y

    answer(counting, *cases[0][1:])
    return len(calls) > 1


def twice_evaluated(func, t, y, h):
    func(t, y)
    return y + h * func(t, y)


DETECTING = Exercise(
    id="98.8",
    title="Frugal step",
    difficulty=2,
    minutes=5,
    hints=["a", "b"],
    solution=euler_step,
    alternatives=STEP.alternatives,
    misconceptions=[
        *STEP.misconceptions,
        Misconception("wasteful", twice_evaluated, "You call `func` twice.", detect=counted_calls),
    ],
    means="m",
    cases=step_cases,
)


def test_detect_sees_what_outputs_cannot():
    result = grade_exercise(DETECTING, twice_evaluated)
    assert (result.outcome, result.name) == ("misconception", "wasteful")
    assert result.message == "You call `func` twice."
    assert grade_exercise(DETECTING, euler_step).outcome == "correct"
    assert grade_exercise(DETECTING, STEP.misconceptions[0].wrong).name == "no h"
    assert grade_exercise(DETECTING, lambda func, t, y, h: 1 / 0).outcome == "error"


# --- Generic diagnoses ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("exercise", "answer", "name", "parts"),
    [
        (
            STEP,
            lambda func, t, y, h: print(y),
            "returns nothing",
            ["returns None", "`return` missing"],
        ),
        (STEP, lambda func, t, y, h: {"y": y}, "wrong kind", ["a dict"]),
        (STEP, lambda func, t, y, h: (y for _ in range(2)), "wrong kind", ["a generator"]),
        (STEP, lambda func, t, y, h: func, "wrong kind", ["a function"]),
        (STEP, lambda func, t, y, h: "0.8", "wrong kind", ["a string"]),
        (ROWS, lambda x: [1.0, [2.0, 3.0]], "wrong kind", ["a list", "differ in shape"]),
        (ROWS, lambda x: (x - x.mean())[:, None], "wrong shape", ["[2, 1]", "[2]", "axis"]),
        (ROWS, lambda x: x - x[:, None], "wrong shape", ["[2, 2]", "broadcasting"]),
        (ROWS, lambda x: x.mean(), "wrong shape", ["[]", "should be [2]"]),
        (ROWS, lambda x: x / (x - x), "not finite", ["infinite value"]),
        (ROWS, lambda x: (x - 100).log(), "not finite", ["NaN"]),
        (ROWS, lambda x: x.mean() - x, "wrong sign", ["opposite sign"]),
        (ROWS, lambda x: 2 * (x - x.mean()), "constant factor", ["2 times", "every case"]),
        (ROWS, lambda x: (x - x.mean()) / 3, "constant factor", ["0.3333 times"]),
        (
            ROWS,
            lambda x: (x - x.mean()).to(torch.float16),
            "low precision",
            ["digits", "half precision"],
        ),
        (ROWS, lambda x: x - x.min(), "", ["x = [1, 3]", "yours gives [0, 2]", "[−1, 1]"]),
    ],
)
def test_generic_diagnoses(exercise, answer, name, parts):
    result = grade_exercise(exercise, answer)
    assert (result.outcome, result.name) == ("wrong", name)
    for part in parts:
        assert part in result.message
    assert f'`hint("{exercise.id}")`' in result.message


def test_transposed_shape_is_named():
    exercise = Exercise(
        id="98.9",
        title="t",
        difficulty=1,
        minutes=1,
        hints=["a", "b"],
        solution=lambda x: x @ x.T @ x,
        alternatives=[lambda x: x @ (x.T @ x)],
        misconceptions=[misconception(str(n), lambda x, n=n: n * x) for n in (2, 3, 4)],
        means="m",
        cases=lambda generator: [(torch.rand(2, 3, generator=generator),)],
    )
    assert "transposed" in grade_exercise(exercise, lambda x: (x @ x.T @ x).T).message


@pytest.mark.parametrize(
    ("answer", "part"),
    [
        ("euler_step", "this is a string"),
        ("euler_step", "quotation marks"),
        (0.8, "leave the parentheses out"),
        (torch.ones(2), "this is a Tensor"),
        (math, "this is a module"),
        (Stepper, "the class `Stepper` itself"),
        ([euler_step], "this is a list"),
    ],
)
def test_something_else_than_a_function(answer, part):
    result = step(answer)
    assert (result.outcome, result.name) == ("error", "not a function")
    assert part in result.message


@pytest.mark.parametrize(
    ("answer", "theirs"),
    [
        (lambda func, t, y: y, "(func, t, y)"),
        (lambda func, t, y, h, order: y, "(func, t, y, h, order)"),
        (lambda: 1, "()"),
        (Stepper.__call__, "(self, func, t, y, h)"),
    ],
)
def test_number_of_arguments_names_the_expected_signature(answer, theirs):
    result = step(answer)
    assert (result.outcome, result.name) == ("error", "wrong signature")
    assert "4 arguments" in result.message
    assert "`euler_step(func, t, y, h)`" in result.message
    assert theirs in result.message


def test_parameters_in_another_order_are_pointed_out():
    result = step(lambda func, y, t, h: y + h * func(t, y))
    assert result.outcome == "wrong"
    assert "(func, y, t, h); it is called with (func, t, y, h)" in result.message


def test_answer_without_a_signature_is_run():
    assert grade_exercise(ROWS, max).outcome == "wrong"


# --- Inputs changed in place ---------------------------------------------------------------------


def in_place_right(x):
    mean = x.mean()
    x -= mean
    return x


def in_place_wrong(x):
    x += 7
    return x


def test_changed_input_is_named_when_the_value_is_right():
    result = grade_exercise(ROWS, in_place_right)
    assert (result.outcome, result.name) == ("misconception", "changes its input")
    assert "changes its input `x` in place" in result.message
    assert "value returned is right" in result.message


def test_changed_input_is_named_when_the_value_is_wrong_too():
    result = grade_exercise(ROWS, in_place_wrong)
    assert (result.outcome, result.name) == ("misconception", "changes its input")
    assert "not right either" in result.message


def test_changed_input_with_a_value_right_in_the_simplest_case_only():
    def right_for_two(x):
        x -= x.mean() if len(x) == 2 else 0
        return x

    result = grade_exercise(ROWS, right_for_two)
    assert result.name == "changes its input"
    assert "not right either" in result.message


def test_changed_copies_never_reach_the_reference_or_the_next_check():
    before = cases_of(ROWS)
    grade_exercise(ROWS, in_place_wrong)
    assert grade_exercise(ROWS, residual).outcome == "correct"
    for (old,), (new,) in zip(before, cases_of(ROWS), strict=True):
        assert torch.equal(old, new)


@pytest.mark.parametrize(
    ("case", "change"),
    [
        ((torch.ones(2),), lambda x: x.add_(1)),
        ((torch.ones(2),), lambda x: x.resize_(1)),
        ((np.ones(2),), lambda x: x.__setitem__(0, 5.0)),
        (([1.0, 2.0],), lambda x: x.append(3.0)),
        (({"w": torch.ones(2)},), lambda x: x["w"].mul_(2)),
        (((torch.ones(1), torch.ones(1)),), lambda x: x[1].zero_()),
    ],
)
def test_every_kind_of_container_is_watched(case, change):
    ((trial,), _) = attempt(change, [case])
    assert trial.changed == 0
    assert attempt(lambda x: None, [case])[0][0].changed is None


def test_nan_in_an_input_is_not_a_change():
    case = (torch.tensor([math.nan, 1.0]), np.array([math.nan, 1.0]))
    assert attempt(lambda x, y: None, [case])[0][0].changed is None


# --- Exceptions in the learner's code ------------------------------------------------------------


def divides_by_zero(func, t, y, h):
    slope = func(t, y)
    return slope / (t - t)


def calls_itself(func, t, y, h):
    return calls_itself(func, t, y, h)


def unknown_name(func, t, y, h):
    return y + h * fnuc(t, y)  # noqa: F821


def function_times_number(func, t, y, h):
    return y + h * func


def number_called(func, t, y, h):
    return y(t)


def swapped_roles(func, t, y, h):
    return y + h * func(t)


def method_of_a_number(func, t, y, h):
    return y.clone()


def leaves(func, t, y, h):
    sys.exit("enough")


def raises_without_words(func, t, y, h):
    raise ValueError


def asserts(func, t, y, h):
    assert h > 1, "step too small"
    return y


def shapes(func, t, y, h):
    return torch.ones(2, 3) @ torch.ones(2, 3)


@pytest.mark.parametrize(
    ("answer", "name", "parts"),
    [
        (divides_by_zero, "ZeroDivisionError", ["`return slope / (t - t)`", "divided by zero"]),
        (calls_itself, "RecursionError", ["calls itself without end"]),
        (unknown_name, "NameError", ["fnuc", "typing slip"]),
        (function_times_number, "TypeError", ["`return y + h * func`", "as if it were a number"]),
        (number_called, "TypeError", ["not callable", "as if it were a function"]),
        (swapped_roles, "TypeError", ["`return y + h * func(t)`", "too few inputs"]),
        (method_of_a_number, "AttributeError", ["plain number"]),
        (leaves, "SystemExit", ["enough", "asks Python to stop"]),
        (raises_without_words, "ValueError", ["stops with ValueError."]),
        (asserts, "AssertionError", ["step too small", "assertions"]),
        (shapes, "RuntimeError", ["shapes cannot be multiplied", "do not fit"]),
        (math.log, "TypeError", []),
    ],
)
def test_exceptions_are_explained(answer, name, parts):
    result = step(answer)
    assert (result.outcome, result.name) == ("error", name)
    for part in parts:
        assert part in result.message
    assert "t = 0, y = 1, h = 0.1" in result.message


def test_the_line_is_the_learners():
    line = divides_by_zero.__code__.co_firstlineno + 2
    assert f"Line {line} of your code" in step(divides_by_zero).message


def test_the_line_is_the_learners_though_a_library_raised():
    def reads(func, t, y, h):
        return json.loads("{")

    assert '`return json.loads("{")`' in step(reads).message


def test_the_line_is_found_in_a_notebook_cell():
    source = "def cell_step(func, t, y, h):\n    a = 1\n    return a + unknown\n"
    namespace = {}
    exec(compile(source, CachingCompiler().cache(source), "exec"), namespace)
    message = step(namespace["cell_step"]).message
    assert "Line 3 of your code, `return a + unknown`, stops with NameError" in message


def test_error_in_a_later_case_only():
    def fails_on_tensors(func, t, y, h):
        return float(y) + h * float(func(t, y))

    result = step(fails_on_tensors)
    assert result.outcome == "error"
    assert "y = [" in result.message


def test_keyboard_interrupt_passes_through():
    def interrupted(func, t, y, h):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        step(interrupted)
    with pytest.raises(KeyboardInterrupt):
        check("98.1", interrupted)


# --- Nothing is left behind ----------------------------------------------------------------------


def meddles(func, t, y, h):
    random.seed(9)
    np.random.seed(9)
    torch.manual_seed(9)
    torch.rand(3)
    torch.set_default_dtype(torch.float16)
    torch.set_grad_enabled(False)
    np.seterr(all="raise")
    sys.stdout.write("meddling\n")
    return y + h * func(t, y)


@pytest.fixture
def unusual_state():
    """Random states and a default dtype that no check would leave behind by chance."""
    dtype = torch.get_default_dtype()
    random.seed(1234)
    np.random.seed(1234)
    torch.manual_seed(1234)
    torch.set_default_dtype(torch.bfloat16)
    yield
    torch.set_default_dtype(dtype)


@pytest.mark.parametrize("answer", [euler_step, meddles, divides_by_zero, stub_dots])
def test_a_check_leaves_no_trace(answer, capsys, unusual_state):
    states = (random.getstate(), torch.get_rng_state().tolist())
    legacy = np.random.get_state()
    modes = (torch.get_default_dtype(), torch.is_grad_enabled(), np.geterr())
    step(answer)
    assert (random.getstate(), torch.get_rng_state().tolist()) == states
    assert all(map(np.array_equal, np.random.get_state(), legacy))
    assert (torch.get_default_dtype(), torch.is_grad_enabled(), np.geterr()) == modes
    assert capsys.readouterr() == ("", "")


def test_a_loop_without_an_end_is_stopped_and_its_line_named(monkeypatch):
    calls = []

    def loops(func, t, y, h):
        calls.append(t)
        while True:
            with contextlib.suppress(Exception):  # cannot catch the alarm
                y = y + h

    monkeypatch.setattr(engine, "SECONDS", 0.3)
    monkeypatch.setattr(engine, "SLOWER", 0.0)
    result = step(loops)
    assert (result.outcome, result.name) == ("error", "TimeLimit")
    assert "of your code, `" in result.message and "was still running" in result.message
    assert "t = 0, y = 1, h = 0.1" in result.message
    assert len(calls) == 1, "the other cases and the misconceptions' checks run it again"


def test_a_slow_answer_is_given_its_time(monkeypatch):
    def slow(func, t, y, h):
        time.sleep(0.05)
        return y + h * func(t, y)

    monkeypatch.setattr(engine, "SECONDS", 5.0)
    assert step(slow).outcome == "correct"


def test_an_alarm_never_goes_off_afterwards(monkeypatch):
    monkeypatch.setattr(limits, "REPEAT", 0.001)
    running = threading.active_count()
    stopped = 0
    for k in range(200):
        try:
            limited(lambda k=k: time.sleep(0.0001 * (k % 20)), 0.001)
        except TimeLimit:
            stopped += 1
    end = time.monotonic() + 0.1
    while time.monotonic() < end:  # an alarm left over would end this
        pass
    assert 0 < stopped < 200
    assert threading.active_count() <= running


def test_an_answer_that_catches_everything_is_stopped_all_the_same(monkeypatch):
    monkeypatch.setattr(limits, "REPEAT", 0.01)

    def stubborn():
        while True:
            with contextlib.suppress(BaseException):
                sum(range(1000))

    with pytest.raises(TimeLimit):
        limited(stubborn, 0.02)


def renames(func, t, y, h):
    torch.tanh = np.sin = math.exp = torch.nn.functional.relu = lambda x: 0
    builtins.abs = lambda x: 1
    solvers.odeint = None
    vars(sequences).pop("rollout", None)
    return y + h * func(t, y)


def test_names_of_libraries_are_given_back():
    modules = [torch, np, math, torch.nn.functional, builtins, solvers, sequences]
    before = [dict(vars(module)) for module in modules]
    assert step(renames).outcome == "correct"
    for module, names in zip(modules, before, strict=True):
        changed = [name for name, value in names.items() if vars(module).get(name) is not value]
        assert not changed, f"{module.__name__}: {changed}"


def test_pictures_and_their_settings_are_put_back():
    def draws(func, t, y, h):
        plt.rcParams["lines.linewidth"] = 17.0
        plt.figure()
        return y + h * func(t, y)

    width, figures = plt.rcParams["lines.linewidth"], plt.get_fignums()
    assert step(draws).outcome == "correct"
    assert plt.rcParams["lines.linewidth"] == width and plt.get_fignums() == figures


def meddles_with_everything(func, t, y, h):
    torch.set_num_threads(3)
    torch.set_default_device("meta")
    torch.autograd.set_detect_anomaly(True)
    torch.set_printoptions(precision=1)
    np.set_printoptions(precision=1)
    warnings.simplefilter("ignore")
    os.environ["COURSE_MEDDLED"] = "1"
    os.environ.pop("HOME", None)
    os.chdir(tempfile.gettempdir())
    sys.path.insert(0, "nowhere")
    sys.stdout = sys.stderr = io.StringIO()
    sys.setrecursionlimit(5000)
    sys.excepthook = print
    gc.disable()
    decimal.getcontext().prec = 2
    locale.setlocale(locale.LC_ALL, "C")
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    return torch.tensor(y, device="cpu") if isinstance(y, float) else y


def everything() -> list:
    return [
        torch.get_num_threads(),
        torch.get_default_device(),
        torch.is_anomaly_enabled(),
        repr(torch.tensor(1 / 3)),
        np.get_printoptions(),
        list(warnings.filters),
        dict(os.environ),
        os.getcwd(),
        list(sys.path),
        (sys.stdout, sys.stderr, sys.excepthook),
        sys.getrecursionlimit(),
        gc.isenabled(),
        decimal.getcontext().prec,
        locale.setlocale(locale.LC_ALL),
        signal.getsignal(signal.SIGINT),
    ]


def test_settings_of_the_process_are_put_back():
    before = everything()
    assert step(meddles_with_everything).outcome == "wrong"
    assert everything() == before


def patches(func, t, y, h):
    """What a check itself uses, replaced: the next case must not meet it."""
    for module, name in PATCHED:
        setattr(module, name, None)
    return "patched"


PATCHED = [
    (builtins, "isinstance"), (builtins, "len"), (builtins, "type"), (builtins, "int"),
    (time, "monotonic"), (threading, "Event"), (copy, "deepcopy"), (inspect, "signature"),
    (os, "getpid"), (torch, "equal"), (torch.Tensor, "exp"), (torch.Tensor, "detach"),
    (torch.nn.Module, "__call__"), (np, "asarray"), (plt, "close"),
]  # fmt: skip


def test_a_check_outlives_its_own_tools_being_replaced():
    before = [vars(module).get(name) for module, name in PATCHED]
    assert step(patches).name == "wrong kind"
    assert [vars(module).get(name) for module, name in PATCHED] == before
    assert torch.ones(2).exp().sum() > 5  # inherited by Tensor, so what hid it is gone


def test_figures_that_were_open_stay_open_and_interactive_mode_stays():
    figure, interactive = plt.figure(), plt.isinteractive()

    def closes(func, t, y, h):
        plt.close("all")
        (plt.ioff if interactive else plt.ion)()
        plt.switch_backend("svg")
        return y + h * func(t, y)

    backend = plt.get_backend()
    assert step(closes).outcome == "correct"
    assert plt.get_fignums() == [figure.number] and plt.gcf() is figure
    assert (plt.isinteractive(), plt.get_backend()) == (interactive, backend)
    plt.close(figure)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_threads_of_an_answer_are_ended():
    def starts(func, t, y, h):
        def work():
            while True:
                time.sleep(0.001)

        threading.Thread(target=work, name="learner", daemon=True).start()
        return y + h * func(t, y)

    assert step(starts).outcome == "correct"
    assert not any(thread.name == "learner" for thread in threading.enumerate())


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="Unix only")
def test_an_alarm_clock_is_stopped():
    if signal.getitimer(signal.ITIMER_REAL) != (0.0, 0.0):
        pytest.skip("pytest-timeout has the clock")

    def sets(func, t, y, h):
        signal.signal(signal.SIGALRM, lambda *_: 1 / 0)
        signal.alarm(1)
        return y + h * func(t, y)

    assert step(sets).outcome == "correct"
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def ends_the_process(func, t, y, h):
    os._exit(3)


def aborts(func, t, y, h):
    os.abort()


def raises_base_exception(func, t, y, h):
    raise GeneratorExit


@pytest.mark.parametrize(
    ("answer", "name"),
    [
        (ends_the_process, "SystemExit"),
        (aborts, "SystemExit"),
        (raises_base_exception, "GeneratorExit"),
        (lambda func, t, y, h: torch.ones(10**7, 10**7), "RuntimeError"),
        (lambda func, t, y, h: np.ones((10**7, 10**7)), "MemoryError"),
    ],
)
def test_ways_out_are_shut(answer, name):
    result = step(answer)
    assert (result.outcome, result.name) == ("error", name)


def test_exit_in_a_notebook_does_not_end_the_kernel(monkeypatch):
    shell = types.SimpleNamespace(ask_exit=lambda: pytest.fail("the kernel would end"))
    leave = IPython.core.autocall.ExitAutocall(shell)
    monkeypatch.setattr(IPython, "get_ipython", lambda: shell)
    monkeypatch.setattr(containment, "_nothing_shown", contextlib.nullcontext)
    result = step(lambda func, t, y, h: leave())
    assert (result.outcome, result.name) == ("error", "SystemExit")


def test_what_an_answer_displays_is_not_shown(monkeypatch):
    shell = IPython.InteractiveShell.instance()
    shown = []
    monkeypatch.setattr(shell.display_pub, "publish", lambda *a, **k: shown.append(a))

    def displays(func, t, y, h):
        IPython.display.display("megabytes")
        return y + h * func(t, y)

    try:
        assert step(displays).outcome == "correct"
        assert not shown
    finally:
        IPython.InteractiveShell.clear_instance()


# --- Code that does not end ----------------------------------------------------------------------


def sleeps():
    time.sleep(1000)


def waits():
    threading.Lock().acquire() and threading.Event().wait()


def sleeps_and_catches_everything():
    while True:
        try:
            time.sleep(1000)
        except BaseException:
            continue


def counts_and_catches_everything():
    while True:
        try:
            for _ in range(1000):
                pass
        except BaseException:
            continue


def loops_in_its_clean_up():
    try:
        raise ValueError
    finally:
        while True:
            pass


on_unix = pytest.mark.skipif(limits.WAKE is None, reason="needs Unix signals")


@on_unix
@pytest.mark.parametrize(
    "endless",
    [
        sleeps,
        waits,
        sleeps_and_catches_everything,
        counts_and_catches_everything,
        loops_in_its_clean_up,
    ],
)
def test_waiting_and_catching_end_too(endless, monkeypatch):
    monkeypatch.setattr(limits, "REPEAT", 0.05)
    tracer, handler = sys.gettrace(), signal.getsignal(limits.WAKE)
    with pytest.raises(TimeLimit):
        limited(endless, 0.05)
    assert (sys.gettrace(), signal.getsignal(limits.WAKE)) == (tracer, handler)


@on_unix
def test_an_answer_that_breaks_the_watchers_tools_ends_too(monkeypatch):
    """Without `int` a look at the memory raises, which would end an unguarded watcher."""
    monkeypatch.setattr(limits, "REPEAT", 0.05)
    monkeypatch.setattr(engine, "SECONDS", 10 * limits.TICK)
    monkeypatch.setattr(engine, "SLOWER", 0.0)

    def breaks(func, t, y, h):
        builtins.int = time.monotonic = sys._current_frames = None
        signal.pthread_kill = sys.settrace = None
        counts_and_catches_everything()

    assert step(breaks).name == "TimeLimit"


def test_a_watcher_that_cannot_start_leaves_no_alarm(monkeypatch):
    handler = limits.WAKE and signal.getsignal(limits.WAKE)
    monkeypatch.setattr(threading.Thread, "start", raising)
    with pytest.raises(RuntimeError):
        limited(list, 1.0)
    assert handler == (limits.WAKE and signal.getsignal(limits.WAKE))


def test_no_time_at_all_is_a_limit_too():
    def loop():
        while True:
            pass

    for _ in range(20):
        with pytest.raises(TimeLimit):
            limited(loop, 0.0)


def test_outside_the_main_thread_the_limit_holds_too():
    def loop():
        while True:
            pass

    def run():
        try:
            limited(loop, 0.05)
        except TimeLimit as limit:
            caught.append(limit)

    caught = []
    thread = threading.Thread(target=run)
    thread.start()
    thread.join(60)
    assert len(caught) == 1


@pytest.mark.timeout(120)
def test_a_profiler_works_after_a_check():
    """In CPython 3.11 it hung for ever, once an alarm had been taken back that nobody had set."""
    step(euler_step)
    profile = cProfile.Profile()
    assert profile.runcall(abs, -1) == profile.runcall(lambda: 1) == 1


@pytest.mark.skipif(not limits._resident(), reason="needs /proc")
def test_memory_that_only_grows_is_stopped(monkeypatch):
    monkeypatch.setattr(limits, "MEMORY", 64 * 2**20)

    def grows(func, t, y, h):
        rows = []
        while True:
            rows.append(np.ones(2**14))

    result = step(grows)
    assert (result.outcome, result.name) == ("error", "MemoryLimit")
    assert "took more and more memory" in result.message


# --- Values with code of their own ---------------------------------------------------------------


def endless(*_):
    while True:
        pass


def raising(*_):
    raise RuntimeError("hostile")


READ = ["__array__", "__float__", "__len__", "__iter__", "__eq__", "__repr__", "__format__"]
READ += ["__getattribute__", "__str__", "__bool__", "__class__"]


def hostile(base, how):
    """An object all of whose ways to be read raise, or never return."""
    return type("Hostile", (base,), dict.fromkeys(READ, how))()


@pytest.mark.parametrize("base", [object, float, str, list, dict, tuple])
@pytest.mark.parametrize("how", [endless, raising], ids=["endless", "raising"])
def test_a_value_that_cannot_be_read_is_just_a_wrong_one(base, how, monkeypatch):
    monkeypatch.setattr(engine, "SECONDS", 0.2)
    monkeypatch.setattr(engine, "SLOWER", 0.0)
    value = hostile(base, how)
    for exercise in (STEP, NUMBER, CHOICE):
        answer = (lambda *arguments: value) if exercise is STEP else value
        result = grade_exercise(exercise, answer)
        assert result.outcome in ("wrong", "error"), result
    assert grade_exercise(STEP, lambda *arguments: [value, value]).outcome in ("wrong", "error")


@pytest.mark.parametrize("how", [endless, raising], ids=["endless", "raising"])
def test_an_answer_that_cannot_be_looked_at(how, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(engine, "SECONDS", 0.2)
        assert step(hostile(object, how)).outcome == "error"

    class Loud(Exception):
        __str__ = how

    def raises(func, t, y, h):
        raise Loud

    result = step(raises)
    assert (result.outcome, result.name) == ("error", "Loud")
    assert "its text cannot be read" in result.message


def test_settled_keeps_numbers_and_takes_everything_else_away():
    class Number(float):
        __float__ = __repr__ = raising

    class Words(str):
        __str__ = __iter__ = raising

    got = settled(
        {"a": [Number(0.5), Fraction(1, 4), Words("x")], "b": torch.nn.Parameter(torch.ones(1))}
    )
    assert got == {"a": [0.5, 0.25, "x"], "b": torch.ones(1)}
    assert [type(part) for part in got["a"]] == [float, float, str]
    assert type(got["b"]) is torch.Tensor
    assert type(settled(torch.ones(2).sort())) is tuple
    assert show(settled(hostile(object, raising))) == "a Hostile"


def test_messages_stay_short():
    for value in ("x" * 10**6, (1.0,) * 10**5, [1.0] * 10**5, (1.0, "x") * 10**3):
        assert len(step(lambda *arguments, value=value: value).message) < 1000

    def shouts(func, t, y, h):
        raise ValueError("x" * 10**6)

    assert len(step(shouts).message) < 1000


@pytest.mark.parametrize("change", [lambda x: x.__setitem__(0, 5.0), lambda x: x.reverse()])
def test_a_number_in_a_list_is_watched(change):
    assert attempt(change, [([1.0, 2.0],)])[0][0].changed == 0


def test_printed_output_is_swallowed_and_mentioned(capsys):
    def prints(func, t, y, h):
        for _ in range(10_000):
            print("x" * 100)
        return y + h * func(t, y)

    result = step(prints)
    assert result.printed
    assert "print output is not shown" in result_text(result)
    assert "print output is not shown" in result_html(result)
    assert "print output" not in result_text(step(euler_step))
    assert capsys.readouterr().out == ""


def test_random_answers_are_repeatable():
    def noisy(x):
        return x - x.mean() + torch.rand(1) + np.random.rand() + random.random()

    first = grade_exercise(ROWS, noisy)
    for seed in (random.seed, np.random.seed, torch.manual_seed):
        seed(77)
        assert grade_exercise(ROWS, noisy) == first


def test_float32_default_does_not_disturb_the_cases():
    def makes_own_tensor(x):
        return x - torch.full((len(x),), 1 / len(x)) @ x

    torch.set_default_dtype(torch.float32)
    assert grade_exercise(ROWS, makes_own_tensor).outcome == "correct"


# --- Choices and numbers -------------------------------------------------------------------------


@pytest.mark.parametrize("answer", ["B", "b", " B ", "B)", "(b)", "b."])
def test_choice_may_be_written_in_any_way(answer):
    assert grade_exercise(CHOICE, answer).outcome == "correct"


@pytest.mark.parametrize("answer", ["E", "", "AB", 2, ["B"], math, float("nan")])
def test_no_option_lists_the_options(answer):
    result = grade_exercise(CHOICE, answer)
    assert (result.outcome, result.name) == ("wrong", "not an option")
    assert '"A", "B", "C", "D"' in result.message


def test_choice_misconception():
    result = grade_exercise(CHOICE, "a")
    assert (result.outcome, result.message) == (
        "misconception",
        "You answer A: that is another error.",
    )


@pytest.mark.parametrize(
    "answer",
    [0.81, 0.8101, np.float32(0.81), torch.tensor(0.81), torch.tensor([0.81]), np.array([0.81])],
)
def test_number_within_three_digits(answer):
    assert grade_exercise(NUMBER, answer).outcome == "correct"


def test_number_from_a_tensor_with_gradient():
    answer = torch.tensor(0.81, requires_grad=True)
    assert grade_exercise(NUMBER, answer).outcome == "correct"


@pytest.mark.parametrize("answer", ["0.81", [1, 2], torch.ones(3), True, abs, {}, object()])
def test_not_a_number(answer):
    result = grade_exercise(NUMBER, answer)
    assert (result.outcome, result.name) == ("wrong", "not a number")


@pytest.mark.parametrize("answer", [0.5, math.nan, math.inf, 1j, 10**400])
def test_wrong_number_does_not_give_the_answer_away(answer):
    result = grade_exercise(NUMBER, answer)
    assert result.outcome == "wrong"
    assert "0.81" not in result.message


def test_number_diagnoses():
    assert grade_exercise(NUMBER, 0.9).message == "0.9 is where one step leads."
    assert grade_exercise(NUMBER, 0.729).message == "Look again. (Yours: 0.729.)"
    assert grade_exercise(NUMBER, -0.81).name == "wrong sign"


# --- check, hint, solution -----------------------------------------------------------------------


class Hostile:
    """Everything that can raise does."""

    def __getattribute__(self, name):
        raise RuntimeError("hostile")

    def __eq__(self, other):
        raise RuntimeError("hostile")

    __hash__ = None


ANSWERS = {
    "right": euler_step,
    "raises": divides_by_zero,
    "exits": leaves,
    "stub": stub_dots,
    "module": math,
    "number": 3,
    "class": Hostile,
    "hostile": Hostile(),
    "returns something hostile": lambda *arguments: Hostile(),
}


@pytest.mark.parametrize("name", ANSWERS)
@pytest.mark.parametrize("id", ["98.1", "98.4", "98.5"])
def test_check_never_raises_and_returns_none(id, name, capsys):
    assert check(id, ANSWERS[name]) is None
    assert capsys.readouterr().out


@pytest.mark.parametrize(
    "id", ["4.2", "04", "", "04.2.1", "x", 4.2, None, ["04.2"], "../04.1", "०४.२"]
)
def test_malformed_id(id, capsys):
    check(id, euler_step)
    hint(id)
    solution(id)
    assert capsys.readouterr().out.count('a number such as "04.2"') == 3
    assert grade(id).name == "unknown exercise"


def test_unknown_exercise_lists_the_known_ones(capsys):
    check("98.7", euler_step)
    assert "98.1, 98.2, 98.3, 98.4, 98.5" in capsys.readouterr().out
    check("55.1", euler_step)
    assert "97, 98" in capsys.readouterr().out


def test_defect_of_the_course_is_not_blamed_on_the_learner(capsys, monkeypatch):
    def broken(generator):
        raise LookupError("no cases today")

    monkeypatch.setattr(
        sys.modules["course_lib.exercises.nb98"],
        "EXERCISES",
        [Exercise(**{**STEP.__dict__, "cases": broken})],
    )
    check("98.1", euler_step)
    text = capsys.readouterr().out
    assert "defect of the course, not of your answer" in text
    assert "no cases today" in text


def test_hints_come_one_by_one(capsys):
    for _ in range(3):
        hint("98.1")
    first, second, third = capsys.readouterr().out.split("? ")[1:]
    assert "hint 1 of 2" in first and "Where does the step start?" in first
    assert "hint 2 of 2" in second and "once more" not in second
    assert "hint 2 of 2" in third and "once more" in third


def test_solution_shows_the_reference_and_its_meaning(capsys):
    solution("98.1")
    text = capsys.readouterr().out
    assert "```python\ndef euler_step(func, t, y, h):\n    return y + h * func(t, y)\n```" in text
    assert text.strip().endswith("One step follows the tangent.")
    solution("98.4")
    assert "**B** quarters\n\nThe Taylor remainder." in capsys.readouterr().out
    solution("98.5")
    assert "**0.81**\n\n0.9 · 0.9 = 0.81." in capsys.readouterr().out


@pytest.mark.parametrize(("setting", "shown"), [("off", False), ("OFF", False), ("on", True)])
def test_solutions_can_be_switched_off(capsys, monkeypatch, setting, shown):
    monkeypatch.setenv("COURSE_SOLUTIONS", setting)
    solution("98.1")
    out = capsys.readouterr().out
    assert ("def " in out) is shown
    assert ("COURSE_SOLUTIONS=off" in out) is not shown


def test_rich_display_in_a_notebook(monkeypatch):
    bundles = []
    monkeypatch.setattr("IPython.get_ipython", lambda: object())
    monkeypatch.setattr("IPython.display.display", lambda data, raw: bundles.append(data))
    check("98.1", euler_step)
    hint("98.1")
    solution("98.1")
    kinds = [set(bundle) for bundle in bundles]
    assert kinds == [{"text/plain", "text/html"}] * 2 + [{"text/plain", "text/markdown"}]


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_display_does_not_rest_on_colour(outcome):
    result = Result(outcome, "a < b & `x[0]` is *not* 2 * 3 * 4", id="98.1", title="T")
    symbol, words, colour = STYLES[outcome]
    page = result_html(result)
    assert f"{symbol} 98.1 T: {words}" in page
    assert "a &lt; b &amp; <code>x[0]</code> is <em>not</em> 2 * 3 * 4" in page
    assert colour in page
    assert "background" not in page and ";color" not in page.replace(" ", "")
    assert result_text(result).startswith(f"{symbol} 98.1 T: {words}\n")


def test_edges_are_visible_on_black_and_on_white():
    def luminance(colour):
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    for outcome, (_, _, colour) in STYLES.items():
        light = luminance(colour)
        assert 1.05 / (light + 0.05) >= 3, outcome
        assert (light + 0.05) / (luminance("#111111") + 0.05) >= 3, outcome


def test_projector_context_enlarges(monkeypatch):
    result = Result("correct", "m", id="98.1")
    monkeypatch.setenv("COURSE_CONTEXT", "projector")
    assert "font-size: 1.3em" in result_html(result)


# --- Declarations and values ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("exercise", "change", "part"),
    [
        (STEP, {"id": "4.2"}, "must look like"),
        (STEP, {"kind": "essay"}, "kind must be one of"),
        (STEP, {"difficulty": 6}, "1 to 5"),
        (STEP, {"hints": ["one"]}, "two hints"),
        (STEP, {"misconceptions": STEP.misconceptions[:2]}, "three misconceptions"),
        (STEP, {"misconceptions": STEP.misconceptions * 2}, "share a name"),
        (STEP, {"means": ""}, "`means`"),
        (STEP, {"cases": None}, "needs `cases`"),
        (STEP, {"alternatives": []}, "alternative"),
        (NUMBER, {"explanation": ""}, "explanation"),
        (CHOICE, {"solution": "E"}, "not one of the options"),
        (CHOICE, {"options": {**CHOICE.options, "E": "e"}}, "every wrong option"),
    ],
)
def test_declarations_are_checked(exercise, change, part):
    with pytest.raises(ValueError, match=part):
        Exercise(**{**exercise.__dict__, **change})


def test_cases_are_the_same_every_time_and_float64():
    first, second = cases_of(STEP), cases_of(STEP)
    assert torch.equal(first[2][2], second[2][2])
    assert first[2][2].dtype == torch.float64


def test_generators_among_the_arguments_are_cloned():
    generator = torch.Generator().manual_seed(3)
    draw = lambda g: float(torch.rand(1, generator=g, dtype=torch.float64))  # noqa: E731
    (first, second), _ = attempt(draw, [(generator,), (generator,)])
    assert first.value == second.value == draw(generator)


@pytest.mark.parametrize(
    ("got", "expected", "same"),
    [
        (1.0, 1.0 + 9e-6, True),
        (1.0, 1.0 + 3e-5, False),
        ([5e-7, 1.0], [0.0, 1.0], True),
        ([1e-4, 1.0], [0.0, 1.0], False),
        (torch.tensor([1.0]), 1.0, True),
        (torch.ones(2, 1), torch.ones(2), False),
        (math.nan, 1.0, False),
        (math.nan, math.nan, True),
        (math.inf, math.inf, True),
        (-math.inf, math.inf, False),
        (1j, 1j, True),
        (1j, 1.0, False),
        (True, True, True),
        ("Stable ", "stable", True),
        ("x", 1.0, False),
        (None, None, True),
        (0, None, False),
        ((1.0, [1.0, 2.0]), (1.0, [1.0, 2.0]), True),
        (torch.tensor([1.0, 2.0]), (1.0, 2.0), True),
        ((1.0,), (1.0, 2.0), False),
        ({"a": 1}, {"a": 1.0}, True),
        ({"b": 1}, {"a": 1.0}, False),
        ([], [], True),
    ],
)
def test_close(got, expected, same):
    assert close(got, expected, rtol=1e-5, atol=1e-7) is same


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (-0.5, "−0.5"),
        (-0.0, "0"),
        (12345.0, "12345"),
        (1e-9, "1e−9"),
        (2 / 3, "0.6667"),
        (True, "True"),
        (None, "None"),
        ("A", "'A'"),
        (decay, "f(t, y) = −2 y"),
        (len, "len"),
        (Stepper(), "Stepper"),
        ((1.0, [2.0]), "(1, [2])"),
        ([[1, 2], [3, 4]], "[[1, 2], [3, 4]]"),
        (torch.zeros(5, 2), "an array of shape [5, 2] that starts 0, 0, 0, …"),
        (object(), "an object"),
    ],
)
def test_show(value, text):
    assert show(value) == text


def test_show_pair_tells_values_apart():
    assert show_pair(1.0000001, 1.0) == ("1.0000001", "1")
    big = torch.zeros(5, 5)
    other = big.clone()
    other[3, 1] = 2.0
    assert show_pair(big, other) == ("0 at index [3, 1]", "2")
