"""Known faults of the packages that ``requirements.lock`` pins: ``python -m supply.faults`` asks PyPI, by pip-audit.

pip-audit says "No known vulnerabilities found" also where it could ask nobody; this says then that nothing was checked.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

from genloop.command import run_stage
from genloop.errors import GenloopError

LOCK = Path(__file__).parents[1] / "requirements.lock"


class Answer(NamedTuple):
    """What is known of the pinned packages."""

    checked: int  # packages that the service knows
    unknown: list[str]  # names of those that it does not
    faults: list[str]  # a line for each fault


def check() -> None:
    """Refuse known faults, each in a line; where nobody can be asked, say so and go on.

    Raises:
        GenloopError: there are some.
    """
    report, silence = ask(LOCK)
    answer = understand(report) if report else Answer(0, [], [])
    if answer.faults:
        raise GenloopError("\n         ".join(answer.faults))
    if not answer.checked:
        reason = silence or f"it knows none of {len(answer.unknown)} packages"
        print(f"genloop: known faults: NOT CHECKED, the service cannot be asked ({reason})")
        return
    print(f"genloop: known faults: none in {answer.checked} packages")
    if answer.unknown:
        print(f"genloop: known faults: not checked: {', '.join(answer.unknown)}")


def ask(lock: Path) -> tuple[dict[str, Any] | None, str]:
    """Return pip-audit's report on pinned packages, or None and why there is none."""
    options = ("--no-deps", "--disable-pip", "--progress-spinner", "off", "--format", "json")
    command = [sys.executable, "-m", "pip_audit", "--requirement", str(lock), *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.stdout.startswith("{"):
        return json.loads(done.stdout), ""
    reason = (done.stderr.strip().splitlines() or ["no answer"])[-1]
    if "No module named" in reason:
        raise GenloopError("pip-audit: is not installed; say \"pip install -c requirements.lock -e '.[release]'\"")
    return None, reason[:200]


def understand(report: dict[str, Any]) -> Answer:
    """Return what a report says."""
    packages = report["dependencies"]
    known = [package for package in packages if "skip_reason" not in package]
    return Answer(
        len(known),
        [package["name"] for package in packages if "skip_reason" in package],
        [_line(package, fault) for package in known for fault in package["vulns"]],
    )


def _line(package: dict[str, Any], fault: dict[str, Any]) -> str:
    names = ", ".join([fault["id"], *fault.get("aliases", [])])
    fixed = " or ".join(fault["fix_versions"])
    todo = f"raise it to {fixed} in {LOCK.name}" if fixed else "no version mends it yet; see whether genloop is touched"
    return f"{package['name']} {package['version']}: {names}: {todo}"


if __name__ == "__main__":
    run_stage(check)
