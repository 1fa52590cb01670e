"""The maximum principle against gradients: MSA, extended MSA, Adam, L-BFGS on the sine task.

Makes data/results/msa.json for notebook 10 (about three CPU-minutes): one row for each method and
seed, with what it takes to a loss of 0.005 in iterations, evaluations and CPU seconds, and the loss
after selected iterations; and data/results/msa_rho.json for its widget: the losses and outputs of
extended MSA at every ρ of a grid, and with ρ adapted. Seconds are process time of one thread. Adam
has four learning rates: the best must not lie at the end of the range.
"""

import time

import torch

from course_lib import results
from course_lib.control import extended_msa, sine_task
from course_lib.control.msa import SineTask

SEEDS = (0, 1, 2, 3, 4)
LEVEL = 5e-3
RATES = (1e-2, 3e-2, 1e-1, 3e-1)
RHO_GRID = tuple(10 ** (k / 4) for k in range(-8, 9))
KEPT = sorted({*range(31), *(round(10 ** (k / 20)) for k in range(61))})


def task(seed: int) -> SineTask:
    """The task of the notebook under `COURSE_SEED=seed`."""
    return sine_task(torch.Generator().manual_seed(1000 * seed))


def gradient_run(sine: SineTask, theta, optimiser: str, steps: int, lr: float = 1.0):
    """Losses and CPU seconds at entry k, where k gradients of the loss have been used.

    Controls θ `[1, k]` are shared by all layers: a neural ODE. L-BFGS counts every gradient that
    its line search takes.
    """
    theta = theta.clone().requires_grad_()
    layers = 20
    losses, seconds, start = [], [], time.process_time()

    def closure():
        theta.grad = None
        loss = sine.problem.cost(theta.expand(layers, -1), sine.x0)
        loss.backward()
        losses.append(loss.item())
        seconds.append(time.process_time() - start)
        return loss

    if optimiser == "adam":
        adam = torch.optim.Adam([theta], lr=lr)
        for _ in range(steps):
            adam.step(closure)
        closure()
    else:
        torch.optim.LBFGS(
            [theta],
            max_iter=steps,
            max_eval=steps,
            history_size=10,
            line_search_fn="strong_wolfe",
            tolerance_grad=1e-12,
            tolerance_change=1e-14,
        ).step(closure)
    return losses, seconds


def msa_run(sine: SineTask, rho, iterations: int = 30):
    """Losses, evaluations of H̃ and CPU seconds of (extended) MSA, one entry an iteration."""
    start = time.process_time()
    seconds = [0.0]
    _, trace = extended_msa(
        sine.problem,
        sine.theta,
        sine.x0,
        iterations=iterations,
        rho=rho,
        callback=lambda theta: seconds.append(time.process_time() - start),
    )
    return trace.loss, trace.evaluations, seconds


def row(method: str, seed: int) -> dict:
    """One row: how a method does on the task of one seed."""
    sine = task(seed)
    name, _, option = method.partition(", ")
    if "MSA" in name:
        rho = "adaptive" if name == "E-MSA" else 0.0
        losses, calls, seconds = msa_run(sine, rho)
    else:
        if name == "Adam":
            losses, seconds = gradient_run(
                sine, sine.theta, "adam", 1000, float(option.removeprefix("lr "))
            )
        else:
            theta = sine.theta[:1] if option == "constant" else sine.theta
            losses, seconds = gradient_run(sine, theta, "lbfgs", 100)
        calls = list(range(len(losses)))  # gradients of the loss before each entry
    level = next((i for i, loss in enumerate(losses) if loss < LEVEL), None)
    kept = [i for i in KEPT if i < len(losses)]
    return {
        "method": method,
        "seed": seed,
        "to_level": level,
        "evaluations_to_level": None if level is None else calls[level],
        "seconds_to_level": None if level is None else _short(seconds[level]),
        "lowest": _short(min(losses)),
        "iteration": kept,
        "loss": [_short(losses[i]) for i in kept],
        "seconds": [_short(seconds[i]) for i in kept],
    }


METHODS = (
    "MSA", "E-MSA", *(f"Adam, lr {lr:g}" for lr in RATES), "L-BFGS", "L-BFGS, constant",
)  # fmt: skip


def rho_rows() -> list[dict]:
    """The widget's table: the target, then one row for each ρ and one for "adaptive", seed 0."""
    sine = task(0)
    shown = slice(None, None, 5)
    first = sine.output(sine.theta)[shown]
    rows = [{"rho": "target", "x": _list(sine.x0[shown, 0]), "output": _list(sine.target[shown])}]
    for rho in (*RHO_GRID, "adaptive"):
        outputs = [_list(first)]
        _, trace = extended_msa(
            sine.problem,
            sine.theta,
            sine.x0,
            rho=rho,
            callback=lambda theta, outputs=outputs: outputs.append(
                _list(sine.output(theta)[shown])
            ),
        )
        name = rho if rho == "adaptive" else _short(rho)
        losses = [_short(loss) for loss in trace.loss]
        rows.append({"rho": name, "outputs": outputs, "loss": losses})
    return rows


def _short(number: float) -> float:
    return float(f"{number:.4g}")


def _list(values) -> list[float]:
    return [round(v, 3) for v in values.tolist()]


def main() -> None:
    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float64)
    rows = [row(method, seed) for method in METHODS for seed in SEEDS]
    results.save("msa", rows, list(SEEDS), script=__file__)
    results.save("msa_rho", rho_rows(), [0], script=__file__)


if __name__ == "__main__":
    main()
