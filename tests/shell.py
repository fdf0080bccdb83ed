"""The lines and programs of CI, run as a runner runs them, without GitHub."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.conftest import ROOT


class Shell:
    """Runs lines of a workflow as the runner does: in a checkout with ``.ci``, a bare remote and programs of ours."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.remote, self.programs = folder / "checkout", folder / "remote.git", folder / "programs"
        for each in (self.folder, self.programs):
            each.mkdir()
        shutil.copytree(ROOT / ".ci", self.folder / ".ci")
        self.environment = {
            "PATH": f"{self.programs}{os.pathsep}{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(folder),
            "GITHUB_REPOSITORY": "owner/name",
            "GITHUB_SERVER_URL": "https://git.example",
            "GITHUB_RUN_ID": "7",
            "GITHUB_OUTPUT": str(folder / "output"),
            "GITHUB_STEP_SUMMARY": str(folder / "summary"),
            **{f"GIT_{role}_{what}": "a@b.invalid" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
        }
        self.summary = folder / "summary"
        self.run(f"git init -q -b main --bare {self.remote} && git init -q -b main")
        self.run(f"git remote add origin {self.remote}")
        self.commit("begin")
        self.run("git push -q origin main")

    def run(self, lines: str, code: int = 0, **environment: str) -> subprocess.CompletedProcess[str]:
        command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", lines]
        done = subprocess.run(
            command, cwd=self.folder, env=self.environment | environment, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == code, f"{done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def commit(self, message: str) -> str:
        return self.run(f"git commit -q --allow-empty -m '{message}' && git rev-parse HEAD").stdout.strip()

    def program(self, name: str, lines: str) -> Path:
        """Put a program on the path that notes how it was called."""
        path = self.programs / name
        path.write_text(f'#!/usr/bin/env bash\nprintf "%s\\n" "$*" >>"$0.calls"\n{lines}\n')
        path.chmod(0o755)
        return path.with_suffix(".calls")

    def pictures(self) -> list[str]:
        """The commits of the pictures, newest first."""
        found = self.run("git -C ../remote.git for-each-ref refs/genloop/pictures").stdout
        return self.run("git -C ../remote.git log --format=%H refs/genloop/pictures").stdout.split() if found else []
