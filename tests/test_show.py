"""``.ci/show`` and ``.ci/propose``: good and hostile artifacts, a bare remote, and a ``gh`` that notes its calls."""

import json
import os
import re
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.shell import Shell


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


def png(extra: bytes = b"", side: int = 2) -> bytes:
    def chunk(kind: bytes, content: bytes) -> bytes:
        return len(content).to_bytes(4, "big") + kind + content + zlib.crc32(kind + content).to_bytes(4, "big")

    head = side.to_bytes(4, "big") * 2 + bytes([8, 0, 0, 0, 0])
    pixels = zlib.compress(b"\0\1\2" * 2)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"") + extra


GOOD = """## Retraining: promoted

![the \\[grid\\]](pictures/digits_gan-grid.png) and [the losses](pictures/digits_gan-losses.png)

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
    shell.run(SHOW, GH_TOKEN="t" if right == "no right" else "", PR="" if right == "no right" else "12")
    shown = shell.summary.read_text()
    assert "the \\[grid\\] (`digits_gan-grid.png`) and the losses (`digits_gan-losses.png`)" in shown
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
    assert "<" not in lines[0].replace("<\u200b", "")
    assert lines[1] == (
        "!\u200b[a](https://evil.example/b.png) !\u200b[c][d] !\u200b[](pictures/none.png) "
        f"[![e]({picture})](https://x.example)"
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
    assert (
        "pr create --repo owner/name --head genloop/retrained --base main --title retrained --body" in calls.read_text()
    )
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
