"""What CI may do, when it begins, and what its steps do: the very files and shell lines, without GitHub."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import ROOT

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


def png(extra: bytes = b"", side: int = 2) -> bytes:
    def chunk(kind: bytes, content: bytes) -> bytes:
        return len(content).to_bytes(4, "big") + kind + content + zlib.crc32(kind + content).to_bytes(4, "big")

    head = side.to_bytes(4, "big") * 2 + bytes([8, 0, 0, 0, 0])
    pixels = zlib.compress(b"\0\1\2" * 2)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"") + extra


GOOD = """## Retraining: promoted

![the grid](pictures/digits_gan-grid.png) and [the losses](pictures/digits_gan-losses.png)

| score | of digits_gan@HEAD |
|---|---|
| frechet | 0.5 < 0.9 |

<details>
<summary>more</summary>
</details>
"""
SHOW = ".ci/show data/retraining"


def retraining(shell: Shell, text: str = GOOD, outcome: str = "promoted") -> Path:
    """What a retraining leaves."""
    folder = shell.folder / "data/retraining"
    (folder / "pictures").mkdir(parents=True)
    (folder / "summary.md").write_text(text)
    (folder / "outcome.json").write_text(json.dumps({"outcome": outcome, "data": {"digits": "promoted"}}))
    for name in ("grid", "losses"):
        (folder / "pictures" / f"digits_gan-{name}.png").write_bytes(png())
    return folder


def test_a_summary_is_shown_with_pictures_and_a_comment(shell: Shell) -> None:
    retraining(shell)
    calls = shell.program("gh", 'cat >"$0.given"')
    before = shell.run("git status --porcelain; git for-each-ref; cat .git/config").stdout
    shell.run(SHOW, GH_TOKEN="t", PR="12")
    (commit,) = shell.pictures()
    place = f"https://git.example/owner/name/raw/{commit}"
    expected = GOOD.replace("pictures/", f"{place}/")
    assert shell.summary.read_text() == expected
    assert calls.read_text() == "pr comment 12 --repo owner/name --edit-last --create-if-none --body-file -\n"
    assert calls.with_suffix(".given").read_text() == expected
    held = shell.run(f"git -C ../remote.git ls-tree --name-only {commit}").stdout.split()
    assert held == ["digits_gan-grid.png", "digits_gan-losses.png"]
    assert shell.run("git status --porcelain; git for-each-ref; cat .git/config").stdout == before
    assert shell.run("git -C ../remote.git branch --list").stdout.split() == ["*", "main"]


def test_equal_pictures_make_no_commit_and_others_follow_on(shell: Shell) -> None:
    folder = retraining(shell)
    shell.run(f"{SHOW}; {SHOW}", GH_TOKEN="t")
    (first,) = shell.pictures()
    (folder / "pictures" / "digits_gan-grid.png").write_bytes(png(side=3))
    shell.run(SHOW, GH_TOKEN="t")
    second, earlier = shell.pictures()
    assert earlier == first
    assert f"raw/{second}/digits_gan-grid.png" in shell.summary.read_text()


def test_two_that_push_at_once_both_arrive(shell: Shell) -> None:
    retraining(shell)
    hook = shell.remote / "hooks/pre-receive"  # the first time, another one is faster
    hook.write_text("""#!/bin/sh
unset GIT_QUARANTINE_PATH
[ -e taken ] && exit 0
touch taken
git update-ref refs/genloop/pictures $(git commit-tree -m other $(git hash-object -t tree -w /dev/null))
""")
    hook.chmod(0o755)
    shell.run(SHOW, GH_TOKEN="t")
    assert len(shell.pictures()) == 2


@pytest.mark.parametrize("right", ["no token", "no right"])
def test_without_the_right_to_push_pictures_are_left_out(right: str, shell: Shell) -> None:
    retraining(shell)
    if right == "no right":
        hook = shell.remote / "hooks/pre-receive"
        hook.write_text("#!/bin/sh\nexit 1\n")
        hook.chmod(0o755)
    shell.run(SHOW, **({"GH_TOKEN": "t"} if right == "no right" else {"PR": "12"}))
    shown = shell.summary.read_text()
    assert "the grid (`digits_gan-grid.png`) and the losses (`digits_gan-losses.png`)" in shown
    assert "2 pictures lie in the artifact of [this run](https://git.example/owner/name/actions/runs/7)" in shown
    assert "](pictures" not in shown
    assert shell.pictures() == []


def test_a_comment_is_cut_kept_or_missed(shell: Shell) -> None:
    retraining(shell, GOOD + "a line é\n" * 9000)
    calls = shell.program("gh", 'cat >"$0.given"')
    shell.run(SHOW, GH_TOKEN="t", PR="12")
    given = calls.with_suffix(".given").read_text()
    assert len(given.encode()) < 65_000
    assert given.endswith(
        "a line é\n\nThe rest stands in the summary of [this run](https://git.example/owner/name/actions/runs/7).\n"
    )
    shell.program("gh", "exit 1")
    assert "::warning::the pull request has no comment" in shell.run(SHOW, GH_TOKEN="t", PR="12").stdout
    calls.unlink()
    (shell.folder / "data/retraining/outcome.json").write_text('{"outcome": "nothing new"}')
    shell.run(SHOW, GH_TOKEN="t", PR="12")
    assert not calls.exists()


def test_text_from_outside_is_only_text(shell: Shell) -> None:
    hostile = """<script>a</script> <img src="https://evil.example/a.png"> <a href="x">y</a> <!-- <details open>
![a](https://evil.example/b.png) ![c][d] ![](pictures/none.png) [![e](pictures/digits_gan-grid.png)](https://x.example)
@everybody, person@example.invalid, digits_gan@HEAD, 1 < 2
::error::not me
"""
    retraining(shell, hostile)
    shell.run(SHOW, GH_TOKEN="t")
    (commit,) = shell.pictures()
    picture = f"https://git.example/owner/name/raw/{commit}/digits_gan-grid.png"
    lines = shell.summary.read_text().splitlines()
    assert "<" not in lines[0]
    assert (
        lines[1]
        == f"!\\[a](https://evil.example/b.png) !\\[c][d] !\\[](pictures/none.png) [![e]({picture})](https://x.example)"
    )
    assert lines[2] == "@\u200beverybody, person@example.invalid, digits_gan@HEAD, 1 < 2"


def planted(name: str, content: bytes) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_bytes(content)


HOSTILE: dict[str, Callable[[Path], object]] = {
    "a link for a picture": lambda folder: (folder / "pictures/a.png").symlink_to("/etc/hostname"),
    "a link for the summary": lambda folder: relinked(folder / "summary.md"),
    "a link for the folder of pictures": lambda folder: relinked(folder / "pictures"),
    "a link for the folder": lambda folder: relinked(folder),
    "a folder for a picture": lambda folder: (folder / "pictures/a.png").mkdir(),
    "a pipe for a picture": lambda folder: os.mkfifo(folder / "pictures/a.png"),
    "HTML for a picture": planted("pictures/a.png", b"<html><script>a</script></html>"),
    "HTML behind a picture": planted("pictures/a.png", png(b"<script>a</script>")),
    "half a picture": planted("pictures/a.png", png()[:-4]),
    "a damaged picture": planted("pictures/a.png", png().replace(b"IDAT", b"IDAX")),
    "a picture that would swell": planted("pictures/a.png", png(side=100_000)),
    "another kind": planted("pictures/a.svg", b"<svg/>"),
    "a page": planted("pictures/a.html", png()),
    "a name that gives orders": planted("pictures/a\n::error::b.png", png()),
    "a name that leads out": planted("pictures/..\\..\\a.png", png()),
    "a name that is hidden": planted("pictures/.a.png", png()),
    "a name that is an option": planted("pictures/-a.png", png()),
    "a huge picture": planted("pictures/a.png", png() + bytes(4_000_000)),
    "a huge summary": planted("summary.md", b"a" * 900_001),
    "no outcome": planted("outcome.json", b"[]"),
    "a deep outcome": planted("outcome.json", b"[" * 100_000),
    "many pictures": lambda folder: [(folder / f"pictures/{number}.png").write_bytes(png()) for number in range(101)],
    "no summary": lambda folder: (folder / "summary.md").unlink(),
}


def relinked(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    path.symlink_to("elsewhere")


@pytest.mark.parametrize("what", HOSTILE)
def test_an_artifact_that_is_not_as_expected_is_refused_in_a_line(what: str, shell: Shell) -> None:
    HOSTILE[what](retraining(shell))
    calls = shell.program("gh", "")
    told = shell.run(SHOW, code=1, GH_TOKEN="t", PR="12")
    assert re.fullmatch(r"show: '[ -~]+': [ -~]+; nothing was shown\n", told.stderr)
    assert told.stdout == ""
    assert not shell.summary.exists()
    assert not calls.exists()
    assert shell.pictures() == []


KNOWN = """case "$*" in
  "pr list"*) cat "$0.known" ;;
  "pr create"*) echo https://git.example/owner/name/pull/5 ;;
esac"""


def test_a_commit_is_proposed_once(shell: Shell) -> None:
    calls = shell.program("gh", KNOWN)
    known, output = calls.with_suffix(".known"), Path(shell.environment["GITHUB_OUTPUT"])
    known.write_text("")

    def created(told: str) -> int:
        """Propose, and return how often a pull request was opened."""
        calls.unlink(missing_ok=True)
        output.unlink(missing_ok=True)
        shell.run(".ci/propose", TARGET="main")
        assert (output.read_text() if output.exists() else "") == told
        return calls.read_text().count("pr create") if calls.exists() else 0

    assert created("") == 0  # no branch
    shell.run("git push -q origin main:genloop/retrained")
    assert created("") == 0  # nothing in it
    shell.run("git switch -qc work")
    tip = shell.commit("retrained")
    shell.run("git push -q origin work:genloop/retrained && git switch -q main")
    assert created("number=5\n") == 1
    assert f'select(.headRefOid == "{tip}")' in calls.read_text()
    known.write_text("5 OPEN\n")
    assert created("number=5\n") == 0
    known.write_text("5 CLOSED\n")
    assert created("") == 0  # a person said no
    known.write_text("")
    shell.commit("meanwhile")
    shell.run("git push -q origin main")
    assert created("number=5\n") == 1  # although main went on
    shell.run("git merge -q work && git push -q origin main")
    assert created("") == 0  # it is in


def test_a_proposal_that_is_forbidden_is_told(shell: Shell) -> None:
    shell.program("gh", 'case "$*" in "pr create"*) exit 1 ;; esac')
    shell.run("git switch -qc work")
    shell.commit("retrained")
    shell.run("git push -q origin work:genloop/retrained")
    told = shell.run(".ci/propose", code=1).stdout
    assert "open it at https://git.example/owner/name/compare/main...genloop/retrained" in told
