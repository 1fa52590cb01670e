"""Break every reference solution in many small ways, and see whether the checker notices.

    python -m tools.mutate_exercises           all notebooks; what is done is not run again
    python -m tools.mutate_exercises 04 06     some of them

A mutant (`mutants.py`) must be rejected, unless it computes the same: that is tried on the cases of
twenty other seeds. And each solution in other words, which mean the same, must be accepted. Results
are kept in build/mutants, one file a notebook, until the exercises, the engine or this file change;
a run that was stopped goes on where it was.
"""

import dataclasses
import hashlib
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import torch

from course_lib import exercises
from course_lib.exercises import engine
from course_lib.exercises.comparison import Comparison
from course_lib.exercises.containment import contained
from course_lib.exercises.exercise import Exercise
from course_lib.exercises.sandbox import attempt
from course_lib.files import replace
from tools.mutants import mutants, rewritten

ROOT = Path(__file__).resolve().parent.parent
KEPT = ROOT / "build" / "mutants"
SECONDS = 10.0  # for a mutant that loops for ever; on a busy machine one that ends needs a few
SEEDS = range(1, 21)
JUDGES = "engine", "comparison", "sandbox", "values", "inspection", "exercise"
REFUSED = "the solution in other words"


def differs(exercise: Exercise, answer: Callable, seeds=SEEDS) -> bool:
    """Whether an answer does something else than the reference, on cases of other seeds too.

    The tolerance is that of rounding in float64, not that of the checker.
    """
    exact = dataclasses.replace(exercise, rtol=1e-7, atol=1e-10)
    for seed in (None, *seeds):
        with contained():
            generator = torch.Generator().manual_seed(seed or 0)
            cases = exercise.cases(generator) if seed else engine.cases_of(exercise)
        references, _ = attempt(exercise.solution, cases, exercise.run)
        trials, _ = attempt(answer, cases, exercise.run, SECONDS)
        look = Comparison(exact, answer, cases, trials, references, SECONDS)
        if not all(look.agreement(trials, references)):
            return True
    return False


def verdict(exercise: Exercise, mutant: Callable, seeds=SEEDS) -> str:
    """What became of a mutant: "rejected", "stopped" by an error, "equivalent" or "survived"."""
    outcome = engine.grade_exercise(exercise, mutant).outcome
    if outcome != "correct":
        return "stopped" if outcome == "error" else "rejected"
    return "survived" if differs(exercise, mutant, seeds) else "equivalent"


def verdicts_on(exercise: Exercise, known: dict[str, str]) -> Iterator[tuple[str, str]]:
    """The verdict on every mutant of an exercise's solution, and on the solution in other words.

    A mutant that fails or differs on the checker's own cases is never called correct; that much is
    found out here, because grading it would try all misconceptions too and take ten times as long.

    Args:
        known: what need not be tried again, by what was changed.
    """
    if engine.grade_exercise(exercise, rewritten(exercise.solution)).outcome != "correct":
        yield REFUSED, "refused"
    cases = engine.cases_of(exercise)
    references, _ = attempt(exercise.solution, cases, exercise.run)
    for change, mutant in mutants(exercise.solution).items():
        if change in known:
            continue
        trials, _ = attempt(mutant, cases, exercise.run, SECONDS)
        look = Comparison(exercise, mutant, cases, trials, references, SECONDS)
        if any(trial.error is not None for trial in trials):
            yield change, "stopped"
        elif not all(look.agreement(trials, references)):
            yield change, "rejected"
        else:
            yield change, verdict(exercise, mutant)


def of_notebook(number: str) -> dict[str, dict[str, str]]:
    """The verdict on every mutant of every exercise of a notebook, kept in build/mutants."""
    used = [ROOT / "course_lib/exercises" / f"{name}.py" for name in (*JUDGES, f"nb{number}")]
    used += [Path(__file__).with_name("mutants.py"), Path(__file__)]
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in used)).hexdigest()
    path = KEPT / f"{number}.json"
    kept = json.loads(path.read_text("utf-8")) if path.exists() else {}
    if kept.get("digest") != digest:
        kept = {"digest": digest, "verdicts": {}, "begun": {}}

    def keep():
        KEPT.mkdir(parents=True, exist_ok=True)
        replace(path, json.dumps(kept, indent=1, ensure_ascii=False) + "\n")

    for exercise in exercises.exercises_of(number):
        if exercise.kind != "function" or exercise.id in kept["verdicts"]:
            continue
        for change, kind in verdicts_on(exercise, dict(kept["begun"])):
            kept["begun"][change] = kind
            if len(kept["begun"]) % 10 == 0:
                keep()
        kept["verdicts"][exercise.id], kept["begun"] = kept["begun"], {}
        keep()
    return kept["verdicts"]


def row(name: str, verdicts: list[str]) -> str:
    """One line of the table; mutants that end in an error are easy, so they are left out of one."""
    count = {kind: verdicts.count(kind) for kind in ("stopped", "rejected", "survived")}
    same = verdicts.count("equivalent")
    running = count["rejected"] + count["survived"]
    everything = running + count["stopped"]
    shares = [1 - count["survived"] / max(1, n) for n in (everything, running)]
    numbers = "".join(f"{n:12d}" for n in (len(verdicts), same, *count.values()))
    return f"{name:8}{numbers}{shares[0]:12.1%}{shares[1]:12.1%}"


def main(numbers: list[str]) -> None:
    engine.SECONDS = SECONDS
    heads = "graded", "equivalent", "stopped", "rejected", "survived", "of all", "of running"
    print("notebook" + "".join(f"{head:>12}" for head in heads))
    everything: list[str] = []
    survivors: list[str] = []
    for number in numbers or exercises.notebooks_with_exercises():
        found = of_notebook(number)
        verdicts = [kind for changes in found.values() for kind in changes.values()]
        everything += verdicts
        survivors += [
            f"{id}  {change}"
            for id, changes in found.items()
            for change, kind in changes.items()
            if kind in ("survived", "refused")
        ]
        print(row(number, verdicts), flush=True)
    print(row("all", everything))
    print("\nSurvivors, and right answers refused:", *(survivors or ["none"]), sep="\n  ")


if __name__ == "__main__":
    main(sys.argv[1:])
