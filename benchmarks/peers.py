"""Solvers that a plain installation does not have: torchdyn, torchode, diffrax.

`make bench PEERS=all` installs them into an environment of their own and runs `benchmarks.solvers`
there. Each function takes a `Case` of that module and a batch of states; the torch ones return a
function of f, as `torch_solve` there does, or None for a case that the package has no method for.
"""

import os
import time
from collections.abc import Callable
from importlib.util import find_spec

import torch

__all__ = ["PEERS", "diffrax_row", "missing", "torch_peers"]

PEERS = ("torchdyn", "torchode", "diffrax")


def missing() -> list[str]:
    """The packages that are not installed here."""
    return [name for name in PEERS if find_spec(name) is None]


def torchdyn_solve(case, y0: torch.Tensor) -> Callable:
    """torchdyn has no step size: its fixed steps go from output to output, so ask for all ends."""
    from torchdyn.numerics import odeint

    adaptive = case.method == "dopri5"
    t = torch.linspace(0, case.horizon, case.outputs if adaptive else case.steps + 1)
    tolerances = {"rtol": case.tolerance, "atol": case.tolerance} if adaptive else {}

    def solve(func):
        states = odeint(func, y0, t, solver=case.method, **tolerances)[1]
        return states if adaptive else states[[0, -1]]

    return solve


def torchode_solve(case, y0: torch.Tensor) -> Callable | None:
    """torchode gives every sample of the batch its own step size; it has no fixed RK4."""
    if case.method != "dopri5":
        return None
    import torchode

    t = torch.linspace(0, case.horizon, case.outputs).expand(len(y0), case.outputs)

    def solve(func):
        term = torchode.ODETerm(func)
        tolerances = {"rtol": case.tolerance, "atol": case.tolerance}
        control = torchode.IntegralController(term=term, **tolerances)
        solver = torchode.AutoDiffAdjoint(torchode.Dopri5(term=term), control)
        return solver.solve(torchode.InitialValueProblem(y0=y0, t_eval=t)).ys.transpose(0, 1)

    return solve


def torch_peers(case, y0: torch.Tensor) -> dict[str, Callable]:
    """Name → solve, of the installed ones that can do the case."""
    makers = {"torchdyn": torchdyn_solve, "torchode": torchode_solve}
    solves = {name: make(case, y0) for name, make in makers.items() if find_spec(name) is not None}
    return {name: solve for name, solve in solves.items() if solve is not None}


def diffrax_solve(case, y0: torch.Tensor, net: torch.nn.Sequential) -> Callable:
    """The same solve, f and all, as one program compiled for this shape by JAX, on one thread."""
    os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
    import diffrax
    import jax
    import jax.numpy as jnp

    layers = [
        (jnp.asarray(layer.weight.numpy()), jnp.asarray(layer.bias.numpy())) for layer in net[::2]
    ]

    def func(t, y, args):
        for weight, bias in layers[:-1]:
            y = jnp.tanh(y @ weight.T + bias)
        weight, bias = layers[-1]
        return y @ weight.T + bias

    times = jnp.linspace(0, case.horizon, case.outputs)
    control = diffrax.PIDController(rtol=case.tolerance, atol=case.tolerance)

    @jax.jit
    def program(y):
        term, save = diffrax.ODETerm(func), diffrax.SaveAt(ts=times)
        return diffrax.diffeqsolve(
            term, diffrax.Dopri5(), 0.0, case.horizon, None, y, saveat=save,
            stepsize_controller=control,
        ).ys  # fmt: skip

    start = jnp.asarray(y0.numpy())
    return lambda: program(start).block_until_ready()


def diffrax_row(case, y0: torch.Tensor, net, expected: torch.Tensor, paired: Callable) -> dict:
    """Compile seconds, warm time as a multiple of `paired`'s floor, and after how many solves
    compiling has paid."""
    solve = diffrax_solve(case, y0, net)
    begin = time.process_time()
    answer = solve()
    compiling = time.process_time() - begin
    gap = float((torch.tensor(answer.tolist()) - expected).abs().max() / expected.abs().max())
    assert gap < 1e-3, f"{case.name}: diffrax disagrees by {gap:.1e}"
    ratio, saved = paired(solve)
    return {"case": case.name, "compile_seconds": round(compiling, 2), **ratio} | {
        "break_even": round(compiling / saved) if saved > 0 else None
    }
