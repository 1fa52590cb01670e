"""How long a widget takes to answer: the kernel's CPU time, and the time to the screen.

    python -m benchmarks.latency          writes benchmarks/results/latency.json and latency.md
    python -m benchmarks.latency rho_explorer   only this widget; other stored rows are kept
    python -m benchmarks.latency --quick  a look: three updates each, writes nothing
    python -m benchmarks.latency --page   writes the page again, from what is stored

Kernel: every widget's first control is moved to twenty settings, spread over its range, in this
process; of a slider, most have not been seen before. Screen: the gallery, as `make project` serves
it, in a real Chromium; on a key, from the key's own event to the frame that has the new picture.
The main control of a canvas is its time slider, which never asks the kernel; its kernel time is
that of a further control, where it has one.
"""

import contextlib
import os
import sys
import tempfile
import time
from itertools import cycle, islice
from pathlib import Path

import numpy as np
from playwright.sync_api import Page, sync_playwright

import course_lib
from benchmarks.course import asked, merged, missing, stored
from benchmarks.harness import ROOT, footer, run
from course_lib import widgets
from course_lib.widgets import Slider
from course_lib.widgets.gallery import _widget
from course_lib.widgets.lectures import LECTURES
from tests.test_browser import CHROMIUM_FLAGS, TOKEN, chromium, serving

UPDATES = 20
KERNEL_MS, SCREEN_MS = 120, 100  # targets of figures and of canvases, on an idle machine
PATIENCE = 3000  # ms; two settings may have the same picture, which is not sent again

# Resolves to the milliseconds from the next key or click to the frame that shows what it changed.
LISTEN = """patience => {
    const start = new Promise(done => {
        for (const kind of ["keydown", "click"]) {
            const heard = event => done(event.timeStamp);
            window.addEventListener(kind, heard, {capture: true, once: true});
        }
    });
    const drawn = new Promise(done => {
        const image = document.querySelector(".course-widget img.course-widget-image");
        if (image) {
            image.addEventListener("load", () => image.decode().then(done), {once: true});
            return;
        }
        const pen = document.querySelector(".course-widget canvas").getContext("2d");
        pen.fillRect = (...box) => {  // its drawing begins with a white sheet
            delete pen.fillRect;
            pen.fillRect(...box);
            done();
        };
    });
    const frame = () => new Promise(done => requestAnimationFrame(() => setTimeout(done)));
    const shown = async () => {
        await drawn;
        await frame();
        return performance.now() - await start;
    };
    const late = new Promise(done => setTimeout(() => done(null), patience));
    window.answer = Promise.race([shown(), late]);
}"""


def settings(control, n: int) -> list:
    """n settings of a control, each another than the one before, the first not where it starts.

    A slider is moved down its whole range, and up again if it has fewer settings.

    >>> settings(Slider("n", 1, 9, 4, 5), 5)
    [9, 5, 1, 5, 9]
    """
    if isinstance(control, Slider):
        last = positions(control) - 1
        steps = np.linspace(last, 0, min(n, last + 1)).round().astype(int).tolist()
        low = np.log10(control.min) if control.log else control.min
        places = [low + control.step * i for i in steps]
        down = [float(10**place) for place in places] if control.log else places
    else:
        down = control.extremes[::-1]
    turn = down[-2:0:-1] if isinstance(control, Slider) else []
    first = int(down[0] == control.value)
    return list(islice(cycle(down + turn), first, first + n))


def positions(control) -> int:
    """How many settings the arrow keys reach.

    >>> positions(Slider("x", 0.0, 1.0, 0.25, 0.5))
    5
    """
    if not isinstance(control, Slider):
        return len(control.extremes)
    low, high = np.log10([control.min, control.max]) if control.log else control.extremes
    return int((high - low) / control.step + 1.001)


def there_and_back(places: int, n: int) -> list[int]:
    """n moves, +1 or −1, from the first of so many places, never beyond an end.

    >>> there_and_back(3, 5)
    [1, 1, -1, -1, 1]
    """
    return list(islice(cycle([1] * (places - 1) + [-1] * (places - 1)), n))


def kernel_times(name: str, updates: int) -> list[float]:
    """CPU milliseconds of each update in this process; none if the kernel has no part in them."""
    widget = _widget(name)
    panel = widget.panel()
    if name == "guess_the_ode":  # its list of laws and its slider draw nothing; the button does
        values = np.linspace(panel.p.min, panel.p.max, updates).tolist()
        moves = [(panel.p, value) for value in values]
        after = panel.buttons["Guess"].click
    elif not widget.controls:
        return []
    else:
        key = next(iter(widget.controls))
        moves = [(panel.controls[key], value) for value in settings(widget.controls[key], updates)]
        after = None
    times = []
    for control, value in moves:
        start = time.process_time()
        control.value = value
        if after:
            after()
        times.append(1e3 * (time.process_time() - start))
        if failed := getattr(getattr(panel, "message", None), "value", ""):
            raise RuntimeError(f"{name} at {value}: {failed}")
    return times


def screen_times(page: Page, name: str, updates: int) -> list[float]:
    """Milliseconds from an event to the picture on the screen, of the widget shown on the page."""
    page.wait_for_timeout(1000)  # the widget before it has gone
    place = page.locator(".course-widget")
    if name == "guess_the_ode":
        handle, moves = place.get_by_role("slider").last, there_and_back(20, updates)
    elif place.locator("canvas").count():
        handle, moves = place.locator("input[type=range]"), [1] * updates
    else:
        main = next(iter(_widget(name).controls.values()))
        control = place.locator(".course-widget-control").first
        handle = control.locator("[role=slider], select")
        moves = there_and_back(positions(main), updates)
    handle.focus()
    page.keyboard.press("Home")
    page.wait_for_timeout(1500)  # the picture of the first place
    times = []
    for move in moves:
        handle.focus()
        if name == "guess_the_ode":
            page.keyboard.press("ArrowRight" if move > 0 else "ArrowLeft")
            page.evaluate(LISTEN, PATIENCE)
            place.get_by_role("button", name="Guess", exact=True).click()
        else:
            page.evaluate(LISTEN, PATIENCE)
            page.keyboard.press("ArrowRight" if move > 0 else "ArrowLeft")
        took = page.evaluate("window.answer")
        times += [] if took is None else [took]
    return times


@contextlib.contextmanager
def gallery():
    """The page of the gallery in Chromium, at its first widget."""
    path = chromium()
    if path is None:
        raise SystemExit("no Chromium on this machine: install your system's package `chromium`")
    with tempfile.TemporaryDirectory() as folder:
        env = os.environ | {"COURSE_CONTEXT": "projector", "IPYTHONDIR": folder}
        env["JUPYTER_PATH"] = str(ROOT / "deploy" / "projector")
        command = [sys.executable, "-m", "voila", "notebooks/gallery.ipynb", "--no-browser"]
        command += ["--template=course", "--Voila.ip=127.0.0.1", "--port={port}"]
        command += [f"--token={TOKEN}"]
        command += ["--VoilaConfiguration.extension_denylist=['jupyterlab-jupytext']"]
        with serving(command, ROOT, env, Path(folder) / "log") as address, sync_playwright() as p:
            browser = p.chromium.launch(executable_path=path, args=CHROMIUM_FLAGS)
            page = browser.new_page(viewport={"width": 1280, "height": 800})
            page.goto(f"{address}/?token={TOKEN}")
            yield page
            browser.close()


def percentiles(times: list[float]) -> list[int] | None:
    """The 50th and the 95th, in whole milliseconds; None without measurements."""
    return [round(float(p)) for p in np.percentile(times, (50, 95))] if times else None


def measure(names: list[str], updates: int) -> list[dict]:
    """The rows of these widgets of the gallery."""
    course_lib.setup()
    found = []
    with gallery() as page:
        for name in names:
            entry = LECTURES[name]
            kernel = kernel_times(name, updates)
            page.get_by_role("combobox").first.select_option(
                label=f"{entry.notebook} {entry.title}"
            )
            page.get_by_text(entry.script[:40]).first.wait_for(state="attached", timeout=60_000)
            canvas = name in widgets.CANVASES
            picture = page.locator(".course-widget " + ("canvas" if canvas else "img")).first
            picture.wait_for(state="visible", timeout=60_000)
            screen = screen_times(page, name, updates)
            row = {"widget": name, "notebook": entry.notebook}
            row |= {"kind": "canvas" if canvas else "figure"}
            row |= {"kernel_ms": percentiles(kernel), "screen_ms": percentiles(screen)}
            row |= {"updates": [len(kernel), len(screen)], "load": round(os.getloadavg()[0], 1)}
            print(row, flush=True)
            found.append(row)
    return found


def judged(row: dict) -> str:
    """The target of a row's kind, and whether p50 and p95 meet it."""
    kind, target = ("screen_ms", SCREEN_MS) if row["kind"] == "canvas" else ("kernel_ms", KERNEL_MS)
    median, high = row[kind]
    word = "met" if high <= target else "met by the median" if median <= target else "missed"
    return f"{kind.split('_')[0]} ≤ {target}: {word}"


# Widgets whose slowest updates miss the target, and what they wait for (profiled, 2026-11-22).
SLOWEST = {
    "gradient_explorer": "a new depth takes three nets, built and differentiated (up to 58 ms)",
    "slope_field_explorer": "a new problem takes its exact solution and new axes (40 to 60 ms)",
}


def table(record: dict) -> str:
    """The measurements as a Markdown page."""
    loads = [row["load"] for row in record["rows"]]
    lines = [
        "# How long a widget takes to answer",
        "",
        "Milliseconds, 50th / 95th percentile of at least twenty updates of the main control.",
        "Kernel: CPU time to compute and draw. Screen: from the key's event to the frame with the",
        "new picture, in Chromium, the gallery as `make project` shows it. The main control of a",
        "canvas is the time, which never asks the kernel; kernel times there are of a new scene.",
        f"Load of the machine while it was measured: {min(loads)} to {max(loads)} processes.",
        "Made by `python -m benchmarks.latency`.",
        "",
        "| notebook | widget | kind | kernel CPU | screen | target |",
        "|---|---|---|---|---|---|",
    ]
    for row in record["rows"]:
        times = [
            f"{pair[0]} / {pair[1]}" if pair else "—"
            for pair in (row["kernel_ms"], row["screen_ms"])
        ]
        cells = [row["notebook"], row["widget"], row["kind"], *times, judged(row)]
        lines.append(f"| {' | '.join(cells)} |")
    slow = [row["widget"] for row in record["rows"] if not judged(row).endswith(": met")]
    if slow:
        lines += ["", "Slowest updates:", ""]
        lines += [f"- {name}: {SLOWEST.get(name, 'not looked into')}." for name in slow]
    lines += missing("widget", list(LECTURES), record["rows"])
    return "\n".join([*lines, "", footer(record)]) + "\n"


if __name__ == "__main__":
    names = asked() or list(LECTURES)

    def rows(updates: int) -> list[dict]:
        return merged("widget", list(LECTURES), stored("latency"), measure(names, updates))

    run("latency", UPDATES, rows, table)
