"""What a classifier learns from generated pictures: how many real ones it then tells rightly."""

from dataclasses import dataclass

import numpy as np

from genloop.choices import ImageReference
from genloop.image.data import PictureRecords, PictureSchema
from genloop.image.scores.features import read, train_classifier
from genloop.intervals import Figures, of_mean

NAME = "classification_accuracy"
PART = 3  # of the records that the feature network saw are enough to compare


@dataclass(frozen=True)
class Lesson:
    """Held-out pictures with their classes, which a classifier taught by others is asked for."""

    schema: PictureSchema
    test: PictureRecords
    choices: ImageReference

    def figures(self, pictures: PictureRecords) -> Figures:
        """Return the classification accuracy score (Ravuri and Vinyals 2019) of pictures whose classes are known."""
        reason = self._reason(pictures)
        if reason:
            return Figures(left_out={NAME: reason})
        choices = self.choices.model_copy(update={"records_seen": self.choices.records_seen // PART})
        taught = train_classifier(self.schema, pictures, pictures.labels, choices)
        right = (read(taught, self.test).logits.argmax(1) == self.test.labels).astype(float)
        low, high = of_mean(right) if len(right) > 1 else (0.0, 1.0)
        return Figures({NAME: float(right.mean())}, {NAME: (max(low, 0.0), min(high, 1.0))})

    def _reason(self, pictures: PictureRecords) -> str | None:
        """Return why nothing can be taught, if so."""
        if len(self.schema.classes) < 2 or self.test.labels is None:
            return "the data set has fewer than two classes"
        if not len(self.test):
            return "there are no held-out pictures"
        if pictures.labels is None:
            return "the pictures have no classes; set conditional: true"
        if len(np.unique(pictures.labels)) < 2:
            return "all pictures are of one class"
        return None
