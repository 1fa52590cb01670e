"""Execute the code of one notebook and note what its checks say; started by tools/grades.py.

    python tools/regrade.py RESULTS SECONDS < cells.json

Cells that fail are passed over, as a learner would. One line of JSON a check goes to RESULTS. The
limits below stop accidents (a loop that fills the memory or the disk), not malice.
"""

import json
import sys
from pathlib import Path

MEMORY, FILE = 8 * 2**30, 100 * 2**20  # bytes: address space, the largest file


def limit(seconds: int) -> None:
    """Bound CPU time, address space and the size of files, where the system can."""
    try:
        import resource
    except ImportError:  # Windows
        return
    for what, most in (("CPU", 2 * seconds), ("AS", MEMORY), ("FSIZE", FILE), ("CORE", 0)):
        try:
            resource.setrlimit(getattr(resource, f"RLIMIT_{what}"), (most, most))
        except (ValueError, OSError):  # stricter already, or not known to this system
            continue


def main(results: Path, seconds: int) -> None:
    from IPython.core.interactiveshell import InteractiveShell

    from course_lib import exercises

    cells = json.load(sys.stdin)
    limit(seconds)
    grade = exercises.grade

    def recorded(id, answer=...):
        result = grade(id, answer)
        line = {"exercise": result.id, "outcome": result.outcome, "name": result.name}
        with results.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        return result

    exercises.grade = recorded  # `check` asks it by this name
    shell = InteractiveShell.instance()
    for source in cells:
        shell.run_cell(source, store_history=False)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
