"""A year of airports as a forecasting problem: blocks in time, climatology, windows.

record = new_york()                           # anomalies [hours, 15], their mask, split, …
fit = record.windows("train", kept)           # what is known at the issue, what came after
"""

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from course_lib.weather import stations

CYCLE = {"train": 11, "validation": 3, "test": 3}  # days; a free day behind each
HISTORY, LEADS = 24, 24  # hours known before the issue, hours forecast after it
CHANNELS = ("temperature", "dew point", "pressure", "wind to east", "wind to north")
DECAYS = (6.0, 24.0)  # hours: memories of the two running means


@dataclass(frozen=True)
class Windows:
    """N forecasts to be made: what is known when they are issued, and what came after.

    Args:
        issue: index of the issue hour in the record [N].
        last: the last observed anomaly of each channel [N, d]; 0, the climatology, if none.
        age: hours since then [N, d].
        features: `last`, two running means, and the clock [N, k].
        target, mask: the anomalies of the next 24 hours, and where they were observed [N, 24, d].
        block: which block of the split each belongs to [N].
    """

    issue: Tensor
    last: Tensor
    age: Tensor
    features: Tensor
    target: Tensor
    mask: Tensor
    block: Tensor

    def rows(self, index) -> "Windows":
        return Windows(*(part[index] for part in vars(self).values()))

    def __len__(self) -> int:
        return len(self.issue)


@dataclass(frozen=True)
class Record:
    """Anomalies [hours, d] in standard deviations, and all that is needed to undo that.

    `mask` says what was observed; `climate` [hours, d] and `scale` [d] are in the channels' units;
    `split` [hours] is "train", "validation", "test" or ""; `block` [hours] counts the cycles.
    """

    times: np.ndarray
    names: tuple[str, ...]
    anomaly: Tensor
    mask: Tensor
    climate: Tensor
    scale: Tensor
    split: np.ndarray
    block: np.ndarray

    def clock(self, hours: Tensor) -> Tensor:
        """Where in the day and in the year (fractional) hours of the record are: [..., 4]."""
        start = (self.times[0] - self.times[0].astype("datetime64[Y]")).astype(int)
        day, year = (2 * np.pi * (hours + int(start)) / p for p in (24.0, 8766.0))
        return torch.stack([day.cos(), day.sin(), year.cos(), year.sin()], -1)

    def windows(self, split: str, kept: Tensor, every: int = 1) -> Windows:
        """All forecasts whose 24 target hours lie in one block of a split.

        Args:
            split: "train", "validation" or "test".
            kept: which hours were not lost [hours]. Lost hours are unknown at the issue. They are
                no targets either, but for the test: its score is on all that was observed.
            every: take every so many hours as an issue.

        Hours that lie before a block are known only if they belong to it or are free.
        """
        return self.at(torch.tensor(self._issues(split, every)), kept, split == "test")

    def _issues(self, split: str, every: int) -> list[int]:
        known, found = np.isin(self.split, (split, "")), []
        for i in range(HISTORY - 1, len(known) - LEADS, every):
            ahead = slice(i + 1, i + 1 + LEADS)
            own = (self.split[ahead] == split).all() and np.ptp(self.block[ahead]) == 0
            if own and known[i - HISTORY + 1 : i + 1].all():
                found.append(i)
        return found

    def at(self, issue: Tensor, kept: Tensor, score_all: bool = True) -> Windows:
        """The forecasts issued at these hours [N]; kept as for `windows`.

        Args:
            score_all: whether lost hours count as targets.
        """
        seen = self.mask & kept[:, None]
        past = issue[:, None] + torch.arange(-HISTORY + 1, 1)
        future = issue[:, None] + torch.arange(1, LEADS + 1)
        last, age, means = _remember(self.anomaly[past], seen[past])
        return Windows(
            issue,
            last,
            age,
            torch.cat([last, *means, self.clock(issue.to(last.dtype))], 1),
            self.anomaly[future],
            (self.mask if score_all else seen)[future],
            torch.as_tensor(self.block)[issue + 1],
        )


def _remember(x: Tensor, seen: Tensor) -> tuple[Tensor, Tensor, list[Tensor]]:
    """The last value seen, its age, means weighted by exp(−age/τ); [N, 24, d] to [N, d]."""
    n = x.shape[1]
    ages = torch.arange(n - 1, -1, -1.0, dtype=x.dtype)[None, :, None]
    age = torch.where(seen, ages, torch.full_like(ages, n)).amin(1)
    index = (n - 1 - age).clamp(min=0).long()[:, None]
    last = torch.where(age < n, x.gather(1, index)[:, 0], 0)
    means = []
    for decay in DECAYS:
        weight = seen * torch.exp(-ages / decay)
        # one unit of weight on the climatology: a mean of little data is drawn to 0
        means.append((weight * x).sum(1) / (weight.sum(1) + 1))
    return last, age, means


def new_york(dtype: torch.dtype | None = None) -> Record:
    """The year 2013 at three airports: temperature, dew point, pressure, wind; d = 15.

    The split is a cycle of 20 days (`CYCLE`, a free day behind each part); climatology (annual and
    daily harmonics, and their products) and scales are from training hours alone. Rain is left out.

    >>> record = new_york()
    >>> record.anomaly.shape, sorted(set(record.split.tolist()))
    (torch.Size([8730, 15]), ['', 'test', 'train', 'validation'])
    """
    return _new_york(dtype or torch.get_default_dtype())


@lru_cache
def _new_york(dtype: torch.dtype) -> Record:
    if dtype != torch.float64:
        exact = _new_york(torch.float64)
        parts = (getattr(exact, name).to(dtype) for name in ("anomaly", "climate", "scale"))
        return replace(exact, **dict(zip(("anomaly", "climate", "scale"), parts, strict=True)))
    data = stations()
    # rounded, so that it does not matter in which precision the file was read
    exact = data.values.double().round(decimals=4)
    value = dict(zip(data.channels, exact.unbind(-1), strict=True))
    speed, angle = value["wind speed"], torch.deg2rad(value["wind direction"])
    towards = [torch.where(speed == 0, 0, -speed * part(angle)) for part in (torch.sin, torch.cos)]
    parts = [value["temperature"], value["dew point"], value["pressure"], *towards]
    x = torch.stack(parts, -1).movedim(0, 1).flatten(1)
    mask = x.isfinite()
    split, block = _split(len(x))
    names = tuple(f"{c} {s}" for s in data.stations for c in CHANNELS)
    record = Record(data.times, names, x, mask, x, x, split, block)
    design = _harmonics(record.clock(torch.arange(len(x), dtype=x.dtype)))
    climate, scale = torch.empty_like(x), torch.empty(x.shape[1], dtype=x.dtype)
    for j in range(x.shape[1]):
        known = mask[:, j] & torch.as_tensor(split == "train")
        weights = torch.linalg.lstsq(design[known], x[known, j : j + 1]).solution
        # The last bits of a least-squares solution may differ from run to run; training would
        # make them visible.
        climate[:, j] = (design @ weights.round(decimals=9))[:, 0]
        scale[j] = (x - climate)[known, j].std().round(decimals=9)
    anomaly = torch.where(mask, (x - climate) / scale, 0)
    return Record(data.times, names, anomaly, mask, climate, scale, split, block)


def _split(n: int) -> tuple[np.ndarray, np.ndarray]:
    """For every hour the part of the cycle that it belongs to, and the cycle's number."""
    one = np.concatenate([[name] * (24 * d) + [""] * 24 for name, d in CYCLE.items()])
    hours = np.arange(n)
    return one[hours % len(one)], hours // len(one)


def _harmonics(clock: Tensor) -> Tensor:
    """1, two harmonics of day and year each, and the products of the first ones: [hours, 13]."""
    day, year = torch.view_as_complex(clock.unflatten(-1, (2, 2)).contiguous()).unbind(-1)
    waves = [day, day**2, year, year**2, day * year, day * year.conj()]
    return torch.cat(
        [torch.ones_like(clock[:, :1]), torch.view_as_real(torch.stack(waves, -1)).flatten(1)], 1
    )
