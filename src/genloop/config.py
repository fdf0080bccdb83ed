"""params.yaml as frozen, checked objects, with the defaults and their reasons; what it says of data is in choices.py.

``configure`` writes these objects resolved, one file per data set or run and stage; the later stages read those files
and never see a default. So nothing in this file can change the bytes of a later stage but through such a file.
"""

from datetime import date
from typing import Annotated, Any, Literal, NoReturn

from pydantic import BeforeValidator, Field, model_validator

from genloop.choices import Choices, Count, Data, Name, Seed
from genloop.gate.choices import Gate

LearningRate = Annotated[float, Field(gt=0, le=1)]
Weight = Annotated[float, Field(ge=0)]
Decay = Annotated[float, Field(ge=0, lt=1)]
Part = Annotated[float, Field(ge=0, lt=1)]  # a share that may be none but not all


def _refuse(key: str, reason: str, remedy: str) -> NoReturn:
    raise ValueError(f"{key}: {reason}; set {remedy}")


class Trainer(Choices):
    """What Lightning is told of the machine and of arithmetic."""

    precision: Literal["32-true", "bf16-mixed"] = "32-true"  # the same on every kind of processor
    devices: Count = 1  # processes on a CPU, or GPUs, which share the records of each step
    strategy: Literal["auto", "ddp"] = "auto"  # auto: ddp where there are several
    nodes: Count = 1
    compile: bool = False  # networks by torch.compile: worth its start for long trainings
    deterministic: bool = True  # refuse kernels without a deterministic form, so that equal runs give equal bytes
    save_every: Annotated[float, Field(gt=0)] = 60.0  # seconds between two states to go on from within an epoch


class Limits(Choices):
    """What a training may take; one that is forecast to take more is refused before it starts."""

    memory: Annotated[float, Field(gt=0)] | None = None  # GiB; None: what is free
    hours: Annotated[float, Field(gt=0)] | None = None  # None: any


class Training(Choices):
    """The choices that all runs share while training."""

    data: Name
    modality: Literal["image", "table"]  # what a record is
    networks: str | None = None  # a module of your own; None: the networks of the modality
    conditional: bool = False  # generate records of what is asked for
    epochs: Count | None = None  # None: as many as records_seen asks, between 10 and most_epochs
    most_epochs: Annotated[int, Field(ge=10)] = 1000
    records_seen: Count = 600_000  # where small networks on small pictures stop gaining quickly
    seed: Seed = 0  # of the weights, the order of records and all noise
    batch: Count | None = 64  # None: a sixteenth of the records, 32 to 512
    width: Count = 32  # channels on the finest grid; they double with each level down; half of it learns less a minute
    schedule: Literal["linear", "cosine"] = "linear"  # way of the learning rate down
    lr_warmup: Part = 0.0  # share of the steps in which the learning rate rises
    lr_final: Annotated[float, Field(ge=0, le=1)] = 0.05  # share of lr that is left at the end
    threads: Count = 1  # equal bytes need an equal number of threads; one is also fastest for small pictures
    validation: Part = 0.1  # share of the training records that no step sees, at most 2,000; 0: keep the last weights
    validations: Count = 20  # checks on these records, by which the best weights are kept; fewer in short trainings
    patience: Count | None = None  # checks without gain after which training stops; None: it never does
    previews: Count = 10  # pictures drawn from the same latents over the training
    trainer: Trainer = Trainer()
    limits: Limits = Limits()

    @model_validator(mode="after")
    def _patience_has_what_to_see(self) -> "Training":
        if self.patience is not None and not self.validation:
            _refuse("patience", "without validation nobody sees a gain", "validation: 0.1")
        return self


class Gan(Training):
    """A generator and a critic that improve each other."""

    family: Literal["gan"]
    latent: Count = 64  # dimensions of z
    groups: Annotated[int, Field(ge=0)] | None = None  # kinds to find; None: 1 per 100 records, at most 100; 0: none
    lr: LearningRate = 2e-3  # of the generator; averaged weights and a falling rate bear ten times the textbook's
    critic_lr: LearningRate | None = None  # None: lr
    loss: Literal["non_saturating", "relativistic", "hinge", "wasserstein"] = "non_saturating"
    penalty: Weight = 0.0  # on the slope of the critic
    penalty_on: Literal["both", "real", "between"] = "both"  # R2 and R1; R1; of the Wasserstein loss
    penalty_form: Literal["exact", "difference"] = "exact"
    penalty_every: Count = 1  # steps; the weight grows with it
    critic_norm: Literal["batch", "spectral", "none"] = "batch"
    augment: Annotated[float, Field(ge=0, le=1)] | Literal["adaptive"] = 0.0  # share of records that are changed
    average: Decay = 0.999  # of the averaged generator weights, per step
    prior: Literal["standard"] = "standard"

    @model_validator(mode="after")
    def _choices_agree(self) -> "Gan":
        if self.conditional and self.groups:
            _refuse("groups", "a conditional run is told what is asked for", "groups: 0 or conditional: false")
        if self.loss == "wasserstein" and not self.penalty and self.critic_norm != "spectral":
            _refuse("loss", "wasserstein needs a critic of bounded slope", "penalty: 10 and penalty_on: between")
        if self.penalty and self.critic_norm == "batch":
            _refuse("penalty", "batch normalization ties the records of a batch together", "critic_norm: none")
        if self.penalty_form == "difference" and self.penalty_on == "between":
            _refuse(
                "penalty_form", "differences estimate the penalties on real and on fake records", "penalty_on: both"
            )
        if self.penalty and self.penalty_form == "exact" and self.trainer.compile:
            _refuse("trainer.compile", "compiled networks have no second derivative", "penalty_form: difference")
        return self


class Vae(Training):
    """An encoder, a latent and a decoder that maximize the elbo."""

    family: Literal["vae"]
    latent: Count = 32  # dimensions of z
    lr: LearningRate = 2e-3
    prior: Literal["mixture", "standard"] = "mixture"
    layers: Literal[1, 2] = 1  # of latents
    rate_weight: Weight = 1.0
    rate_warmup: Part = 0.0  # share of the steps in which the weight of the rate rises
    free_bits: Weight = 0.0  # of the rate, mean of a batch, that cost nothing
    importance: Count = 1  # latents per record in the bound that is maximized
    average: Decay = 0.0  # of the averaged weights, per step
    second_stage: bool = True  # draw latents from a mixture that is fitted to those of the training records afterwards

    @model_validator(mode="after")
    def _choices_agree(self) -> "Vae":
        if self.free_bits and self.importance > 1:
            _refuse("free_bits", "the importance-weighted bound has no rate of its own", "importance: 1")
        return self


class ImageGan(Gan):
    """A GAN of pictures."""

    modality: Literal["image"]


class ImageVae(Vae):
    """A VAE of pictures."""

    modality: Literal["image"]
    likelihood: Literal["logistic", "logistic_mixture", "gaussian", "bernoulli"] = "logistic"


class Rows(Training):
    """The choices that differ for rows of a table, whatever the family."""

    modality: Literal["table"]
    batch: Count | None = None
    width: Count = 256  # units of each layer
    lr_final: Annotated[float, Field(ge=0, le=1)] = 0.02
    records_seen: Count = 3_300_000  # a hundred times those of Adult; rows are cheaper than pictures
    previews: Count = 5


class TableGan(Rows, Gan):
    """A GAN of rows."""

    conditional: bool = True  # critic and generator are told some of each row's columns, so that any can be asked for
    rare: Part = 0.2  # share of the rows of a step that are looked up for a rare value, which the generator is told
    lr: LearningRate = 1e-3
    penalty: Weight = 1.0  # without one the critic tells rows apart at once
    penalty_every: Count = 4
    critic_norm: Literal["batch", "spectral", "none"] = "none"

    @model_validator(mode="after")
    def _rows(self) -> "TableGan":
        if self.augment:
            _refuse("augment", "there are no changes that leave any row plausible", "augment: 0")
        if self.critic_norm == "batch":
            _refuse("critic_norm", "the critic of rows is not normalized over a batch", "critic_norm: none")
        if self.rare and not self.conditional:
            _refuse("rare", "the generator would not be told the rare value", "rare: 0")
        return self


class TableVae(Rows, Vae):
    """A VAE of rows, whose decoder tells the columns in any order and can so be asked for any of them."""

    conditional: Literal[True] = True
    latent: Count = 16
    most_epochs: Annotated[int, Field(ge=10)] = 85  # few rows that are seen more often are learned by heart
    prior: Literal["mixture", "standard"] = "standard"
    free_bits: Weight = 6.0  # else the decoder, which sees the columns before, does without a latent
    dropout: Part = 0.2  # of the decoder's last layer: rows of the training are not learned by heart
    average: Decay = 0.999


class ImageSample(Choices):
    """What ``sample`` draws from a run on pictures."""

    modality: Literal["image"] = "image"
    count: Count = 1000
    seed: Seed = 0
    label: str | None = None  # the class of all records of a conditional run; None: as often as in training


def _as_text(value: Any) -> Any:
    """Take the dates of YAML, which need no quotes, as they are written."""
    return str(value) if isinstance(value, date) else value


class TableSample(Choices):
    """What ``sample`` draws from a run on rows."""

    modality: Literal["table"] = "table"
    count: Count | None = None  # None: as many as there are training rows, at most 100,000
    seed: Seed = 0
    # Columns with a value that all rows have; null: missing.
    where: dict[str, Annotated[bool | int | float | str | None, BeforeValidator(_as_text)]] = Field(
        default_factory=dict
    )


class GanSample(Choices):
    """What ``sample`` asks of a GAN alone."""

    family: Literal["gan"] = "gan"
    truncation: Annotated[float, Field(gt=0)] | None = None  # latents lie between -it and it; None: anywhere


class VaeSample(Choices):
    """What ``sample`` asks of a VAE alone."""

    family: Literal["vae"] = "vae"
    temperature: Annotated[float, Field(gt=0, le=1)] | None = None  # of the noise in the latents; None: 1, as trained


class ImageGanSample(ImageSample, GanSample):
    """What ``sample`` draws from a GAN of pictures."""


class ImageVaeSample(ImageSample, VaeSample):
    """What ``sample`` draws from a VAE of pictures."""


class TableGanSample(TableSample, GanSample):
    """What ``sample`` draws from a GAN of rows."""


class TableVaeSample(TableSample, VaeSample):
    """What ``sample`` draws from a VAE of rows."""


class GanEvaluate(Choices):
    """What ``evaluate`` asks of a GAN: nothing beyond the data set's own protocol."""

    family: Literal["gan"] = "gan"


class VaeEvaluate(Choices):
    """What ``evaluate`` asks of a VAE beyond the data set's own protocol."""

    family: Literal["vae"] = "vae"
    draws: Count = 16  # latents per test record in the estimate of the elbo
    importance: Count = 50  # latents per test record in the importance-weighted bound
    importance_records: Annotated[int, Field(ge=3)] = 500  # test records in that bound; a line is fitted to them
    seed: Seed = 0


class TableVaeEvaluate(VaeEvaluate):
    """The same for rows, whose columns are told one after the other."""

    draws: Count = 2


class ImageGanRun(ImageGan):
    """An entry of ``runs:`` with ``modality: image`` and ``family: gan``."""

    sample: ImageGanSample = ImageGanSample()
    evaluate: GanEvaluate = GanEvaluate()


class ImageVaeRun(ImageVae):
    """An entry of ``runs:`` with ``modality: image`` and ``family: vae``."""

    sample: ImageVaeSample = ImageVaeSample()
    evaluate: VaeEvaluate = VaeEvaluate()


class TableGanRun(TableGan):
    """An entry of ``runs:`` with ``modality: table`` and ``family: gan``."""

    sample: TableGanSample = TableGanSample()
    evaluate: GanEvaluate = GanEvaluate()


class TableVaeRun(TableVae):
    """An entry of ``runs:`` with ``modality: table`` and ``family: vae``."""

    sample: TableVaeSample = TableVaeSample()
    evaluate: TableVaeEvaluate = TableVaeEvaluate()


_Images = Annotated[ImageGan | ImageVae, Field(discriminator="family")]
_Tables = Annotated[TableGan | TableVae, Field(discriminator="family")]
_ImageRuns = Annotated[ImageGanRun | ImageVaeRun, Field(discriminator="family")]
_TableRuns = Annotated[TableGanRun | TableVaeRun, Field(discriminator="family")]
_ImageSamples = Annotated[ImageGanSample | ImageVaeSample, Field(discriminator="family")]
_TableSamples = Annotated[TableGanSample | TableVaeSample, Field(discriminator="family")]
Train = Annotated[_Images | _Tables, Field(discriminator="modality")]
Run = Annotated[_ImageRuns | _TableRuns, Field(discriminator="modality")]
Sample = Annotated[_ImageSamples | _TableSamples, Field(discriminator="modality")]
Evaluate = Annotated[GanEvaluate | VaeEvaluate, Field(discriminator="family")]


class Params(Choices):
    """The whole of params.yaml."""

    data: dict[Name, Data]
    runs: dict[Name, Run]
    gate: dict[Name, Gate] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _gates_have_data(self) -> "Params":
        for name in self.gate:
            if name not in self.data:
                known = ", ".join(self.data) or "none"
                raise ValueError(f"gate.{name}: there is no data set '{name}'; params.yaml has {known}")
        return self

    @model_validator(mode="after")
    def _runs_fit_their_data(self) -> "Params":
        for name, run in self.runs.items():
            if run.data not in self.data:
                known = ", ".join(self.data) or "none"
                raise ValueError(f"runs.{name}.data: there is no data set '{run.data}'; params.yaml has {known}")
            data = self.data[run.data]
            if run.modality != data.modality:
                raise ValueError(
                    f"runs.{name}.modality: {run.modality}, but data.{run.data}.modality is {data.modality}"
                )
            if not run.conditional and isinstance(run.sample, ImageSample) and run.sample.label is not None:
                raise ValueError(f"runs.{name}.sample.label: the run does not know classes; set conditional: true")
            if not run.conditional and isinstance(run.sample, TableSample) and run.sample.where:
                raise ValueError(f"runs.{name}.sample.where: nothing can be asked of the run; set conditional: true")
            if run.batch and run.batch % (run.trainer.devices * run.trainer.nodes):
                raise ValueError(f"runs.{name}.batch: {run.batch} cannot be shared evenly by the trainer's devices")
            if run.sample.count and data.reference.count and run.sample.count < data.reference.count:
                raise ValueError(
                    f"runs.{name}.sample.count: {run.sample.count} is fewer than the {data.reference.count} "
                    f"that data.{run.data}.reference.count compares; raise the one or lower the other"
                )
        return self
