"""Trains the small models that the sampling explorer of notebook 06 shows.

Makes data/weights/sampling_explorer.npz (some CPU-minutes, not timed): for every mean gap,
irregularity and noise of the explorer, an NN map, a ResNet map and a neural ODE with 354 parameters
each, all fitted to pairs of neighbouring samples by L-BFGS; seed 0.
"""

import torch
from torch.nn.utils import parameters_to_vector

from course_lib.results import save_weights
from course_lib.sequences import fit_step
from course_lib.widgets.nb06 import (
    GAPS,
    IRREGULARITIES,
    MODELS,
    NOISES,
    key,
    new_net,
    step_of,
    training_pairs,
)


def main() -> None:
    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float64)
    weights = {}
    for setting in [(g, i, s) for g in GAPS for i in IRREGULARITIES for s in NOISES]:
        data = training_pairs(*setting)
        for model in MODELS:
            net = new_net()
            error = fit_step(net, step_of(model, net), *data, iterations=150)
            print(*setting, model, f"{error:.4f}", flush=True)
            weights[key(model, *setting)] = parameters_to_vector(net.parameters()).detach()
    save_weights("sampling_explorer", {k: w.float() for k, w in weights.items()})


if __name__ == "__main__":
    main()
