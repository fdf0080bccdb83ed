"""params.yaml as frozen, checked objects, with the defaults and their reasons.

``configure`` writes these objects resolved, one file per data set or run and stage; the later stages read those files
and never see a default. So nothing in this file can change the bytes of a later stage but through such a file.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_-]*$", max_length=64)]
Seed = Annotated[int, Field(ge=0, lt=2**63)]
Count = Annotated[int, Field(ge=1)]
LearningRate = Annotated[float, Field(gt=0, le=1)]
Share = Annotated[float, Field(gt=0, lt=1)]


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


class Training(Choices):
    """The choices that both families share while training."""

    data: Name
    modality: Literal["image"]
    epochs: Count | None = None  # None: as many as records_seen asks, between 10 and 1,000
    records_seen: Count = 600_000  # where small networks on small pictures stop gaining quickly
    seed: Seed = 0  # of the weights, the order of records and all noise
    batch: Count = 64
    width: Count = 16  # channels at full resolution; they double with each level down
    lr_final: Annotated[float, Field(ge=0, le=1)] = (
        0.05  # share of lr that is left at the end, reached in a straight line
    )
    threads: Count = 1  # equal bytes need an equal number of threads; one is also fastest for small pictures
    previews: Count = 10  # grids drawn from the same latents over the training


class Gan(Training):
    """A generator and a critic that improve each other."""

    family: Literal["gan"]
    latent: Count = 64  # dimensions of z
    lr: LearningRate = 1e-3  # of both networks
    loss: Literal["non_saturating", "relativistic", "hinge"] = "non_saturating"
    penalty: Annotated[float, Field(ge=0)] = 0.0  # weight of the zero-centered gradient penalty on real and fake
    critic_norm: bool = True
    average: Annotated[float, Field(ge=0, lt=1)] = 0.999  # decay of the averaged generator weights per step
    prior: Literal["standard"] = "standard"


class Vae(Training):
    """An encoder, a latent and a decoder that maximize the elbo."""

    family: Literal["vae"]
    latent: Count = 32  # dimensions of z
    lr: LearningRate = 2e-3
    prior: Literal["mixture", "standard"] = "mixture"


class Sample(Choices):
    """What ``sample`` draws from a trained run."""

    count: Count = 1000
    seed: Seed = 0


class GanEvaluate(Choices):
    """What ``evaluate`` asks of a GAN: nothing beyond the data set's own protocol."""

    family: Literal["gan"] = "gan"


class VaeEvaluate(Choices):
    """What ``evaluate`` asks of a VAE beyond the data set's own protocol."""

    family: Literal["vae"] = "vae"
    draws: Count = 16  # latents per test record in the estimate of the elbo
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
            if run.sample.count < data.reference.count:
                raise ValueError(
                    f"runs.{name}.sample.count: {run.sample.count} is fewer than the {data.reference.count} "
                    f"that data.{run.data}.reference.count compares; raise the one or lower the other"
                )
        return self
