"""Train the latent ODE that notebook 13's explorer shows; about a CPU-minute.

It has met 5 to 100 observations a curve, and noise between 0.05 and 0.3, so that its posterior
answers to both sliders; the notebook's own model knows 30 to 100 observations and one noise. The
likelihood counts 0.05 for the model's own errors to the noise: else the quietest curves, which no
small model fits to the last digit, would outweigh all others.
Writes data/weights/latent_explorer.npz.
"""

import numpy as np
import torch

from course_lib.results import save_weights
from course_lib.sequences.latent import LatentODE, fit_latent
from course_lib.sequences.spirals import draw_spirals
from course_lib.widgets.nb13 import NOISE, SIZES

SEED, STEPS, MODEL_ERROR = 0, 1800, 0.05


def main() -> None:
    torch.set_num_threads(1)
    g = torch.Generator().manual_seed(SEED)
    curves = draw_spirals(1000, g, noise=0.0)
    low, high = NOISE
    sigma = low + (high - low) * torch.rand(len(curves.x), generator=g)
    x = curves.x + sigma[:, None, None] * torch.randn(curves.x.shape, generator=g)
    model = LatentODE(generator=g)
    scored = (sigma**2 + MODEL_ERROR**2).sqrt()
    options = {"sizes": SIZES, "steps": STEPS, "sigma": scored, "progress": False}
    history = fit_latent(model, curves.t, x, g, **options)
    print(f"loss a number, mean of the last hundred steps: {np.mean(history.loss[-100:]):.3f}")
    save_weights("latent_explorer", {k: v.half() for k, v in model.state_dict().items()})


if __name__ == "__main__":
    main()
