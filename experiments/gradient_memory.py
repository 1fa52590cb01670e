"""Memory of a gradient against the number of steps, each measured in a process of its own.

Makes data/results/gradient_memory.json for notebook 09 (about five CPU-minutes): one row for each
method and number of RK4 steps. f is a 2-64-64-2 tanh perceptron, float32, on a batch of 1024, so
that one state is 8 KiB. Two measures of one gradient:

    tensors   the most bytes of tensors alive at a time, above what was alive before
    resident  growth of the process's maximum resident size over that of a gradient of one step

Tensors are counted exactly, the operating system's measure is what the machine feels.

    python experiments/gradient_memory.py            all rows, stored
    python experiments/gradient_memory.py NAME n     one row, printed (what the rows are made with)
"""

import json
import os
import re
import resource
import subprocess
import sys
import weakref
from pathlib import Path

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter

from course_lib import results
from course_lib.gradients import GRADIENTS, loss_gradient
from course_lib.nets import MLP

STEPS = (10, 30, 100, 300, 1000)
METHODS = [name for name in GRADIENTS if "differences" not in name and "forward" not in name]
# glibc takes large tensors from the system one by one, and gives them back, up to this many bytes.
# Left alone it raises the limit as it goes, and then holds 20 MiB or 250 by chance.
ALLOCATOR = {"MALLOC_MMAP_THRESHOLD_": "131072"}
MAXRSS_UNIT = 1 if sys.platform == "darwin" else 1024


class PeakBytes(TorchDispatchMode):
    """Counts the bytes of all tensors made while it is active, and the most there were at once."""

    def __init__(self):
        super().__init__()
        self.alive = self.peak = 0
        self.seen: set[int] = set()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        for tensor in tree_iter(out):
            if isinstance(tensor, torch.Tensor):
                self.count(tensor.untyped_storage())
        return out

    def count(self, storage) -> None:
        """Add a storage that was not seen before, until it is freed."""
        key, size = storage._cdata, storage.nbytes()
        if key in self.seen:
            return
        self.seen.add(key)
        self.alive += size
        self.peak = max(self.peak, self.alive)
        weakref.finalize(storage, self.forget, key, size)

    def forget(self, key: int, size: int) -> None:
        """A storage is gone."""
        self.seen.discard(key)
        self.alive -= size


class Field(torch.nn.Module):
    """The right-hand side: two hidden layers of 64."""

    def __init__(self):
        super().__init__()
        self.net = MLP([2, 64, 64, 2])

    def forward(self, t, y):
        return self.net(y)


def peak_resident() -> int:
    """The most bytes of memory that this process has held.

    Linux counts into ru_maxrss what the parent held before this process began: /proc knows better.
    """
    status = Path("/proc/self/status")
    if status.exists():
        return int(re.search(r"VmHWM:\s+(\d+)", status.read_text())[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * MAXRSS_UNIT


def memory_of(run, steps: int) -> dict:
    """Both measures of run(steps), in this process; their order matters, resident size only grows.

    run(1) comes first and warms up.
    """
    run(1)
    before = peak_resident()
    run(steps)
    resident = peak_resident() - before
    with PeakBytes() as counter:
        run(steps)
    return {"steps": steps, "tensors": counter.peak, "resident": resident}


def problem() -> tuple:
    """Field, batch of states and times that every row uses, the same in every process."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    return Field(), torch.randn(1024, 2), torch.tensor([0.0, 1.0])


def measure(gradient: str, steps: int) -> dict:
    """One row, in this process."""
    field, y0, t = problem()

    def run(n: int):
        options = {"step_size": 1 / n}
        method = {} if gradient == "reversible" else {"method": "rk4"}
        return loss_gradient(
            lambda y: y[-1].square().mean(), field, y0, t, gradient=gradient, options=options,
            **method,
        )  # fmt: skip

    return {"gradient": gradient} | memory_of(run, steps)


def main() -> None:
    if len(sys.argv) == 3:
        print(json.dumps(measure(sys.argv[1], int(sys.argv[2]))))
        return
    rows = []
    for gradient in METHODS:
        for steps in STEPS:
            command = [sys.executable, __file__, gradient, str(steps)]
            done = subprocess.run(
                command, capture_output=True, text=True, check=True, env=os.environ | ALLOCATOR
            )
            rows.append(json.loads(done.stdout))
            print(rows[-1], flush=True)
    results.save("gradient_memory", rows, [0], script=__file__)


if __name__ == "__main__":
    main()
