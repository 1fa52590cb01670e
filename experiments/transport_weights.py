"""Six flows of the two moons that differ in the weight of the transport cost alone.

Makes data/weights/transport.npz and data/results/transport_weights.json for the explorer of
notebook 17 (about two CPU-minutes): the nets, and one row of measures for each weight. The fields
are free (no potential), start from the same large random weights, which make curled paths, and are
trained for −log p(x) + α ∫ ½‖v‖² dt.
"""

import torch

from course_lib import results, transport
from course_lib.densities import Moons, kl_estimate
from course_lib.flows import TanhField
from course_lib.training import cosine, train

ALPHAS = (0.0, 0.1, 0.3, 1.0, 3.0, 10.0)
HIDDEN, SEED, N = (64, 64), 0, 8
TARGET = Moons()


def learn(alpha: float, steps: int = 300) -> TanhField:
    """One field, from large random weights."""
    generator = torch.Generator().manual_seed(1000 * SEED)
    field = TanhField(2, HIDDEN, first=2.0, last=4.5, generator=generator)
    with torch.no_grad():
        field.layers[1].weight.mul_(1.8)
    loss = lambda net, x: transport.ot_flow_loss(net, x, (alpha, 1.0, 0.0), N)  # noqa: E731
    net = transport.VelocityField(field)
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2, betas=(0.9, 0.99), fused=True)
    train(
        net, loss, lambda g: (TARGET.sample(256, g),), steps=steps, optimizer=optimizer,
        schedule=cosine(0.04), clip=10.0, generator=generator, progress=False,
    )  # fmt: skip
    return field


def row(alpha: float, field: TanhField) -> dict:
    """What is said about a flow."""
    net = transport.VelocityField(field)
    x = TARGET.sample(5000, torch.Generator().manual_seed(1))
    z = torch.randn(1500, 2, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        end = transport.carry(net, z, steps=40)
        return {
            "alpha": alpha,
            "kl": kl_estimate(TARGET, lambda x: transport.log_prob(net, x, 40), x),
            "straightness": transport.straightness(end.path),
            "energy": 2 * end.kinetic.mean().item(),
            "ot_gap": transport.ot_gap(z, end.x),
        }


def main() -> None:
    torch.set_num_threads(1)
    fields = {alpha: learn(alpha) for alpha in ALPHAS}
    rows = [row(alpha, field) for alpha, field in fields.items()]
    results.save("transport_weights", rows, [SEED], script=__file__)
    numbers = {
        str(alpha): torch.nn.utils.parameters_to_vector(field.parameters())
        for alpha, field in fields.items()
    }
    results.save_weights("transport", numbers)


if __name__ == "__main__":
    main()
