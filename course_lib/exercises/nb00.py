"""The exercise of notebook 00: a first turn of the check, hint, solution loop."""

import torch

from course_lib.exercises.exercise import Exercise, Misconception


def on_the_way(start, end, s):
    """The point that has covered the fraction s of the straight way from start to end."""
    return start + s * (end - start)


def _as_weighted_mean(start, end, s):
    return (1 - s) * start + s * end


def _moved_by_the_target(start, end, s):
    return start + s * end


def _weights_swapped(start, end, s):
    return s * start + (1 - s) * end


def _always_halfway(start, end, s):
    return (start + end) / 2


def _only_the_displacement(start, end, s):
    return s * (end - start)


def _only_the_target(start, end, s):
    return s * end


def _away_from_the_target(start, end, s):
    return start + s * (start - end)


def _cases(generator):
    points = 3 * torch.randn(3, 2, 2, dtype=torch.float64, generator=generator)
    planar = [(a, b, s) for (a, b), s in zip(points, (0.25, 0.6, 1.0), strict=True)]
    return [(2.0, 6.0, 0.25), (1.0, -3.0, 0.0), *planar]


EXERCISES = [
    Exercise(
        id="00.1",
        title="A point on the way",
        difficulty=1,
        minutes=3,
        hints=[
            "At s = 0 the answer must be `start`, at s = 1 it must be `end`. Try both.",
            "The whole way is the difference `end - start`. How much of it is behind you at s?",
        ],
        solution=on_the_way,
        alternatives=[_as_weighted_mean],
        misconceptions=[
            Misconception(
                "adds the target instead of the way to it",
                _moved_by_the_target,
                "For {case} you get {got}, not {expected}: at s = 1 you would be at start + end. "
                "How far is it from `start` to `end`?",
            ),
            Misconception(
                "the two ends swapped",
                _weights_swapped,
                "For {case} you get {got}, not {expected}: at s = 0 yours is already at `end`. "
                "Which of the two should carry the whole weight at the beginning?",
            ),
            Misconception(
                "s is not used",
                _always_halfway,
                "For {case} you get {got}, not {expected}: yours stands halfway whatever s is. "
                "Where does s come in?",
            ),
            Misconception(
                "the step without the start",
                _only_the_displacement,
                "For {case} you get {got}, not {expected}: that is how far you have gone, counted "
                "from the origin. From where did you set out?",
            ),
            Misconception(
                "a fraction of the target",
                _only_the_target,
                "For {case} you get {got}, not {expected}: at s = 0 you would be at the origin. "
                "From where did you set out?",
            ),
            Misconception(
                "the way backwards",
                _away_from_the_target,
                "For {case} you get {got}, not {expected}: you walk away from `end`. The way from "
                "`start` to `end`: which of the two minus which?",
            ),
        ],
        means="Straight lines walked at constant speed: in notebook 19 a network learns to point "
        "along them, on average, and so to draw digits.",
        cases=_cases,
    ),
]
