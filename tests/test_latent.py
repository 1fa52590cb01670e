"""The spirals, the latent ODE's parts and its rival: what they promise, and twins that break it."""

import math

import pytest
import torch

from course_lib.sequences import latent
from course_lib.sequences.autoregressive import KINDS, AutoregressiveGRU, fit_autoregressive
from course_lib.sequences.bound import kl_to_standard, log_likelihood, reparametrise
from course_lib.sequences.latent import (
    BackwardEncoder,
    LatentODE,
    disagreement,
    elbo,
    fit_latent,
    hermite,
)
from course_lib.sequences.spirals import TURN, draw_spirals, radius, thin
from course_lib.solvers import odeint

pytestmark = pytest.mark.usefixtures("float64")


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


# --- spirals -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("since", "until"), [(0.0, TURN), (0.0, 2 * TURN), (-TURN, 2 * TURN)])
def test_curves_stay_between_the_turns_and_use_all_of_them(since, until):
    s = draw_spirals(2000, seeded(), since=since, until=until, turns=(0.5, 4.5))
    r = s.positions(torch.tensor([since, until])).norm(dim=-1)
    assert (r > radius(0.5 * TURN) - 1e-9).all() and (r < radius(4.5 * TURN) + 1e-9).all()
    for sign in (1, -1):
        kind = r[s.direction == sign]
        assert kind.min() < radius(0.55 * TURN) and kind.max() > radius(4.45 * TURN)


def test_outward_is_counter_clockwise_and_inward_is_outward_run_backwards():
    s = draw_spirals(6, seeded(), noise=0.0)
    a, b = s.positions(torch.tensor([1.0, 1.01])).unbind(1)
    turn = a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]
    assert torch.equal(turn.sign(), s.direction)
    assert torch.equal((b.norm(dim=1) - a.norm(dim=1)).sign(), s.direction)


def test_observations_have_the_noise_and_the_times_that_are_said():
    s = draw_spirals(400, seeded(), noise=0.08)
    off = s.x - s.positions(s.t)
    assert off.std().item() == pytest.approx(0.08, rel=0.03) and abs(off.mean()) < 2e-3
    assert (s.t.diff(dim=1) > 0).all() and s.t.min() >= 0 and s.t.max() <= TURN
    assert s.t.mean().item() == pytest.approx(math.pi, rel=0.02)


def test_thinning_keeps_pairs_and_order():
    t = torch.rand(5, 40, generator=seeded()).sort(dim=1).values
    kept, x = thin(t, torch.stack([t, -t], dim=-1), 10, seeded(1))
    assert kept.shape == (5, 10) and (kept.diff(dim=1) > 0).all()
    assert torch.equal(x[..., 0], kept) and torch.equal(x[..., 1], -kept)
    assert not torch.equal(kept, thin(t, torch.stack([t, -t], dim=-1), 10, seeded(2))[0])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: draw_spirals(4, seeded(), turns=(0, 1), until=2 * TURN), "does not fit"),
        (lambda: draw_spirals(4, seeded(), since=1.0), "since ≤ 0"),
        (lambda: thin(torch.zeros(2, 3), torch.zeros(2, 3, 2), 4, seeded()), "cannot choose 4"),
        (lambda: BackwardEncoder()(torch.zeros(2, 7), torch.zeros(2, 7, 2)), "multiple of 5"),
        (lambda: AutoregressiveGRU("best"), "choose from"),
    ],
)
def test_bad_input_is_explained(call, message):
    with pytest.raises(ValueError, match=message):
        call()


# --- the parts of the bound ----------------------------------------------------------------------


def test_samples_have_the_mean_and_the_variance_and_pass_gradients():
    mean = torch.tensor([0.5, -2.0], requires_grad=True)
    log_var = torch.tensor([0.0, math.log(0.09)], requires_grad=True)
    z = reparametrise(mean.expand(20000, 2), log_var.expand(20000, 2), seeded())
    assert torch.allclose(z.mean(0), mean, atol=0.02)
    assert torch.allclose(z.std(0), torch.tensor([1.0, 0.3]), rtol=0.02)
    z.square().mean(0).sum().backward()  # E z² = μ² + s²: derivatives 2μ and s²
    assert torch.allclose(mean.grad, 2 * mean, atol=0.05)
    assert torch.allclose(log_var.grad, log_var.exp(), rtol=0.15)


def test_divergence_is_that_of_torch():
    mean, log_var = torch.randn(7, 3, generator=seeded()), torch.randn(7, 3, generator=seeded(1))
    q = torch.distributions.Normal(mean, (log_var / 2).exp())
    p = torch.distributions.Normal(torch.zeros(3), torch.ones(3))
    expected = torch.distributions.kl_divergence(q, p).sum(-1)
    assert torch.allclose(kl_to_standard(mean, log_var), expected)


def test_likelihood_is_that_of_torch_also_with_a_noise_for_each_row():
    x, x_hat = torch.randn(4, 6, 2, generator=seeded()), torch.randn(4, 6, 2, generator=seeded(1))
    sigma = torch.tensor([0.1, 0.5, 1.0, 2.0])[:, None, None]
    expected = torch.distributions.Normal(x_hat, sigma).log_prob(x).sum((1, 2))
    assert torch.allclose(log_likelihood(x, x_hat, sigma), expected)


# --- the model -----------------------------------------------------------------------------------


def test_decoder_agrees_with_an_accurate_solve_at_each_rows_own_times():
    model = LatentODE(step=TURN / 64, generator=seeded()).double()
    z0, t = torch.randn(3, 4, generator=seeded(1)), torch.rand(3, 5, generator=seeded(2)) * 9 - 3
    x = model.decode(z0, t)
    for i in range(3):
        for k in range(5):
            span = torch.stack([0 * t[i, k], t[i, k]])
            z = odeint(lambda s, z: model.field(z), z0[i], span, rtol=1e-9, atol=1e-9)[-1]
            assert torch.allclose(x[i, k], model.head(z), atol=1e-6)


def test_cubics_are_exact_for_cubics_and_fourth_order_otherwise():
    nodes = torch.arange(5.0)[:, None, None]
    times = torch.tensor([[0.3, 1.0, 2.9, 3.5]])
    assert torch.allclose(hermite(nodes**3, 3 * nodes**2, 1.0, times)[..., 0], times**3)
    errors = []
    for h in (0.2, 0.1):
        at = h * torch.arange(round(2 / h) + 1.0)[:, None, None]
        t = torch.linspace(0, 2, 77)[None]
        errors.append((hermite(at.sin(), at.cos(), h, t)[..., 0] - t.sin()).abs().max())
    assert math.log2(errors[0] / errors[1]) == pytest.approx(4, abs=0.2)


def test_encoder_reads_backwards_and_hears_of_the_gaps():
    """The last group read is the first in time: it can move the answer most when the GRU forgets;
    and the same positions at other times are another message."""
    encoder = BackwardEncoder(generator=seeded()).double()
    t, x = torch.rand(1, 10, generator=seeded(1)).sort().values, torch.zeros(1, 10, 2)
    mean, _ = encoder(t, x)
    gaps = latent.GAP_SCALE * t.diff(dim=1, prepend=torch.zeros(1, 1))
    rows = torch.cat([x, gaps[..., None]], dim=-1).flip(1).reshape(2, 15)
    h = torch.zeros(1, 64)
    for row in rows:
        h = torch.gru_cell(row[None], h, *encoder.gru.parameters())
    assert torch.allclose(encoder.head(h)[:, :4], mean)
    assert not torch.allclose(encoder(t**2, x)[0], mean)


def test_bound_is_likelihood_minus_divergence():
    model, s = LatentODE(generator=seeded()).double(), draw_spirals(3, seeded(1), m=10)
    mean, log_var = model.encode(s.t, s.x)
    x_hat = model.decode(reparametrise(mean, log_var, seeded(2)), s.t)
    expected = log_likelihood(s.x, x_hat, 0.08) - kl_to_standard(mean, log_var)
    assert torch.allclose(elbo(model, s.t, s.x, seeded(2)), expected)


def test_a_horizon_leaves_later_observations_unscored():
    model, s = LatentODE(generator=seeded()).double(), draw_spirals(2, seeded(1), m=10)
    with torch.no_grad():
        mean, log_var = model.encode(s.t, s.x)
        x_hat = model.decode(reparametrise(mean, log_var, seeded(2)), s.t)
        perfect = torch.where((s.t > 3.0)[..., None], s.x, x_hat)
        expected = log_likelihood(s.x, perfect, 0.08)
        got = elbo(model, s.t, s.x, seeded(2), beta=0.0, horizon=3.0)
    assert torch.allclose(got, expected)


def test_training_raises_the_bound():
    s = draw_spirals(100, seeded(), m=20)
    model = LatentODE(generator=seeded(1)).double()
    with torch.no_grad():
        before = elbo(model, s.t, s.x, seeded(2)).mean()
    fit_latent(model, s.t, s.x, seeded(3), sizes=(10,), steps=30, progress=False)
    with torch.no_grad():
        assert elbo(model, s.t, s.x, seeded(2)).mean() > before + 100


def test_training_with_agreement_makes_two_origins_agree():
    s, left = draw_spirals(100, seeded(), m=20), {}
    for weight in (0.0, 3.0):
        model = LatentODE(generator=seeded(1)).double()
        options = {"sizes": (10,), "steps": 30, "agreement": weight, "progress": False}
        fit_latent(model, s.t, s.x, seeded(3), **options)
        with torch.no_grad():
            z = model.trajectory(model.encode(s.t, s.x)[0], s.t)
            left[weight] = disagreement(model, s.t, s.x, z, 10).mean()
    assert left[3.0] < 0.6 * left[0.0]


def test_disagreement_is_zero_for_a_model_that_knows_the_state():
    """An encoder that reads z off the first observation it is shown agrees with a still field."""
    s = draw_spirals(4, seeded(), m=10)
    model = LatentODE(latent=2, generator=seeded(1)).double()
    still = s.x[:, :1].expand(-1, 10, -1)
    model.encode.forward = lambda t, x: (x[:, 0], torch.zeros_like(x[:, 0]))
    assert disagreement(model, s.t, still, still, 5).abs().max() == 0
    assert (disagreement(model, s.t, s.x, still, 5) > 0).all()


def test_disagreement_does_not_know_when_the_clock_was_started():
    s, model = draw_spirals(4, seeded(), m=10), LatentODE(latent=2, generator=seeded(1)).double()
    z = torch.randn(4, 10, 2, generator=seeded(2))
    torch.testing.assert_close(
        disagreement(model, s.t + 3, s.x, z, 5), disagreement(model, s.t, s.x, z, 5)
    )


# --- the rival -----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_forecast_is_the_recurrence_on_its_own_predictions(kind):
    model = AutoregressiveGRU(kind, hidden=8, generator=seeded()).double()
    t = torch.rand(3, 12, generator=seeded(1)).sort().values
    x = torch.randn(3, 12, 2, generator=seeded(2))
    ahead = model.forecast(t[:, :8], x[:, :8], t[:, 8:])
    fed = torch.cat([x[:, :8], ahead], dim=1)
    for k in range(8, 12):  # one step from what has been read and predicted so far
        one = model.forecast(t[:, :k], fed[:, :k], t[:, k : k + 1])[:, 0]
        assert torch.allclose(one, fed[:, k])


def test_the_rivals_loss_falls_and_a_past_time_is_refused():
    s = draw_spirals(100, seeded(), m=30)
    model = AutoregressiveGRU("velocity", hidden=16, generator=seeded(1)).double()
    with torch.no_grad():  # half read, half forecast; the loss that training reports gets harder
        before = model.loss(s.t, s.x)
    fit_autoregressive(model, s.t, s.x, seeded(2), sizes=(10,), steps=80, progress=False)
    with torch.no_grad():
        assert model.loss(s.t, s.x) < 0.5 * before
    with pytest.raises(ValueError, match="after the data"):
        model.forecast(s.t, s.x, torch.tensor([1.0]))


def test_the_rival_reads_less_and_less_of_each_row():
    """All of it at first, a quarter after 30 % of the steps and from then on."""
    s, shares = draw_spirals(20, seeded(), m=12), []
    model = AutoregressiveGRU(hidden=4, generator=seeded(1)).double()
    model.loss = lambda t, x, forced: shares.append(forced) or model.head.weight.square().sum()
    fit_autoregressive(model, s.t, s.x, seeded(2), sizes=(10,), steps=20, progress=False)
    assert shares == pytest.approx([max(0.25, 1 - 0.75 * k / 6) for k in range(20)])
