"""The tables of notebook 16, and the flows that its explorer shows.

Part "flow": continuous flows trained on the moons by RK4, with and without RNODE's two penalties,
from quiet and from wild starting weights; the evaluations that an accurate solve of each takes.
Part "digits": bits per dimension of the handwritten digits under a Gaussian, a mixture and a flow.
About four CPU-minutes; writes data/results/scalable.json, after each row what there is, and the
quiet flows of seed 0 and its digits to data/weights/scalable.npz.

    python experiments/scalable.py        everything
    python experiments/scalable.py 0 2    these seeds, the other rows are kept
"""

import copy
import math
import sys
import time

import numpy as np
import torch
from sklearn.mixture import GaussianMixture

from course_lib import flows, results
from course_lib.datasets import digits
from course_lib.densities import Moons
from course_lib.training import cosine, train

SEEDS = list(range(10))
STEPS, BATCH, UPDATES, WIDTH = 4, 256, 300, 32
#: (starting weights, weight of the penalties) → seeds; the explorer shows the quiet ones of seed 0
CASES = {
    ("quiet", 0.0): SEEDS,
    ("quiet", 0.02): [0],
    ("quiet", 0.05): SEEDS,
    ("quiet", 0.2): [0],
    ("wild", 0.0): SEEDS[:5],
    ("wild", 0.05): SEEDS[:5],
}
FACTORS = {"quiet": {"first": 1.5, "last": 0.1}, "wild": {"first": 2.0, "last": 3.0}}
COMPONENTS, PIXEL_VALUES = 10, 17
MOONS = Moons()


def new_field(start: str, generator: torch.Generator) -> flows.TanhField:
    """Quiet: a slow field. Wild: a fast one, which turns sharply."""
    field = flows.TanhField(2, [WIDTH, WIDTH], **FACTORS[start], generator=generator)
    if start == "wild":
        with torch.no_grad():
            field.layers[1].weight.mul_(2)
    return field


def rnode_loss(flow, x, weight: float) -> torch.Tensor:
    """The mean of −log p, plus `weight` times kinetic energy and squared Jacobian."""
    if weight == 0:
        return -flow.log_prob(x).mean()
    back = flow.integrate(x, flow.T, 0.0, ("kinetic", "jacobian"))
    log_p = flows.standard_log_prob(back.x) + back.log_det
    return -log_p.mean() + weight * (back.kinetic + back.jacobian).mean()


def evaluations(flow, tol: float, n: int = 500) -> int:
    """Calls of f in one adaptive solve, in double precision, of n points with their log p."""
    fine = copy.deepcopy(flow).double().solved_by(rtol=tol, atol=tol)
    x = MOONS.sample(n, torch.Generator().manual_seed(78)).double()
    with torch.no_grad():
        fine.log_prob(x)
    return fine.calls


def flow_row(seed: int, start: str, weight: float):
    """Train one flow; its row and its field."""
    field = new_field(start, torch.Generator().manual_seed(1000 * seed))
    flow = flows.ContinuousFlow(field, steps=STEPS)
    first, begin = evaluations(flow, 1e-7), time.process_time()
    train(
        flow,
        lambda flow, x: rnode_loss(flow, x, weight),
        lambda generator: (MOONS.sample(BATCH, generator),),
        steps=UPDATES,
        optimizer=torch.optim.Adam(field.parameters(), lr=1e-2, betas=(0.9, 0.99), fused=True),
        schedule=cosine(0.04),
        clip=10.0,
        generator=torch.Generator().manual_seed(1000 * seed + 7),
        progress=False,
    )
    seconds = time.process_time() - begin
    x = MOONS.sample(4000, torch.Generator().manual_seed(77))
    with torch.no_grad():
        back = flow.solved_by(steps=20).integrate(x, 1.0, 0.0, ("kinetic", "jacobian"))
        log_p = flows.standard_log_prob(back.x) + back.log_det
        kl = (MOONS.log_prob(x) - log_p).mean().item()
        coarse = (flow.log_prob(x) - log_p).square().mean().sqrt().item()
    row = {
        "part": "flow",
        "start": start,
        "weight": weight,
        "seed": seed,
        "kl": round(kl, 4),
        "kinetic": round(back.kinetic.mean().item(), 3),
        "jacobian": round(back.jacobian.mean().item(), 3),
        "nfe_at_start": first,
        "nfe": evaluations(flow, 1e-7),
        "nfe_loose": evaluations(flow, 1e-5),
        "coarse_error": float(f"{coarse:.2e}"),  # of log p by the steps of training, rms
        "cpu_seconds": round(seconds, 1),
    }
    return row, field


def digits_row(seed: int, updates: int = 600, batch: int = 128, hidden=(128, 128)):
    """Bits per dimension of the test digits; the row, and the flow's field."""
    generator = torch.Generator().manual_seed(1000 * seed)
    data = digits()
    pixels, held_out = (16 * data.x_train).round(), (16 * data.x_test).round()
    white = flows.Whitening(pixels)
    y = white(flows.dequantise(held_out, torch.Generator().manual_seed(77)))
    bits = lambda log_py: round(flows.bits_per_dim(white.log_prob(log_py), 64), 4)  # noqa: E731
    noisy = torch.cat([white(flows.dequantise(pixels, generator)) for _ in range(2)])
    settings = {"reg_covar": 0.1, "max_iter": 20, "tol": 1e-2, "random_state": seed}
    mixture = GaussianMixture(COMPONENTS, **settings).fit(noisy.numpy())

    field = flows.TanhField(64, hidden, last=0.3, generator=generator)
    trace = flows.HutchinsonTrace(generator=generator)
    flow = flows.ContinuousFlow(field, dim=64, steps=3, trace=trace)
    begin = time.process_time()
    train(
        flow,
        lambda flow, y: -flow.log_prob(y).mean(),
        lambda generator: (white(flows.dequantise(_some(pixels, batch, generator), generator)),),
        steps=updates,
        optimizer=torch.optim.Adam(field.parameters(), lr=1e-2, betas=(0.9, 0.99), fused=True),
        schedule=cosine(0.04),
        clip=10.0,
        generator=generator,
        progress=False,
    )
    seconds = time.process_time() - begin
    exact = flow.solved_by(steps=8, trace=flows.ClosedFormTrace())
    with torch.no_grad():
        found = {"flow": bits(exact.log_prob(y)), "gaussian": bits(flows.standard_log_prob(y))}
    found["mixture"] = bits(torch.as_tensor(mixture.score_samples(y.numpy())))
    row = {"part": "digits", "seed": seed, "updates": updates} | found
    return row | {
        "uniform": round(math.log2(PIXEL_VALUES), 4),
        "cpu_seconds": round(seconds),
    }, field


def _some(pixels: torch.Tensor, n: int, generator: torch.Generator) -> torch.Tensor:
    return pixels[torch.randint(len(pixels), (n,), generator=generator)]


def numbers(field) -> np.ndarray:
    return torch.nn.utils.parameters_to_vector(field.parameters()).detach().numpy()


def main() -> None:
    torch.set_num_threads(1)
    seeds = [int(word) for word in sys.argv[1:]] or SEEDS
    try:
        rows = [r for r in results.load("scalable")["rows"] if r["seed"] not in seeds]
    except FileNotFoundError:
        rows = []
    try:
        arrays = results.load_weights("scalable")
    except FileNotFoundError:
        arrays = {}

    def keep(row):
        rows.append(row)
        print(row, flush=True)
        results.save("scalable", rows, seeds=sorted({r["seed"] for r in rows}), script=__file__)

    for seed in seeds:
        for start, weight in (case for case, its_seeds in CASES.items() if seed in its_seeds):
            row, field = flow_row(seed, start, weight)
            keep(row)
            if seed == 0 and start == "quiet":
                arrays[str(weight)] = numbers(field)
                results.save_weights("scalable", arrays)
        if seed == 0:
            row, field = digits_row(seed)
            keep(row)
            arrays["digits"] = numbers(field)
            results.save_weights("scalable", arrays)


if __name__ == "__main__":
    main()
