"""What ``params.yaml`` may say of data sets, as frozen, checked objects, with the defaults and their reasons."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_-]*$", max_length=64)]
Seed = Annotated[int, Field(ge=0, lt=2**63)]
Count = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(gt=0, lt=1)]
HoldoutBy = Literal["place", "content"]  # content: a record keeps its side when data grow


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


class ImagePrepare(Choices):
    """How a folder of raw pictures becomes arrays of equal size."""

    modality: Literal["image"]
    format: Literal["folders", "flat", "csv", "npz", "idx", "parquet"] | None = None  # None: recognized by content
    size: Annotated[int | tuple[int, int] | None, BeforeValidator(_check_size)] = None  # side or [height, width]
    channels: Literal[1, 3] | None = None  # None: 1 where every picture is gray, else 3; arrays keep theirs
    resize: Literal["crop", "pad", "stretch"] = "crop"  # crop distorts nothing and invents nothing
    holdout: Share = 0.2  # share of each class that is kept for testing, where the data has no split of its own
    holdout_by: HoldoutBy = "place"  # in the order of the pictures: meets the share exactly
    seed: Seed = 0  # of the split
    on_bad_record: Literal["fail", "set_aside"] = "fail"  # what to do with a picture that cannot be read
    bad_limit: Share = 0.05  # more than this share of bad records stops even where they are set aside


class ImageProtocol(Choices):
    """What every run on a data set of pictures is scored against: one protocol, so that all its runs are comparable."""

    count: Count = 1000  # generated records, and training records, that each score compares with the test split
    # The network whose features are compared; None: a classifier where there are at least two classes, else random.
    features: Literal["classifier", "random", "inception"] | None = None
    inception_weights: str | None = None  # a file that you have; its hash says which, as DVC does not watch its place
    inception_sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-fA-F]{64}$", to_lower=True)] | None = None
    epochs: Count | None = None  # of the classifier; None: as its records_seen asks
    records_seen: Count = 60_000  # enough for 98 % on handwritten digits in ten seconds
    seed: Seed = 0

    @model_validator(mode="after")
    def _inception_is_stated_in_full(self) -> "ImageProtocol":
        for key in ("inception_weights", "inception_sha256"):
            if self.features == "inception" and getattr(self, key) is None:
                raise ValueError(f"{key}: features: inception needs it, since genloop downloads nothing; state it")
            if self.features != "inception" and getattr(self, key) is not None:
                raise ValueError(f"{key}: says something of Inception only; set features: inception, or remove it")
        return self


class ImageReference(ImageProtocol):
    """The protocol with the modality that it is for, as the stage ``reference`` reads it."""

    modality: Literal["image"]


class ImageData(ImagePrepare):
    """An entry of ``data:`` for a folder of pictures."""

    reference: ImageProtocol = ImageProtocol()


def _as_tuple(value: Any) -> Any:
    """Take a list of YAML."""
    return tuple(value) if isinstance(value, list) else value


class ColumnChoice(Choices):
    """What a column of a table holds, where it is not told by its values."""

    kind: Literal["integer", "float", "boolean", "category", "datetime", "key", "constant", "omit"] | None = None
    decimals: Annotated[int, Field(ge=0, le=12)] | None = None  # of a float
    format: str | None = None  # of a date and time, as in ``strptime``
    # Of a category in their order; of a boolean false and true.
    values: Annotated[tuple[str, ...] | None, BeforeValidator(_as_tuple)] = None
    ordered: bool = False  # a category's values stand in an order that means something

    @model_validator(mode="after")
    def _belongs_to_its_kind(self) -> "ColumnChoice":
        for key, kinds in {
            "decimals": ("float",),
            "format": ("datetime",),
            "values": ("category", "boolean"),
            "ordered": ("category",),
        }.items():
            if getattr(self, key) not in (None, False) and self.kind not in (None, *kinds):
                raise ValueError(f"{key}: says nothing of a column of the kind {self.kind}; remove it")
        if self.values is not None and len(set(self.values)) < max(len(self.values), 1):
            raise ValueError("values: must be one or more that differ; list each once")
        return self


def _column_choice(value: Any) -> Any:
    """Take ``columns.age: integer`` for ``columns.age: {kind: integer}``."""
    return {"kind": value} if isinstance(value, str) else value


def _check_rule(rule: str) -> str:
    """Check that a rule compares once; which columns it names is checked where these are known."""
    operators = [word for word in rule.split() if word in OPERATORS]
    if len(operators) != 1 or rule.split()[0] in OPERATORS or rule.split()[-1] in OPERATORS:
        told = "Input should compare once, with blanks around the sign, as in 'dropoff >= pickup', 'total = fare + tip'"
        raise PydanticCustomError("rule", told)
    return rule


OPERATORS = ("=", ">=", ">", "<=", "<")


class TablePrepare(Choices):
    """How a raw table becomes typed rows and codes."""

    modality: Literal["table"]
    # What columns hold where their values do not tell it.
    columns: dict[str, Annotated[ColumnChoice, BeforeValidator(_column_choice)]] = Field(default_factory=dict)
    # Hold in every real row and in every generated one.
    rules: Annotated[tuple[Annotated[str, AfterValidator(_check_rule)], ...], BeforeValidator(_as_tuple)] = ()
    holdout: Share = 0.2  # share of the rows that is kept for testing, where the data has no split of its own
    holdout_by: HoldoutBy = "place"  # in the order of the rows: meets the share exactly
    seed: Seed = 0  # of the split


class TableProtocol(Choices):
    """What every run on a table is scored against."""

    count: Count | None = None  # rows of each side that are compared; None: as many as training rows, at most 50,000
    target: str | None = None  # the column that a learner tells from the others; None: the last one that can be told
    seed: Seed = 0


class TableReference(TableProtocol):
    """The protocol with the modality that it is for, as the stage ``reference`` reads it."""

    modality: Literal["table"]


class TableData(TablePrepare):
    """An entry of ``data:`` for a table."""

    reference: TableProtocol = TableProtocol()


Data = Annotated[ImageData | TableData, Field(discriminator="modality")]
Prepare = Annotated[ImagePrepare | TablePrepare, Field(discriminator="modality")]
Reference = Annotated[ImageReference | TableReference, Field(discriminator="modality")]
