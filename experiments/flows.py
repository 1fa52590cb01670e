"""Train the three small flows that notebook 07's explorer shows; about twenty CPU-seconds.

Writes data/weights/flows.npz, and what they reach to data/results/flows.json.
"""

import torch
from torch.nn.functional import binary_cross_entropy_with_logits

from course_lib import results
from course_lib.fields import NeuralODE
from course_lib.training import cosine, train
from course_lib.widgets.nb07 import FLOWS, points_of

SEED, STEPS = 0, 250
WEIGHT = {0: 0.03, 1: 0.008}  # of the penalty, by the number of zeros added


def loss(net, x, y):
    """Cross-entropy, and a little for points that end far out: the picture should hold them."""
    end = net.features(x, [0.0, 1.0])[-1]
    wrong = binary_cross_entropy_with_logits(net.head(end)[:, 0], y)
    return wrong + WEIGHT[net.extra] * end.square().sum(1).mean()


def main() -> None:
    torch.set_num_threads(1)
    arrays, rows = {}, []
    for name, (data, extra) in FLOWS.items():
        generator = torch.Generator().manual_seed(SEED)
        x, y = points_of(data, 500)
        step = {"method": "rk4", "options": {"step_size": 0.1}}
        net = NeuralODE(2, 1, extra=extra, generator=generator, **step)
        settings = {"lr": 1e-2, "schedule": cosine(0.05), "generator": generator}
        history = train(net, loss, (x, y.float()), steps=STEPS, progress=False, **settings)
        net.flow.options = {"rtol": 1e-4, "atol": 1e-4}  # as the explorer solves it
        right = ((net(x)[:, 0] > 0) == (y == 1)).double().mean()
        rows.append({"name": name, "loss": history.loss[-1], "accuracy": right})
        for key, value in net.state_dict().items():
            arrays[f"{name}/{key}"] = value
        print(rows[-1])
    results.save_weights("flows", arrays)
    results.save("flows", rows, seeds=[SEED], script=__file__)


if __name__ == "__main__":
    main()
