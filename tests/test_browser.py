"""The course as a learner meets it: the real JupyterLab, in a real Chromium.

A notebook is opened and run whole; a key is pressed on a slider, and the picture must change; the
console must stay clean, and nothing may be asked of the network. The same check is shown to fail
on a widget that was broken on purpose. `make lab` is started as the README says.
"""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook
from playwright.sync_api import Error, Locator, Page, expect

from course_lib.results import ROOT
from course_lib.widgets.lectures import LECTURES
from tools.execute_notebooks import METADATA

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

TOKEN = "only-for-this-test"
SETTINGS = [
    "--no-browser",
    "--allow-root",  # a container's only user
    f"--IdentityProvider.token={TOKEN}",
    "--LabApp.expose_app_in_browser=True",
    # The question about news would lie over the page; asking for updates needs the network.
    "--LabApp.news_url=",
    "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
]
CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

CANVAS = """
import numpy as np
from course_lib.widgets.canvas import FlowExplorer, Scene

t = np.linspace(0, 1, 21)
points = np.stack([t, t**2], -1)[:, None]
import course_lib
course_lib.setup()
flow = FlowExplorer("flow", lambda: Scene(t, points, [0]), (0, 1), (0, 1))
"""

WIDGET = """
import io
import ipywidgets
import matplotlib.pyplot as plt

def draw(change=None):
    fig, ax = plt.subplots()
    ax.plot([0, slider.value])
    buffer = io.BytesIO()
    fig.savefig(buffer)
    plt.close(fig)
    image.value = buffer.getvalue()

slider, image = ipywidgets.IntSlider(value=3), ipywidgets.Image()
slider.observe(draw, "value")
draw()
"""


def chromium() -> str | None:
    """A Chromium or Chrome of this machine."""
    names = ("chromium", "chromium-browser", "google-chrome", "chrome")
    places = (
        "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
        "C:/Program Files/Google/Chrome/Application/chrome.exe",
    )
    found = [shutil.which(name) for name in names] + [p for p in places if Path(p).exists()]
    return next((path for path in found if path), None)


@pytest.fixture(scope="session")
def browser_type_launch_args():
    path = chromium()
    if path is None:
        missing = "there is no Chromium on this machine: install your system's package `chromium`"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    return {"executable_path": path, "headless": True, "args": CHROMIUM_FLAGS}


@pytest.fixture(scope="session")
def lab_environment(tmp_path_factory):
    """An environment in which Jupyter finds nothing of the user's own."""
    home = tmp_path_factory.mktemp("jupyter")
    env = {k: v for k, v in os.environ.items() if not k.startswith(("JUPYTER", "MPLBACKEND"))}
    for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR"):
        env[name] = str(home / name.lower())
    for name in ("SETTINGS", "WORKSPACES"):
        env[f"JUPYTERLAB_{name}_DIR"] = str(home / name.lower())
    return env


@contextlib.contextmanager
def serving(command, cwd, env, log):
    """Run a Jupyter server until the block ends; yields its address once it answers."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    arguments = [part.replace("{port}", str(port)) for part in command]
    with log.open("w") as out:
        server = subprocess.Popen(
            arguments, cwd=cwd, env=env, stdout=out, stderr=out, start_new_session=True
        )
        try:
            _wait_for(address, server, log)
            yield address
        finally:
            shutdown = urllib.request.Request(
                f"{address}/api/shutdown?token={TOKEN}", method="POST"
            )
            try:
                urllib.request.urlopen(shutdown, timeout=10).close()
            except OSError:  # Voila has no such address
                os.killpg(server.pid, signal.SIGTERM)
            try:
                server.wait(timeout=30)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()


def _wait_for(address, server, log, seconds=120):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        assert server.poll() is None, f"the server stopped:\n{log.read_text()}"
        try:
            urllib.request.urlopen(f"{address}/api/status?token={TOKEN}", timeout=5).close()
        except urllib.error.HTTPError:
            return  # Voila has no such page, but it answers
        except OSError:
            time.sleep(0.3)
        else:
            return
    raise AssertionError(f"no answer from {address} in {seconds} s:\n{log.read_text()}")


@pytest.fixture(scope="session")
def lab(lab_environment, tmp_path_factory):
    """JupyterLab over a copy of the repository's notebooks and two made for the test."""
    folder = tmp_path_factory.mktemp("lab")
    shutil.copytree(ROOT / "notebooks", folder / "notebooks")
    show = "ipywidgets.VBox([slider, image])"
    sources = {
        "working": [WIDGET, show],
        "broken": [WIDGET, f"slider.unobserve(draw, 'value')\n{show}"],
        "failing": [WIDGET, show, "1 / 0"],
        "canvas": [CANVAS, "flow()"],
    }
    for name, cells in sources.items():
        notebook = new_notebook(
            cells=[new_code_cell(source) for source in cells],
            metadata=METADATA,  # without a kernel's name JupyterLab would ask for one
        )
        nbformat.write(notebook, folder / f"{name}.ipynb")
    command = [sys.executable, "-m", "jupyterlab", "--port={port}", *SETTINGS]
    with serving(command, folder, lab_environment, folder / "lab.log") as address:
        yield address


class Visit:
    """A page that remembers what went wrong on it."""

    def __init__(self, page: Page):
        self.page = page
        self.errors: list[str] = []
        self.outside: list[str] = []
        page.on("console", self._on_console)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.route(lambda url: not url.startswith("http://127.0.0.1:"), self._on_outside)

    def _on_console(self, message):
        if message.type == "error":
            self.errors.append(f"{message.text} ({message.location.get('url', '')})")

    def _on_outside(self, route):
        self.outside.append(route.request.url)
        route.abort()

    def open(self, address: str, path: str) -> None:
        """Open the page of the notebook at `path`, and wait until its kernel answers."""
        self.page.goto(address)
        self.page.wait_for_function("window.jupyterapp !== undefined", timeout=60_000)
        self.page.evaluate(
            """path => {
                const ready = async () => {
                    await window.jupyterapp.restored;
                    // A notebook of an earlier visit may lie there too.
                    const notebook = () => Array.from(window.jupyterapp.shell.widgets("main")).find(
                        panel => panel.sessionContext && panel.context?.path === path);
                    while (!notebook()) await new Promise(done => setTimeout(done, 100));
                    window.panel = notebook();
                    window.jupyterapp.shell.activateById(window.panel.id);
                    await window.panel.context.ready;
                    await window.panel.sessionContext.ready;
                    await window.panel.sessionContext.session.kernel.info;
                };
                const late = new Promise((_, fail) => setTimeout(
                    () => fail(new Error("no notebook with a kernel within 90 s")), 90000));
                return Promise.race([ready(), late]);
            }""",
            path,
        )

    def run_all(self) -> bool:
        """Run all cells; whether JupyterLab says that all went well."""
        return self.page.evaluate(
            "() => window.jupyterapp.commands.execute('notebook:run-all-cells')"
        )

    def outputs(self) -> list[dict]:
        """The outputs of all cells, in order, each with the index of its cell."""
        return self.page.evaluate(
            """() => window.panel.context.model.toJSON().cells.flatMap((cell, index) =>
                (cell.outputs ?? []).map(output => ({index, ...output})))"""
        )

    def move_a_control(self) -> None:
        """Press a key on the first slider or list, and wait until its picture changes."""
        mime = "application/vnd.jupyter.widget-view+json"
        index = next(o["index"] for o in self.outputs() if mime in o.get("data", {}))
        self.page.evaluate("index => window.panel.content.scrollToItem(index, 'start')", index)
        panel = self.page.locator(f"[id='{self.page.evaluate('window.panel.id')}']")
        cell = panel.locator(f".jp-Cell[data-windowed-list-index='{index}']")
        self.move_in(cell)

    def move_in(self, place: Locator, then: str = "", seconds: float = 10) -> None:
        """Press a key on the first slider or list of a widget; its picture must change.

        `then` is the button of a widget that waits for one to be pressed.
        """
        image = place.locator("img, canvas").first
        image.wait_for(state="visible", timeout=30_000)
        control = place.get_by_role("slider")
        # A canvas always has the slider of time; two flows of a list may begin with one picture.
        # The game has a list of laws, of which some do not fit, and a slider.
        if image.evaluate("image => image.tagName") != "CANVAS" and not then:
            control = control.or_(place.get_by_role("combobox"))
        control = control.first
        control.wait_for(state="visible", timeout=30_000)
        before = image.evaluate(PICTURE)
        assert len(before) > 1000, "the widget's picture is empty"
        # In a closed list JupyterLab takes the arrow keys for itself; Home, End and Space work.
        chosen = control.evaluate("list => list.tagName === 'SELECT' ? list.selectedIndex : -1")
        control.focus()
        self.page.keyboard.press({-1: "ArrowRight", 0: "End"}.get(chosen, "Home"))
        if then:
            place.get_by_role("button", name=then, exact=True).focus()
            self.page.keyboard.press("Enter")
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if image.evaluate(PICTURE) != before:
                return
            self.page.wait_for_timeout(100)
        raise AssertionError("a control was moved, and the picture did not change")

    def check(self, lab: str, path: str) -> None:
        """The whole check of a notebook with a widget."""
        # "reset": without the tabs of earlier visits, whose widgets have lost their kernels.
        self.open(f"{lab}/lab/tree/{path}?reset&token={TOKEN}", path)
        finished = self.run_all()
        failed = [output for output in self.outputs() if output["output_type"] == "error"]
        assert not failed, f"a cell failed: {failed[0]['ename']}: {failed[0]['evalue']}"
        assert finished is True, "JupyterLab did not run all cells"
        self.move_a_control()
        assert self.errors == [], "errors in the browser's console"
        assert self.outside == [], "the page asked for something from the network"


# The bytes of a picture, or of what is drawn on a canvas, as text.
PICTURE = """async image => {
    if (image.tagName === "CANVAS") return image.toDataURL();
    for (;;) {
        const address = image.src;
        try {
            const bytes = new Uint8Array(await (await fetch(address)).arrayBuffer());
            return Array.from(bytes, byte => String.fromCharCode(byte)).join("");
        } catch (error) {  // the next picture came in between, and took the address away
            if (image.src === address) throw error;
        }
    }
}"""


@pytest.fixture
def visit(page):
    visit = Visit(page)
    yield visit
    with contextlib.suppress(Error):  # leave no question about unsaved changes, and no kernel
        page.evaluate("() => window.panel?.context.save()")
        page.evaluate("() => window.panel?.sessionContext.shutdown()")


def test_a_widget_answers_to_a_key(lab, visit):
    visit.check(lab, "working.ipynb")


def test_a_canvas_answers_to_a_key_and_plays(lab, visit):
    visit.check(lab, "canvas.ipynb")
    canvas = visit.page.locator("canvas").first
    before = canvas.evaluate(PICTURE)
    visit.page.get_by_role("button", name="play").click()
    visit.page.wait_for_timeout(1000)
    assert canvas.evaluate(PICTURE) != before, "play was pressed, and nothing moved"


def test_the_check_fails_on_a_widget_that_was_broken_on_purpose(lab, visit):
    with pytest.raises(AssertionError, match="the picture did not change"):
        visit.check(lab, "broken.ipynb")


def test_the_check_fails_on_a_cell_that_fails(lab, visit):
    with pytest.raises(AssertionError, match="a cell failed: ZeroDivisionError"):
        visit.check(lab, "failing.ipynb")


def test_the_check_sees_the_console_and_the_network(lab, visit):
    visit.page.goto(f"{lab}/lab?token={TOKEN}")
    visit.page.evaluate("() => console.error('seen')")
    visit.page.evaluate("() => fetch('https://example.org/').catch(() => 0)")
    assert any("seen" in error for error in visit.errors)
    assert visit.outside == ["https://example.org/"]


NOTEBOOKS = sorted(path.stem for path in (ROOT / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_in_jupyterlab(lab, visit, name):
    visit.check(lab, f"notebooks/{name}.ipynb")


def test_make_lab_opens_the_first_notebook(lab_environment, visit, tmp_path):
    """The README's first command, on a free port; the first page is notebook 00."""
    if not shutil.which("make") or not (Path(sys.prefix) / ".lab").exists():
        pytest.skip("needs make, and an environment that make made")
    arguments = " ".join(["--port={port}", *SETTINGS])
    command = ["make", "lab", f"VENV={sys.prefix}", f"ARGS={arguments}"]
    with serving(command, ROOT, lab_environment, tmp_path / "make.log") as address:
        visit.open(f"{address}/?token={TOKEN}", "notebooks/00_start_here.ipynb")
        visit.page.evaluate("() => window.panel.sessionContext.shutdown()")
    assert visit.outside == []


@pytest.fixture(scope="module")
def projected(lab_environment, tmp_path_factory):
    """The address of what `make project` serves."""
    if not shutil.which("make") or not (Path(sys.prefix) / ".lab").exists():
        pytest.skip("needs make, and an environment that make made")
    arguments = f"--no-browser --port={{port}} --token={TOKEN}"
    command = ["make", "project", f"VENV={sys.prefix}", f"ARGS={arguments}"]
    log = tmp_path_factory.mktemp("project") / "make.log"
    with serving(command, ROOT, lab_environment, log) as address:
        yield f"{address}/?token={TOKEN}"


def choose(page: Page, name: str) -> Locator:
    """Choose a widget of the gallery by its title; the place of that one, once it is there."""
    entry = LECTURES[name]
    chosen = page.get_by_role("combobox").first
    chosen.wait_for(state="visible", timeout=60_000)
    chosen.select_option(label=f"{entry.notebook} {entry.title}")
    place = page.locator(f".course-projected.{name}")
    place.locator("img, canvas").first.wait_for(state="visible", timeout=60_000)
    return place


def test_make_project_shows_and_moves_every_widget(projected, visit):
    """Each widget of the list appears, one at a time, and answers to a key."""
    visit.page.goto(projected)
    for name in LECTURES:
        place = choose(visit.page, name)
        expect(visit.page.locator(".course-projected")).to_have_count(1)
        visit.move_in(place, then="Guess" if name == "guess_the_ode" else "", seconds=30)
        assert visit.errors == [], f"errors in the browser's console at {name}"
    assert "make project" not in visit.page.locator("body").inner_text()
    assert visit.outside == [], "the page asked for something from the network"


# The tallest figure; three sliders; the most buttons; a canvas.
TALL = ["bunny_flow_explorer", "neuron_explorer", "forecast_explorer", "flow_explorer"]
FAULTS = """place => {
    const box = part => part.getBoundingClientRect();
    const picture = box(place.querySelector("img, canvas"));
    const kinds = "img, canvas, button, select, [role=slider], .widget-html";
    const parts = place.querySelectorAll(kinds);
    const lowest = Math.max(...Array.from(parts, part => box(part).bottom));
    const type = parseFloat(getComputedStyle(place.querySelector(".course-widget-ask")).fontSize);
    return [
        picture.height > innerHeight / 2 || `the picture is ${picture.height} pixels high`,
        picture.right <= innerWidth || `the picture ends at ${picture.right}`,
        lowest <= innerHeight || `the lowest part ends at ${lowest}`,
        type >= innerHeight / 41 || `type of ${type} pixels`,
    ].filter(fault => fault !== true);
}"""


def test_a_projected_widget_is_seen_whole(projected, visit):
    """Picture, controls and status line on three usual screens, in type for the last row."""
    page = visit.page
    page.goto(projected)
    for name in TALL:
        place = choose(page, name)
        for width, height in [(1280, 720), (1366, 768), (1920, 1080)]:
            page.set_viewport_size({"width": width, "height": height})
            end = time.monotonic() + 5  # a picture may still be loading
            while (faults := place.evaluate(FAULTS)) and time.monotonic() < end:
                page.wait_for_timeout(100)
            assert not faults, f"{name} on {width} x {height}: {faults}"
