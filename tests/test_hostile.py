"""Files made to harm, planted wherever one is read: nothing is unpickled, nothing swells, each is refused by its name."""

import hashlib
import io
import json
import pickle
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from genloop.errors import LONGEST, GenloopError
from genloop.guards import fault_of
from genloop.identity import read_tensors, stage_dependencies
from genloop.image.data import PictureSchema, open_labels, open_records, read_samples, read_schema
from genloop.image.scores.inception import Inception
from genloop.own import pin
from genloop.reading import read_array, read_arrays, read_json
from genloop.resolve import override, read_params
from genloop.strict_yaml import parse_yaml
from genloop.summary import ui_line
from genloop.table.scores.compare import read_split
from tests.conftest import ROOT

SCHEMA = PictureSchema(1, 8, 8, ("a", "b"), (2, 2))


class Planted:
    """Leaves a mark when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return Path.touch, (self.mark,)


def array_with(planted: Planted) -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.array([planted], dtype=object), allow_pickle=True)
    return stream.getvalue()


def arrays_with(planted: Planted) -> bytes:
    stream = io.BytesIO()
    np.savez(stream, images=np.array([planted], dtype=object), labels=np.zeros(1))
    return stream.getvalue()


def tensors_with(planted: Planted) -> bytes:
    stream = io.BytesIO()
    torch.save({"fc.weight": planted}, stream)
    return stream.getvalue()


def table_with(planted: Planted) -> bytes:
    """A Parquet file whose metadata ask for a type that once was a pickle, and for an index that is none."""
    field = pa.field("a", pa.int64(), metadata={"ARROW:extension:name": "arrow.py_extension_type", "ARROW:extension:metadata": pickle.dumps(planted)})  # fmt: skip
    content = pa.table([pa.array([1])], pa.schema([field], metadata={"pandas": b'{"index_columns": 3, "columns": {}}'}))
    stream = io.BytesIO()
    pq.write_table(content, stream)
    return stream.getvalue()


def plain(planted: Planted) -> bytes:
    return pickle.dumps(planted)


def inception(path: Path) -> object:
    return Inception(str(path), hashlib.sha256(path.read_bytes()).hexdigest())


PLACES: dict[str, tuple[str, Callable[[Planted], bytes], Callable[[Path], object]]] = {
    "prepared pictures": ("train.npy", array_with, lambda path: open_records(path.parent, "train")),
    "prepared pictures, plain": ("train.npy", plain, lambda path: open_records(path.parent, "train")),
    "labels": ("test_labels.npy", array_with, lambda path: open_labels(path.parent, "test")),
    "features of the reference": ("test_features.npy", array_with, read_array),
    "samples": ("samples.npz", arrays_with, lambda path: read_samples(path.parent, SCHEMA)),
    "samples, plain": ("samples.npz", plain, lambda path: read_samples(path.parent, SCHEMA)),
    "weights": ("weights.safetensors", plain, read_tensors),
    "weights of torch": ("weights.safetensors", tensors_with, read_tensors),
    "weights of Inception": ("inception.pth", tensors_with, inception),
    "weights of Inception, plain": ("inception.pth", plain, inception),
    "schema": ("schema.json", plain, lambda path: read_schema(path.parent)),
    "rows": ("train.parquet", table_with, lambda path: read_split(path.parent, "train", {})),
    "rows, plain": ("train.parquet", plain, lambda path: read_split(path.parent, "train", {})),
}  # fmt: skip


@pytest.mark.parametrize("place", PLACES)
def test_nothing_is_unpickled(place: str, tmp_path: Path) -> None:
    name, make, read = PLACES[place]
    mark = tmp_path / "mark"
    (tmp_path / name).write_bytes(make(Planted(mark)))
    with pytest.raises(GenloopError) as caught:
        read(tmp_path / name)
    assert name in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1
    assert not mark.exists()
    pickle.loads(pickle.dumps(Planted(mark)))  # noqa: S301 (what was planted does harm where it is unpickled)
    assert mark.exists()


LIES = {
    "an array of a trillion": "{'descr': '|u1', 'fortran_order': False, 'shape': (1099511627776, 8, 8)}",
    "brackets without end": "{'descr': " + "(" * 300,
    "a shape of words": "{'descr': '|u1', 'fortran_order': False, 'shape': ('a',)}",
}


@pytest.mark.parametrize("lie", LIES)
def test_headers_that_lie_are_refused(lie: str, tmp_path: Path) -> None:
    head = LIES[lie].ljust(117) + "\n"
    (tmp_path / "a.npy").write_bytes(b"\x93NUMPY\x01\0" + len(head).to_bytes(2, "little") + head.encode() + bytes(64))
    with pytest.raises(GenloopError, match=r"a\.npy: cannot be read"):
        read_array(tmp_path / "a.npy")


def bombs() -> dict[str, tuple[str, str]]:
    lists = "a0: &a0 [x, x]\n" + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 12))
    merged = "a0: &a0 {x: 1}\n" + "".join(f"a{i}: &a{i} {{<<: [*a{i - 1}, *a{i - 1}]}}\n" for i in range(1, 40))
    return {
        "laughs": (lists, "more than 100,000 values once its anchors are followed"),
        "merges": (merged, "more than 100,000 values once its anchors are followed"),
        "itself": ("data: &a {x: *a}\n", "an anchor that holds itself"),
        "deep lists": ("[" * 5000, "nested too deeply"),
        "deep keys": ("{a: " * 60 + "1" + "}" * 60, "more than 50 levels"),
        "a call": ("data: !!python/object/apply:os.mkdir [mark]\n", "could not determine a constructor"),
        "a key twice": ("data: {}\ndata: {}\n", "key 'data' stands twice at line 2"),
        "a list as a key": ("? [a]\n: b\n", "a key that is no word at line 1"),
        "no such day": ("data: 2024-13-45\n", "'2024-13-45' is no timestamp at line 1, column 7"),
        "a long number": ("data: " + "9" * 10_000, "is no int at line 1"),
        "a list": ("- a\n", "holds no keys; it begins with 'data:' and 'runs:'"),
        "a word": ("data\n", "holds no keys"),
        "nothing": ("", "holds no keys"),
        "tabs": ("\tdata: {}\n", "cannot start any token"),
        "two documents": ("data: {}\n---\nruns: {}\n", "expected a single document"),
        "endless": ("# " + "x" * 300_000, "has 300,002 bytes, more than 262,144; shorten it"),
        "a run's name that leads out": ("data: {}\nruns: {../x: {}}\n", "runs.../x: string should match pattern"),
        "a name without end": (f"data: {{{'a' * 300}: {{modality: image}}}}\nruns: {{}}\n", "at most 64 characters"),
        "a name with a command to the terminal": ('data: {"a\\e[2J": {modality: image}}\nruns: {}\n', "data.a\\x1b[2J: "),
        "half a letter": ('data: {"a": {modality: "\\ud800"}}\nruns: {}\n', "data.a: input tag '"),
    }  # fmt: skip


@pytest.mark.parametrize("bomb", bombs())
def test_hostile_choices_are_refused_by_file_and_place(bomb: str, tmp_path: Path) -> None:
    text, message = bombs()[bomb]
    (tmp_path / "params.yaml").write_text(text)
    with pytest.raises(GenloopError) as caught:
        read_params(tmp_path / "params.yaml", tmp_path / "raw")
    assert str(caught.value).startswith(f"{tmp_path}/params.yaml: ")
    assert message in str(caught.value)
    assert all(line.isprintable() for line in str(caught.value).splitlines())
    assert not (tmp_path / "mark").exists()


@pytest.mark.parametrize("encoding", ["utf-16", "cp1252", "latin-1"])
def test_choices_in_another_encoding_are_told_so(encoding: str, tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_bytes("data: {}  # für Zoë\n".encode(encoding))
    with pytest.raises(GenloopError, match=r"params\.yaml: is no UTF-8 text \(.*\); save it as UTF-8"):
        read_params(tmp_path / "params.yaml", tmp_path / "raw")


def test_a_mark_at_the_beginning_and_anchors_are_taken(tmp_path: Path) -> None:
    text = "data:\n  a: &a {modality: image}\n  b: {<<: *a, size: 16}\nruns: {}\n"
    (tmp_path / "params.yaml").write_bytes(text.encode("utf-8-sig"))
    for name in "ab":
        (tmp_path / "raw" / name).mkdir(parents=True)
    assert list(read_params(tmp_path / "params.yaml", tmp_path / "raw").data) == ["a", "b"]


def test_many_faults_are_not_all_told(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text("data: {" + ", ".join(f"d{i}: 1" for i in range(500)) + "}\nruns: {}\n")
    with pytest.raises(GenloopError) as caught:
        read_params(tmp_path / "params.yaml", tmp_path / "raw")
    lines = str(caught.value).splitlines()
    assert len(lines) == 21
    assert lines[-1].endswith("params.yaml: 480 more; mend these first")


@settings(deadline=None, max_examples=150)
@given(st.text() | st.lists(st.sampled_from("{}[]:,-&*!|>'\"%@`#? \n\ta1.<~")).map("".join))
def test_any_text_is_yaml_or_refused_in_a_line(text: str) -> None:
    told = "params.yaml: "
    try:
        parse_yaml(text, "params.yaml")
    except GenloopError as error:
        told = str(error)
    assert told.startswith("params.yaml: ")
    assert told.isprintable()


@pytest.mark.parametrize(
    "name", ["os", "antigravity.x", "../x", "a..b", "a b", "", "x\ny", "__main__", "numpy.linalg", "a" * 999]
)
def test_networks_from_elsewhere_are_refused_without_importing_them(name: str) -> None:
    with pytest.raises(GenloopError, match=r"^runs\.x\.networks: "):
        pin(name, "runs.x.networks", ROOT)


def test_a_pipeline_without_its_stages_is_refused(tmp_path: Path) -> None:
    (tmp_path / "dvc.yaml").write_text("stages: !!python/object/apply:os.mkdir [mark]\n")
    with pytest.raises(GenloopError, match=r"dvc\.yaml: could not determine a constructor"):
        stage_dependencies("train", "x", {}, tmp_path / "dvc.yaml")
    (tmp_path / "dvc.yaml").write_text("stages: []\n")
    with pytest.raises(GenloopError, match=r"dvc\.yaml: stages.train.do.deps is missing"):
        stage_dependencies("train", "x", {}, tmp_path / "dvc.yaml")


def test_what_is_asked_for_is_told_in_a_line() -> None:
    from genloop.config import TableSample

    for pair in (
        "where={a: [",
        "where=!!python/name:os.system",
        "count=9e999",
        "seed=" + "9" * 9999,
        "x\ny=1",
        "\ud800=1",
    ):
        with pytest.raises(GenloopError) as caught:
            override(TableSample(), [pair])
        assert str(caught.value).startswith("--set ")
        assert str(caught.value).isprintable()


def test_weights_that_are_no_file_do_not_hang(tmp_path: Path) -> None:
    import os

    os.mkfifo(tmp_path / "pipe")
    for path in ("/dev/zero", str(tmp_path / "pipe"), str(tmp_path), "~nobody/x", "x\0y"):
        with pytest.raises(GenloopError, match=r"^reference\.inception_weights: .* cannot be read"):
            Inception(path, "0" * 64)


@settings(deadline=None, max_examples=50)
@given(st.binary(max_size=200))
def test_any_bytes_are_refused_as_outputs(content: bytes) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x"
        path.write_bytes(content)
        for read in (read_arrays, read_array, read_tensors):
            with pytest.raises(GenloopError, match="x: cannot be read"):
                read(path)
        try:
            json.loads(content)
        except ValueError:
            with pytest.raises(GenloopError, match="x: cannot be read"):
                read_json(path)


def test_names_that_deceive_are_told() -> None:
    assert fault_of("für Zoë 💥 3.5 %") is None
    assert fault_of("a\u200cb") is None  # a joiner that Persian is written with
    assert fault_of("\u202egnp.exe") == "holds a mark that turns the direction of writing"
    assert fault_of("a\nb") == "holds a control character"
    assert fault_of("a\udcffb") == "holds a byte that is no UTF-8"
    assert fault_of("a\u2028b") == "holds a line break"
    assert fault_of("a" * 501) == "has 501 characters, more than 500"


def test_a_message_is_one_printable_line_and_keeps_its_end() -> None:
    told = str(GenloopError("x.csv: 'a\n\x1b[2J\u202e\udcff' is odd " + "z" * 9999 + "; mend it"))
    assert told.isprintable()
    assert told.startswith("x.csv: 'a\\n\\x1b[2J\\u202e\\udcff' is odd")
    assert told.endswith("; mend it")
    assert len(told) <= LONGEST + 5


@pytest.mark.parametrize("labels", [np.array(["c"]), np.array([2**31], np.uint32).view("<U1"), np.array([[1]])])
def test_samples_of_classes_that_there_are_not_are_refused(labels: np.ndarray, tmp_path: Path) -> None:
    np.savez(tmp_path / "samples.npz", images=np.zeros((1, 8, 8), np.uint8), labels=labels)
    with pytest.raises(GenloopError, match=r"samples\.npz: cannot be read"):
        read_samples(tmp_path, SCHEMA)


def test_servers_that_we_tell_of_listen_on_this_machine_alone() -> None:
    texts = {path: path.read_text() for place in ("src", "stages", "docs", "benchmarks", ".ci", ".github") for path in (ROOT / place).rglob("*") if path.suffix in (".py", ".md", ".yml", ".yaml", ".sh", ".jinja")}  # fmt: skip
    texts |= {path: path.read_text() for path in ROOT.glob("*.md")}
    # with options, or at the beginning of a line or a string: elsewhere it is a word in a sentence
    command = r"""(?:^|["'`$] ?)mlflow (?:ui|server|models serve)(?=["'\n]| -)[^\n`]*|mlflow (?:ui|server|models serve) -[^\n`]*"""
    found = [(path, told) for path, text in texts.items() for told in re.findall(command, text, re.MULTILINE)]
    assert {path.name for path, _ in found} >= {"README.md", "summary.py"}
    for path, told in found:
        assert "--host 127.0.0.1" in told, f"{path.name}: {told}"


def test_a_password_in_the_address_of_the_server_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "https://me:secret@mlflow.example:5000/x")
    assert ui_line() == "Compare them: open https://mlflow.example:5000/x"


def test_the_environment_is_read_by_name_only() -> None:
    whole = r"os\.environ\.(?:items|values|keys|copy)\b|\(os\.environ[,)]|\*\*os\.environ|\{os\.environ\b|os\.environ \||= os\.environ$"
    found = {path.name for path in (ROOT / "src").rglob("*.py") if re.search(whole, path.read_text(), re.MULTILINE)}
    # One looks for secrets to take them out of messages, the other hands the environment on to Git and DVC.
    assert found == {"masking.py", "workspace.py"}


def test_the_library_neither_unpickles_nor_loads_yaml_of_any_kind() -> None:
    for path in [*(ROOT / "src").rglob("*.py"), *(ROOT / "stages").glob("*.py")]:
        text = path.read_text()
        assert not re.search(r"\b(import|from) (pickle|dill|joblib|marshal|shelve)\b|allow_pickle=True", text), (
            path.name
        )
        assert "weights_only=False" not in text, path.name
        assert all("weights_only=True" in call for call in re.findall(r"torch\.load\(.*", text)), path.name
        assert not re.search(r"yaml\.(load|load_all|unsafe_load|full_load)\(", text), path.name
