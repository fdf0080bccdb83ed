"""params.yaml as frozen, checked objects, with the defaults and their reasons.

``configure`` writes these objects resolved, one file per data set or run and stage; the later stages read those files
and never see a default. So nothing in this file can change the bytes of a later stage but through such a file.
"""

from typing import Annotated, Any, Literal, NoReturn

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_-]*$", max_length=64)]
Seed = Annotated[int, Field(ge=0, lt=2**63)]
Count = Annotated[int, Field(ge=1)]
LearningRate = Annotated[float, Field(gt=0, le=1)]
Share = Annotated[float, Field(gt=0, lt=1)]
Weight = Annotated[float, Field(ge=0)]
Decay = Annotated[float, Field(ge=0, lt=1)]


def _refuse(key: str, reason: str, remedy: str) -> NoReturn:
    raise ValueError(f"{key}: {reason}; set {remedy}")


class Choices(BaseModel):
    """Base of all choices: frozen, strict about types, and without room for unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


SMALLEST, LARGEST = 8, 256  # sides in pixels that the networks serve


def _check_size(value: Any) -> int | tuple[int, int] | None:
    """Check a side, or a height and a width; one check for both, so that a fault is told once and under its own key."""
    sides = list(value) if isinstance(value, list | tuple) else [value]
    if value is None:
        return None
    if len(sides) not in (1, 2) or any(type(side) is not int for side in sides):
        raise PydanticCustomError("size", "Input should be a side in pixels, or [height, width]")
    for side in sides:
        if side < SMALLEST:
            raise PydanticCustomError("size", f"Input should be greater than or equal to {SMALLEST}")
        if side > LARGEST:
            raise PydanticCustomError("size", f"Input should be less than or equal to {LARGEST}")
    return (sides[0], sides[1]) if len(sides) == 2 else sides[0]


class Prepare(Choices):
    """How a folder of raw pictures becomes arrays of equal size."""

    modality: Literal["image"]
    format: Literal["folders", "flat", "csv", "npz", "idx", "parquet"] | None = None  # None: recognized by content
    size: Annotated[int | tuple[int, int] | None, BeforeValidator(_check_size)] = None  # side or [height, width]
    channels: Literal[1, 3] | None = None  # None: 1 where every picture is gray, else 3; arrays keep theirs
    resize: Literal["crop", "pad", "stretch"] = "crop"  # crop distorts nothing and invents nothing
    holdout: Share = 0.2  # share of each class that is kept for testing, where the data has no split of its own
    seed: Seed = 0  # of the split
    on_bad_record: Literal["fail", "set_aside"] = "fail"  # what to do with a picture that cannot be read
    bad_limit: Share = 0.05  # more than this share of bad records stops even where they are set aside


class Protocol(Choices):
    """What every run on a data set is scored against: one protocol, so that all its runs are comparable."""

    count: Count = 1000  # generated records, and training records, that each score compares with the test split
    epochs: Count | None = None  # of the classifier whose features are compared; None: as its records_seen asks
    records_seen: Count = 60_000  # enough for 98 % on handwritten digits in ten seconds
    seed: Seed = 0


class Reference(Protocol):
    """The protocol with the modality that it is for, as the stage ``reference`` reads it."""

    modality: Literal["image"]


class ImageData(Prepare):
    """An entry of ``data:`` for a folder of pictures."""

    reference: Protocol = Protocol()


class Trainer(Choices):
    """What Lightning is told of the machine and of arithmetic."""

    precision: Literal["32-true", "bf16-mixed"] = "32-true"  # the same on every kind of processor
    devices: Count = 1  # processes on a CPU, or GPUs, which share the pictures of each step
    strategy: Literal["auto", "ddp"] = "auto"  # auto: ddp where there are several
    nodes: Count = 1
    compile: bool = False  # networks by torch.compile: worth its start for long trainings


class Training(Choices):
    """The choices that both families share while training."""

    data: Name
    modality: Literal["image"]
    networks: str | None = None  # a module of your own; None: the networks of the modality
    conditional: bool = False  # generate records of a class that is asked for
    epochs: Count | None = None  # None: as many as records_seen asks, between 10 and 1,000
    records_seen: Count = 600_000  # where small networks on small pictures stop gaining quickly
    seed: Seed = 0  # of the weights, the order of records and all noise
    batch: Count = 64
    width: Count = 32  # channels on the finest grid; they double with each level down; half of it learns less a minute
    schedule: Literal["linear", "cosine"] = "linear"  # way of the learning rate down
    lr_warmup: Annotated[float, Field(ge=0, lt=1)] = 0.0  # share of the steps in which the learning rate rises
    lr_final: Annotated[float, Field(ge=0, le=1)] = 0.05  # share of lr that is left at the end
    threads: Count = 1  # equal bytes need an equal number of threads; one is also fastest for small pictures
    previews: Count = 10  # grids drawn from the same latents over the training
    trainer: Trainer = Trainer()


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
            _refuse("groups", "a conditional run is told the classes instead", "groups: 0 or conditional: false")
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
    likelihood: Literal["logistic", "logistic_mixture", "gaussian", "bernoulli"] = "logistic"
    prior: Literal["mixture", "standard"] = "mixture"
    layers: Literal[1, 2] = 1  # of latents
    rate_weight: Weight = 1.0
    rate_warmup: Annotated[float, Field(ge=0, lt=1)] = 0.0  # share of the steps in which the weight of the rate rises
    free_bits: Weight = 0.0  # of the rate, mean of a batch, that cost nothing
    importance: Count = 1  # latents per record in the bound that is maximized
    average: Decay = 0.0  # of the averaged weights, per step
    second_stage: bool = True  # draw latents from a mixture that is fitted to those of the training records afterwards

    @model_validator(mode="after")
    def _choices_agree(self) -> "Vae":
        if self.free_bits and self.importance > 1:
            _refuse("free_bits", "the importance-weighted bound has no rate of its own", "importance: 1")
        return self


class Sample(Choices):
    """What ``sample`` draws from a trained run."""

    count: Count = 1000
    seed: Seed = 0
    label: str | None = None  # the class of all records of a conditional run; None: as often as in training


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


class GanRun(Gan):
    """An entry of ``runs:`` with ``family: gan``."""

    sample: Sample = Sample()
    evaluate: GanEvaluate = GanEvaluate()


class VaeRun(Vae):
    """An entry of ``runs:`` with ``family: vae``."""

    sample: Sample = Sample()
    evaluate: VaeEvaluate = VaeEvaluate()


Train = Annotated[Gan | Vae, Field(discriminator="family")]
Run = Annotated[GanRun | VaeRun, Field(discriminator="family")]
Evaluate = Annotated[GanEvaluate | VaeEvaluate, Field(discriminator="family")]


class Params(Choices):
    """The whole of params.yaml."""

    data: dict[Name, ImageData]
    runs: dict[Name, Run]

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
            if run.sample.label is not None and not run.conditional:
                raise ValueError(f"runs.{name}.sample.label: the run does not know classes; set conditional: true")
            if run.batch % (run.trainer.devices * run.trainer.nodes):
                raise ValueError(f"runs.{name}.batch: {run.batch} cannot be shared evenly by the trainer's devices")
            if run.sample.count < data.reference.count:
                raise ValueError(
                    f"runs.{name}.sample.count: {run.sample.count} is fewer than the {data.reference.count} "
                    f"that data.{run.data}.reference.count compares; raise the one or lower the other"
                )
        return self
