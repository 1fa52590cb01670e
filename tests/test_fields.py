"""Fields that know the time, weights as functions of time, flows as layers; the nets for images."""

import numpy as np
import pytest
import torch
from torch import nn

from course_lib import datasets, odenet
from course_lib.fields import (
    Counted,
    Flow,
    NeuralODE,
    TimeField,
    VaryingField,
    append_time,
    augment,
    legendre,
    piecewise,
)
from course_lib.gradients import odeint_adjoint
from course_lib.nets import count_parameters
from course_lib.solvers import odeint


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


# --- time, zeros ---------------------------------------------------------------------------------


@pytest.mark.parametrize("t", [0.5, torch.tensor(0.5), torch.tensor(0.5, dtype=torch.double)])
def test_time_is_the_last_entry_of_every_row(t):
    x = torch.randn(3, 4, 2, generator=seeded())
    z = append_time(t, x)
    assert z.shape == (3, 4, 3) and z.dtype == x.dtype
    assert torch.equal(z[..., :2], x) and bool((z[..., 2] == 0.5).all())


def test_zeros_come_behind_and_carry_no_gradient_of_their_own():
    x = torch.randn(3, 2, generator=seeded(), requires_grad=True)
    z = augment(x, 2)
    assert torch.equal(z[:, :2], x) and bool((z[:, 2:] == 0).all())
    assert augment(x, 0).shape == x.shape
    z.sum().backward()
    assert bool((x.grad == 1).all())


def test_time_field_changes_with_time_and_is_unbounded():
    field = TimeField(2, [8], generator=seeded())
    x = torch.randn(5, 2, generator=seeded(1))
    assert not torch.allclose(field(0.0, x), field(1.0, x))
    with torch.no_grad():
        for p in field.net.layers[-1].parameters():
            p.mul_(100)
    assert field(0.0, x).abs().max() > 1


# --- θ(t) ----------------------------------------------------------------------------------------


def test_pieces_cover_the_time_once_and_the_end_belongs_to_the_last():
    basis = piecewise(4, T=2.0)
    for t in np.linspace(0, 2, 41):
        phi = basis.at(t)
        assert phi.sum() == 1 and phi.max() == 1
    assert basis.at(2.0).argmax() == 3 and basis.at(0.5).argmax() == 1


def test_legendre_polynomials_are_orthogonal_on_the_interval():
    nodes, weights = np.polynomial.legendre.leggauss(8)
    T, basis = 3.0, legendre(5, T=3.0)
    phi = np.stack([basis.at(T * (s + 1) / 2).double().numpy() for s in nodes])
    gram = np.einsum("q,qi,qj->ij", weights, phi, phi)
    assert np.allclose(gram, np.diag(2 / (2 * np.arange(5) + 1)), atol=1e-6)


@pytest.mark.parametrize("basis", [piecewise(1), piecewise(5), legendre(1), legendre(5)])
def test_every_basis_starts_from_the_same_constant_field(basis):
    field, plain = (
        VaryingField(3, basis, generator=seeded()),
        VaryingField(3, piecewise(1), generator=seeded()),
    )
    assert len(basis.one) == len(field.coefficients)
    for t in (0.0, 0.37, 1.0):
        assert torch.allclose(field.theta(t), plain.theta(0.0), atol=1e-6)


def test_a_varying_field_multiplies_by_rows():
    """f(t, x) = tanh(W x + b): the first entry of the result is that of the first row of W."""
    start = torch.tensor([[0.0, 1.0, 0.5], [0.0, 0.0, -0.5]])
    found = VaryingField(2, piecewise(2), start=start)(0.3, torch.tensor([[2.0, 3.0]]))
    assert torch.allclose(found, torch.tanh(torch.tensor([[3.5, -0.5]])))


@pytest.mark.parametrize("basis", [piecewise(3), legendre(3)])
def test_a_field_can_start_from_the_weights_of_another(basis):
    first = VaryingField(2, piecewise(1), generator=seeded())
    field = VaryingField(2, basis, start=first.theta(0.0))
    x = torch.randn(5, 2, generator=seeded(1))
    for t in (0.0, 0.4, 1.0):
        assert torch.allclose(field(t, x), first(t, x), atol=1e-6)
    field(0.3, x).sum().backward()
    assert first.coefficients.grad is None, "the weights are copied, not shared"
    with pytest.raises(ValueError, match=r"start must have shape \(2, 3\)"):
        VaryingField(2, basis, start=torch.zeros(2, 2))


def test_each_coefficient_has_a_gradient():
    for basis in (piecewise(4), legendre(4)):
        field = VaryingField(2, basis, generator=seeded())
        x = torch.randn(6, 2, generator=seeded(1))
        Flow(field, method="rk4", options={"step_size": 0.125})(x).square().sum().backward()
        assert bool((field.coefficients.grad.abs().amax(dim=(1, 2)) > 0).all())


@pytest.mark.parametrize("make", [piecewise, legendre])
def test_a_basis_refuses_no_functions_and_no_time(make):
    with pytest.raises(ValueError, match="K ≥ 1"):
        make(0)
    with pytest.raises(ValueError, match="T > 0"):
        make(2, T=0.0)


# --- flows ---------------------------------------------------------------------------------------


def test_flow_is_the_solution_at_T_and_inverse_undoes_it(float64):
    field = TimeField(3, [16], generator=seeded())
    layer = Flow(field, T=1.5, rtol=1e-9, atol=1e-9)
    x = torch.randn(7, 3, generator=seeded(1))
    direct = odeint(field, x, torch.tensor([0.0, 1.5]), rtol=1e-9, atol=1e-9)[-1]
    assert torch.equal(layer(x), direct)
    assert torch.allclose(layer.inverse(layer(x)), x, atol=1e-7)
    assert not torch.allclose(layer(layer(x)), x, atol=1e-2)  # the way on is not the way back
    assert layer.path(x, [0.0, 0.5, 1.5]).shape == (3, 7, 3)
    with pytest.raises(ValueError, match="must be positive"):
        Flow(field, T=-1.0)


def test_calls_are_counted_both_ways():
    field = TimeField(2, [8], generator=seeded())
    step = {"method": "rk4", "options": {"step_size": 0.25}}
    layer = Flow(field, solve=odeint_adjoint, **step)
    out = layer(torch.ones(3, 2, requires_grad=True))
    assert layer.calls == 16
    out.sum().backward()
    assert layer.calls > 30  # the way back evaluates as well
    backprop = Flow(field, **step)
    backprop(torch.ones(3, 2, requires_grad=True)).sum().backward()
    assert backprop.calls == 16  # backpropagation does not


def test_counted_hands_parameters_on():
    field = Counted(TimeField(2, [8]))
    assert count_parameters(field) == count_parameters(field.field) > 0


def test_neural_ode_is_lift_flow_linear(float64):
    net = NeuralODE(2, 3, extra=2, T=0.7, rtol=1e-8, atol=1e-8, generator=seeded())
    x = torch.randn(5, 2, generator=seeded(1))
    ends = net.features(x, [0.0, 0.7])
    assert torch.equal(ends[0], augment(x, 2))
    assert torch.allclose(net(x), ends[-1] @ net.head.weight.T + net.head.bias)


# --- the nets for images -------------------------------------------------------------------------

PARAMETERS = {
    "MLP": 238_510,
    "no block": 3_994,
    "one residual block": 8_666,
    "ResNet, 6 blocks": 32_026,
    "RK-Net": 9_018,
    "ODE-Net": 9_018,
}


@pytest.mark.parametrize("kind", odenet.KINDS)
def test_image_nets_have_the_parameters_that_the_table_says(kind):
    state = torch.random.get_rng_state()
    net = odenet.build(kind, seeded())
    assert torch.equal(state, torch.random.get_rng_state()), "the global generator is untouched"
    assert count_parameters(net) == PARAMETERS[kind]
    assert net(torch.zeros(2, 1, 28, 28)).shape == (2, 10)
    twin = odenet.build(kind, seeded())
    assert all(torch.equal(p, q) for p, q in zip(net.parameters(), twin.parameters(), strict=True))


def test_unknown_image_net_names_the_known_ones():
    with pytest.raises(ValueError, match="ODE-Net"):
        odenet.build("resnet", seeded())


def test_rk_net_and_ode_net_compute_the_same_and_differ_in_what_they_keep():
    rk, ode = (odenet.build(kind, seeded()) for kind in ("RK-Net", "ODE-Net"))
    x = torch.rand(4, 1, 28, 28, generator=seeded(1))
    assert torch.equal(rk(x), ode(x))
    state = rk.stem(x).detach()
    kept = odenet.saved_bytes(rk.block, state), odenet.saved_bytes(ode.block, state)
    assert kept[0] > 8 * kept[1]
    # two states, at 0 and T, of 16 × 7 × 7 numbers in four bytes; a few bytes for the times
    assert kept[1] == pytest.approx(2 * 4 * 4 * 784, abs=64)


def test_saved_bytes_grow_with_blocks_and_count_no_parameters():
    x = torch.rand(4, 16, 7, 7, generator=seeded())
    one = odenet.saved_bytes(odenet.ResidualBlock(16), x)
    two = odenet.saved_bytes(nn.Sequential(*[odenet.ResidualBlock(16) for _ in range(2)]), x)
    assert two == 2 * one
    assert odenet.saved_bytes(nn.Identity(), x) == 0


def test_time_convolution_is_linear_in_time_and_sees_the_border():
    layer = odenet.TimeConv(4)
    x = torch.zeros(1, 4, 7, 7)
    assert torch.allclose(2 * layer(0.5, x), layer(1.0, x))
    assert not torch.allclose(layer(1.0, x)[..., 0, 0], layer(1.0, x)[..., 3, 3])


def test_shifts_move_whole_images_by_at_most_a_pixel():
    x = torch.zeros(200, 1, 9, 9)
    x[:, 0, 4, 4] = 1.0
    places = odenet.shifted(x, seeded())[:, 0].flatten(1).argmax(1)
    offsets = {(int(p) // 9 - 4, int(p) % 9 - 4) for p in places}
    assert offsets == {(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1)}
    assert torch.equal(odenet.shifted(x, seeded()).sum((1, 2, 3)), torch.ones(200))


def test_an_epoch_shows_every_image_once_and_training_learns():
    rows = torch.cat(list(odenet._epochs(1000, 1, seeded())))
    assert sorted(rows.tolist()) == list(range(1000))
    data, generator = datasets.mnist(), seeded()
    net = odenet.build("one residual block", generator)
    odenet.fit(net, data.x_train, data.y_train, 1, generator, progress=False)
    wrong = (odenet.predict(net, data.x_test).argmax(1) != data.y_test).double().mean()
    assert wrong < 0.5  # guessing errs on 0.9
