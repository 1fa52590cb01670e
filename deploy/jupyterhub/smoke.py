"""Three students on a local hub: each gets the course by nbgitpuller, and a verdict on an exercise.

    python deploy/jupyterhub/smoke.py             three students, notebook 00 (`make smoke-hub`)
    python deploy/jupyterhub/smoke.py 18 12 05    what these notebooks need beside the server

A hub with its proxy is started on 127.0.0.1, as `smoke_config.py` says. The students' servers pull
the last commit of this repository, execute the cells of notebook 00 in a kernel, one with a right
answer, one with a wrong one, one with none, and store it; `tools/grades.py` then reads what was
handed in. Memory is printed on the way. Everything is in one temporary folder, and whatever was
started is ended, also after a failure. Needs Linux.
"""

import contextlib
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path

import psutil
import requests
import websocket

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
NOTEBOOK = "course/notebooks/00_start_here.ipynb"
STUB = "...  # your code"
# student → what stands in place of the stub, and the verdict that it should get
STUDENTS = {
    "ada": ("return start + s * (end - start)", "correct"),
    "ben": ("return start + s * end", "misconception"),
    "eve": (STUB, "not attempted"),
}
PATIENCE, OVERALL = 300, 900  # seconds: for any one answer, and for all together
MIB = 2**20


def main(notebooks: list[str]) -> None:
    signal.signal(signal.SIGALRM, _too_long)
    signal.signal(signal.SIGTERM, _too_long)
    signal.alarm(OVERALL)
    with tempfile.TemporaryDirectory(prefix="smoke-hub-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        with hub(folder) as site:
            site.wait_until_up()
            source = site.folder / "course.git"
            run = ["git", "clone", "--quiet", "--bare", f"file://{ROOT}", str(source)]
            subprocess.run(run, check=True)
            if notebooks:
                measure(site, source, notebooks)
            else:
                smoke(site, source)
    signal.alarm(0)


def smoke(site: "Site", source: Path) -> None:
    """The three students, side by side; `AssertionError` says what went wrong."""
    kernels = {}
    for name in STUDENTS:
        site.start_server(name)
        site.pull(name, source)
        print(f"{name}: server started, course pulled")
    report("servers, no kernel", site)
    for name in STUDENTS:
        kernels[name] = Kernel(site, name)
        kernels[name].run("pass")
    report("and an empty kernel each", site)
    handed_in = site.folder / "handed_in"
    for name, (answer, _) in STUDENTS.items():
        notebook = site.get(name, f"api/contents/{NOTEBOOK}").json()["content"]
        for cell in notebook["cells"]:
            if cell["cell_type"] == "code":
                cell["source"] = "".join(cell["source"]).replace(STUB, answer)
                cell["outputs"] = kernels[name].run(cell["source"])
        document = {"type": "notebook", "format": "json", "content": notebook}
        site.request("PUT", f"user/{name}/api/contents/{NOTEBOOK}", json=document)
        (handed_in / name).mkdir(parents=True)
        shutil.copy(site.home(name) / NOTEBOOK, handed_in / name)
        switched_off = kernels[name].run('from course_lib import solution; solution("00.1")')
        assert "switched off" in str(switched_off), switched_off
    report("and notebook 00 executed by all", site)
    open_ports = {c.laddr.ip for p in site.processes() for c in listening(p)}
    assert open_ports == {"127.0.0.1"}, f"something listens on {open_ports}"

    table = site.folder / "grades.csv"
    grades = [sys.executable, str(ROOT / "tools" / "grades.py"), str(handed_in)]
    subprocess.run([*grades, "--output", str(table)], check=True, env=library(), timeout=PATIENCE)
    print(table.read_text(encoding="utf-8-sig"))
    for name, (_, outcome) in STUDENTS.items():
        row = f"{name},00.1,{outcome},"
        assert row in table.read_text(encoding="utf-8-sig"), f"expected {row}…"
    print("passed: three students, three verdicts")


def measure(site: "Site", source: Path, notebooks: list[str]) -> None:
    """One student: the server, then each notebook in a kernel of its own."""
    site.start_server("ada")
    site.pull("ada", source)
    for number in notebooks:
        (path,) = (site.home("ada") / "course" / "notebooks").glob(f"{number}_*.ipynb")
        kernel = Kernel(site, "ada")
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        for cell in cells:
            if cell["cell_type"] == "code":
                kernel.run("".join(cell["source"]))
        report(f"notebook {number} executed", site)
        kernel.end()


class Site:
    """The hub's address, its folder, and calls to it with the service's token."""

    def __init__(self, folder: Path, port: int, token: str, mark: str):
        self.folder, self.mark = folder, mark
        self.url, self.headers = f"http://127.0.0.1:{port}/", {"Authorization": f"token {token}"}

    def request(self, method: str, path: str, **arguments) -> requests.Response:
        arguments = {"headers": self.headers, "timeout": PATIENCE} | arguments
        answer = requests.request(method, self.url + path, **arguments)
        assert answer.ok, f"{method} {path}: {answer.status_code} {answer.text[:500]}"
        return answer

    def get(self, name: str, path: str, **arguments) -> requests.Response:
        return self.request("GET", f"user/{name}/{path}", **arguments)

    def home(self, name: str) -> Path:
        return self.folder / "home" / name

    def wait_until_up(self) -> None:
        for _ in range(PATIENCE):
            with contextlib.suppress(requests.ConnectionError, AssertionError):
                return self.request("GET", "hub/api/")
            time.sleep(1)
        raise TimeoutError("the hub does not answer")

    def start_server(self, name: str) -> None:
        self.request("POST", f"hub/api/users/{name}")
        self.request("POST", f"hub/api/users/{name}/server")
        for _ in range(PATIENCE):
            servers = self.request("GET", f"hub/api/users/{name}").json()["servers"]
            if servers.get("", {}).get("ready"):
                return
            time.sleep(1)
        raise TimeoutError(f"the server of {name} does not start")

    def pull(self, name: str, source: Path) -> None:
        """What happens when a student follows the nbgitpuller link."""
        where = {"repo": f"file://{source}", "targetpath": "course"}
        said = self.get(name, "git-pull/api", params=where).text
        assert '"phase": "finished"' in said, said[-2000:]

    def processes(self) -> list[psutil.Process]:
        """Everything that was started from here, known by a mark in its environment."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if process.environ().get("SMOKE_MARK") == self.mark and process.pid != os.getpid():
                    found.append(process)
        return found


class Kernel:
    """A kernel of a student's server, beside the notebooks."""

    def __init__(self, site: Site, name: str):
        self.site, self.path = site, f"user/{name}/api/kernels"
        where = {"name": "python3", "path": "course/notebooks/00_start_here.ipynb"}
        self.id = site.request("POST", self.path, json=where).json()["id"]
        url = f"ws{site.url[4:]}{self.path}/{self.id}/channels"
        self.socket = websocket.create_connection(url, timeout=PATIENCE, header=site.headers)

    def run(self, code: str) -> list[dict]:
        """Execute code; its outputs, as a notebook stores them."""
        id = uuid.uuid4().hex
        header = {"msg_id": id, "msg_type": "execute_request", "session": id, "username": ""}
        content = {"code": code, "silent": False, "allow_stdin": False, "store_history": False}
        message = {"header": header | {"version": "5.4"}, "parent_header": {}, "metadata": {}}
        self.socket.send(json.dumps(message | {"content": content, "channel": "shell"}))
        outputs = []
        while True:
            answer = self.socket.recv()
            if isinstance(answer, bytes):  # a widget's numbers, not for us
                continue
            answer = json.loads(answer)
            kind, content = answer["header"]["msg_type"], answer["content"]
            if answer["parent_header"].get("msg_id") != id:
                continue
            if kind == "error":
                raise AssertionError("\n".join(content["traceback"]))
            if kind in ("display_data", "execute_result"):
                count = {"execution_count": None} if kind == "execute_result" else {}
                shown = {"data": content["data"], "metadata": content["metadata"]}
                outputs.append({"output_type": kind, **shown, **count})
            if kind == "status" and content["execution_state"] == "idle":
                return outputs

    def end(self) -> None:
        self.socket.close()
        self.site.request("DELETE", f"{self.path}/{self.id}")


@contextlib.contextmanager
def hub(folder: Path):
    """A running hub as a `Site`; ended with all that it has started, whatever happens."""
    ports = free_ports(3)
    site = Site(folder, ports[0], secrets.token_hex(16), mark=uuid.uuid4().hex)
    for name in STUDENTS:
        site.home(name).mkdir(parents=True)
    env = {k: os.environ[k] for k in ("PATH", "LANG") if k in os.environ}
    env |= {"HOME": str(folder), "SMOKE_FOLDER": str(folder), "SMOKE_MARK": site.mark}
    env |= {"SMOKE_PORTS": " ".join(map(str, ports))}
    env |= {"SMOKE_TOKEN": site.headers["Authorization"].split()[1]}
    log = folder / "hub.log"
    command = [sys.executable, "-m", "jupyterhub", "-f", str(HERE / "smoke_config.py")]
    with log.open("w") as file:
        process = subprocess.Popen(command, cwd=folder, env=env, stdout=file, stderr=file)
    try:
        yield site
    except BaseException:
        print(log.read_text(errors="replace")[-6000:], file=sys.stderr)
        raise
    finally:
        process.terminate()  # the hub ends its servers and its proxy
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(20)
        left = site.processes()
        for one in left:  # whatever did not
            with contextlib.suppress(psutil.Error):
                one.kill()
        process.wait(20)
        psutil.wait_procs(left, 20)
        if left := site.processes():
            print("still running:", left, file=sys.stderr)


def free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def listening(process: psutil.Process) -> list:
    with contextlib.suppress(psutil.Error):
        return [c for c in process.net_connections("inet") if c.status == psutil.CONN_LISTEN]
    return []


def report(what: str, site: Site) -> None:
    """Print the memory of all servers and kernels, one line each."""
    print(f"-- {what}")
    for process in site.processes():
        with contextlib.suppress(psutil.Error):
            command = " ".join(process.cmdline())
            if "singleuser" not in command and "ipykernel" not in command:
                continue
            kind = "kernel" if "ipykernel" in command else "server"
            memory = process.memory_full_info()
            peak = Path(f"/proc/{process.pid}/status").read_text().partition("VmHWM:")[2].split()[0]
            user = process.environ().get("JUPYTERHUB_USER", "")
            print(
                f"   {user} {kind}: PSS {memory.pss / MIB:.0f}, private {memory.uss / MIB:.0f}, "
                f"RSS {memory.rss / MIB:.0f}, peak RSS {int(peak) / 1024:.0f} MiB"
            )


def library() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(ROOT)}


def _too_long(number, frame):
    sys.exit(f"ended from outside, or not done in {OVERALL} seconds")


if __name__ == "__main__":
    main(sys.argv[1:])
