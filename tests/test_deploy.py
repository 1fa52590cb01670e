"""A class: the hub's settings and installation, its sizes, updates that lose nothing."""

import json
import os
import re
import subprocess

import nbformat
import pytest
from traitlets.config import PyFileConfigLoader

from course_lib import solution
from course_lib.results import ROOT
from tools import readme

HUB = ROOT / "deploy" / "jupyterhub"
INSTRUCTORS = (ROOT / "INSTRUCTORS.md").read_text(encoding="utf-8")
ON_UNIX = pytest.mark.skipif(os.name == "nt", reason="a shell's commands")


def section(text, title):
    return re.split(r"^#{2,3} ", text.partition(f"# {title}\n")[2], flags=re.M)[0]


# --- the hub ----------------------------------------------------------------------------------


def test_on_the_hub_solutions_are_switched_off(monkeypatch, capsys):
    config = PyFileConfigLoader(str(HUB / "course.py")).load_config()
    for name, value in config.Spawner.environment.items():
        monkeypatch.setenv(name, value)
    solution("00.1")
    assert "switched off" in capsys.readouterr().out


@ON_UNIX
def test_the_installation_asks_for_what_the_instructors_page_says(tmp_path):
    """With stand-ins for the hub's programs, which note their calls; twice, as after an update."""
    calls = tmp_path / "calls"
    for name in ("user/bin/python", "user/bin/jupyter", "hub/bin/tljh-config"):
        program = tmp_path / name
        program.parent.mkdir(parents=True, exist_ok=True)
        program.write_text(f'#!/bin/sh\necho {program.name} "$@" >> {calls}\n')
        program.chmod(0o755)
    for _ in range(2):
        env = os.environ | {"TLJH": str(tmp_path)}
        done = subprocess.run([str(HUB / "install")], env=env, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    noted = calls.read_text().splitlines()
    assert noted[: len(noted) // 2] == noted[len(noted) // 2 :]
    assert "python -m pip install --no-cache-dir -r binder/requirements.txt" in noted
    assert any(line.endswith("--env PYTHONPATH ${HOME}/course") for line in noted)
    assert noted[-1] == "tljh-config reload"
    (limit,) = {line.split()[-1] for line in noted if "limits.memory" in line}
    assert f"The limit is {limit.replace('G', ' GB')} a student" in INSTRUCTORS
    installed = tmp_path / "config" / "jupyterhub_config.d" / "course.py"
    assert installed.read_text() == (HUB / "course.py").read_text()
    folder = tmp_path / "user" / "etc" / "jupyter" / "jupyter_server_config.d"
    assert "MappingKernelManager" in json.loads((folder / "course.json").read_text())


def test_the_link_puts_the_course_where_kernels_look_for_it():
    link = readme.classroom_link()
    assert "targetpath=course&" in link and link in INSTRUCTORS
    assert "${HOME}/course" in (HUB / "install").read_text(encoding="utf-8")
    assert "00_start_here.ipynb" in link


def test_the_link_names_the_address_when_there_is_one(monkeypatch):
    monkeypatch.setattr(readme, "repository", lambda: "someone/course")
    link = readme.classroom_link()
    assert "github.com%2Fsomeone%2Fcourse&" in link and "not set" not in link


def test_the_sizing_is_its_own_arithmetic():
    text = section(INSTRUCTORS, "Memory")
    number = r" (\d+|–) \|"
    rows = re.findall(rf"^\| (has .+?) \|{4 * number}$", text, flags=re.M)
    assert len(rows) == 7
    together, peaks = {}, []
    for who, *columns in rows:
        server, kernel, both, peak = (int(value.replace("–", "0")) for value in columns)
        assert server + kernel == both, who
        together[who] = both
        peaks.append(peak)
    heaviest, idle = max(together.values()), together["has signed in"]
    sums = re.findall(r"((?:\d+ × \d+ \+ )+\d+)[^=]* = ([\d ]+) MiB", text)
    assert len(sums) == 2
    for terms, total in sums:
        products = [(int(n), int(size)) for n, size in re.findall(r"(\d+) × (\d+)", terms)]
        assert all(n in (50, 100) and size in (heaviest, idle) for n, size in products)
        hub = int(terms.split()[-1])
        assert sum(n * size for n, size in products) + hub == int(total.replace(" ", ""))
    server, on_binder = map(int, re.search(r"server \((\d+) MiB, RSS\) makes (\d+)", text).groups())
    assert max(peaks) + server == on_binder < 1024, "Binder's gigabyte is enough"


# --- Binder -----------------------------------------------------------------------------------


def test_binder_reads_every_file_and_opens_at_the_first_notebook():
    known = {"requirements.txt", "runtime.txt", "postBuild"}  # of what repo2docker looks for
    assert {path.name for path in (ROOT / "binder").iterdir()} == known
    script = (ROOT / "binder" / "postBuild").read_text(encoding="utf-8")
    settings = json.loads(script.partition("<<'JSON'\n")[2].partition("JSON")[0])
    page = settings["LabApp"]["default_url"].removeprefix("/lab/tree/")
    assert page == "notebooks/00_start_here.ipynb" and (ROOT / page).is_file()


# --- updates ----------------------------------------------------------------------------------


@pytest.fixture
def git(tmp_path):
    """Call git, far from the user's own settings; in the student's clone unless told otherwise."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    settings = tmp_path / "gitconfig"
    settings.touch()
    env |= {"GIT_CONFIG_GLOBAL": str(settings), "GIT_CONFIG_NOSYSTEM": "1", "HOME": str(tmp_path)}
    author = ["-c", "user.name=course", "-c", "user.email=course@example.org"]

    def call(*arguments, cwd=None, check=True):
        command = ["git", *author, *arguments]
        cwd = cwd or tmp_path / "student"
        return subprocess.run(
            command, cwd=cwd, env=env, check=check, capture_output=True, text=True
        )

    call.env = env
    return call


def save(path, *sources):
    cells = [nbformat.v4.new_code_cell(text, id=f"cell-{i}") for i, text in enumerate(sources)]
    path.parent.mkdir(exist_ok=True)
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)


def sources(path):
    return [cell.source for cell in nbformat.read(path, as_version=4).cells]


@pytest.fixture(params=["another cell", "the same cell"])
def edited(tmp_path, git, request):
    """A student has edited the first cell of a clone; the course has changed one as well."""
    course, student = tmp_path / "course", tmp_path / "student"
    notebook = course / "notebooks" / "00.ipynb"
    course.mkdir()
    (course / ".gitignore").write_bytes((ROOT / ".gitignore").read_bytes())
    git("init", "--quiet", "--initial-branch=main", cwd=course)
    save(notebook, "...  # your code", "second")
    git("add", ".", cwd=course)
    git("commit", "--quiet", "-m", "one", cwd=course)
    git("clone", "--quiet", str(course), str(student), cwd=tmp_path)
    save(student / "notebooks" / "00.ipynb", "my answer", "second")
    new = ("...  # your code", "better") if "another" in request.param else ("...  # new", "second")
    save(notebook, *new)
    git("commit", "--quiet", "-am", "two", cwd=course)
    return student, new


def test_a_pull_over_edits_stops_and_changes_nothing(edited, git):
    student, _ = edited
    done = git("pull", check=False)
    assert done.returncode != 0 and "would be overwritten" in done.stderr
    assert sources(student / "notebooks" / "00.ipynb") == ["my answer", "second"]


@ON_UNIX
def test_the_readmes_three_commands_keep_both(edited, git):
    student, new = edited
    text = section((ROOT / "README.md").read_text(encoding="utf-8"), "To update")
    commands = "\n".join(re.findall(r"^    (.+)$", text, flags=re.M))
    assert commands.count("\n") == 2
    script = ["bash", "-euo", "pipefail", "-c", commands]
    done = subprocess.run(script, cwd=student, env=git.env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert sources(student / "my-notebooks-1" / "00.ipynb") == ["my answer", "second"]
    assert sources(student / "notebooks" / "00.ipynb") == list(new)
    assert git("status", "--porcelain").stdout == "", "git leaves the folder alone"
    assert "my answer" in git("show", "stash@{0}:notebooks/00.ipynb").stdout


def test_who_works_in_a_folder_of_their_own_just_pulls(edited, git):
    student, new = edited
    git("restore", "notebooks")
    save(student / "my-work" / "00.ipynb", "my answer", "second")
    git("pull")
    assert sources(student / "my-work" / "00.ipynb") == ["my answer", "second"]
    assert sources(student / "notebooks" / "00.ipynb") == list(new)
