"""What CI may do, when it begins, and what its steps do: the very files and shell lines, without GitHub."""

import json
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import ROOT
from tests.shell import Shell

WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
OURS = "github.event.pull_request.head.repo.full_name == github.repository"
THEIRS = OURS.replace("==", "!=")
COMMITTED = ("dvc.lock", "data/metrics/digits_gan.json", "data/metrics/deeper/scores.json")  # by a retraining


def loaded(path: Path) -> dict[Any, Any]:
    return yaml.safe_load(path.read_text())


@pytest.fixture(scope="module")
def retrain() -> dict[Any, Any]:
    return loaded(ROOT / ".github/workflows/retrain.yml")


def triggers(workflow: dict[Any, Any]) -> dict[str, Any]:
    return workflow[True]  # YAML 1.1 reads the key "on" so


def steps(job: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield from job["steps"]


def step(job: dict[str, Any], words: str) -> dict[str, Any]:
    (found,) = [each for each in steps(job) if words in each.get("run", "") or words in each.get("name", "")]
    return found


def matches(path: str, patterns: list[str]) -> bool:
    """As GitHub and GitLab filter paths: * within a folder, ** across folders, the last that fits decides."""
    taken = False
    for pattern in patterns:
        told = re.escape(pattern.removeprefix("!")).replace(r"\*\*/", "(.*/)?").replace(r"\*\*", ".*")
        if re.fullmatch(told.replace(r"\*", "[^/]*"), path):
            taken = not pattern.startswith("!")
    return taken


@pytest.mark.parametrize(
    ("path", "pattern", "expected"),
    [
        ("src/genloop/gan.py", "src/**", True),
        ("src/a.py", "src/*", True),
        ("src/genloop/gan.py", "src/*", False),
        ("params.yaml", "params.yaml", True),
        ("docs/params.yaml", "params.yaml", False),
        ("docs/params.yaml", "**/params.yaml", True),
        ("params.yaml", "**/params.yaml", True),
        ("paramsXyaml", "params.yaml", False),
        ("data/raw/a/b.png", "data/raw/**/*", True),
        ("data/raw/b.dvc", "data/raw/**/*", True),
        ("data/rawer/b.png", "data/raw/**", False),
        ("dvc.lock", "**", True),
    ],
)
def test_the_matcher_matches_as_documented(path: str, pattern: str, expected: bool) -> None:
    assert matches(path, [pattern]) is expected
    assert not matches(path, [pattern, f"!{path}"])


def test_what_a_retraining_commits_starts_no_retraining(retrain: dict[Any, Any]) -> None:
    gitlab = loaded(ROOT / ".gitlab-ci.yml")
    github = [triggers(retrain)[event]["paths"] for event in ("push", "pull_request")]
    changes = [rule["changes"] for job in ("smoke", "retrain") for rule in gitlab[job]["rules"] if "changes" in rule]
    assert len(github + changes) == 4
    for patterns in (*github, *changes):
        for path in COMMITTED:
            assert not matches(path, patterns)
        for path in ("data/raw/digits/a.csv", "data/raw/b.dvc", "params.yaml", "src/genloop/gan.py", "stages/train.py"):
            assert matches(path, patterns)
        tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
        assert all(any(matches(path, [one]) for path in tracked.split("\n")) for one in patterns)  # none is misspelt
    assert triggers(retrain)["push"]["branches"] == ["main"]  # neither the branch that is proposed
    for rule in gitlab["retrain"]["rules"]:
        assert "$CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH" in rule["if"]
    # An import that was moved on, data/raw/x.dvc, lies where people put new data: there the author tells.
    author = step(retrain["jobs"]["retrain"], "python -m genloop retrain")["env"]["GIT_AUTHOR_NAME"]
    assert f"github.event.head_commit.author.name != '{author}'" in retrain["jobs"]["retrain"]["if"]
    author = gitlab["retrain"]["variables"]["GIT_AUTHOR_NAME"]
    assert f"$CI_COMMIT_AUTHOR !~ /^{author} </" in gitlab["retrain"]["rules"][-1]["if"]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_actions_are_pinned_rights_are_few_and_nothing_is_pasted_into_a_shell(path: Path) -> None:
    workflow = loaded(path)
    assert "pull_request_target" not in triggers(workflow)
    assert "workflow_run" not in triggers(workflow)
    assert workflow["permissions"] in ({}, {"contents": "read"})
    for job in workflow["jobs"].values():
        for each in steps(job):
            assert "${{" not in each.get("run", "")
            if uses := each.get("uses"):
                assert re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40}", uses)
            if each.get("uses", "").startswith("actions/checkout@"):
                assert each["with"]["persist-credentials"] is False
    assert re.findall(r"uses: .*@\w+(?! # v\d)$", path.read_text(), re.MULTILINE) == []


def test_who_may_write_runs_nothing_of_a_pull_request(retrain: dict[Any, Any]) -> None:
    smoke, show, full = (retrain["jobs"][name] for name in ("smoke", "show", "retrain"))
    assert set(retrain["jobs"]) == {"smoke", "show", "retrain"}
    assert smoke["permissions"] == {"contents": "read"}
    assert smoke["runs-on"] == "ubuntu-latest"  # never a machine of one's own
    assert smoke["if"] == "github.event_name == 'pull_request'"
    assert "github.event_name != 'pull_request'" in full["if"]
    assert OURS in show["if"]
    assert show["permissions"] == full["permissions"] == {"contents": "write", "pull-requests": "write"}
    checkouts = [each["with"] for each in steps(show) if each.get("uses", "").startswith("actions/checkout@")]
    assert [each["ref"] for each in checkouts] == ["${{ github.event.pull_request.base.sha }}"]
    assert [each["run"] for each in steps(show) if "run" in each] == ['.ci/show "$RUNNER_TEMP/retraining"']


def test_forks_see_no_secret_and_have_a_summary(retrain: dict[Any, Any]) -> None:
    smoke = retrain["jobs"]["smoke"]
    assert "secrets" not in json.dumps({key: value for key, value in smoke.items() if key != "steps"})
    for each in steps(smoke):
        if "secrets" in json.dumps(each) or "token" in json.dumps(each):
            assert each["if"] == OURS
    trusted, stranger = (each for each in steps(smoke) if "--smoke" in each.get("run", ""))
    assert (trusted["if"], stranger["if"]) == (OURS, THEIRS)
    assert trusted["run"] == f". .ci/login\n{stranger['run']}\n"
    shown = step(smoke, ".ci/show")
    assert THEIRS in shown["if"]
    assert "env" not in shown


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


@pytest.mark.parametrize(("code", "seen"), [(0, 0), (10, 0), (13, 0), (1, 1), (11, 11), (12, 12), (143, 143)])
def test_what_is_green_and_what_is_red(code: int, seen: int, shell: Shell, retrain: dict[Any, Any]) -> None:
    github = step(retrain["jobs"]["retrain"], "python -m genloop retrain")["run"]
    gitlab = loaded(ROOT / ".gitlab-ci.yml")["retrain"]["script"][-1]
    calls = shell.program("python", f"exit {code}")
    shell.run(github, code=seen, PUBLISH="propose", TARGET="main", UPDATE="true", ACCEPT="digits  $(id) *")
    shell.run(f". .ci/login\n{gitlab}", code=seen, CI_COMMIT_BRANCH="main", GENLOOP_PUBLISH="push")
    first, second = calls.read_text().splitlines()
    assert first.startswith(
        "-m genloop retrain --publish propose --target main --out data/retraining --update --accept"
    )
    assert first.endswith("--accept digits --accept $(id) --accept *")
    assert second == "-m genloop retrain --publish push --target main --out data/retraining"


def test_a_login_reaches_the_one_server_and_stays_in_the_environment(shell: Shell, retrain: dict[Any, Any]) -> None:
    settings = {key: value for key, value in retrain["jobs"]["retrain"]["env"].items() if key.startswith("GIT_CONFIG")}
    settings["GIT_CONFIG_KEY_1"] = settings["GIT_CONFIG_KEY_1"].replace(
        "${{ github.server_url }}", "https://git.example"
    )
    ask = "git credential fill <<<$'protocol=https\nhost={}\n'"
    told = shell.run(ask.format("git.example"), GH_TOKEN="the token", **settings).stdout
    assert "username=x-access-token\npassword=the token\n" in told
    elsewhere = shell.run(
        ask.format("elsewhere.example"), code=128, GH_TOKEN="the token", GIT_TERMINAL_PROMPT="0", **settings
    )
    assert "the token" not in elsewhere.stdout + elsewhere.stderr


def test_logins_become_what_dvc_looks_for_and_are_gone_afterwards(shell: Shell) -> None:
    show = """. .ci/login
        cat "$GOOGLE_APPLICATION_CREDENTIALS"; stat -c %a "$GOOGLE_APPLICATION_CREDENTIALS"; ssh-add -l
        echo "${AWS_DEFAULT_REGION-unset} ${MLFLOW_TRACKING_URI-unset} ${GOOGLE_CREDENTIALS-unset} ${SSH_KEY-unset}"
        echo "$GOOGLE_APPLICATION_CREDENTIALS $SSH_AUTH_SOCK" """
    shell.run("ssh-keygen -q -t ed25519 -N '' -C 'the key' -f key")
    key = (shell.folder / "key").read_text()
    told = shell.run(
        show, GOOGLE_CREDENTIALS='{"a": 1}', SSH_KEY=key, AWS_DEFAULT_REGION="", MLFLOW_TRACKING_URI="http://m"
    )
    lines = told.stdout.splitlines()
    assert lines[0] == '{"a": 1}600'
    assert "the key" in lines[1]
    assert lines[2] == "unset http://m unset unset"
    gone = [Path(path) for path in lines[3].split()]
    assert len(gone) == 2
    until = time.monotonic() + 5  # the agent ends in its own time
    while any(path.exists() for path in gone):
        assert time.monotonic() < until
        time.sleep(0.05)


def test_the_note_on_gitlab_shows_pictures_and_no_token(shell: Shell) -> None:
    (lines,) = loaded(ROOT / ".gitlab-ci.yml")["smoke"]["after_script"]
    calls = shell.program("curl", 'cat >"$0.given"')
    known = {"CI_JOB_URL": "https://g/job", "CI_API_V4_URL": "https://g/api"}
    shell.run(lines, 0, GENLOOP_NOTE_TOKEN="the token", **known)
    assert not calls.exists()  # there is no summary
    (shell.folder / "data/retraining").mkdir(parents=True)
    (shell.folder / "data/retraining/summary.md").write_text("![a](pictures/a.png)\n")
    shell.run(lines, 0, **known)
    assert not calls.exists()  # there is no token
    shell.run(lines, 0, GENLOOP_NOTE_TOKEN="the token", **known)
    assert "the token" not in calls.read_text()
    assert calls.with_suffix(".given").read_text() == "PRIVATE-TOKEN: the token"
    note = (shell.folder / "note.md").read_text()
    assert note == "![a](https://g/job/artifacts/raw/data/retraining/pictures/a.png)\n"
