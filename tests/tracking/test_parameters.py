"""Choices as MLflow shows them: complete, within its limits, and with one word for runs that differ in seeds alone."""

import pytest
from mlflow.utils.validation import _validate_param

from genloop.config import ImageVae
from genloop.errors import GenloopError
from genloop.tracking.parameters import LONGEST, Chosen, read_chosen
from genloop.tracking.store import Store
from tests.tracking.conftest import Outputs
from tests.tracking.shown import only_run


def chosen(outputs: Outputs) -> Chosen:
    return read_chosen(outputs.name, outputs.run, outputs.folder / "data/config")


def test_choices_of_training_and_of_data_are_flat_and_complete(outputs: Outputs) -> None:
    found = chosen(outputs).parameters()
    assert found["width"] == "4"
    assert found["trainer.precision"] == "32-true"
    assert found["data"] == outputs.run.data
    assert (found["data.size"], found["data.holdout"]) == ("None", "0.2")
    assert {key.partition(".")[0] for key in found} == set(ImageVae.model_fields)
    prepare = outputs.folder / f"data/config/{outputs.run.data}/prepare.json"
    prepare.unlink()
    with pytest.raises(GenloopError, match=r"prepare\.json: cannot be read"):
        chosen(outputs)


def test_words_of_people_and_long_values_are_within_what_mlflow_takes(outputs: Outputs) -> None:
    columns = {f"Größe (cm) {number}": {"kind": "number"} for number in range(500)}
    wide = chosen(outputs)._replace(prepare={"modality": "table", "columns": columns, "rules": ["a >= b"]})
    found = wide.parameters()
    assert found["data.rules"] == '["a >= b"]'
    assert found["data.columns"].startswith('{"Größe (cm) 0": {"kind": "number"}, ')
    assert len(found["data.columns"]) == LONGEST
    assert found["data.columns"].endswith("... (whole in params.json)")
    for key, value in found.items():
        assert _validate_param(key, value).value == value  # taken as it is, neither cut nor refused


@pytest.mark.usefixtures("gateway")
def test_parameters_of_any_number_are_logged_and_completed_but_never_changed(outputs: Outputs) -> None:
    store, many = Store(outputs.run.data), {f"key_{number}": str(number) for number in range(250)}
    begun = store.begin("tiny", {})
    store.complete_parameters(begun, {"key_3": "as it was"})
    store.complete_parameters(only_run(outputs), many)
    assert only_run(outputs).data.params == many | {"key_3": "as it was"}


def test_a_group_is_the_runs_that_differ_in_seeds_alone(outputs: Outputs) -> None:
    base = chosen(outputs)
    assert base.group().startswith("vae ")
    assert len(base.group()) == len("vae ") + 7
    alike = base._replace(train=base.train | {"seed": 5}, sample=base.sample | {"seed": 7})
    assert alike.group() == base.group()
    others = (base._replace(train=base.train | {"width": 8}), base._replace(sample=base.sample | {"count": 7}))
    assert len({base.group(), *(other.group() for other in others)}) == 3


@pytest.mark.usefixtures("gateway")
def test_the_group_is_known_from_the_first_moment(outputs: Outputs) -> None:
    with outputs.live() as live:
        outputs.tell(live, last=1)
        live.finish(outputs.folder / "data/weights/tiny")
    run = only_run(outputs)
    assert run.data.tags["genloop.group"] == chosen(outputs).group()
    assert run.data.params["data.seed"] == "0"
