"""Each thing that can be wrong with an installation is named, together with its mend."""

import os

import pytest

from course_lib import environment


def test_this_machine_is_ready(capsys):
    environment.check_environment()
    assert capsys.readouterr().out.rstrip().splitlines()[-1].startswith("✓")


def test_wrong_version_is_named_with_both_versions(monkeypatch, capsys):
    have = environment.installed
    monkeypatch.setattr(environment, "installed", lambda n: "1.0" if n == "torch" else have(n))
    environment.check_environment()
    line = capsys.readouterr().out.rstrip().splitlines()[-1]
    assert (
        line.startswith("✗ torch is 1.0, the course was tested with 2.13.0") and "make lab" in line
    )


def test_missing_package_is_named(monkeypatch):
    have = environment.installed
    monkeypatch.setattr(environment, "installed", lambda n: None if n == "POT" else have(n))
    (problem,) = environment.problems()
    assert problem.startswith("POT is not installed") and "make lab" in problem


def test_missing_widget_extension_is_named(monkeypatch, tmp_path):
    import jupyter_core.paths

    monkeypatch.setattr(jupyter_core.paths, "jupyter_path", lambda *parts: [str(tmp_path)])
    (problem,) = environment.problems()
    assert "widget extension" in problem and "jupyterlab_widgets" in problem


def test_old_python_is_named(monkeypatch):
    monkeypatch.setattr(environment, "OLDEST_PYTHON", (99, 0))
    assert environment.problems()[0].startswith("Python ")


def test_folder_without_write_permission_is_named(tmp_path):
    missing = tmp_path / "not there"  # cannot be written to, whoever runs the test
    (problem,) = environment.problems(missing)
    assert "no permission to write" in problem and str(missing) in problem


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="the administrator may write anywhere"
)
def test_read_only_folder_is_named(tmp_path):
    tmp_path.chmod(0o500)
    (problem,) = environment.problems(tmp_path)
    assert "no permission to write" in problem


def test_works_where_torch_is_missing():
    """The first cell must speak even if nothing else can be imported."""
    import subprocess
    import sys

    code = (
        "import sys; sys.modules['torch'] = sys.modules['matplotlib'] = None\n"
        "from course_lib.environment import check_environment; check_environment()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Python ")
