"""Is this machine ready for the course? Versions, and for each problem one line that mends it."""

import importlib.metadata
import os
import platform
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OLDEST_PYTHON = (3, 11)
PACKAGE_OF = {"ot": "POT", "sklearn": "scikit-learn"}  # where the module's name is another one


def pinned() -> dict[str, str]:
    """Package name → version that requirements.txt pins.

    >>> pinned()["torchdiffeq"]
    '0.2.5'
    """
    text = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    return dict(re.findall(r"^([A-Za-z0-9_.-]+)==([^\s#]+)", text, flags=re.M))


def installed(name: str) -> str | None:
    """The installed version of a package without its build tag, or None.

    >>> installed("no-such-package") is None
    True
    """
    try:
        return importlib.metadata.version(name).split("+")[0]
    except importlib.metadata.PackageNotFoundError:
        return None


def problems(folder: Path | None = None) -> list[str]:
    """One line for each thing that is wrong here, naming what to do; empty if all is well.

    Args:
        folder: where the learner's notebooks are saved (default: the current folder).

    >>> problems()  # doctest: +SKIP
    ['numpy is 1.26.4, the course was tested with 2.4.6: run `make lab` again in the course…']
    """
    mend_all = "run `make lab` again in the course's folder"
    found = []
    if sys.version_info < OLDEST_PYTHON:
        found.append(
            f"Python {platform.python_version()} is too old: install 3.11 or newer, then {mend_all}"
        )
    for name, wanted in pinned().items():
        have = installed(name)
        if have is None:
            found.append(f"{name} is not installed: {mend_all}")
        elif have != wanted:
            found.append(f"{name} is {have}, the course was tested with {wanted}: {mend_all}")
    if not _widget_extension():
        found.append(
            "JupyterLab's widget extension is missing, sliders will not show: "
            "`pip install --force-reinstall jupyterlab_widgets`, then reload the page"
        )
    folder = Path.cwd() if folder is None else Path(folder)
    if not _writable(folder):
        found.append(
            f"no permission to write in {folder}: your work cannot be saved; "
            "copy the course to a folder of your own and open it there"
        )
    return found


def _widget_extension() -> bool:
    """Whether the Lab half of ipywidgets is where JupyterLab looks for it."""
    from jupyter_core.paths import jupyter_path

    return any(
        (Path(path) / "@jupyter-widgets" / "jupyterlab-manager" / "package.json").is_file()
        for path in jupyter_path("labextensions")
    )


def _writable(folder: Path) -> bool:
    """Try it: permission bits do not tell for network drives, nor for the administrator."""
    probe = folder / f".course-write-test-{os.getpid()}"
    try:
        probe.write_text("")
        probe.unlink()
    except OSError:
        return False
    return True


def remedy(error: NameError | ModuleNotFoundError) -> str | None:
    """What to do about a name or a package of the course's that is not there; None if unknown.

    >>> remedy(ModuleNotFoundError("No module named 'ot'", name="ot")).partition(":")[0]
    'The package POT is missing in this kernel'
    """
    if isinstance(error, UnboundLocalError):
        return None
    if isinstance(error, NameError):
        return (
            f"If a cell further up makes `{error.name}`, run it first: "
            "menu Run, Run All Above Selected Cell."
        )
    module = (error.name or "").partition(".")[0]
    package = PACKAGE_OF.get(module, module)
    if package not in pinned():
        return None
    return (
        f"The package {package} is missing in this kernel: run `make lab` again in the course's "
        "folder and restart the kernel (menu Kernel), or choose the kernel it was installed for."
    )


def explain_errors() -> None:
    """In a notebook, let errors about missing names and packages end with what to do.

    >>> explain_errors()
    """
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    if shell is None:
        return

    def show(shell, kind, error, trace, tb_offset=None):
        advice = remedy(error)
        if advice is not None and advice not in getattr(error, "__notes__", []):
            error.add_note(advice)
        shell.showtraceback((kind, error, trace), tb_offset=tb_offset)

    shell.set_custom_exc((NameError, ModuleNotFoundError), show)


def check_environment() -> None:
    """Print the versions in use, and one line for each problem with its mend.

    >>> check_environment()  # doctest: +ELLIPSIS
    Python ...
    """
    shown = ("numpy", "matplotlib", "torch", "torchdiffeq", "ipywidgets", "jupyterlab")
    print(f"Python {platform.python_version()}")
    print("  ".join(f"{name} {installed(name) or 'missing'}" for name in shown))
    found = problems()
    for line in found:
        print(f"✗ {line}")
    if not found:
        print("✓ All is well.")
