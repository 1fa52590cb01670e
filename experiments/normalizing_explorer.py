"""Train the two flows that notebook 15's explorer shows, and draw their level lines beforehand.

About forty CPU-seconds. Writes data/weights/normalizing.npz, and what the flows reach to
data/results/normalizing_explorer.json.
"""

import numpy as np
import torch
from contourpy import contour_generator

from course_lib import results
from course_lib.densities import Moons, eight_gaussians, kl_estimate, log_prob_on_grid
from course_lib.flows import ContinuousFlow, TanhField
from course_lib.training import cosine, train
from course_lib.widgets.nb15 import FRAMES, LEVELS

SEED, POINTS_PER_LINE, LIMIT = 0, 48, 4.2
#: name → (target, steps of RK4, batch, factor on the last layer)
FLOWS = {"moons": (Moons(), 5, 384, 0.1), "ring": (eight_gaussians(), 4, 256, 1.0)}


def resampled(line: np.ndarray) -> np.ndarray:
    """A line [k, 2] at POINTS_PER_LINE places, equally far apart along it."""
    length = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])
    places = np.linspace(0, length[-1], POINTS_PER_LINE)
    return np.stack([np.interp(places, length, column) for column in line.T], 1)


def level_lines(flow: ContinuousFlow, n: int = 101) -> tuple[np.ndarray, np.ndarray]:
    """Level lines [FRAMES, m, k, 2], filled up far outside the picture; highest p [FRAMES]."""
    axis, frames, peaks = np.linspace(-LIMIT, LIMIT, n), [], []
    for t in np.linspace(0, 1, FRAMES):
        log_p = log_prob_on_grid(lambda x, t=t: flow.log_prob(x, t), LIMIT, n)[1]
        p = log_p.exp().reshape(n, n).T.numpy()
        contours = contour_generator(axis, axis, p)
        lines = [line for level in LEVELS for line in contours.lines(level) if len(line) > 4]
        frames.append([resampled(line) for line in lines])
        peaks.append(p.max())
    filled = np.full((FRAMES, max(map(len, frames)), POINTS_PER_LINE, 2), 99.0)
    for place, lines in zip(filled, frames, strict=True):
        place[: len(lines)] = lines
    return filled.astype(np.float16), np.array(peaks, np.float32)


def main() -> None:
    torch.set_num_threads(1)
    arrays, rows = {}, []
    for name, (target, steps, batch, last) in FLOWS.items():
        generator = torch.Generator().manual_seed(SEED)
        field = TanhField(2, [64, 64], first=1.5, last=last, generator=generator)
        flow = ContinuousFlow(field, steps=steps)
        train(
            flow,
            lambda flow, x: -flow.log_prob(x).mean(),
            lambda generator, target=target, batch=batch: (target.sample(batch, generator),),
            steps=500,
            optimizer=torch.optim.Adam(field.parameters(), lr=1e-2, betas=(0.9, 0.99), fused=True),
            schedule=cosine(0.04),
            clip=10.0,
            generator=generator,
            progress=False,
        )
        field.requires_grad_(False)
        fine = flow.solved_by(steps=20)
        x = target.sample(10_000, torch.Generator().manual_seed(77))
        rows.append({"name": name, "kl": round(kl_estimate(target, fine.log_prob, x), 4)})
        print(rows[-1], flush=True)
        for key, value in field.state_dict().items():
            arrays[f"{name}/{key}"] = value
        arrays[f"{name}/lines"], arrays[f"{name}/peaks"] = level_lines(fine)
    results.save_weights("normalizing", arrays)
    results.save("normalizing_explorer", rows, seeds=[SEED], script=__file__)


if __name__ == "__main__":
    main()
