"""What a learner has done so far: one small file on their own machine, and a map drawn from it.

The file is `.progress.json` in the course's folder: exercise number → date of the first right
answer. It may be read, edited or deleted at will, is ignored by git, and never leaves the machine.
Nothing here ever stops a check: what cannot be read counts as empty, what cannot be written is
said once.
"""

import datetime
import json
import os
import re
from pathlib import Path

from course_lib import files
from course_lib.course_map import draw_map, lessons

ROOT = Path(__file__).resolve().parent.parent
_said = set()


def progress_file() -> Path:
    """Where progress is kept: `COURSE_PROGRESS` in the environment, or the course's folder.

    >>> progress_file()  # doctest: +SKIP
    PosixPath('course/.progress.json')
    """
    return Path(os.environ.get("COURSE_PROGRESS") or ROOT / ".progress.json")


def read_progress() -> dict[str, str]:
    """Exercise number → date of the first right answer; empty if there is no readable file.

    >>> read_progress()  # doctest: +SKIP
    {'00.1': '2026-11-22'}
    """
    path = progress_file()
    if os.environ.get("COURSE_EXECUTING") and "COURSE_PROGRESS" not in os.environ:
        return {}  # a stored notebook must not depend on who executed it
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
        done = {id: str(entries[id]) for id in entries if re.fullmatch(r"\d\d\.\d{1,2}", id)}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError):
        _say_once(f"Your progress in {path} cannot be read and counts as empty.")
        return {}
    return done


def record(id: str) -> None:
    """Remember that exercise `id` has been answered rightly; keeps the date of the first time.

    A corrupt file is set aside under the name `….corrupt` rather than overwritten.

    >>> record("00.1")  # doctest: +SKIP
    """
    if os.environ.get("COURSE_EXECUTING"):
        return  # notebooks executed for the repository, and tests, are nobody's progress
    path = progress_file()
    done = read_progress()
    if id in done:
        return
    done[id] = datetime.date.today().isoformat()
    text = json.dumps(dict(sorted(done.items())), indent=1) + "\n"
    try:
        if path.exists() and not _is_readable(path):
            path.replace(path.with_name(path.name + ".corrupt"))
        files.replace(path, text)  # at once or not at all: two notebooks may be open
    except OSError as problem:
        _say_once(f"Your progress cannot be saved ({problem}); checks work all the same.")


def progress(ax=None) -> None:
    """Draw the course map with what is done in each notebook, and say where to go on.

    >>> progress()  # doctest: +SKIP
    6 of 25 exercises done. Next: 04.2 One step of Euler, in 04 Differential equations.
    """
    import matplotlib.pyplot as plt

    from course_lib.exercises import exercises_of, notebooks_with_exercises
    from course_lib.exercises.display import show_bundle

    done = read_progress()
    shares, total, next_one = {}, 0, None
    for number in notebooks_with_exercises():
        exercises = exercises_of(number)
        solved = [exercise.id for exercise in exercises if exercise.id in done]
        shares[number] = (len(solved), len(exercises))
        total += len(exercises)
        for exercise in exercises:
            if next_one is None and exercise.id not in done:
                next_one = exercise
    count = sum(solved for solved, _ in shares.values())
    where = link = "All of them: well done."
    if next_one is not None:
        lesson = lessons()[next_one.id[:2]]
        task, place = f"Next: {next_one.id} {next_one.title}", f"{lesson.number} {lesson.title}"
        where, link = f"{task}, in {place}.", f"{task}, in [{place}]({lesson.file})."
    done_so_far = f"{count} of {total} exercises done."
    show_bundle(f"{done_so_far} {where}", markdown=f"{done_so_far} {link}")
    draw_map(ax, done=shares)
    if ax is None:
        plt.show()


def _is_readable(path: Path) -> bool:
    try:
        return isinstance(json.loads(path.read_text(encoding="utf-8")), dict)
    except (OSError, ValueError):
        return False


def _say_once(text: str) -> None:
    if text not in _said:
        _said.add(text)
        print(text)
