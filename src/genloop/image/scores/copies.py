"""Whether a generator copies its training pictures, and the pairs that look most like it."""

from pathlib import Path

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from genloop import copying
from genloop.copying import MOST, NEIGHBORS, Copying, Distances
from genloop.illustrations import Illustration
from genloop.image.scores.nearest import Some, Train, nearest
from genloop.randomness import keyed_generator
from genloop.scored import FEWEST_TRAINING


def honest(train: Train, test: Some, seed: int) -> Distances:
    """Return the distances of records that nobody copied to their nearest training pictures.

    These are test pictures, and training pictures to the others: one that is left out is a held-out one. Nothing where
    there are fewer than three training pictures.
    """
    if len(train) < FEWEST_TRAINING:
        return np.empty((0, 0))
    count = min(NEIGHBORS + 1, len(train) - 1)
    own = np.sort(keyed_generator(seed, "left out").permutation(len(train))[:MOST])
    left_out = nearest(np.asarray(train[own]), train, count, own)
    return np.concatenate([left_out.distances, nearest(test[:MOST], train, count).distances])


def judge(generated: Some, train: Train, honest: Distances) -> Copying:
    """Compare the first generated pictures with all training pictures; ``honest`` is what :func:`honest` returned."""
    return copying.judge(nearest(generated[:MOST], train, honest.shape[1]), honest)


def most_suspicious(found: Copying, generated: Some, train: Train, folder: Path) -> Illustration:
    """Draw ``copies.png``: the most suspicious pictures above their nearest training pictures, the ratio between."""
    path = folder / "copies.png"
    pairs = found.pairs()
    with rc_context({"font.family": "DejaVu Sans", "font.size": 9, "axes.grid": False}):
        figure = Figure(figsize=(1.2 * len(pairs) + 0.8, 3), layout="constrained")
        panels = figure.subplots(2, len(pairs), squeeze=False)
        for column, pair in enumerate(pairs):
            _show(panels[0, column], generated[pair.generated])
            _show(panels[1, column], train[pair.training])
            color = "tab:red" if pair.ratio < found.threshold else "black"
            panels[0, column].set_xlabel(f"{pair.ratio:.3f}", color=color)
        panels[0, 0].set_ylabel("generated")
        panels[1, 0].set_ylabel("training")
        figure.savefig(path, dpi=110, metadata={"Software": None})
    caption = (
        "Each above its nearest training picture. Between them the distance to it over the mean distance to the next "
        f"{NEIGHBORS}; below {found.threshold:.3f}, in red, a picture is suspicious."
    )
    return Illustration("The most suspicious samples", path, caption)


def _show(panel: Axes, picture: np.ndarray) -> None:
    """Show bytes [channels, height, width]; neither one nor three channels by their mean, as in a drawn grid."""
    shown = picture.transpose(1, 2, 0) if len(picture) == 3 else picture.mean(0)
    panel.imshow(shown, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    panel.set(xticks=[], yticks=[])
