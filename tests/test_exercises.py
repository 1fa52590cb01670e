"""Every exercise of every notebook: stub, solution, alternatives, misconceptions, declarations."""

import ast
import functools
import inspect
import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch

from course_lib.exercises import all_exercises, exercises_of, grade, notebooks_with_exercises
from course_lib.exercises.engine import cases_of
from course_lib.exercises.exercise import ID_PATTERN

NOTEBOOKS = {
    path.name[:2]: path
    for path in sorted((Path(__file__).parents[1] / "notebooks").glob("[0-9][0-9]_*.ipynb"))
}
EXERCISES = all_exercises()
FUNCTIONS = [exercise for exercise in EXERCISES if exercise.kind == "function"]
MISCONCEPTIONS = [(exercise, known) for exercise in EXERCISES for known in exercise.misconceptions]

each_exercise = pytest.mark.parametrize("exercise", EXERCISES, ids=lambda e: e.id)
each_function = pytest.mark.parametrize("exercise", FUNCTIONS, ids=lambda e: e.id)
each_misconception = pytest.mark.parametrize(
    ("exercise", "known"),
    MISCONCEPTIONS,
    ids=[f"{exercise.id}-{known.name}" for exercise, known in MISCONCEPTIONS],
)


# --- The bank ------------------------------------------------------------------------------------


@each_exercise
def test_solution_is_correct(exercise):
    result = grade(exercise.id, exercise.solution)
    assert (result.outcome, result.message) == ("correct", exercise.meaning)


@each_exercise
def test_alternatives_are_correct(exercise):
    for answer in exercise.alternatives:
        result = grade(exercise.id, answer)
        assert result.outcome == "correct", f"{getattr(answer, '__name__', answer)}: {result}"


@each_exercise
def test_nothing_is_not_attempted(exercise):
    assert grade(exercise.id, ...).outcome == "not attempted"


@each_misconception
def test_misconception_triggers_its_own_message_with_both_numbers(exercise, known):
    result = grade(exercise.id, known.wrong)
    assert (result.outcome, result.name) == ("misconception", known.name), (
        "another misconception computes the same, or the cases do not tell it from the solution:"
        f" {result}"
    )
    assert "{" + "got}" not in result.message and "{" + "expected}" not in result.message
    if exercise.kind == "choice" or known.detect:  # what is detected may compute the right numbers
        return
    assert result.got in result.message
    if exercise.kind == "function":
        assert result.expected in result.message


@each_misconception
def test_message_points_and_does_not_tell(exercise, known):
    message = known.message.lower()
    if exercise.kind == "choice":
        assert exercise.options[exercise.solution].lower() not in message
    elif exercise.kind == "number":
        numbers = [float(text) for text in re.findall(r"\d+\.\d+", message)]
        assert not any(abs(n - exercise.solution) <= 0.01 * abs(n) for n in numbers)
    else:
        squeezed = re.sub(r"[\s`]", "", message)
        for line in code_lines(exercise.solution):
            assert re.sub(r"\s", "", line).lower() not in squeezed, line


def code_lines(function) -> list[str]:
    """The lines of a function's body that say something: no docstring, nothing very short."""
    definition = ast.parse(inspect.cleandoc("\n" + inspect.getsource(function))).body[0]
    lines = [line for node in definition.body for line in ast.unparse(node).splitlines()]
    if ast.get_docstring(definition):
        lines = lines[len(ast.unparse(definition.body[0]).splitlines()) :]
    statements = [line.strip().removeprefix("return ") for line in lines]
    return [statement for statement in statements if len(statement) >= 12]


@each_exercise
def test_declaration(exercise):
    assert len(exercise.hints) >= 2
    assert len(set(exercise.hints)) == len(exercise.hints)
    assert len(exercise.misconceptions) >= 3
    assert exercise.minutes > 0
    if exercise.kind == "function":
        assert len(exercise.alternatives) >= 1
        assert inspect.getsource(exercise.solution).lstrip().startswith("def ")
        assert inspect.getdoc(exercise.solution), "say what the reference solution computes"


@pytest.mark.parametrize("notebook", notebooks_with_exercises())
def test_numbers_run_without_gaps(notebook):
    ids = [exercise.id for exercise in exercises_of(notebook)]
    assert ids == [f"{notebook}.{k}" for k in range(1, len(ids) + 1)]


@each_function
def test_functions_in_cases_have_a_name_for_the_learner(exercise):
    for argument in [argument for case in cases_of(exercise) for argument in case]:
        name = getattr(argument, "__doc__", None) or getattr(argument, "__name__", "")
        assert not callable(argument) or name != "<lambda>", "give it a docstring: its formula"


# --- Answers in other types and precisions -------------------------------------------------------


def converted(value, kind):
    """A value's numbers as numpy or torch, float32 or float64; everything else as it is."""
    library, dtype = kind
    if isinstance(value, (tuple, list)):
        return type(value)(converted(part, kind) for part in value)
    if isinstance(value, torch.Tensor) and value.is_floating_point():
        value = value.to(getattr(torch, dtype))
        return value.detach().numpy() if library == "numpy" else value
    if isinstance(value, (np.ndarray, np.floating)) or type(value) is float:
        array = np.asarray(value, dtype=dtype)
        return torch.from_numpy(array.copy()) if library == "torch" else array[()]
    return value


@each_function
@pytest.mark.parametrize("library", ["numpy", "torch"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_answers_in_any_type_are_accepted(exercise, library, dtype):
    @functools.wraps(exercise.solution)
    def answer(*arguments):
        return converted(exercise.solution(*arguments), (library, dtype))

    result = grade(exercise.id, answer)
    assert result.outcome == "correct", result


@each_function
def test_computing_in_float32_is_accepted(exercise):
    @functools.wraps(exercise.solution)
    def answer(*arguments):
        single = [converted(a, ("torch", "float32")) if a_tensor(a) else a for a in arguments]
        return exercise.solution(*single)

    result = grade(exercise.id, answer)
    assert result.outcome in ("correct", "error"), result
    if result.outcome == "error":  # a case's own float64 weights may refuse float32 states
        assert "dtype" in result.message, result


def a_tensor(value) -> bool:
    return isinstance(value, torch.Tensor) and value.is_floating_point()


# --- The notebooks -------------------------------------------------------------------------------


def code_cells(path: Path) -> list[str]:
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]


def calls(source: str, names: tuple[str, ...]) -> list[ast.Call]:
    """The calls of some functions by their plain names, in a cell's order."""
    try:
        tree = ast.parse(source)
    except SyntaxError:  # a cell with a magic
        return []
    found = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names
    ]
    return sorted(found, key=lambda node: (node.lineno, node.col_offset))


def checks(path: Path) -> list[tuple[str, str, ast.Call]]:
    """(exercise's number, cell's source, call) of every `check(…)` in a notebook."""
    return [
        (ast.literal_eval(call.args[0]), source, call)
        for source in code_cells(path)
        for call in calls(source, ("check",))
    ]


WRITTEN = [number for number in NOTEBOOKS if number in notebooks_with_exercises()]
CHECKS = [(number, *entry) for number, path in NOTEBOOKS.items() for entry in checks(path)]
needs_notebooks = pytest.mark.skipif(not CHECKS, reason="no notebook with exercises yet")


@pytest.mark.parametrize("number", sorted({*NOTEBOOKS, *notebooks_with_exercises()}))
def test_declared_in_the_notebook_as_in_the_library(number):
    if number not in NOTEBOOKS:
        pytest.skip(f"notebook {number} is not written yet")
    declared = [e.id for e in exercises_of(number)] if number in WRITTEN else []
    asked = [id for id, _, _ in checks(NOTEBOOKS[number])]
    assert asked == declared, (
        "every exercise is checked once, in order, and declared in the library"
    )
    for source in code_cells(NOTEBOOKS[number]):
        for call in calls(source, ("hint", "solution")):
            assert ast.literal_eval(call.args[0]) in declared


@needs_notebooks
@pytest.mark.parametrize(
    ("number", "id", "source", "call"), CHECKS, ids=[f"{id}" for _, id, _, _ in CHECKS]
)
def test_stub_in_the_notebook_is_not_attempted(number, id, source, call):
    namespace = imports_of(number)
    before = "\n".join(source.splitlines()[: call.lineno - 1])
    exec(compile(before, f"<stub {id}>", "exec"), namespace)
    answer = eval(compile(ast.Expression(call.args[1]), f"<answer {id}>", "eval"), namespace)
    result = grade(id, answer)
    assert result.outcome == "not attempted", result


def imports_of(number: str) -> dict:
    """A namespace with everything that a notebook imports at top level."""
    namespace: dict = {}
    for source in code_cells(NOTEBOOKS[number]):
        try:
            body = ast.parse(source).body
        except SyntaxError:
            continue
        imports = [node for node in body if isinstance(node, (ast.Import, ast.ImportFrom))]
        module = ast.Module(body=imports, type_ignores=[])
        exec(compile(module, f"<imports {number}>", "exec"), namespace)
    return namespace


@needs_notebooks
@pytest.mark.parametrize(
    "exercise", [e for e in FUNCTIONS if e.id[:2] in NOTEBOOKS], ids=lambda e: e.id
)
def test_stub_has_the_solutions_name_and_parameters(exercise):
    sources = [s for id, s, _ in checks(NOTEBOOKS[exercise.id[:2]]) if id == exercise.id]
    assert sources, f"notebook {exercise.id[:2]} has no check of {exercise.id}"
    stubs = [node for node in ast.parse(sources[0]).body if isinstance(node, ast.FunctionDef)]
    (stub,) = [node for node in stubs if node.name == exercise.solution.__name__]
    parameters = [argument.arg for argument in stub.args.args]
    assert parameters == list(inspect.signature(exercise.solution).parameters)


@needs_notebooks
@pytest.mark.parametrize(
    "exercise", [e for e in EXERCISES if e.id[:2] in NOTEBOOKS], ids=lambda e: e.id
)
def test_text_states_difficulty_and_minutes(exercise):
    cells = json.loads(NOTEBOOKS[exercise.id[:2]].read_text(encoding="utf-8"))["cells"]
    text = "\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")
    dots = "●" * exercise.difficulty + "○" * (5 - exercise.difficulty)
    wanted = (
        rf"\*\*[^*\n]*\b{re.escape(exercise.id)}\b[^*\n]*\*\*\s*{dots}\s*{exercise.minutes} min"
    )
    assert re.search(wanted, text), (
        f"write **Exercise {exercise.id}** {dots} {exercise.minutes} min. above the check"
    )


@needs_notebooks
@pytest.mark.parametrize(
    "exercise", [e for e in FUNCTIONS if e.id[:2] in NOTEBOOKS], ids=lambda e: e.id
)
def test_code_asked_for_does_not_stand_above(exercise):
    above = []
    for source in code_cells(NOTEBOOKS[exercise.id[:2]]):
        if any(ast.literal_eval(c.args[0]) == exercise.id for c in calls(source, ("check",))):
            break
        above += [re.sub(r"\s", "", line) for line in source.splitlines()]
    wanted = [re.sub(r"\s", "", line) for line in code_lines(exercise.solution)]
    assert not wanted or not all(line in "\n".join(above) for line in wanted)


def test_ids_are_unique_and_well_formed():
    ids = [exercise.id for exercise in EXERCISES]
    assert len(set(ids)) == len(ids)
    assert all(ID_PATTERN.fullmatch(id) for id in ids)
