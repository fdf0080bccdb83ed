"""All that genloop requires is open, pinned and known; the wheel holds what the code reads."""

import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest

from genloop.errors import GenloopError
from supply.faults import understand
from supply.licenses import PYPROJECT, is_excepted, is_open, refused
from supply.requirements import Required, required, stated
from tests.conftest import ROOT

OWN = ("pip", "triton")  # each machine has its own pip, and what torch takes along for its processors


@pytest.fixture(scope="module", params=["", "test", "release"])
def packages(request: pytest.FixtureRequest) -> list[Required]:
    """All that is required, with an extra."""
    if request.param == "release" and find_spec("pip_audit") is None:
        pytest.skip("the extra 'release' is not installed")
    return required(stated(PYPROJECT, [request.param] if request.param else []))


def test_every_package_is_open(packages: list[Required]) -> None:
    assert len(packages) > 100
    assert [line for line in map(refused, (each for each in packages if not is_excepted(each))) if line] == []


def test_every_package_is_pinned(packages: list[Required]) -> None:
    pinned = dict(line.split("==") for line in (ROOT / "requirements.lock").read_text().splitlines() if "==" in line)
    names = {name.lower().replace("_", "-").replace(".", "-") for name in pinned}
    loose = [package.name for package in packages if package.name not in names]
    assert [name for name in loose if name not in OWN and not name.startswith(("nvidia-", "cuda-"))] == []


Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Writes the metadata of an installed package where Python looks for it."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def installed(name: str, *lines: str, license_text: str = "") -> None:
        folder = tmp_path / f"{name.replace('-', '_')}-1.0.dist-info"
        folder.mkdir()
        head = ("Metadata-Version: 2.4", f"Name: {name}", "Version: 1.0")
        (folder / "METADATA").write_text("\n".join((*head, *lines)) + "\n")
        (folder / "RECORD").write_text(f"{folder.name}/METADATA,,\n{folder.name}/licenses/LICENSE,,\n")
        (folder / "licenses").mkdir()
        (folder / "licenses" / "LICENSE").write_text(license_text)

    return installed


MIT = "Permission is hereby granted, free of charge, to any person obtaining\na copy of this software"
APACHE = "Apache License\n  Version 2.0, January 2004"
OF_MIT = "Classifier: License :: OSI Approved :: MIT License"
PLANTED: dict[str, tuple[list[str], str, str | None]] = {
    "an expression": (["License-Expression: BUSL-1.1"], "", "BUSL-1.1"),
    "a name": (["License: Business Source License 1.1"], "", "BUSL-1.1"),
    "a text": ([], "Business Source License 1.1\nParameters\nLicensor: Anybody", "BUSL-1.1"),
    "beside a classifier": (["License: BUSL-1.1", OF_MIT], "", "BUSL-1.1"),
    "a clause in the text": (["License: Apache-2.0"], f"“Commons Clause” {APACHE}", "LicenseRef-Commons-Clause"),
    "not for trade": (["License: CC BY-NC 4.0"], "", "CC-BY-NC-4.0"),
    "not for trade, spelled": (["License-Expression: CC-BY-NC-SA-4.0"], "", "CC-BY-NC-4.0"),
    "a server's": (["License-Expression: SSPL-1.0"], "", "SSPL-1.0"),
    "elastic": (["License: Elastic License 2.0"], "", "Elastic-2.0"),
    "proprietary": (["Classifier: License :: Other/Proprietary License"], "", None),
    "of its own": (["License-Expression: LicenseRef-Ours"], "", "LicenseRef-Ours"),
    "copyleft": (["License-Expression: AGPL-3.0-only"], "", "AGPL-3.0-only"),
    "none at all": ([], "", None),
    "a text of their own": ([], "You may use this if we like you.", None),
}  # fmt: skip


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_license_is_refused_with_its_way(name: str, install: Install) -> None:
    lines, text, license = PLANTED[name]
    install("planted-root", "License-Expression: MIT", 'Requires-Dist: planted-deep; extra == "more"')
    install("planted-deep", *lines, license_text=text)
    assert [package.name for package in required(["planted-root"])] == ["planted-root"]
    deep, root = required(["planted-root[more]"])
    assert refused(root) is None
    line = refused(deep)
    assert line is not None
    said = f"has '{license}'" if license else "has no license that is understood"
    assert line.startswith(f"planted-deep 1.0: {said}")
    assert "required by genloop -> planted-root: do without it" in line
    assert "\n" not in line


GOOD = {
    "an expression": (["License-Expression: MPL-2.0 AND (Apache-2.0 OR GPL-3.0-only)"], ""),
    "a name": (["License: Apache License, Version 2.0"], ""),
    "a classifier": (["License: Dual License", "Classifier: License :: OSI Approved :: BSD License"], ""),
    "a text": (["Classifier: License :: OSI Approved"], MIT),
    "the text as a name": (["License: Copyright 2020 Anybody", *(f"        {line}" for line in MIT.split("\n"))], ""),
}


@pytest.mark.parametrize("name", GOOD)
def test_an_open_license_is_understood_however_it_is_said(name: str, install: Install) -> None:
    lines, text = GOOD[name]
    install("planted-root", *lines, license_text=text)
    (package,) = required(["planted-root"])
    assert refused(package) is None


def test_expressions_are_met_by_all_parts_and_one_option() -> None:
    for expression in ("MIT", "MIT AND BSD-3-Clause", "GPL-3.0-only OR MIT", "Apache-2.0 WITH LLVM-exception"):
        assert is_open(expression)
    for expression in ("MIT AND GPL-3.0-only", "MIT AND (BUSL-1.1 OR SSPL-1.0)", "(MIT", "", "GPL-2.0-only"):
        assert not is_open(expression)


def test_only_what_torch_brings_from_nvidia_is_excepted(install: Install) -> None:
    closed = "License-Expression: LicenseRef-NVIDIA-Proprietary"
    install("torch", "License-Expression: BSD-3-Clause", "Requires-Dist: nvidia-planted", "Requires-Dist: planted")
    install("nvidia-planted", closed)
    install("planted", closed)
    install("other", "License-Expression: MIT", "Requires-Dist: nvidia-planted")
    assert [package.name for package in required(["torch"]) if refused(package)] == ["nvidia-planted", "planted"]
    assert [package.name for package in required(["torch"]) if is_excepted(package)] == ["nvidia-planted"]
    assert not any(is_excepted(package) for package in required(["other"]))


def test_markers_are_heeded_and_what_is_missing_is_named(install: Install) -> None:
    install("planted-root", "Requires-Dist: planted-none; sys_platform == 'nowhere'")
    assert len(required(["planted-root"])) == 1
    install("planted-other", "Requires-Dist: planted-none")
    with pytest.raises(GenloopError, match="planted-none: is required by genloop -> planted-other and is not inst"):
        required(["planted-other"])


def test_faults_are_told_from_what_nobody_knows() -> None:
    fault = {"id": "PYSEC-2026-1", "fix_versions": ["1.2", "2.0"], "aliases": ["CVE-2026-1"], "description": "..."}
    report = {
        "dependencies": [
            {"name": "good", "version": "1.0", "vulns": []},
            {"name": "bad", "version": "1.1", "vulns": [fault, fault | {"id": "PYSEC-2", "fix_versions": []}]},
            {"name": "strange", "skip_reason": "Dependency not found on PyPI and could not be audited"},
        ],
        "fixes": [],
    }
    answer = understand(report)
    assert (answer.checked, answer.unknown) == (2, ["strange"])
    assert answer.faults == [
        "bad 1.1: PYSEC-2026-1, CVE-2026-1: raise it to 1.2 or 2.0 in requirements.lock",
        "bad 1.1: PYSEC-2, CVE-2026-1: no version mends it yet; see whether genloop is touched",
    ]


def test_the_wheel_holds_what_the_code_reads(tmp_path: Path) -> None:
    tracked = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "src"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    for name in (*tracked, "pyproject.toml", "README.md", "LICENSE"):
        (tmp_path / "project" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / "project" / name)
    options = ("--no-deps", "--no-build-isolation", "--no-index", "--quiet", "--wheel-dir", str(tmp_path))
    subprocess.run([sys.executable, "-m", "pip", "wheel", *options, str(tmp_path / "project")], check=True)
    (wheel,) = tmp_path.glob("genloop-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
        assert any(name.endswith(".dist-info/licenses/LICENSE") for name in archive.namelist())
    assert held == {name.removeprefix("src/") for name in tracked}
