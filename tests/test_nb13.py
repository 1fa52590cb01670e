"""Notebook 13: every numbered equation is checked, its stored table and its explorer as well."""

import math

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from course_lib import latent_plots, results
from course_lib.exercises.nb13 import kl_divergence, predict, read_backwards, reparametrised
from course_lib.sequences.autoregressive import AutoregressiveGRU
from course_lib.sequences.bound import kl_to_standard, log_likelihood, reparametrise
from course_lib.sequences.latent import GAP_SCALE, BackwardEncoder, LatentODE, disagreement
from course_lib.sequences.spirals import TURN, draw_spirals, thin
from course_lib.widgets import latent_explorer, nb13

pytestmark = pytest.mark.usefixtures("float64")

SIZES = (30, 50, 100)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def rows(part, **where):
    found = [r for r in results.load("latent")["rows"] if r["part"] == part]
    return [r for r in found if all(r[k] == v for k, v in where.items())]


def rmse_of(model, m, key="rmse"):
    """One number a seed, in the order of the seeds."""
    found = rows("continuation", model=model, m=m)
    return np.array([r[key] for r in sorted(found, key=lambda r: r["seed"])])


# --- equations -----------------------------------------------------------------------------------


def test_spirals_by_hand():
    """(13.1): radius 0.25 + 0.08u at the angle u + α, with u = u₀ ± t."""
    s = draw_spirals(4, seeded())
    t = torch.tensor([0.0, 1.7])
    for i in range(4):
        for k in range(2):
            u = s.start[i] + (1 if i % 2 == 0 else -1) * t[k]
            r, angle = 0.25 + 0.08 * u, u + s.rotation[i]
            by_hand = torch.stack([r * angle.cos(), r * angle.sin()])
            assert torch.allclose(s.positions(t)[i, k], by_hand)


def test_outward_and_inward_curves_share_their_track():
    """(13.1): run backwards, an outward curve is an inward one with u₀ + t for its start."""
    out = draw_spirals(1, seeded())
    back = type(out)(out.start + 3.0, -out.direction, out.rotation, out.t, out.x)
    t = torch.linspace(0, 3, 7)
    assert torch.allclose(out.positions(t).flip(1), back.positions(t), atol=1e-12)


def test_generative_model_on_a_field_with_a_known_flow():
    """(13.2): with z' = Az, a rotation, positions are W exp(At) z₀ + b."""
    model = LatentODE(latent=2, step=TURN / 64, generator=seeded()).double()
    model.field = torch.nn.Linear(2, 2, bias=False)
    model.field.weight.data = torch.tensor([[0.0, -1.0], [1.0, 0.0]])
    z0, t = torch.randn(3, 2, generator=seeded(1)), torch.tensor([0.4, 2.0, 7.0])
    rotation = torch.stack([torch.stack([t.cos(), -t.sin()]), torch.stack([t.sin(), t.cos()])])
    z = torch.einsum("abk,nb->nka", rotation, z0)
    expected = z @ model.head.weight.T + model.head.bias
    assert torch.allclose(model.decode(z0, t), expected, atol=1e-6)
    assert torch.allclose(
        predict(lambda t, z: model.field(z), model.head, z0, t), expected, atol=1e-5
    )


def test_no_planar_field_makes_both_kinds_of_curve():
    """(13.1), (13.2): through one place, two velocities that are no multiples of one another."""
    t = torch.tensor([0.0, 1e-6])
    s = draw_spirals(1, seeded())
    other = type(s)(s.start, -s.direction, s.rotation, s.t, s.x)
    a, b = s.positions(t)[0], other.positions(t)[0]
    assert torch.equal(a[0], b[0])
    u, v = a[1] - a[0], b[1] - b[0]
    assert torch.dot(u, v) < -0.9 * u.norm() * v.norm()


def test_exercise_reads_as_the_library_does():
    """(13.3), (13.4): a GRU cell in the exercise's loop is the library's encoder, one at a time."""
    encoder = BackwardEncoder(group=1, generator=seeded()).double()
    t, x = torch.rand(7, generator=seeded(1)).sort().values, torch.randn(7, 2, generator=seeded(2))

    def cell(row, h):
        row = torch.cat([row[:2], GAP_SCALE * row[2:]])
        return torch.gru_cell(row[None], h, *encoder.gru.parameters())

    h = read_backwards(cell, torch.zeros(1, 64), t, x)
    mean, log_var = encoder(t[None], x[None])
    assert torch.allclose(encoder.head(h), torch.cat([mean, log_var], dim=1))


def test_reading_backwards_ends_at_time_zero():
    """(13.3): the gaps add up to t_m, from the last observation to t = 0."""
    t = torch.tensor([0.5, 0.7, 2.0])
    total = read_backwards(lambda row, h: h + row[-1], torch.zeros(1), t, torch.zeros(3, 2))
    assert total.item() == pytest.approx(2.0)


def test_reparametrised_samples_are_those_of_the_gaussian():
    """(13.4), (13.5): mean, deviation, and a gradient: dz/dμ = 1, dz/d log s² = (z − μ)/2."""
    mean = torch.tensor([1.0, -2.0], requires_grad=True)
    log_var = torch.tensor([0.3, -1.0], requires_grad=True)
    eps = torch.randn(50000, 2, generator=seeded())
    z = reparametrised(mean, log_var, eps)
    assert torch.allclose(z.mean(0), mean, atol=0.02)
    assert torch.allclose(z.var(0), log_var.exp(), rtol=0.03)
    a, b = torch.autograd.grad(z[0].sum(), (mean, log_var))
    assert torch.allclose(a, torch.ones(2)) and torch.allclose(b, (z[0] - mean) / 2)
    same = reparametrise(mean.expand(3, 2), log_var.expand(3, 2), seeded(1))
    noise = torch.randn(3, 2, generator=seeded(1))
    assert torch.allclose(same, reparametrised(mean, log_var, noise))


def oscillator(m=6, sigma=0.3):
    """Times, rows H, observations, and the exact evidence and posterior of (13.10)."""
    t = TURN * torch.rand(m, generator=seeded(1))
    H = torch.stack([t.cos(), t.sin()], dim=1)
    x = H @ torch.tensor([1.0, -0.5]) + sigma * torch.randn(m, generator=seeded(2))
    covariance = H @ H.T + sigma**2 * torch.eye(m)
    evidence = torch.distributions.MultivariateNormal(torch.zeros(m), covariance).log_prob(x)
    Lambda = torch.linalg.inv(torch.eye(2) + H.T @ H / sigma**2)
    return H, x, sigma, evidence, Lambda @ H.T @ x / sigma**2, Lambda


def closed_bound(H, x, sigma, mean, log_var):
    """(13.7) without sampling: the mean of (13.9) over a Gaussian, linear decoder."""
    likelihood = log_likelihood(x[:, None], (H @ mean)[:, None], sigma)
    likelihood = likelihood - 0.5 * ((H**2) @ log_var.exp()).sum() / sigma**2
    return likelihood - kl_to_standard(mean, log_var)


def test_evidence_is_the_integral_over_all_starts():
    """(13.10): log p(x) and the posterior's mean, against a sum over a fine grid of z₀."""
    H, x, sigma, evidence, mean, _ = oscillator()
    axis = torch.linspace(-5, 5, 201)
    z0 = torch.cartesian_prod(axis, axis)
    log_joint = log_likelihood(x[:, None], (z0 @ H.T)[..., None], sigma)
    log_joint = log_joint - 0.5 * z0.square().sum(1) - math.log(2 * math.pi)
    by_sum = log_joint.logsumexp(0) + 2 * math.log(axis[1] - axis[0])
    assert torch.allclose(by_sum, evidence, atol=1e-6)
    assert torch.allclose(log_joint.softmax(0) @ z0, mean, atol=1e-6)


def test_evidence_is_bound_plus_divergence_from_the_posterior():
    """(13.6), (13.7): for any q, and the bound is below; with a wrong sign it is not."""
    H, x, sigma, evidence, mean, Lambda = oscillator()
    posterior = torch.distributions.MultivariateNormal(mean, Lambda)
    for seed in range(5):
        mu, log_var = torch.randn(2, 2, generator=seeded(seed))
        q = torch.distributions.MultivariateNormal(mu, torch.diag(log_var.exp()))
        gap = torch.distributions.kl_divergence(q, posterior)
        bound = closed_bound(H, x, sigma, mu, log_var)
        assert torch.allclose(bound + gap, evidence) and bound < evidence
        broken = bound + 2 * kl_to_standard(mu, log_var)
        assert not torch.allclose(broken + gap, evidence)


def test_sampled_bound_converges_to_the_closed_one():
    """(13.5), (13.7), (13.9): the mean over samples, within its standard error."""
    H, x, sigma, _, mean, Lambda = oscillator()
    log_var = Lambda.diagonal().log()
    z0 = reparametrise(mean.expand(40000, 2), log_var.expand(40000, 2), seeded(5))
    sampled = log_likelihood(x[:, None], (z0 @ H.T)[..., None], sigma) - kl_to_standard(
        mean, log_var
    )
    off = sampled.mean() - closed_bound(H, x, sigma, mean, log_var)
    assert off.abs() < 4 * sampled.std() / 200


def test_divergence_in_closed_form_is_that_of_samples():
    """(13.8): E_q[log q − log p] by Monte Carlo, within its standard error; zero at the prior."""
    mean, log_var = torch.tensor([[0.8, -0.3, 0.0]]), torch.tensor([[-1.0, 0.5, 0.2]])
    s = (log_var / 2).exp()
    z = mean + s * torch.randn(200000, 3, generator=seeded())
    log_q = torch.distributions.Normal(mean, s).log_prob(z).sum(1)
    log_p = torch.distributions.Normal(0.0, 1.0).log_prob(z).sum(1)
    sampled = log_q - log_p
    closed = kl_divergence(mean, log_var)
    assert (sampled.mean() - closed).abs() < 4 * sampled.std() / math.sqrt(200000)
    assert torch.equal(closed, kl_to_standard(mean, log_var))
    assert kl_divergence(torch.zeros(1, 3), torch.zeros(1, 3)).item() == 0.0


def test_likelihood_by_hand():
    """(13.9): one curve, two observations of two numbers."""
    x, x_hat = torch.tensor([[1.0, 2.0], [0.0, 1.0]]), torch.tensor([[0.0, 2.0], [0.0, 3.0]])
    by_hand = -0.5 * (1 + 4) / 0.25 - 2 * math.log(2 * math.pi * 0.25)
    assert log_likelihood(x, x_hat, 0.5).item() == pytest.approx(by_hand)


def test_the_loss_adds_the_square_of_what_two_origins_differ_by():
    """(13.11): the encoder's mean from x_j on, with the clock restarted, against z(t_j)."""
    s, model = draw_spirals(3, seeded(), m=20), LatentODE(generator=seeded(1)).double()
    z = model.trajectory(model.encode(s.t, s.x)[0], s.t)
    j = 10
    restarted = model.encode(s.t[:, j:] - s.t[:, j, None], s.x[:, j:])[0]
    by_hand = ((z[:, j] - restarted) ** 2).sum(1)
    assert torch.allclose(disagreement(model, s.t, s.x, z, j), by_hand)
    unshifted = ((z[:, j] - model.encode(s.t[:, j:], s.x[:, j:])[0]) ** 2).sum(1)
    assert not torch.allclose(unshifted, by_hand)


def test_half_way_between_opposite_rotations_is_a_swing():
    """(13.12): latent states on a line; for opposite circles the middle path is a straight line."""
    t = torch.linspace(0, TURN, 50)
    circle = torch.stack([t.cos(), t.sin(), t.cos(), -t.sin()], dim=1)  # two rotors, z = (a, b)
    a, b = circle.clone(), circle.clone()
    a[:, 2:], b[:, :2] = 0, 0
    for s in (0.0, 0.5, 1.0):
        z = (1 - s) * a + s * b
        x = z[:, :2] + z[:, 2:]
        flat = torch.linalg.svdvals(x - x.mean(0))
        assert (flat[1] / flat[0] < 1e-9) == (s == 0.5)


# --- the stored table ----------------------------------------------------------------------------


def test_table_holds_what_the_text_says():
    latent, rival = ({m: rmse_of(k, m) for m in SIZES} for k in ("latent ODE", "velocity GRU"))
    assert all(len(v) == 5 for v in (*latent.values(), *rival.values()))
    for m, bound in zip(SIZES, (0.09, 0.075, 0.06), strict=True):
        assert latent[m].max() < bound
    ratios = {m: rival[m] / latent[m] for m in SIZES}
    assert ratios[30].mean() > 1.3 and ratios[50].mean() > 1.3 and ratios[100].mean() > 1.0
    assert ratios[30].min() > 1.15 and ratios[30].max() < 1.75  # "1.2 to 1.7 by seed"
    alone = rmse_of("bound alone", 50)
    assert len(alone) == 3 and sum(alone > 3 * latent[50].max()) == 1  # "one of three seeds"


def test_stored_rows_say_that_finer_steps_and_the_edge_cost():
    for seed in range(5):
        by_steps = {r["steps"]: r["rmse"] for r in rows("steps", seed=seed)}
        assert 1.07 < by_steps[64] / by_steps[8] < 1.26  # "by 8 to 25%"
        assert by_steps[64] == pytest.approx(by_steps[16], rel=0.03)  # "levels off at 16"
        for m in SIZES:
            (inside,) = rows("edge", seed=seed, place="inside", m=m)
            (outside,) = rows("edge", seed=seed, place="outside", m=m)
            assert outside["rmse"] > 1.5 * inside["rmse"]


def test_the_stored_rival_makes_its_row_again():
    """The velocity GRU of seed 0, on the stored test curves of its row."""
    torch.set_default_dtype(torch.float32)
    gru = AutoregressiveGRU("velocity")
    gru.load_state_dict(results.load_weights("latent_gru"))
    test = draw_spirals(400, seeded(1), until=2 * TURN)
    for m in SIZES:
        t, x = thin(test.t, test.x, m, seeded(4))
        later = TURN + TURN * torch.arange(1, m + 1) / m
        with torch.no_grad():
            error = (gru.forecast(t, x, later) - test.positions(later)).square().mean().sqrt()
        assert error.item() == pytest.approx(rmse_of("velocity GRU", m)[0], rel=0.02)


# --- the explorer --------------------------------------------------------------------------------


def spread(m, noise, kind="outward"):
    """Deviation of the paths of the explorer's posterior over the second turn."""
    torch.set_default_dtype(torch.float32)
    model, later = nb13.load_model(), torch.linspace(TURN, 2 * TURN, 21)
    mean, log_var = model.encode(*nb13.observed(kind, m, noise))
    z0 = reparametrise(mean.expand(200, -1), log_var.expand(200, -1), seeded())
    return model.decode(z0, later).std(0).square().mean().sqrt().item()


@pytest.mark.parametrize("kind", ["outward", "inward"])
def test_posterior_widens_with_missing_points_and_is_deaf_to_noise(kind):
    """As the text under Figure 13.1 says: few points fan the samples out, loud noise does not."""
    assert spread(5, 0.08, kind) > 1.5 * spread(100, 0.08, kind)
    assert spread(30, 0.3, kind) < 1.5 * spread(30, 0.05, kind)


def test_the_explorers_points_are_kept_when_more_are_added():
    few, many = nb13.observed("inward", 10, 0.1)[0], nb13.observed("inward", 60, 0.1)[0]
    assert few.shape == (1, 10) and torch.isin(few, many).all()


def test_the_explorer_says_how_wrong_it_is():
    torch.set_default_dtype(torch.float32)
    text = latent_explorer.picture(m=100, noise=0.05, kind="outward")[1]
    assert "Error of the mean path" in text and "Spread" in text


def test_panels_show_paths_observations_and_the_rivals_crosses():
    s = draw_spirals(2, seeded(), m=10)
    truth, crosses = s.positions(torch.linspace(0, 9, 30)), s.positions(torch.tensor([7.0, 8.0]))
    fig = latent_plots.panels(truth, s.x, s.direction, truth.expand(5, -1, -1, -1), crosses)
    assert [ax.get_title() for ax in fig.axes] == ["outward", "inward"]
    lines = fig.axes[1].lines
    assert len(lines) == 5 + 1 + 4
    assert np.allclose(lines[-1].get_xydata(), crosses[1]) and lines[-1].get_marker() == "x"
    assert np.allclose(lines[-2].get_xydata(), s.x[1])
    plt.close("all")


def test_the_drawn_bound_is_the_difference_of_its_terms():
    fig = latent_plots.bound(
        [0.1, 1.0, 2.0], [-1.0, -2.0, -5.0], [3.0, 1.0, 0.5], [-6, -5, -7], -2.5
    )
    left, right = fig.axes
    assert np.allclose(left.lines[1].get_ydata(), [-3.0, -1.0, -0.5])
    assert np.allclose(right.lines[0].get_ydata(), [-4.0, -3.0, -5.5])
    assert np.allclose(right.lines[2].get_ydata(), -2.5)
    plt.close("all")


def test_errors_are_drawn_with_their_means_and_in_turns():
    fig = latent_plots.errors_by_size({"a": {30: torch.tensor([0.1, 0.3]), 50: [0.2]}})
    assert np.allclose(fig.axes[0].lines[0].get_ydata(), [0.2, 0.2])
    ax = latent_plots.errors_in_time(np.array([0.0, TURN]), {"a": [0.1, 0.2]})
    assert np.allclose(ax.lines[0].get_xdata(), [0.0, 1.0])
    fig = latent_plots.beyond(np.zeros(2), np.ones((4, 2)), np.ones((4, 2)), {"a": [1, 2]}, 2.2)
    assert fig.axes[0].patches[0].get_radius() == 2.2
    plt.close("all")
