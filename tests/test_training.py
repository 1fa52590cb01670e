"""The training loop: it learns, repeats, records, and stops loudly."""

import pytest
import torch
from torch import nn

from course_lib import training
from course_lib.training import TrainingError, cosine, train


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def squared(net, x, y):
    return (net(x) - y).square().mean()


def line():
    x = torch.linspace(-1, 1, 32)[:, None]
    net = nn.Linear(1, 1)
    nn.init.zeros_(net.weight)
    nn.init.zeros_(net.bias)
    return net, (x, 3 * x - 1)


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd"])
def test_it_learns_a_line(optimizer):
    net, data = line()
    history = train(net, squared, data, steps=300, lr=0.1, optimizer=optimizer)
    assert len(history.loss) == 300
    assert squared(net, *data).item() < 1e-2 * history.loss[0]


def test_a_run_repeats_with_its_generator():
    runs = []
    for seed in (0, 0, 1):
        net, data = line()
        runs.append(train(net, squared, data, steps=20, batch_size=4, generator=seeded(seed)).loss)
    assert runs[0] == runs[1] != runs[2]


def test_one_step_of_sgd_by_hand_and_an_optimizer_handed_in():
    net, (x, y) = line()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.5)
    train(net, squared, (x, y), steps=1, optimizer=optimizer)
    assert net.weight.item() == pytest.approx((x * y).mean().item(), rel=1e-5)  # −½ · (−2 ⟨xy⟩)


def test_fresh_batches_and_no_data():
    net, _ = line()
    seen = []

    def fresh(generator):
        seen.append(torch.randn(2, 1, generator=generator))
        return (seen[-1],)

    train(net, lambda net, x: net(x).square().mean(), fresh, steps=3, generator=seeded())
    assert len(seen) == 3 and not torch.equal(seen[0], seen[1])
    assert len(train(net, lambda net: net.weight.square().sum(), steps=2).loss) == 2


def test_monitor_measures_in_evaluation_mode_at_the_start_in_between_and_at_the_end():
    net = nn.Sequential(nn.Linear(1, 1), nn.Dropout(0.5))
    modes = []

    def monitor(model):
        modes.append((model.training, torch.is_grad_enabled()))
        return {"weight": model[0].weight.item()}

    data = (torch.ones(4, 1), torch.ones(4, 1))
    history = train(net, squared, data, steps=25, monitor=monitor, every=10)
    assert history.monitored_at == [0, 10, 20, 25]
    assert len(history.monitored["weight"]) == 4
    assert modes == [(False, False)] * 4 and net.training
    train(net.eval(), squared, data, steps=2, monitor=monitor)
    assert not net.training, "a net handed over in evaluation mode stays in it"


def test_schedule_scales_the_learning_rate():
    net, data = line()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    rates = []

    def loss(net, x, y):
        rates.append(optimizer.param_groups[0]["lr"])
        return squared(net, x, y)

    train(net, loss, data, steps=4, optimizer=optimizer, schedule=lambda share: 1 - share)
    assert rates == pytest.approx([0.1, 0.075, 0.05, 0.025])
    assert cosine()(0) == 1 and cosine()(1) == pytest.approx(0)
    with pytest.raises(ValueError, match="share"):
        cosine(1.0)


def test_clip_bounds_the_step():
    net, (x, y) = line()
    train(net, squared, (x, 1e6 * y), steps=1, lr=1.0, optimizer="sgd", clip=1.0)
    moved = torch.cat([p.detach().flatten() for p in net.parameters()]).norm().item()
    assert moved == pytest.approx(1.0, rel=1e-3)


def test_a_diverging_run_names_step_cause_and_remedy():
    net, data = line()
    with pytest.raises(TrainingError, match=r"at step \d+ of 5000: .*Lower the learning rate") as e:
        train(net, squared, data, steps=5000, lr=1e3, optimizer="sgd")
    assert e.value.step == len(e.value.history.loss) - 1 > 0


def test_nan_data_is_blamed_on_the_data():
    net, (x, y) = line()
    with pytest.raises(TrainingError, match=r"step 0 of 3.*Check the data for NaN"):
        train(net, squared, (x, y * float("nan")), steps=3)


def test_bad_arguments():
    net, data = line()
    with pytest.raises(ValueError, match="unknown optimizer 'lbfgs'"):
        train(net, squared, data, steps=1, optimizer="lbfgs")
    with pytest.raises(ValueError, match="at least 1"):
        train(net, squared, data, steps=0)


@pytest.mark.parametrize("name", ["COURSE_EXECUTING", "CI"])
def test_no_bar_where_outputs_are_stored(name, monkeypatch, capsys):
    for variable in ("COURSE_EXECUTING", "CI"):
        monkeypatch.delenv(variable, raising=False)
    assert training.progress_enabled()
    monkeypatch.setenv(name, "1")
    assert not training.progress_enabled()
    net, data = line()
    train(net, squared, data, steps=2)
    assert capsys.readouterr().err == ""


def test_there_is_a_bar_for_a_learner(monkeypatch, capsys):
    for variable in ("COURSE_EXECUTING", "CI"):
        monkeypatch.delenv(variable, raising=False)
    net, data = line()
    train(net, squared, data, steps=2)
    assert "step" in capsys.readouterr().err
