"""params.yaml: what is refused, and in which words."""

import json
from pathlib import Path

import pytest

from genloop.config import ImageGan, ImageGanSample, ImageSample, Sample, Train
from genloop.errors import GenloopError
from genloop.outputs import read_choices
from genloop.resolve import read_params, write_resolved

RUN = "{data: mine, modality: image, family: gan}"


def read(tmp_path: Path, text: str) -> object:
    (tmp_path / "raw" / "mine").mkdir(parents=True)
    (tmp_path / "params.yaml").write_text(text)
    return read_params(tmp_path / "params.yaml", tmp_path / "raw")


def params(data: str = "{modality: image}", run: str = RUN) -> str:
    return f"data:\n  mine: {data}\nruns:\n  mine_gan: {run}\n"


def with_key(key: str) -> str:
    return params(run=RUN.replace("}", f", {key}}}"))


FAULTS = {
    "unknown key": (with_key("epoch: 3"), "runs.mine_gan.epoch: no such key; did you mean 'epochs'?"),
    "unknown key without a similar one": (params(data="{modality: image, zzz: 1}"), "data.mine.zzz: no such key; known: bad_limit"),
    "unknown nested key": (with_key("sample: {cuont: 3}"), "runs.mine_gan.sample.cuont: no such key; did you mean 'count'?"),
    "wrong type": (with_key("epochs: many"), "runs.mine_gan.epochs: input should be a valid integer, not 'many'"),
    "a fraction of an epoch": (with_key("epochs: 1.5"), "runs.mine_gan.epochs: input should be a valid integer"),
    "out of range": (with_key("epochs: 0"), "runs.mine_gan.epochs: input should be greater than or equal to 1, not 0"),
    "not a number": (with_key("lr: .nan"), "runs.mine_gan.lr"),
    "unknown choice": (with_key("loss: best"), "runs.mine_gan.loss: input should be 'non_saturating', 'relativistic', 'hinge' or 'wasserstein'"),
    "decimals of an integer": ("data: {t: {modality: table, columns: {x: {kind: integer, decimals: 2}}}}\nruns: {}\n", "data.t.columns.x.decimals: says nothing of a column of the kind integer"),
    "a value twice": ("data: {t: {modality: table, columns: {x: {values: [a, a]}}}}\nruns: {}\n", "data.t.columns.x.values: must be one or more that differ"),
    "a key of the other family": (params(run="{data: mine, modality: image, family: vae, loss: hinge}"), "runs.mine_gan.loss: no such key"),
    "unknown family": (params(run="{data: mine, modality: image, family: flow}"), "runs.mine_gan"),
    "missing key": (params(run="{modality: image, family: gan}"), "runs.mine_gan.data: field required"),
    "missing section": ("data: {mine: {modality: image}}\n", "runs: field required"),
    "missing data set": (params(run=RUN.replace("mine", "yours")), "runs.mine_gan.data: there is no data set 'yours'; params.yaml has mine"),
    "too large": (params(data="{modality: image, size: 257}"), "data.mine.size: input should be less than or equal to 256, not 257"),
    "too small": (params(data="{modality: image, size: 4}"), "data.mine.size: input should be greater than or equal to 8, not 4"),
    "a nested wrong choice": (with_key("trainer: {precision: half}"), "runs.mine_gan.trainer.precision: input should be '32-true' or 'bf16-mixed'"),
    "an unknown key of the trainer": (with_key("trainer: {device: 2}"), "runs.mine_gan.trainer.device: no such key; did you mean 'devices'?"),
    "wasserstein without a penalty": (with_key("loss: wasserstein"), "runs.mine_gan.loss: wasserstein needs a critic of bounded slope; set penalty: 10 and penalty_on: between"),
    "a penalty on a normalized batch": (with_key("penalty: 1.0"), "runs.mine_gan.penalty: batch normalization ties the records of a batch together; set critic_norm: none"),
    "differences between": (with_key("penalty: 1.0, critic_norm: none, penalty_on: between, penalty_form: difference"), "runs.mine_gan.penalty_form: differences estimate"),
    "a compiled second derivative": (with_key("penalty: 1.0, critic_norm: none, trainer: {compile: true}"), "runs.mine_gan.trainer.compile: compiled networks have no second derivative"),
    "groups beside classes": (with_key("conditional: true, groups: 5"), "runs.mine_gan.groups: a conditional run is told what is asked for"),
    "a line through two records": (params(run="{data: mine, modality: image, family: vae, evaluate: {importance_records: 2}}"), "runs.mine_gan.evaluate.importance_records: input should be greater than or equal to 3, not 2"),
    "free bits of a bound that has none": (params(run="{data: mine, modality: image, family: vae, free_bits: 1.0, importance: 5}"), "runs.mine_gan.free_bits: the importance-weighted bound"),
    "a batch that devices cannot share": (with_key("batch: 33, trainer: {devices: 2}"), "runs.mine_gan.batch: 33 cannot be shared evenly"),
    "a label for a run without classes": (with_key("sample: {label: cat}"), "runs.mine_gan.sample.label: the run does not know classes; set conditional: true"),
    "an augmentation that is neither": (with_key("augment: 2.0"), "runs.mine_gan.augment"),
    "nothing held out": (params(data="{modality: image, holdout: 0.0}"), "data.mine.holdout: input should be greater than 0"),
    "too few samples to score": (with_key("sample: {count: 10}"), "runs.mine_gan.sample.count: 10 is fewer than the 1000"),
    "a choice of a VAE": (with_key("sample: {temperature: 0.5}"), "runs.mine_gan.sample.temperature: no such key here, though other kinds"),
    "nothing but the mean": (with_key("sample: {truncation: 0.0}"), "runs.mine_gan.sample.truncation: input should be greater than 0"),
    "a name that is a path": (f"data: {{../mine: {{modality: image}}}}\nruns: {{mine_gan: {RUN}}}\n", "data.../mine: string should match pattern"),
    "a missing raw folder": (params() + "  x: " + RUN + "\ndata2: 1\n", "data2: no such key; did you mean 'data'?"),
    "key twice": (params() + "  mine_gan: " + RUN + "\n", "key 'mine_gan' stands twice"),
    "broken YAML": ("data: {mine: [}\n", "line 1, column"),
    "empty": ("", "holds no keys; it begins with 'data:' and 'runs:'"),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_faults_are_named_with_their_key(tmp_path: Path, name: str) -> None:
    text, message = FAULTS[name]
    with pytest.raises(GenloopError) as caught:
        read(tmp_path, text)
    assert message in str(caught.value)
    assert "params.yaml" in str(caught.value)


def test_a_missing_raw_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text(params())
    with pytest.raises(GenloopError, match=r"data\.mine: there is no folder .*raw/mine"):
        read_params(tmp_path / "params.yaml", tmp_path / "raw")


def test_raw_data_that_dvc_will_bring_are_not_missed(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text(params())
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "mine.dvc").write_text("outs: []\n")
    assert list(read_params(tmp_path / "params.yaml", tmp_path / "raw").data) == ["mine"]


def test_missing_params_are_named(tmp_path: Path) -> None:
    with pytest.raises(GenloopError, match=r"params\.yaml: missing"):
        read_params(tmp_path / "params.yaml", tmp_path)


def test_a_refused_choice_leaves_the_earlier_files(tmp_path: Path) -> None:
    write_resolved(read(tmp_path, params()), tmp_path / "config")  # type: ignore[arg-type]
    before = (tmp_path / "config/mine_gan/train.json").read_bytes()
    (tmp_path / "params.yaml").write_text(with_key("epoch: 3"))
    with pytest.raises(GenloopError):
        write_resolved(read_params(tmp_path / "params.yaml", tmp_path / "raw"), tmp_path / "config")
    assert (tmp_path / "config/mine_gan/train.json").read_bytes() == before


def test_resolved_choices_are_complete_and_read_back(tmp_path: Path) -> None:
    write_resolved(read(tmp_path, with_key("epochs: 3")), tmp_path / "config")  # type: ignore[arg-type]
    train = read_choices(tmp_path / "config/mine_gan/train.json", Train)
    assert train == ImageGan(data="mine", modality="image", family="gan", epochs=3)
    assert read_choices(tmp_path / "config/mine_gan/sample.json", Sample) == ImageGanSample()


def test_resolved_choices_that_lack_one_are_refused(tmp_path: Path) -> None:
    (tmp_path / "sample.json").write_text(json.dumps({"count": 3, "family": "gan", "modality": "image"}))
    with pytest.raises(GenloopError, match=r"sample\.json: lacks label, seed"):
        read_choices(tmp_path / "sample.json", Sample)


def test_resolved_choices_that_are_damaged_are_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "sample.json").write_text('{"count": 3,')
    with pytest.raises(GenloopError, match=r"sample\.json: cannot be read \(.*\); 'dvc checkout'"):
        read_choices(tmp_path / "sample.json", Sample)


def test_choices_are_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        ImageSample().count = 3
