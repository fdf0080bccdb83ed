"""One retraining at a time, also among machines that share nothing but a Git remote."""

import subprocess
import time
from pathlib import Path

import pytest

from genloop.retraining.lease import REFERENCE, GaveWay, Lease, only_one
from genloop.retraining.repository import Rejected, Repository
from genloop.retraining.retries import Unreachable

SECONDS = 3.0


@pytest.fixture
def shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """A repository with a bare remote; the test runs in it."""
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "somebody")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "test@example.invalid")
    for command in (
        ["init", "-q", "--bare", "remote.git"],
        ["init", "-q", "-b", "main", "checkout"],
        ["-C", "checkout", "commit", "-q", "--allow-empty", "-m", "begin"],
        ["-C", "checkout", "remote", "add", "origin", str(tmp_path / "remote.git")],
        ["-C", "checkout", "push", "-q", "origin", "main"],
    ):
        subprocess.run(["git", *command], cwd=tmp_path, check=True)
    monkeypatch.chdir(tmp_path / "checkout")
    return Repository("origin")


def test_one_of_two_gets_the_lease_and_the_other_hears_who_has_it(shared: Repository) -> None:
    first, second = Lease(shared, 60.0), Lease(shared, 60.0)
    first.take(wait=0.0)
    with pytest.raises(GaveWay, match=r"at work .of somebody, [0-9]+ s ago"):
        second.take(wait=0.0)
    first.give_back()
    assert shared.remote_commit(REFERENCE) is None
    second.take(wait=0.0)
    second.give_back()


def test_a_holder_that_lives_keeps_its_lease_beyond_its_time(shared: Repository) -> None:
    first, second = Lease(shared, SECONDS), Lease(shared, SECONDS)
    first.take(wait=0.0)
    with pytest.raises(GaveWay):
        second.take(wait=SECONDS + 1)
    first.check()
    first.give_back()


def test_the_lease_of_a_killed_holder_runs_out(shared: Repository) -> None:
    killed, second = Lease(shared, SECONDS), Lease(shared, 60.0)
    assert killed._try(shared)  # and never renews it
    begun = time.monotonic()
    second.take(wait=60.0)
    assert SECONDS - 1.5 < time.monotonic() - begun < SECONDS + 5
    second.give_back()


def test_a_holder_notices_that_another_one_took_over(shared: Repository) -> None:
    asleep = Lease(shared, SECONDS)
    asleep.take(wait=0.0)
    shared.swap(REFERENCE, asleep.held, shared.make_commit(shared_tree(), (), "60 other"))
    time.sleep(2 * SECONDS / 6 + 1)
    with pytest.raises(GaveWay, match="has taken over"):
        asleep.check()
    taken = shared.remote_commit(REFERENCE)
    asleep.give_back()
    assert shared.remote_commit(REFERENCE) == taken


def shared_tree() -> str:
    return subprocess.run(
        ["git", "rev-parse", "HEAD^{tree}"], capture_output=True, text=True, check=True
    ).stdout.strip()


def test_a_reference_changes_only_if_it_is_what_it_was_known_to_be(shared: Repository) -> None:
    one, two = (shared.make_commit(shared_tree(), (), message) for message in ("one", "two"))
    shared.swap("refs/heads/new", None, one)
    with pytest.raises(Rejected):
        shared.swap("refs/heads/new", None, two)
    shared.swap("refs/heads/new", None, one)  # said twice, as after an answer that got lost
    shared.swap("refs/heads/new", one, two)
    assert shared.remote_commit("refs/heads/new") == two


def test_a_remote_that_is_gone_is_told_from_one_that_refuses(shared: Repository, tmp_path: Path) -> None:
    (tmp_path / "remote.git").rename(tmp_path / "away")
    with pytest.raises(Unreachable):
        shared.swap("refs/heads/new", None, shared.make_commit(shared_tree(), (), "one"))


def test_two_in_one_checkout_do_not_work_at_once(shared: Repository) -> None:
    with (
        only_one(None, wait=0.0, seconds=60.0),
        pytest.raises(GaveWay, match="in this checkout"),
        only_one(None, 0.0, 60.0),
    ):
        pass


def test_a_commit_is_made_beside_working_tree_and_index(shared: Repository) -> None:
    Path("dvc.lock").write_text("new\n")
    Path("other").write_text("not ours\n")
    status = subprocess.run(["git", "status", "--porcelain"], capture_output=True, text=True, check=True).stdout
    commit = shared.commit_of(["dvc.lock"], "HEAD", "a message")
    assert subprocess.run(["git", "status", "--porcelain"], capture_output=True, text=True).stdout == status
    listed = subprocess.run(["git", "ls-tree", "--name-only", str(commit)], capture_output=True, text=True, check=True)
    assert listed.stdout.split() == ["dvc.lock"]
    assert shared.commit_of(["dvc.lock"], str(commit), "again") is None
