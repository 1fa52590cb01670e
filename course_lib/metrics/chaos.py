"""Measures of a model of a chaotic system: how long it forecasts, and whether it has the climate.

valid_prediction_time, lyapunov_exponent      the weather: one trajectory, and how fast it is lost
density_kl, power_spectrum, spectrum_distance the climate: where long runs are, and how they swing

Trajectories have time first: [m, d], or [m, n, d] for n side by side, like those of
`sequences.rollout`.
"""

from collections.abc import Callable

import torch
from torch import Tensor


def valid_prediction_time(
    prediction: Tensor, truth: Tensor, dt: float, threshold: float = 0.4, scale: float | None = None
) -> Tensor:
    """Time at which the normalised error ‖x̂ − x‖ / scale first exceeds the threshold.

    Args:
        prediction, truth: [m, d] or [m, n, d], both from the same state at index 0.
        dt: time between two rows; in Lyapunov times, if that is what the answer shall be in.
        scale: by default the root mean square of ‖x − mean of x‖ over the truth; give that of a
            long run where the truth is short.

    Returns:
        [] or [n]; (m − 1)·dt, the end, where the error never exceeds the threshold. A prediction
        that is not finite counts as wrong.

    Source: Pathak et al. 2018, doi:10.1063/1.5028373 (there "valid time", with 0.4).

    >>> truth = torch.tensor([[1.0], [-1.0], [1.0], [-1.0]])
    >>> valid_prediction_time(truth + torch.tensor([[0.0], [0.3], [0.5], [0.1]]), truth, dt=0.1)
    tensor(0.2000)
    """
    _same_shape(prediction, truth)
    if scale is None:
        mean = truth.mean(dim=tuple(range(truth.dim() - 1)))
        scale = (truth - mean).square().sum(-1).mean().sqrt().item()
    if not scale > 0 or not dt > 0:
        raise ValueError(f"scale and dt must be positive, got {scale} and {dt}")
    good = (prediction - truth).norm(dim=-1) <= threshold * scale  # False for NaN, too
    kept = good.long().cumprod(0).sum(0)  # rows before the first bad one
    return dt * kept.clamp(max=len(truth) - 1).to(truth.dtype)


def lyapunov_exponent(
    step: Callable[[Tensor], Tensor], x0: Tensor, n: int, dt: float, settle: int = 0
) -> Tensor:
    """Largest Lyapunov exponent of a map: the mean rate at which a tiny gap between two runs grows.

    Args:
        step: states [k, d] → the states `dt` later: a flow, a solver's step, a learned map.
        x0: [k, d], k starts that are followed side by side; on the attractor.
        n: steps that count; the estimate from one start scatters like 1/√(n·dt).
        dt: time of a step; 1 for the exponent per step.
        settle: steps before, in which the gap turns into the direction that grows.

    Returns:
        [k], one estimate for each start; their mean is the better one.

    After every step the gap is shrunk to its first length, √ε of the states' size with ε the
    dtype's rounding, and the logarithms are added up. Errors: ValueError where a gap closes (both
    runs in the same numbers) or is not finite.

    Source: Benettin, Galgani, Giorgilli & Strelcyn 1980, doi:10.1007/BF02128236.

    >>> x = torch.tensor([[0.3], [0.6]], dtype=torch.float64)
    >>> doubling = lyapunov_exponent(lambda x: (2 * x) % 1, x, n=20, dt=1.0)
    >>> torch.allclose(doubling, torch.tensor(2.0).double().log())
    True
    """
    if n < 1 or settle < 0 or not dt > 0 or x0.dim() != 2:
        raise ValueError(
            f"need x0 [k, d], n ≥ 1, settle ≥ 0 and dt > 0, got {list(x0.shape)}, {n}, {settle}, "
            f"{dt}"
        )
    d0 = torch.finfo(x0.dtype).eps ** 0.5 * x0.abs().max().clamp(min=1.0)
    k, gap, total = len(x0), torch.ones_like(x0), x0.new_zeros(len(x0))
    x, gap = x0, d0 * gap / gap.norm(dim=1, keepdim=True)
    with torch.no_grad():
        for i in range(settle + n):
            x, near = step(torch.cat([x, x + gap])).split(k)
            gap = near - x
            length = gap.norm(dim=1, keepdim=True)
            if not bool(((length > 0) & length.isfinite()).all()):
                raise ValueError(
                    f"a gap became {length.min():.1g} … {length.max():.1g} after {i + 1} steps: "
                    "the runs merge or blow up; use float64, and starts on the attractor"
                )
            if i >= settle:
                total = total + (length[:, 0] / d0).log()
            gap = gap * (d0 / length)
    return total / (n * dt)


def density_kl(
    truth: Tensor, model: Tensor, bins: int = 16, half: float = 3.0, pseudo: float = 0.5
) -> float:
    """KL(truth‖model) of two clouds of states, in nats, from histograms on one grid.

    Args:
        truth, model: [..., d]; leading axes are flattened.
        bins: cells along each side of the cube of standardised states [−half, half]^d, with mean
            and standard deviation of the truth. One more cell holds all that is outside or not
            finite.
        pseudo: samples added to each cell, so that an empty one costs much but not infinitely
            much. Only cells that one of the two has visited count: those empty in both say nothing.

    Errors: ValueError where the numbers of components differ, or one of the truth's is constant.

    The value depends on the cells, the pseudo-count and the number of samples (two runs of the same
    system get more than 0): compare only what was measured alike, and with that floor.

    Source: Koppe et al. 2019, doi:10.1371/journal.pcbi.1007263 (KL of state-space densities);
    the pseudo-count ½ is that of Krichevsky & Trofimov 1981.

    >>> x = torch.randn(1000, 2, generator=torch.Generator().manual_seed(0))
    >>> density_kl(x, x), density_kl(x, x + 1) > density_kl(x, x + 0.5) > 0
    (0.0, True)
    """
    if truth.shape[-1] != model.shape[-1]:
        raise ValueError(
            f"states have {truth.shape[-1]} and {model.shape[-1]} components; compare the same ones"
        )
    if bins < 1 or not half > 0 or not pseudo > 0:
        raise ValueError(
            f"need bins ≥ 1, half > 0, pseudo > 0 (or an empty cell costs infinitely much), got "
            f"{bins}, {half}, {pseudo}"
        )
    truth, model = truth.reshape(-1, truth.shape[-1]), model.reshape(-1, model.shape[-1])
    mean, std = truth.mean(0), truth.std(0)
    if not bool(((std > 0) & std.isfinite()).all()):
        raise ValueError(
            "a component of the truth is constant or not finite, so it cannot be standardised: "
            "leave it out"
        )
    cells = [_cells((x - mean) / std, bins, half) for x in (truth, model)]
    visited, index = torch.unique(torch.cat(cells), return_inverse=True)
    counts = [
        torch.bincount(part, minlength=len(visited)).double() + pseudo
        for part in index.split([len(truth), len(model)])
    ]
    p, q = (c / c.sum() for c in counts)
    return (p * (p / q).log()).sum().item()


def _cells(z: Tensor, bins: int, half: float) -> Tensor:
    """The number of the cell of each row; bins^d for rows outside of the cube."""
    inside = (z.abs() < half).all(1)  # False for NaN, too
    along = ((torch.where(inside[:, None], z, 0.0) + half) * bins / (2 * half)).long()
    place = bins ** torch.arange(z.shape[1], device=z.device)
    return torch.where(inside, (along.clamp(0, bins - 1) * place).sum(1), bins ** z.shape[1])


def power_spectrum(x: Tensor, dt: float, segment: int = 512) -> tuple[Tensor, Tensor]:
    """How the variance of each component is shared out over frequencies, each spectrum of sum 1.

    Args:
        x: [m, d] or [m, n, d] (then averaged over the n runs), equally spaced by `dt`.
        segment: samples in a window: frequencies are 1/(segment·dt) apart. Windows overlap by
            half, lose their mean, are tapered by Hann's cosine, and their spectra averaged.

    Returns:
        frequencies [segment // 2] in cycles per unit of time, without zero; spectrum of that
        length, [segment // 2, d].

    Source: Welch 1967, doi:10.1109/TAU.1967.1161901.

    >>> t = 0.1 * torch.arange(1000)
    >>> frequency, share = power_spectrum(torch.sin(2 * torch.pi * t)[:, None], 0.1, segment=100)
    >>> round(frequency[share[:, 0].argmax()].item(), 6)
    1.0
    """
    if x.dim() not in (2, 3) or not 4 <= segment <= len(x) or not dt > 0:
        raise ValueError(
            f"need x [m, d] or [m, n, d], 4 ≤ segment ≤ m and dt > 0, got {list(x.shape)}, "
            f"{segment}, {dt}"
        )
    pieces = x.unfold(0, segment, segment // 2)  # [windows, …, d, segment]
    pieces = pieces - pieces.mean(-1, keepdim=True)
    taper = torch.hann_window(segment, dtype=x.dtype, device=x.device)
    power = torch.fft.rfft(pieces * taper).abs().square()[..., 1:]
    power = power.mean(dim=tuple(range(power.dim() - 2))).T  # [frequencies, d]
    frequency = torch.arange(1, len(power) + 1, dtype=x.dtype, device=x.device) / (segment * dt)
    return frequency, power / power.sum(0)


def spectrum_distance(truth: Tensor, model: Tensor, segment: int = 512) -> float:
    """Hellinger distance of two power spectra, from 0 (equal) to 1, mean over the components.

    Args:
        truth, model: [m, d] or [m, n, d], sampled with the same gap.
        segment: see `power_spectrum`.

    1 for a model whose states are not finite, or don't move.

    Source: Hellinger 1909; as a score of learned dynamics: Hess et al. 2023, arXiv:2306.04406.

    >>> t = 0.1 * torch.arange(1000)[:, None]
    >>> slow, fast = torch.sin(t), torch.sin(9 * t)
    >>> round(spectrum_distance(slow, 5 * slow), 3), spectrum_distance(slow, fast) > 0.9
    (0.0, True)
    """
    if truth.shape[-1] != model.shape[-1]:
        raise ValueError(
            f"states have {truth.shape[-1]} and {model.shape[-1]} components; compare the same ones"
        )
    (_, p), (_, q) = (power_spectrum(x, 1.0, segment) for x in (truth, model))
    overlap = (p * q).sqrt().sum(0).nan_to_num(0.0).clamp(max=1.0)
    return (1 - overlap).sqrt().mean().item()


def _same_shape(prediction: Tensor, truth: Tensor) -> None:
    if prediction.shape != truth.shape or truth.dim() not in (2, 3):
        raise ValueError(
            f"need two trajectories [m, d] or [m, n, d] of one shape, got "
            f"{list(prediction.shape)} and {list(truth.shape)}"
        )
