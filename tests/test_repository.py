"""The repository itself: pins, commands, generated files, licences, and what must not be in it."""

import ast
import doctest
import importlib
import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import tomllib

import pytest
import yaml

from course_lib.results import ROOT
from tools import binder, check_links, repin

LAYOUT = """
    README.md requirements.txt requirements-dev.txt Makefile pyproject.toml LICENSE LICENSE-CONTENT
    CITATION.cff CONTRIBUTING.md INSTRUCTORS.md CLAIMS.md course_lib notebooks data data/README.md
    data/results data/weights tests benchmarks experiments tools binder .ci/run
    .github/workflows/ci.yml .github/workflows/weekly.yml
"""
TARGETS = [
    "lab",
    "project",
    "site",
    "test",
    "test-fast",
    "attack",
    "mutants",
    "notebooks",
    "seeds",
    "faults",
    "grades",
    "smoke-hub",
    "experiments",
    "bench",
    "bench-course",
    "docs",
    "equations",
    "audit",
    "lint",
    "clean",
    "help",
]
MAKE = shutil.which("make")
LINUX = sys.platform.startswith("linux")


def tracked():
    """Files of the repository: tracked, or new and not ignored."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if listed.returncode != 0:
        pytest.skip("not a git clone")
    return [path for line in listed.stdout.splitlines() if (path := ROOT / line).is_file()]


def text_files():
    for path in tracked():
        try:
            yield path, path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # a picture or weights


def read(name):
    return (ROOT / name).read_text(encoding="utf-8")


def requirements(name):
    """Requirement lines of a file, without comments and options."""
    lines = (line.split("#")[0].strip() for line in read(name).splitlines())
    return [line for line in lines if line and not line.startswith("-")]


# --- layout and texts ------------------------------------------------------------------------


@pytest.mark.parametrize("name", LAYOUT.split())
def test_layout(name):
    assert (ROOT / name).exists(), f"DESIGN §1 names {name}"


def test_no_registry_host_is_named():
    """Packages come from wherever the reader's own pip is set up to look."""
    hosts = ("pypi" + ".org", "pythonhosted" + ".org", "npmjs" + ".org", "debian" + ".org")
    found = [(p.name, host) for p, text in text_files() for host in hosts if host in text]
    assert found == []


def test_no_path_of_one_machine_is_named():
    pattern = re.compile(r"(?<![\w.~>])/(?:root|work|tmp|Users|home/[a-z]\w*)/[\w.]")
    found = [
        f"{path.relative_to(ROOT)}: {text[m.start() : m.start() + 50]!r}"
        for path, text in text_files()
        for m in [pattern.search(text)]
        if m
    ]
    assert found == []


@pytest.mark.parametrize(
    "path", check_links.documents(), ids=lambda path: path.relative_to(ROOT).as_posix()
)
def test_links_inside_the_repository(path):
    assert list(check_links.broken(check_links.prose(path), path.parent)) == []


def test_a_broken_link_is_found(tmp_path):
    (tmp_path / "there.md").write_text("")
    text = "[a](there.md#part) [b](gone.md) ![c](gone.png 'title') `[d](code.md)` [e](#here)"
    assert [line.split("'")[1] for line in check_links.broken(text, tmp_path)] == [
        "gone.md",
        "gone.png",
    ]


@pytest.mark.parametrize("command", ["-m course_lib.claims", "tools/readme.py", "tools/binder.py"])
def test_generated_files_are_current(command):
    done = subprocess.run(
        [sys.executable, *command.split(), "--check"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, f"run `make docs`: {done.stdout}{done.stderr}"


def test_licences_and_citation():
    assert "MIT License" in read("LICENSE") and "WITHOUT WARRANTY" in read("LICENSE")
    content = read("LICENSE-CONTENT")
    assert "Creative Commons Attribution 4.0 International" in content
    assert "https://creativecommons.org/licenses/by/4.0/" in content
    citation = yaml.safe_load(read("CITATION.cff"))
    project = tomllib.loads(read("pyproject.toml"))["project"]
    assert {"cff-version", "message", "title", "authors"} <= set(citation)
    assert str(citation["version"]) == project["version"]
    assert citation["license"] == [project["license"], "CC-BY-4.0"]


# --- pins ------------------------------------------------------------------------------------


FOR_DEVELOPERS = ("requirements-dev.txt", "requirements-project.txt", "requirements-site.txt")


@pytest.mark.parametrize("name", ["requirements.txt", *FOR_DEVELOPERS])
def test_pins_are_exact(name):
    for line in requirements(name):
        assert re.fullmatch(r"[\w.-]+==[\w.]+(; .+)?", line), f"{name}: pin {line!r} with =="


def test_pins_are_what_runs_here():
    others = [line for file in FOR_DEVELOPERS for line in requirements(file)]
    for line in requirements("requirements.txt") + others:
        name, version = line.split(";")[0].strip().split("==")
        if ";" in line and not LINUX:
            continue
        assert importlib.metadata.version(name).split("+")[0] == version, f"{name}: run `make test`"


def test_pins_hold_all_that_is_imported():
    """A package that the code imports is pinned, not only along with something else."""
    pinned = {line.split("==")[0].lower() for line in requirements("requirements.txt")}
    developers = pinned | {
        line.split("==")[0].lower() for file in FOR_DEVELOPERS for line in requirements(file)
    }
    hub = {line.split("==")[0] for line in requirements("deploy/jupyterhub/requirements.txt")}
    owner = importlib.metadata.packages_distributions()
    # Parts of JupyterLab, ipywidgets and matplotlib; the pins of those decide their versions.
    jupyter = {"ipython", "ipykernel", "jupyter_core", "traitlets", "jupyterlab"}
    along = jupyter | {"contourpy", "pillow"}
    for path in tracked():
        if path.suffix != ".py":
            continue
        allowed = pinned if path.parts[len(ROOT.parts)] == "course_lib" else developers
        allowed = allowed | hub if path.parent.name == "jupyterhub" else allowed
        for module in _imports(ast.parse(path.read_text(encoding="utf-8"))):
            names = {name.lower() for name in owner.get(module, [])}
            own = module in sys.stdlib_module_names or (ROOT / module).exists()
            missing = not own and names and not names & (allowed | along)
            assert not missing, f"{path.relative_to(ROOT)} imports {module}: pin it"


def _imports(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


# --- commands --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [p.stem for p in sorted((ROOT / "tools").glob("*.py")) if ">>> " in p.read_text("utf-8")],
)
def test_examples_in_the_tools(name):
    done = doctest.testmod(importlib.import_module(f"tools.{name}"))
    assert done.attempted and not done.failed


@pytest.fixture
def make(tmp_path):
    """Call make on an environment that only looks like one: `bin/python` and the two stamps."""
    if MAKE is None or os.name == "nt":
        pytest.skip("needs make, and an environment as it looks on Linux and macOS")
    venv = tmp_path / "venv"
    (venv / "bin").mkdir(parents=True)
    (venv / "bin" / "python").symlink_to(sys.executable)
    for stamp in (".lab", ".dev"):
        (venv / stamp).touch()

    def call(*arguments):
        command = [MAKE, "--no-print-directory", *arguments]
        if not any(argument.startswith("VENV=") for argument in arguments):
            command.append(f"VENV={venv}")
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)

    call.venv = venv
    return call


def test_help_lists_every_target(make):
    listed = re.findall(r"^  ([a-z-]+) ", make("help").stdout, flags=re.M)
    assert sorted(listed) == sorted(TARGETS)
    assert make().stdout == make("help").stdout


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["lab", "ARGS=--no-browser --port 8899"], "00_start_here.ipynb --no-browser --port 8899"),
        (
            ["test", "ARGS=-k solvers"],
            "-m pytest -n 2 --dist loadfile --no-loadscope-reorder -k solvers",
        ),
        (["test-fast"], '-m "not (notebook or browser or install or slow)"'),
        (["notebooks", "NB=04"], "tools/execute_notebooks.py 04"),
        (["seeds", "NB=04"], "-m tools.seeds --seeds 0-4 04"),
        (["lint"], "-m ruff format --check ."),
        (["docs"], "tools/readme.py"),
        (["project", "ARGS=--port=8877"], "voila notebooks/gallery.ipynb"),
        (["site"], "tools/website.py"),
        (["smoke-hub"], "--env PYTHONPATH '${HOME}/course'"),
        (["grades", "NAME=in", "ARGS=--regrade"], '-m tools.grades "in" --regrade'),
    ],
)
def test_what_a_target_runs(make, arguments, expected):
    done = make("--dry-run", *arguments)
    assert done.returncode == 0, done.stderr
    assert expected in " ".join(done.stdout.split()), done.stdout


def test_an_environment_is_made_once_and_again_when_its_files_are_newer(make):
    assert "pip install" not in make("--dry-run", "test").stdout
    assert "pip install" not in make("--dry-run", "lab").stdout
    os.utime(make.venv / ".dev", (0, 0))
    assert "pip install" in make("--dry-run", "test").stdout
    cpu = make("--dry-run", "test", "TORCH=cpu").stdout
    assert f"--extra-index-url {binder.CPU_WHEELS} -r requirements-dev.txt -e ." in cpu
    fresh = make("--dry-run", "lab", "VENV=" + str(make.venv / "none")).stdout
    assert "-m venv" in fresh and "-r requirements.txt -e ." in fresh


def test_an_old_python_is_named_and_leaves_nothing(make, tmp_path):
    old = tmp_path / "old-python"
    pretend = "import sys; sys.version_info = (3, 9); sys.version = '3.9.1 (old)'; "
    old.write_text(f'#!/bin/sh\nexec {sys.executable} -c "{pretend}$2"\n')
    old.chmod(0o755)
    done = make("lab", f"PYTHON={old}", f"VENV={tmp_path / 'new'}")
    assert done.returncode != 0 and not (tmp_path / "new").exists()
    assert "Python 3.11 or newer is needed, this is 3.9.1" in done.stderr


@pytest.mark.skipif(os.name == "nt", reason="a file has no such bit there")
@pytest.mark.parametrize("name", [".ci/run", "binder/postBuild", "deploy/jupyterhub/install"])
def test_scripts_can_be_run(name):
    assert os.access(ROOT / name, os.X_OK)
    done = subprocess.run(["bash", "-n", name], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_workflow_runs_on_three_systems():
    jobs = yaml.safe_load(read(".github/workflows/ci.yml"))["jobs"]
    systems = {job["runs-on"] for job in jobs.values()}
    assert systems == {"ubuntu-latest", "macos-latest", "windows-latest"}
    recipe = " ".join(step.get("run", "") for step in jobs["windows"]["steps"])
    assert "make" not in recipe and "-m pytest -n 2 --dist loadfile" in recipe
    assert "3.11" in str(jobs["linux"]["strategy"]["matrix"]["python"])
    for job in ("linux", "macos"):
        assert any("make test" in step.get("run", "") for step in jobs[job]["steps"])


@pytest.mark.skipif(not LINUX, reason="the weekly job runs on Linux")
def test_the_weekly_job_takes_off_every_pin(tmp_path):
    jobs = yaml.safe_load(read(".github/workflows/weekly.yml"))["jobs"]
    for name in repin.FILES:
        shutil.copy(ROOT / name, tmp_path)
    take_off = next(s["run"] for s in jobs["unpinned"]["steps"] if "sed" in s.get("run", ""))
    subprocess.run(["bash", "-c", take_off], cwd=tmp_path, check=True)
    for name in repin.FILES:
        text = (tmp_path / name).read_text()
        assert "==" not in re.sub(r";.*", "", text)
        assert repin.pinned(text) == read(name)
    assert any("check_links.py --external" in s.get("run", "") for s in jobs["links"]["steps"])


# --- Binder ----------------------------------------------------------------------------------


def test_binder_python_is_one_that_the_course_supports():
    version = re.fullmatch(r"python-(3\.\d+)\n", read("binder/runtime.txt"))
    assert version, "binder/runtime.txt: python-3.N, without a patch release"
    wanted = tomllib.loads(read("pyproject.toml"))["project"]["requires-python"]
    assert int(version[1].split(".")[1]) >= int(wanted.removeprefix(">=3."))


@pytest.fixture
def clone(tmp_path):
    """The repository's files, as a clone has them."""
    for path in tracked():
        target = tmp_path / "clone" / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    return tmp_path / "clone"


@pytest.mark.install
@pytest.mark.skipif(not LINUX, reason="Binder's images are Linux")
@pytest.mark.timeout(1500)
def test_binder_image_from_the_files_that_its_dockerfile_copies(clone, tmp_path):
    """What repo2docker copies is enough for its pip step; after postBuild notebook 00 runs."""
    printed = subprocess.run(
        [sys.executable, "-m", "repo2docker", "--no-build", "--debug", "."],
        cwd=clone,
        capture_output=True,
        text=True,
    )
    dockerfile = printed.stdout + printed.stderr
    before = dockerfile.partition("COPY --chown=0:0 src/ ")[0]
    copied = re.findall(r"^COPY \S+ src/(\S+) \$\{REPO_DIR\}/(\S+)", before, flags=re.M)
    pip = re.findall(r"^RUN \$\{KERNEL_PYTHON_PREFIX\}/bin/pip (.+)$", before, flags=re.M)
    assert copied and len(pip) == 1, dockerfile
    assert "environment.py-3.11" in dockerfile.replace("-2e", ".").replace("-2d", "-")

    image, venv = tmp_path / "image", tmp_path / "venv"
    for source, target in copied:
        (image / target).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(clone / source, image / target)
    env = {k: v for k, v in os.environ.items() if not k.startswith(("JUPYTER", "PYTHON"))}
    env |= {"PATH": f"{venv / 'bin'}:{env['PATH']}", "PIP_RETRIES": "1"}

    def run(*command):
        done = subprocess.run(command, cwd=image, env=env, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        return done.stdout

    run(sys.executable, "-m", "venv", str(venv))
    run("bash", "-c", f"pip {pip[0]}")
    shutil.copytree(clone, image, dirs_exist_ok=True)
    run("./binder/postBuild")
    run("pip", "check")
    run("jupyter", "execute", "notebooks/00_start_here.ipynb")
    assert '"default_url": "/lab/tree/notebooks/00_' in run(
        "bash", "-c", f"cat {venv}/etc/jupyter/jupyter_server_config.d/course.json"
    )


@pytest.mark.parametrize("arguments", [["check"], ["format", "--check"]], ids=" ".join)
def test_ruff_has_nothing_to_say(arguments):
    """What `make lint` runs."""
    command = [sys.executable, "-m", "ruff", *arguments, "."]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:]
