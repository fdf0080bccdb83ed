"""What each score means in a line, and which way is better."""

from typing import Literal, NamedTuple

Better = Literal["low", "high", "half", ""]  # half: 0.5 is best; nothing: neither way is better
About = Literal["resemblance", "likelihood", "copying"]


class Meaning(NamedTuple):
    """A score in words."""

    text: str
    better: Better
    about: About = "resemblance"


ABOUT: dict[About, str] = {
    "resemblance": "Resemblance",
    "likelihood": "Likelihood",
    "copying": "Copying",
}
PICTURES = {
    "frechet": Meaning("distance between normal distributions fitted to the features of both sides", "low"),
    "kid": Meaning("difference between the feature distributions, by a kernel; about 0 if they are the same", "low"),
    "precision": Meaning("share of generated pictures that lie among real ones", "high"),
    "recall": Meaning("share of real pictures that lie among generated ones", "high"),
    "density": Meaning("how densely generated pictures lie among real ones; 1 if as densely as real ones", "high"),
    "coverage": Meaning("share of real pictures that have a generated one near them", "high"),
    "inception_score": Meaning("how surely a classifier tells each picture and how varied all are; from 1 on", "high"),
    "modes": Meaning("classes that occur among generated pictures", "high"),
    "modes_divergence": Meaning("divergence of the shares of classes from the real ones, in nats", "low"),
    "classification_accuracy": Meaning(
        "how many held-out pictures a classifier tells rightly that generated ones taught", "high"
    ),
}
TABLES = {
    "shapes": Meaning("how alike the values of single columns are", "high"),
    "pairs": Meaning("how alike pairs of columns hang together", "high"),
    "pairs_strong": Meaning("the same for pairs that are strongly related in real rows", "high"),
    "detection": Meaning("how well a learner tells generated rows from real ones; 0.5 if it must guess", "half"),
    "usefulness": Meaning("how well a learner taught by generated rows does on held-out ones", "high"),
    "coverage": Meaning("share of each column's range or values that occurs", "high"),
    "coverage_ranges": Meaning("the same of columns of numbers", "high"),
    "coverage_categories": Meaning("the same of columns of words", "high"),
    "missing": Meaning("how alike the shares of missing values are", "high"),
    "new_rows": Meaning("share of rows that are equal to no training row", "high", "copying"),
    "nearer_to_training": Meaning("share nearer to a training row than to a held-out one", "half", "copying"),
}
ANY = {
    "copied": Meaning("share of samples that copy a training record, beyond that of honest records", "low", "copying"),
    "closer_than_held_out": Meaning(
        "how often a sample is closer to its nearest training record than a held-out record is", "half", "copying"
    ),
    "distance": Meaning("median distance of a sample to its nearest training record", "", "copying"),
    "distance_of_held_out": Meaning("the same of records that are no samples", "", "copying"),
    "elbo": Meaning("lower bound on the log likelihood of test records, in nats", "high", "likelihood"),
    "rate": Meaning("nats that the latent holds of a record; with the distortion, the negative elbo", "", "likelihood"),
    "distortion": Meaning("nats that the decoder still needs, given the latent", "", "likelihood"),
    "bits_per_dimension": Meaning("the negative elbo in bits, over the numbers in a record", "low", "likelihood"),
    "importance_bound": Meaning("tighter bound, by importance weighting, in nats", "high", "likelihood"),
    "importance_bits_per_dimension": Meaning("its negative in bits, over the numbers in a record", "low", "likelihood"),
    "importance_bound_standard_error": Meaning("its standard error over test records, in nats", "", "likelihood"),
    "importance_bound_error": Meaning(
        "the part of it that comes from taking some of the test records; 0 if all were taken", "", "likelihood"
    ),
    "active_units": Meaning("latent dimensions that depend on the record", "", "likelihood"),
    "latent": Meaning("latent dimensions there are", "", "likelihood"),
}
BASELINES = {
    "image": {
        "real": "training pictures against the test split: as good as it gets",
        "marginals": "every pixel drawn by itself from its training values: the trivial model",
        "bootstrap": "training pictures drawn again: a copier",
    },
    "table": {
        "real": "held-out rows as if they were generated: as good as it gets",
        "marginals": "every column drawn by itself: the trivial model",
        "bootstrap": "training rows drawn again: a copier",
    },
}
UNKNOWN = Meaning("", "")


def glossary(modality: str) -> dict[str, Meaning]:
    """Return the meaning of every score of a modality, in the order in which they are shown."""
    return ANY | {"image": PICTURES, "table": TABLES}.get(modality, {})


def meaning(name: str, modality: str) -> Meaning:
    """Return what a score means; nothing where it is not known."""
    return glossary(modality).get(name, UNKNOWN)
