"""Features of Inception v3, from a file of weights that the user has: nothing is downloaded, and nothing unpickled."""

import hashlib
from io import BytesIO
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from genloop.errors import GenloopError
from genloop.image.encoding.pixels import Bytes
from genloop.image.scores.inception_network import inception_v3, resize

LARGEST = 2**30  # bytes of a file; the published ones have a tenth
BLOCK = 32  # pictures at a time, which take about half a GiB


class Inception:
    """The network that published Frechet and kernel inception distances and inception scores are computed with."""

    def __init__(self, weights: str, sha256: str) -> None:
        """Read the file ``weights``: relative to the project, absolute, or with ``~``.

        Raises:
            GenloopError: it is missing, is another file than the one stated, or holds something else.
        """
        self.sha256 = sha256
        self.network = inception_v3()
        tensors = _read(Path(weights), sha256)
        _check(weights, tensors, self.network.state_dict())
        self.network.load_state_dict(tensors, assign=True)
        self.network.requires_grad_(False)
        self.body, self.output = self.network[:-1], self.network.get_parameter("fc.weight")

    @torch.no_grad()
    def features(self, pictures: Bytes) -> Float[np.ndarray, "records 2048"]:
        """Return the features after the last pooling as float64; a gray picture counts as colored.

        The preprocessing is the published one (Heusel et al. 2017; as in torch-fidelity, for equal scores): bytes are
        brought to 299 pixels a side as TensorFlow 1 does, without rounding, then to ``(x - 128) / 128``.

        Raises:
            GenloopError: pictures have neither one nor three channels.
        """
        if pictures.shape[1] not in (1, 3):
            raise GenloopError(
                f"reference.features: inception takes gray or colored pictures, not {pictures.shape[1]} channels; "
                f"take classifier or random"
            )
        found = np.empty((len(pictures), 2048))
        for start in range(0, len(pictures), BLOCK):
            x = torch.from_numpy(np.array(pictures[start : start + BLOCK])).float()
            x = resize(x).sub_(128).div_(128).expand(-1, 3, -1, -1)
            x = x.contiguous(memory_format=torch.channels_last)  # a half to a third of the time on a processor
            found[start : start + BLOCK] = self.body(x).numpy()
        return found

    def logits(self, features: Float[np.ndarray, "records 2048"]) -> Float[np.ndarray, "records 1008"]:
        """Return the class logits of features, without the bias, as inception scores are published with."""
        return (torch.from_numpy(features).float() @ self.output.T).double().numpy()


def _read(path: Path, sha256: str) -> dict[str, Tensor]:
    """Return the tensors of a file with this hash; what is hashed and what is read are the same bytes."""
    try:
        path = path.expanduser()
        size = path.stat().st_size
        if size > LARGEST:
            told = f"reference.inception_weights: {path} has {size:,} bytes, more than {LARGEST:,}"
            raise GenloopError(f"{told}; docs/pictures.md says which file it should be")
        if not path.is_file() and not path.is_dir():  # a pipe or a device, which may never end
            raise OSError("it is no file")
        content = path.read_bytes()
    except (OSError, RuntimeError, ValueError) as error:  # the latter of a user or a name that cannot be
        told = getattr(error, "strerror", None) or str(error)
        raise GenloopError(
            f"reference.inception_weights: {path}: cannot be read ({told}); genloop downloads nothing, "
            f"so put the file there (docs/pictures.md says which one)"
        ) from None
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise GenloopError(
            f"reference.inception_sha256: {path} has the SHA-256 {found}, not {sha256}; get the right file, "
            f"or state this hash if it is the one you want"
        )
    try:
        tensors = torch.load(BytesIO(content), map_location="cpu", weights_only=True)
    except Exception:  # torch has many kinds of them for files of another form
        tensors = None
    if not isinstance(tensors, dict) or not all(isinstance(value, Tensor) for value in tensors.values()):
        raise GenloopError(
            f"reference.inception_weights: {path} does not hold just plain tensors, as torch.save writes them; "
            f"docs/pictures.md says which file does"
        )
    return tensors


def _check(weights: str, tensors: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    """Check that all expected tensors are there, and no other."""
    wrong = [
        name
        for name in sorted(tensors.keys() | expected.keys())
        if name not in tensors
        or name not in expected
        or (tensors[name].shape, tensors[name].dtype) != (expected[name].shape, expected[name].dtype)
    ]
    if wrong:
        raise GenloopError(
            f"reference.inception_weights: {weights} does not hold this Inception v3: {len(wrong)} tensors are "
            f"missing, of another shape or too many, the first {wrong[0]}; docs/pictures.md says which file does"
        )
