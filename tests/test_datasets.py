"""The bundled data are what they say: sizes, scaling, fixed splits, geometry of the toys."""

import math

import pytest
import torch

from course_lib import datasets

TOYS = ["moons", "circles", "spirals", "pinwheel", "gaussians", "checkerboard"]


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def test_digits_are_split_once_by_class_and_scaled():
    data = datasets.digits()
    assert data.x_train.shape == (1300, 64) and data.x_test.shape == (497, 64)
    assert data.x_train.dtype == torch.float32 and data.y_train.dtype == torch.int64
    assert data.x_train.min() == 0 and data.x_train.max() == 1
    shares = [torch.bincount(y).double() / len(y) for y in (data.y_train, data.y_test)]
    assert (shares[0] - shares[1]).abs().max() < 0.003
    assert torch.equal(data.x_train, datasets.digits().x_train)
    assert not torch.equal(data.x_train, datasets.digits(seed=1).x_train)


def test_no_digit_is_in_both_parts():
    data = datasets.digits()
    train = {tuple(row) for row in data.x_train.tolist()}
    assert not any(tuple(row) in train for row in data.x_test.tolist())


def test_iris_in_centimetres_and_standardised_by_the_training_part():
    raw, scaled = datasets.iris(columns=(2, 3)), datasets.iris(columns=(2, 3), standardise=True)
    assert raw.x_train.shape == (100, 2) and 6 < raw.x_train.max() < 7
    assert torch.allclose(scaled.x_train.mean(0), torch.zeros(2), atol=1e-6)
    back = scaled.x_test * raw.x_train.std(0) + raw.x_train.mean(0)
    assert torch.allclose(back, raw.x_test, atol=1e-5), "test data use the training part's scale"


def test_mnist_folds_are_stratified_disjoint_and_together_all_images():
    seen = []
    for fold in range(5):
        data = datasets.mnist(fold)
        assert data.x_train.shape == (4000, 1, 28, 28) and data.x_test.shape == (1000, 1, 28, 28)
        assert data.y_train.bincount().tolist() == [400] * 10
        assert data.x_train.min() == 0 and data.x_train.max() == 1
        seen += [
            (image.numpy().tobytes(), y.item())
            for image, y in zip(data.x_test, data.y_test, strict=True)
        ]
        train = {image.numpy().tobytes() for image in data.x_train}
        assert not any(key in train for key, _ in seen[-1000:])
    assert len(set(seen)) == 5000
    assert torch.equal(data.x_test, datasets.mnist(4).x_test)
    with pytest.raises(ValueError, match="fold is 0, 1, 2, 3 or 4"):
        datasets.mnist(5)


def test_mnist_labels_fit_the_images():
    """Nearest class means of the training part find most test images: labels are not shuffled."""
    data = datasets.mnist()
    means = torch.stack([data.x_train[data.y_train == k].flatten(1).mean(0) for k in range(10)])
    nearest = torch.cdist(data.x_test.flatten(1), means).argmin(1)
    assert (nearest == data.y_test).float().mean() > 0.75


def test_mnist_missing_file_names_its_script(monkeypatch, tmp_path):
    datasets._mnist_file.cache_clear()
    monkeypatch.setattr(datasets, "MNIST", tmp_path / "mnist_5k.npz")
    with pytest.raises(FileNotFoundError, match="make_mnist"):
        datasets.mnist()
    datasets._mnist_file.cache_clear()


@pytest.mark.parametrize("name", TOYS)
def test_toys_repeat_with_their_generator_and_label_evenly(name):
    toy = getattr(datasets, name)
    x, y = toy(240, seeded())
    assert x.shape == (240, 2) and x.isfinite().all() and y.dtype == torch.int64
    assert torch.bincount(y).unique().numel() == 1
    assert torch.equal(x, toy(240, seeded())[0])
    assert not torch.equal(x, toy(240, seeded(1))[0])
    with pytest.raises(ValueError, match="at least one point"):
        toy(0, seeded())


def test_toys_follow_the_default_dtype():
    torch.set_default_dtype(torch.float64)
    assert datasets.moons(4, seeded())[0].dtype == torch.float64
    assert datasets.digits().x_train.dtype == torch.float64


def test_moons_lie_on_their_two_half_circles():
    x, y = datasets.moons(200, seeded(), noise=0.0)
    centre = torch.stack([y.float(), 0.5 * y.float()], 1)
    assert torch.allclose((x - centre).norm(dim=1), torch.ones(200), atol=1e-5)
    assert (x[y == 0, 1] >= 0).all() and (x[y == 1, 1] <= 0.5 + 1e-6).all()


def test_spirals_turn_with_their_radius():
    x, y = datasets.spirals(300, seeded(), arms=3, turns=1.0, noise=0.0)
    u = (x.norm(dim=1) - 0.1) / 0.9
    angle = torch.atan2(x[:, 1], x[:, 0]) - 2 * math.pi * (u + y / 3)
    assert torch.allclose(angle.cos(), torch.ones(300), atol=1e-4)
    assert u.mean().item() == pytest.approx(2 / 3, abs=0.05)  # outer turns are longer: more points


def test_pinwheel_swirl_keeps_the_radius_of_every_point():
    still, _ = datasets.pinwheel(50, seeded(), swirl=0.0)
    turned, _ = datasets.pinwheel(50, seeded(), swirl=1.5)
    assert torch.allclose(still.norm(dim=1), turned.norm(dim=1), atol=1e-5)
    assert not torch.allclose(still, turned, atol=0.1)


def test_circles_refuse_radii_in_the_wrong_order():
    with pytest.raises(ValueError, match="inner < outer"):
        datasets.circles(4, seeded(), inner=1.0, outer=0.5)
