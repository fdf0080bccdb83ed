"""Whether all that genloop requires is open: ``python -m supply.licenses`` lists every package with its license.

An allowlist: a license that is not on it fails, also a good one that nobody has looked at yet.
"""

import re
from importlib.metadata import Distribution
from pathlib import Path
from typing import NamedTuple

from genloop.command import run_stage
from genloop.errors import GenloopError
from supply.requirements import Required, required, stated
from supply.statements import closed_terms, expression_of

PYPROJECT = Path(__file__).parents[1] / "pyproject.toml"
# Approved by the Open Source Initiative, or dedications to the public; SPDX identifiers but for BSD, which does not say
# how many clauses. The GPL is not among them: it would bind those who ship genloop. Its linking exception lifts that.
OPEN = {
    "0BSD", "Apache-2.0", "BSD", "BSD-2-Clause", "BSD-3-Clause", "BSL-1.0", "CC0-1.0", "EPL-1.0", "EPL-2.0",
    "GPL-2.0-only WITH GCC-exception-2.0", "HPND", "ISC", "LGPL-2.1-only", "LGPL-2.1-or-later", "LGPL-3.0-only",
    "LGPL-3.0-or-later", "MIT", "MIT-0", "MIT-CMU", "MPL-2.0", "PSF-2.0", "Python-2.0", "Unlicense", "Zlib", "ZPL-2.1",
}  # fmt: skip
# Not open, and known: torch's default wheel for Linux requires NVIDIA's libraries for GPUs, under NVIDIA's own terms.
# The CPU build of torch requires none of them.
NVIDIA = re.compile(r"(nvidia|cuda)-")


class License(NamedTuple):
    """A license and where a package says it."""

    expression: str | None
    source: str

    @property
    def is_open(self) -> bool:
        """Whether it can be met by open licenses alone."""
        return self.expression is not None and is_open(self.expression)


def is_open(expression: str) -> bool:
    """Return whether an SPDX expression can be met by licenses of the allowlist: all parts of AND, one of OR."""
    inner = re.search(r"\(([^()]*)\)", expression)
    if inner:
        stands_for = "MIT" if is_open(inner[1]) else "NONE"
        return is_open(expression[: inner.start()] + stands_for + expression[inner.end() :])
    options = (option.split(" AND ") for option in expression.split(" OR "))
    return any(all(_allowed(part.strip()) for part in option) for option in options)


def _allowed(license: str) -> bool:
    """Return whether one license is on the list; an exception only ever grants more."""
    return license in OPEN or license.partition(" WITH ")[0] in OPEN


def license_of(package: Distribution) -> License:
    """Return the license of a package: what its metadata says first, else what its license files say.

    Terms that are not open count wherever they stand in any of these.
    """
    metadata = package.metadata.json
    classifiers = [line for line in metadata.get("classifier", ()) if line.startswith("License ::")]
    named = str(metadata.get("license", ""))
    is_text = "\n" in named.strip()  # of the packages that it holds as well, so names come first
    statements = {
        "License-Expression": str(metadata.get("license_expression", "")),
        "License": "" if is_text else named,
        **{line: line.rpartition(" :: ")[2] for line in classifiers},
        "text of License": named if is_text else "",
        **_license_files(package),
    }
    for source, statement in statements.items():
        closed = closed_terms(statement)
        if closed:
            return License(closed, source)
    understood = (License(expression_of(statement), source) for source, statement in statements.items() if statement)
    return next((each for each in understood if each.expression), License(None, "nothing that is understood"))


def _license_files(package: Distribution) -> dict[str, str]:
    """Return the texts of the license files beside a package's metadata, by their names."""
    named = re.compile(r"(licen[sc]e|copying)", re.IGNORECASE)
    beside = (file for file in package.files or () if file.parts[0].endswith((".dist-info", ".egg-info")))
    files = (file for file in beside if named.match(file.name))
    return {str(file): Path(str(file.locate())).read_text(errors="replace") for file in files}


def refused(package: Required) -> str | None:
    """Return the line that refuses a package, or None where its license is open."""
    license = license_of(package.package)
    if license.is_open:
        return None
    said = f"'{license.expression}' ({license.source})" if license.expression else "no license that is understood"
    return (
        f"{package.name} {package.package.version}: has {said}, which is not on the list of open licenses; required by "
        f"{' -> '.join(package.way[:-1])}: do without it, or take a version under an open one"
    )


def is_excepted(package: Required) -> bool:
    """Return whether a package is one of NVIDIA's libraries that torch brings along."""
    return "torch" in package.way[:-1] and bool(NVIDIA.match(package.name))


def check(extras: str) -> None:
    """List what genloop requires with these extras, separated by commas, and refuse what is not open."""
    packages = required(stated(PYPROJECT, filter(None, extras.split(","))))
    for package in packages:
        license = license_of(package.package)
        print(f"{package.name} {package.package.version}\t{license.expression}\t{license.source}")
    faults = [line for line in map(refused, (each for each in packages if not is_excepted(each))) if line]
    if faults:
        raise GenloopError("\n         ".join(faults))


if __name__ == "__main__":
    run_stage(check, "extras")
