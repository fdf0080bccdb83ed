"""The patch of a working tree: whole, without secrets and data, and Git notices nothing of it."""

import subprocess
from pathlib import Path

import pytest

from genloop import changes as changing
from genloop.changes import changes, roots
from genloop.confidential import holds_secret
from tests.conftest import ROOT

PIPELINE = """\
stages:
  train:
    foreach: ${runs}
    do: {cmd: x, deps: ["data/prepared/${item.data}", stages/train.py, "src/${item.family}.py", ../outside]}
  own: {cmd: x, deps: [my_networks]}
"""


@pytest.fixture(autouse=True)
def _identity(monkeypatch: pytest.MonkeyPatch) -> None:
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "test")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "test@example.invalid")


def git(folder: Path, *arguments: str) -> bytes:
    return subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True).stdout


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A project in a folder of its repository."""
    folder = tmp_path / "repository/project"
    for name in ("src", "stages", "data", "my_networks"):
        (folder / name).mkdir(parents=True)
    (folder / "dvc.yaml").write_text(PIPELINE)
    (folder / "params.yaml").write_text("runs: {}\n")
    (folder / ".gitignore").write_text("*.log\n")
    (folder / "src/gan.py").write_text("a = 1\n")
    (folder / "src/old.py").write_text("gone = 1\n")
    (folder / "stages/train.py").write_bytes(bytes(range(256)))
    (folder / "my_networks/a.py").write_text("width = 2\n")
    (folder / "data/raw.csv").write_text("1,2\n")
    (folder / "README.md").write_text("words\n")
    git(tmp_path / "repository", "init", "-q")
    git(tmp_path / "repository", "add", "-A")
    git(tmp_path / "repository", "commit", "-qm", "begin")
    return folder


def objects(folder: Path) -> list[str]:
    return sorted(str(path) for path in (folder.parent / ".git").rglob("*") if path.is_file())


def test_the_pipeline_says_what_belongs_to_it(tree: Path) -> None:
    assert roots(tree) == ["dvc.yaml", "params.yaml", "my_networks", "src", "stages"]
    assert roots(ROOT) == ["dvc.yaml", "params.yaml", "src", "stages"]


def test_nothing_changed_is_an_empty_patch(tree: Path) -> None:
    found = changes(tree)
    assert found.patch == b""
    assert found.commit == git(tree, "rev-parse", "HEAD").decode().strip()


def test_the_patch_makes_the_commit_the_working_tree(tree: Path, tmp_path: Path) -> None:
    (tree / "src/gan.py").write_text("a = 2\n")
    (tree / "src/old.py").unlink()
    (tree / "src/new name \u00e4.py").write_text("b = 3\n")
    (tree / "src/staged.log").write_text("staged though it is ignored\n")
    git(tree, "add", "-f", "src/staged.log")
    (tree / "stages/train.py").write_bytes(bytes(reversed(range(256))))
    (tree / "my_networks/link.py").symlink_to("a.py")
    (tree / "params.yaml").write_text("runs: {a: 1}\n")
    for path in ("src/ignored.log", "data/raw.csv", "data/new.csv", "README.md", "notes.txt"):
        (tree / path).write_text("is not of the pipeline\n")
    status, before = git(tree, "status", "--porcelain"), objects(tree)
    index = (tree.parent / ".git/index").read_bytes()
    found = changes(tree)
    assert (tree.parent / ".git/index").read_bytes() == index
    assert objects(tree) == before
    assert git(tree, "status", "--porcelain") == status
    assert (found.left_out, found.too_large) == ((), ())
    git(tmp_path, "clone", "-q", str(tree.parent), "clone")
    (tmp_path / "patch").write_bytes(found.patch)
    git(tmp_path / "clone", "apply", "../patch")
    for kind in ("src", "stages", "my_networks"):
        names = {path.name for path in (tree / kind).iterdir()} - {"ignored.log"}
        assert {path.name for path in (tmp_path / "clone/project" / kind).iterdir()} == names
        for name in names:
            assert (tmp_path / "clone/project" / kind / name).read_bytes() == (tree / kind / name).read_bytes()
    assert (tmp_path / "clone/project/params.yaml").read_text() == "runs: {a: 1}\n"
    assert (tmp_path / "clone/project/data/raw.csv").read_text() == "1,2\n"
    assert not (tmp_path / "clone/project/notes.txt").exists()


def test_settings_of_git_change_no_patch(tree: Path) -> None:
    (tree / "src/gan.py").write_text("a = 2\n")
    plain = changes(tree).patch
    for setting in ("diff.noprefix true", "color.ui always", "diff.external false", "core.quotepath false"):
        git(tree, "config", *setting.split())
    assert changes(tree).patch == plain


def test_files_with_secrets_are_left_out_whole_also_where_the_secret_is_taken_away(tree: Path) -> None:
    (tree / "src/gan.py").write_text("a = 1\npassword = 'correcthorse'\n")
    git(tree, "commit", "-qam", "oh no")
    (tree / "src/gan.py").write_text("a = 1\n")
    (tree / "src/more.py").write_text('key = """-----BEGIN RSA PRIVATE KEY-----"""\n')
    (tree / "src/fine.py").write_text("b = 1\n")
    found = changes(tree)
    assert found.left_out == ("src/gan.py", "src/more.py")
    assert b"correcthorse" not in found.patch
    assert b"PRIVATE" not in found.patch
    assert b"fine.py" in found.patch


def test_what_is_too_large_is_said(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changing, "LARGEST", 1000)
    (tree / "src/large.bin").write_bytes(bytes(2000))
    (tree / "src/gan.py").write_text("a = 2\n")
    found = changes(tree)
    assert found.too_large == ("src/large.bin",)
    assert b"gan.py" in found.patch
    (tree / "src/gan.py").write_text("\n".join(map(str, range(1000))))
    found = changes(tree)
    assert found.patch == b""
    assert found.too_large[0].startswith("the patch of ")


SECRETS = {
    "a private key": ("a.txt", "-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl"),
    "a key of Amazon": ("a.py", "key = AKIA" + "ABCDEFGHIJKLMNOP"),
    "a token of GitHub": ("a.md", "use ghp_" + "a1B2" * 9),
    "a login": ("dvc.yaml", "url: https://someone:word@host/path"),
    "a quoted password": ("a.py", "PASSWORD = 'correcthorse'"),
    "a typed password": ("a.py", "api_key: str = 'abc123abc123'"),
    "in JSON": ("a.json", '{"client_secret": "Zx81-Zx81"}'),
    "in YAML": ("params.yaml", "runs: 1\n  db_password: correcthorse1\n"),
    "in a shell": ("run.sh", "export WANDB_API_KEY=0123456789abcdef\n"),
    "a web token": ("a.txt", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w"),
    "by its name": ("certs/server.pem", "anything"),
    "of the environment": ("a.py", "url = f(planted-token)"),
}
NONE = {
    "a call": ("a.py", "password = read_password(path)\ntoken = os.environ['TOKEN_OF_SERVER']"),
    "a type": ("a.py", "def login(password: str, token: Secret) -> None: ..."),
    "a name of a variable": ("a.py", "PASSWORD = 'MLFLOW_TRACKING_PASSWORD'"),
    "a hole": ("a.yaml", "password: ${PASSWORD}\ntoken: <your token>\nsecret: '***'"),
    "a number of tokens": ("params.yaml", "tokens: 128\nmax_token: 4096"),
    "an address without a login": ("a.md", "git clone ssh://git@host/path and https://host:8080/a@b"),
    "a template": ("a.py", "f'https://{user}:{password}@{host}'"),
}


@pytest.mark.parametrize("name", SECRETS)
def test_secrets_are_seen(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "planted-token")
    file, text = SECRETS[name]
    assert holds_secret(file, text.encode())
    assert holds_secret(file, text.encode("utf-16"))


@pytest.mark.parametrize("name", NONE)
def test_what_is_no_secret_is_none(name: str) -> None:
    file, text = NONE[name]
    assert not holds_secret(file, text.encode())


def test_nothing_of_this_project_looks_like_a_secret() -> None:
    for root in roots(ROOT):
        for path in [ROOT / root] if (ROOT / root).is_file() else sorted((ROOT / root).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                assert not holds_secret(path.name, path.read_bytes()), path
