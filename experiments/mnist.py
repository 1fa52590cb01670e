"""ODE-Net and its controls on real MNIST images (notebook 07): about four CPU-minutes.

Makes data/results/mnist.json, whose rows are of four parts.

table      each of the six networks, trained for six epochs on 4,000 images and tested on the other
           1,000, for five folds: errors, which of the 5,000 images were wrong when they were test
           images, parameters, bytes that the block keeps for the way back, seconds of training.
short      three of them after two epochs on the first fold, over five seeds: what the notebook
           runs live.
tolerance  the ODE-Net of fold 0, solved with Dormand–Prince at several tolerances: evaluations
           of f and seconds of both ways, for the same 100 images, and the test error.
training   evaluations of f while an ODE-Net is trained, at a tolerance of 1e-5.
"""

import time

import torch

from course_lib import results
from course_lib.datasets import mnist
from course_lib.gradients import odeint_adjoint
from course_lib.nets import count_parameters
from course_lib.odenet import KINDS, build, fit, predict, saved_bytes
from course_lib.solvers import odeint

FOLDS, SEEDS, EPOCHS, SHORT = (0, 1, 2, 3, 4), (0, 1, 2, 3, 4), 6, 2
LIVE = ("no block", "one residual block", "ODE-Net")
TOLERANCES = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6)


def trained(kind: str, fold: int, seed: int, epochs: int, **options):
    """A network, its data, and the CPU seconds of training; the notebook's under COURSE_SEED."""
    data, generator = mnist(fold), torch.Generator().manual_seed(1000 * seed)
    net = build(kind, generator)
    start = time.process_time()
    history = fit(net, data.x_train, data.y_train, epochs, generator, progress=False, **options)
    return net, data, time.process_time() - start, history


def adaptive(net, tol: float, solve=odeint) -> None:
    """Solve an ODE-Net's block by Dormand–Prince from here on."""
    net.block.solve, net.block.options = solve, {"rtol": tol, "atol": tol}


def wrong(net, data) -> torch.Tensor:
    return predict(net, data.x_test).argmax(1) != data.y_test


def table_row(kind: str) -> dict:
    flags, seconds = [], []
    for fold in FOLDS:
        net, data, cpu, _ = trained(kind, fold, seed=fold, epochs=EPOCHS)
        state = net.stem(data.x_train[:100]).detach()
        saved = saved_bytes(net.block, state) / 100
        if kind == "ODE-Net":
            adaptive(net, 1e-3)
        flags.append(wrong(net, data))
        seconds.append(round(cpu, 1))
    return {
        "part": "table",
        "kind": kind,
        "errors": [int(f.sum()) for f in flags],
        "wrong": torch.cat(flags).nonzero()[:, 0],
        "parameters": count_parameters(net),
        "saved_bytes": round(saved, 1),
        "cpu_seconds": seconds,
    }


def short_row(kind: str, seeds=SEEDS) -> dict:
    runs = [trained(kind, 0, seed, SHORT) for seed in seeds]
    return {
        "part": "short",
        "kind": kind,
        "errors": [int(wrong(net, data).sum()) for net, data, *_ in runs],
    }


def both_ways(net, state: torch.Tensor, labels: torch.Tensor, repeats: int = 5) -> dict:
    """Evaluations and least CPU seconds of block and head, forward and backward."""
    best = [float("inf")] * 2
    for _ in range(repeats):
        x = state.clone().requires_grad_()
        net.block.calls, start = 0, time.process_time()
        loss = torch.nn.functional.cross_entropy(net.head(net.block(x)), labels)
        forward, middle = net.block.calls, time.process_time()
        loss.backward()
        end = time.process_time()
        best = [min(best[0], middle - start), min(best[1], end - middle)]
    return {
        "forward": forward,
        "backward": net.block.calls - forward,
        "forward_seconds": float(f"{best[0]:.3g}"),
        "backward_seconds": float(f"{best[1]:.3g}"),
    }


def tolerance_rows() -> list[dict]:
    net, data, *_ = trained("ODE-Net", 0, seed=0, epochs=EPOCHS)
    state, labels = net.stem(data.x_test[:1000:10]).detach(), data.y_test[:1000:10]
    adaptive(net, 1e-7)
    truth, rows = net.block(state).detach(), []
    for tol in TOLERANCES:
        adaptive(net, tol, odeint_adjoint)
        gap = ((net.block(state).detach() - truth).norm() / truth.norm()).item()
        counts = both_ways(net, state, labels)
        errors = int(wrong(net, data).sum())
        rows.append({"part": "tolerance", "tol": tol, "gap": gap, "errors": errors} | counts)
    return rows


def training_rows(every: int = 20) -> list[dict]:
    data, rows = mnist(0), []

    def monitor(net):
        with torch.enable_grad():
            kept = net.block.solve, net.block.options
            adaptive(net, 1e-5, odeint_adjoint)
            state = net.stem(data.x_test[:1000:10]).detach()
            counts = both_ways(net, state, data.y_test[:1000:10], repeats=1)
            net.block.solve, net.block.options = kept
        rows.append({"part": "training", "forward": counts["forward"]})
        rows[-1]["backward"] = counts["backward"]
        return {"forward": counts["forward"]}

    history = trained("ODE-Net", 0, seed=0, epochs=EPOCHS, monitor=monitor, every=every)[-1]
    for row, step in zip(rows, history.monitored_at, strict=True):
        row["step"] = step
    return rows


def main() -> None:
    torch.set_num_threads(1)
    rows = []
    for kind in KINDS:
        rows.append(table_row(kind))
        print(kind, rows[-1]["errors"], rows[-1]["cpu_seconds"], flush=True)
    rows += [short_row(kind) for kind in LIVE] + tolerance_rows() + training_rows()
    results.save("mnist", rows, list(SEEDS), script=__file__)


if __name__ == "__main__":
    main()
