"""Ask for known vulnerabilities of all packages that an environment holds: `make audit`.

    .venv-audit/bin/python tools/audit.py .venv

pip-audit asks the package index's advisory service, and ends with success if that knows nothing
of a package or cannot be reached. Here a package without an answer counts as not audited, is
listed, and makes the command fail with 2; a known vulnerability makes it fail with 1.
"""

import argparse
import importlib.metadata
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

OWN = "continuous-time-deep-learning"


def installed(environment: Path) -> dict[str, str]:
    """Package → version of all that is installed in a virtual environment, but for the course."""
    folders = [*environment.glob("lib/python*/site-packages"), environment / "Lib/site-packages"]
    found = importlib.metadata.distributions(path=[str(f) for f in folders if f.is_dir()])
    # The service knows no builds: `2.13.0+cpu` is its 2.13.0.
    versions = {d.metadata["Name"]: d.version.partition("+")[0] for d in found}
    return {name: versions[name] for name in sorted(versions, key=str.lower) if name != OWN}


def plain(name: str) -> str:
    """A package's name as indexes write it.

    >>> plain("Jupyter_Core")
    'jupyter-core'
    """
    return re.sub(r"[-_.]+", "-", name).lower()


def report(packages: dict[str, str], answer: dict) -> tuple[str, int]:
    """What pip-audit's answer says of each package, and the exit code.

    >>> answer = {"dependencies": [{"name": "a", "version": "1", "vulns": []}]}
    >>> report({"a": "1", "b": "2"}, answer)
    ('1 of 2 packages audited, known vulnerabilities: 0\\nnot audited: b', 2)
    """
    answered = {plain(row["name"]): row for row in answer["dependencies"] if "vulns" in row}
    audited = [name for name in packages if plain(name) in answered]
    lines, count = [], 0
    for name in audited:
        for found in answered[plain(name)]["vulns"]:
            mended = ", ".join(found["fix_versions"]) or "no version yet"
            lines.append(f"{name} {packages[name]}: {found['id']}, mended in {mended}")
            count += 1
    missing = [name for name in packages if plain(name) not in answered]
    lines.insert(
        0, f"{len(audited)} of {len(packages)} packages audited, known vulnerabilities: {count}"
    )
    if missing:
        lines.append("not audited: " + ", ".join(missing))
    return "\n".join(lines), 1 if count else 2 if missing else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("environment", type=Path, help="a virtual environment, such as .venv")
    packages = installed(parser.parse_args().environment)
    with tempfile.TemporaryDirectory() as folder:
        pins = Path(folder, "pins.txt")
        pins.write_text("".join(f"{name}=={version}\n" for name, version in packages.items()))
        command = [sys.executable, "-m", "pip_audit", "--no-deps", "--disable-pip", "--format=json"]
        done = subprocess.run([*command, "-r", str(pins)], capture_output=True, text=True)
    try:
        answer = json.loads(done.stdout)
    except json.JSONDecodeError:  # the service could not be reached at all
        print((done.stderr.strip().splitlines() or ["pip-audit said nothing"])[-1])
        answer = {"dependencies": []}
    text, code = report(packages, answer)
    print(text)
    return code


if __name__ == "__main__":
    sys.exit(main())
