"""Logins of the environment reach nothing that is kept or shown."""

import os
import subprocess
import sys
import traceback
from pathlib import Path

import pytest

from benchmarks.gateway import Gateway, always
from genloop.command import run_safely
from genloop.errors import GenloopError
from genloop.masking import describe, mask_secrets, without_login
from genloop.summary import ui_line
from genloop.tracking.record import record
from tests.tracking.conftest import ROOT, Outputs, Server, clean_environment, free_port

PLANTED = ("planted-user", "planted-password", "planted-token")
LOGIN = "planted-user:planted-password@"


def plant(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address.replace("//", f"//{LOGIN}"))
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "planted-token")


def check_clean(*texts: str) -> None:
    assert not [secret for secret in PLANTED for text in texts if secret in text]


def check_files(folder: Path) -> None:
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert files
    assert not [path for path in files for secret in PLANTED if secret.encode() in path.read_bytes()]


def test_a_planted_login_is_in_no_line_no_file_and_no_store(
    outputs: Outputs, gateway: Gateway, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    for command in (["init", "-q"], ["remote", "add", "origin", f"https://{LOGIN}example.invalid/project.git"]):
        subprocess.run(["git", *command], check=True)
    plant(monkeypatch, gateway.address)
    gateway.rule = always("refuse")
    with pytest.raises(GenloopError) as refused:
        record("tiny", outputs.folder / "data")
    check_clean(*traceback.format_exception(refused.value))  # as GENLOOP_DEBUG=1 shows it
    gateway.rule = always("forward")
    with outputs.live() as live:
        outputs.tell(live)
    more = {key: os.environ[key] for key in ("MLFLOW_TRACKING_URI", "MLFLOW_TRACKING_TOKEN")}
    done = subprocess.run(
        [sys.executable, "-m", "genloop", "sync"],
        env=clean_environment() | more | {"PYTHONPATH": f"{ROOT}/src"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert f"open {gateway.address}" in done.stdout
    check_clean(done.stdout, done.stderr)
    for folder in (outputs.folder / "data", outputs.folder / ".state", server.folder):
        check_files(folder)


def test_the_live_log_tells_no_login(
    outputs: Outputs, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    plant(monkeypatch, f"http://127.0.0.1:{free_port()}")
    with outputs.live() as live:
        outputs.tell(live)
    told = capsys.readouterr()
    assert "MLflow does not take the live log" in told.err
    check_clean(told.out, told.err)


def test_no_error_line_tells_a_secret(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    plant(monkeypatch, "http://127.0.0.1:5000")
    for error in (GenloopError("no planted-token"), OSError("cannot reach http://planted-user:planted-password@host")):
        with pytest.raises(SystemExit):
            run_safely(lambda error=error: fail(error))  # type: ignore[misc]
    told = capsys.readouterr().err
    assert told.splitlines()[0] == "genloop: no ***"
    assert "//***@host" in told
    check_clean(told)


def fail(error: Exception) -> None:
    raise error


def test_secrets_are_masked_in_whatever_form(monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch, "http://127.0.0.1:5000")
    monkeypatch.setenv("DEPLOY_TOKEN", "abc123")
    monkeypatch.setenv("TOKENIZERS_PARALLELISM", "false")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "a")
    monkeypatch.setenv("HTTPS_PROXY", "http://who:wh%40t@proxy:3128")
    assert mask_secrets("open http://x:y@host/a and a@b") == "open http://***@host/*** and ***@b"
    assert mask_secrets("Basic cGxhbnRlZC11c2VyOnBsYW50ZWQtcGFzc3dvcmQ=") == "Basic ***"
    assert mask_secrets("abc123 abc1234 false wh@t") == "*** abc1234 false ***"
    assert describe(ValueError("two\n lines of planted-token")) == "two lines of ***"
    assert describe(ValueError()) == "ValueError"
    assert len(describe(ValueError("long " * 200))) < 320
    assert without_login("https://u:p@host/x") == "https://host/x"
    assert ui_line() == "Compare them: open http://127.0.0.1:5000"
