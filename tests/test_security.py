"""Nothing here unpickles, evaluates or shows what somebody else wrote; servers stay at home."""

import ast
import base64
import json
import re
import shlex
import shutil
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from course_lib import claims
from course_lib.exercises import all_exercises, grade
from course_lib.exercises.display import hint_html, result_html, result_text
from course_lib.exercises.exercise import Result
from course_lib.results import ROOT
from course_lib.widgets.base import Explorer, Slider
from tests.test_browser import lab_environment, serving  # noqa: F401, one is a fixture
from tests.test_repository import text_files, tracked
from tools import audit

# --- code that runs what it reads ----------------------------------------------------------------

# What each of these is for; whatever else is found fails.
ALLOWED = {
    ("tools/mutants.py", "exec"): "our own solutions, altered",
    ("tools/mutants.py", "compile"): "the same",
}
MODULES = {"pickle", "cPickle", "joblib", "marshal", "shelve", "dill", "cloudpickle", "pty"}
CALLS = {"eval", "exec", "compile", "__import__"}
METHODS = {
    "os": {"system", "popen", "execv", "execve", "execvp", "spawnl", "spawnv"},
    "hub": {"load", "load_state_dict_from_url"},
    "yaml": {"load", "unsafe_load", "full_load"},
}


def dangers(source: str) -> list[str]:
    """The names of all that a program could be made to run foreign code with."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [a.name for a in node.names if a.name.partition(".")[0] in MODULES]
        elif isinstance(node, ast.ImportFrom):
            found += [node.module] if (node.module or "").partition(".")[0] in MODULES else []
        elif isinstance(node, ast.Call):
            found += _of_call(node)
    return found


def _of_call(node: ast.Call) -> list[str]:
    name = ast.unparse(node.func)
    options = {k.arg: ast.unparse(k.value) for k in node.keywords}
    owner, _, method = name.rpartition(".")
    if name in CALLS or method in METHODS.get(owner.rpartition(".")[2], ()):
        return [name]
    if name == "torch.load" and options.get("weights_only") != "True":
        return ["torch.load"]
    if options.get("allow_pickle", "False") != "False":
        return ["allow_pickle"]
    return ["shell"] if options.get("shell", "False") != "False" else []


def code_of(notebook: Path) -> str:
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    return "\n\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "code")


def test_nothing_evaluates_or_unpickles():
    for path in tracked():
        name = path.relative_to(ROOT).as_posix()
        if path.suffix == ".py":
            found = dangers(path.read_text(encoding="utf-8"))
        elif path.suffix == ".ipynb":
            found = dangers(code_of(path))
        else:
            continue
        if not name.startswith("tests/"):
            assert not [d for d in found if (name, d) not in ALLOWED], f"{name}: {found}"


def test_the_reader_of_dangers_sees_them():
    bad = {
        "import pickle": "pickle",
        "from joblib import load": "joblib",
        "eval(text)": "eval",
        "os.system('x')": "os.system",
        "subprocess.run('x', shell=True)": "shell",
        "np.load(f, allow_pickle=True)": "allow_pickle",
        "torch.load(f)": "torch.load",
        "torch.hub.load('a', 'b')": "torch.hub.load",
        "yaml.load(f)": "yaml.load",
    }
    for source, name in bad.items():
        assert dangers(source) == [name], source
    good = "net.eval()\nre.compile('x')\ntorch.load(f, weights_only=True)\nyaml.safe_load(f)"
    assert dangers(good) == []


def test_data_are_numbers_and_nothing_else():
    """Every stored array is read without unpickling, as the library reads it."""
    paths = sorted((ROOT / "data").rglob("*.npz"))
    assert paths
    for path in paths:
        with np.load(path) as file:
            assert all(file[name].dtype != object for name in file.files), path.name


# --- what is stored and published ----------------------------------------------------------------

SECRETS = {
    "a key's head": r"-----BEGIN [A-Z ]*PRIVATE KEY",
    "a cloud's key": r"\bAKIA[0-9A-Z]{16}\b",
    "a forge's token": r"\b(?:gh[opsu]_[A-Za-z0-9]{30,}|glpat-[\w-]{20,})",
    "a model hub's or service's token": r"\b(?:hf_[A-Za-z0-9]{30,}|sk-[A-Za-z0-9]{32,})",
    "a Jupyter address with its token": r"[?&]token=[0-9a-f]{20,}",
    "a password in an address": r"://[^/\s:@\"']+:[^/\s:@\"']+@",
}


def test_no_secret_is_stored():
    for path, text in text_files():
        for what, pattern in SECRETS.items():
            assert not re.search(pattern, text), f"{path.relative_to(ROOT)}: {what}"


def test_a_secret_would_be_seen():
    there = {
        "a forge's token": "ghp_" + "a" * 36,
        "a Jupyter address with its token": "http://localhost:8888/lab?token=" + "0a" * 24,
        "a password in an address": "https://me:" + "secret@example.org",
    }
    for what, text in there.items():
        assert re.search(SECRETS[what], text)


@pytest.mark.parametrize("path", sorted((ROOT / "notebooks").glob("*.ipynb")), ids=lambda p: p.name)
def test_a_notebook_does_not_tell_who_executed_it(path):
    """No home, no host, no folder: not in text, not inside its pictures."""
    own = {str(Path.home()), str(ROOT)} - {"/"}
    host = socket.gethostname()
    own |= {host} if len(host) > 8 and "-" in host else set()  # else it may be a word
    text = path.read_text(encoding="utf-8")
    assert not [word for word in own if word in text]
    for cell in json.loads(text)["cells"]:
        for output in cell.get("outputs", []):
            for mime, data in output.get("data", {}).items():
                if mime in ("image/png", "image/gif", "image/jpeg"):
                    picture = base64.b64decode("".join(data))
                    assert not [word for word in own if word.encode() in picture]
    metadata = json.loads(text)["metadata"]
    assert set(metadata) <= {"kernelspec", "language_info", "title"}
    assert "version" not in metadata["language_info"]


# --- what a learner writes is shown as text ------------------------------------------------------

ATTACK = "<script>alert(1)</script><img src=x onerror=alert(1)>`<b>`*<i>*"


class Tags(HTMLParser):
    """The names of the elements and attributes of a piece of HTML."""

    def __init__(self, text: str):
        super().__init__()
        self.names: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.names |= {tag} | {name for name, _ in attributes}


OUR_OWN = {"div", "style", "b", "br", "em", "code", "small"}


class Named(str):
    """An answer that looks like a page's own script."""

    def __repr__(self):
        return ATTACK


def fails(*arguments, **options):
    raise ValueError(ATTACK)


ANSWERS = [Named(ATTACK), ATTACK, [Named()], lambda *a, **k: Named(ATTACK), fails]


@pytest.mark.parametrize("exercise", ["00.1", "01.1", "04.1"])
@pytest.mark.parametrize("answer", ANSWERS, ids=["object", "text", "list", "returned", "raised"])
def test_an_answer_is_shown_as_text(exercise, answer):
    result = grade(exercise, answer)
    assert result.outcome != "correct"
    assert Tags(result_html(result)).names <= OUR_OWN


def test_the_attack_would_reach_the_page():
    """At least one message does quote the answer: what is tested above is not empty."""
    quoted = [grade(e.id, fails) for e in all_exercises()[:5]]
    assert any(ATTACK in result_text(result) for result in quoted)
    assert not Tags(ATTACK).names <= OUR_OWN


def test_every_field_of_a_result_is_escaped():
    result = Result("wrong", ATTACK, name=ATTACK, id=ATTACK, title=ATTACK)
    assert Tags(result_html(result)).names <= OUR_OWN
    assert Tags(hint_html(ATTACK, ATTACK)).names <= OUR_OWN


def test_a_claim_is_shown_as_plain_text(monkeypatch):
    """Its words go to the front end as `text/plain` and as data that no front end draws."""
    import IPython.display

    sent = []
    monkeypatch.setattr(IPython, "get_ipython", lambda: object())
    monkeypatch.setattr(IPython.display, "display", lambda data, raw: sent.append(data))
    claims.claim(ATTACK, 1, equals=1)
    assert set(sent[0]) == {"text/plain", claims.MIME}


def test_a_widgets_error_is_escaped():
    def draw(fig, **params):
        raise ValueError(ATTACK)

    panel = Explorer("trial", draw, {"size": Slider("size", 0.0, 1.0, 0.5, 0.5)}).panel()
    names = Tags(panel.message.value).names
    assert "ValueError" in panel.message.value and names <= OUR_OWN


def test_the_canvas_sets_text_not_markup():
    script = (ROOT / "course_lib" / "widgets" / "canvas.js").read_text(encoding="utf-8")
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(", script)


# --- servers -------------------------------------------------------------------------------------


def recipe(target: str, *arguments: str) -> list[str]:
    """What `make TARGET` runs, as words, with this interpreter."""
    if shutil.which("make") is None:
        pytest.skip("needs make")
    command = ["make", "--no-print-directory", "--dry-run", "-o", ".venv/.lab", "-o"]
    command += [".venv/.project", target, f"ARGS={' '.join(arguments)}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    words = shlex.split(done.stdout.replace("\\\n", " "))
    return ["env", *(sys.executable if w == ".venv/bin/python" else w for w in words)]


@pytest.mark.parametrize("target", ["lab", "project"])
def test_no_recipe_opens_a_server_to_others(target):
    words = " ".join(recipe(target))
    open_to_all = r"0\.0\.0\.0|--ip=\*|token=['\"]{0,2}(?:\s|$)|password=|disable_check_xsrf|allow_"
    assert "jupyterlab" in words or "voila" in words
    assert not re.search(open_to_all, words)


def refused(address: str) -> bool:
    """Whether a server answers with a refusal, or with the page that asks for the token."""
    try:
        with urllib.request.urlopen(address, timeout=20) as answer:
            return "/login?" in answer.url
    except urllib.error.HTTPError as error:
        return error.code == 403


@pytest.mark.notebook
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="127.0.0.2 is Linux's own")
@pytest.mark.parametrize(
    ("target", "arguments"),
    [
        ("lab", ["--no-browser", "--allow-root", "--port={port}"]),
        ("project", ["--no-browser", "--port={port}"]),
    ],
)
def test_a_server_asks_for_its_token_and_stays_at_home(
    target,
    arguments,
    lab_environment,  # noqa: F811
    tmp_path,
):
    command, log = recipe(target, *arguments), tmp_path / "log"
    with serving(command, ROOT, lab_environment, log) as address:
        port = int(address.rpartition(":")[2])
        page = "/api/contents" if target == "lab" else "/voila/render/notebooks/gallery.ipynb"
        for path in (page, f"{page}?token=guessed"):
            assert refused(address + path)
        with pytest.raises(OSError):
            socket.create_connection(("127.0.0.2", port), timeout=5)


# --- packages ------------------------------------------------------------------------------------


def test_an_audit_without_an_answer_is_no_audit():
    vulnerable = {"name": "b-c", "vulns": [{"id": "CVE-1", "fix_versions": ["3"]}]}
    skipped = {"name": "d", "skip_reason": "not found"}
    answer = {"dependencies": [{"name": "a", "vulns": []}, vulnerable, skipped]}
    text, code = audit.report({"a": "1", "B_c": "2", "d": "3"}, answer)
    assert code == 1 and text.splitlines() == [
        "2 of 3 packages audited, known vulnerabilities: 1",
        "B_c 2: CVE-1, mended in 3",
        "not audited: d",
    ]
    assert audit.report({"d": "3"}, answer)[1] == 2
    assert audit.report({"a": "1"}, answer)[1] == 0
    assert audit.report({"a": "1"}, {"dependencies": []})[1] == 2


def test_what_an_environment_holds():
    packages = audit.installed(Path(sys.prefix))
    assert "+" not in packages["torch"] and audit.OWN not in packages
