"""Print records per second of pythae training the dense VAE; run by dense_vae.py with the Python of its environment.

    PYTHON pythae_rate.py train.npy THREADS BATCH EPOCHS WIDTH LATENT

All pictures are given to pythae as one tensor, as its documentation does. The rate is that from the end of the first
epoch to the end of the last: without start and end. One thread is timed by processor time, several by the clock.
"""

import sys
import tempfile
import time
from typing import Any

import numpy as np
import torch
from pythae.data.datasets import BaseDataset
from pythae.models import VAE, VAEConfig
from pythae.models.base.base_utils import ModelOutput
from pythae.models.nn import BaseDecoder, BaseEncoder
from pythae.trainers import BaseTrainer, BaseTrainerConfig
from pythae.trainers.training_callbacks import TrainingCallback
from torch import Tensor, nn

PIXELS = 784


class Encoder(BaseEncoder):
    """784 -> width -> mean and log variance."""

    def __init__(self, width: int, latent: int) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(PIXELS, width), nn.ReLU(), nn.Linear(width, 2 * latent))

    def forward(self, x: Tensor) -> ModelOutput:
        """Return the posterior."""
        mean, log_variance = self.body(x.flatten(1)).chunk(2, 1)
        return ModelOutput(embedding=mean, log_covariance=log_variance)


class Decoder(BaseDecoder):
    """Latent -> width -> 784 probabilities."""

    def __init__(self, width: int, latent: int) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(latent, width), nn.ReLU(), nn.Linear(width, PIXELS), nn.Sigmoid())

    def forward(self, z: Tensor) -> ModelOutput:
        """Return the reconstruction."""
        return ModelOutput(reconstruction=self.body(z).unflatten(1, (1, 28, 28)))


class Marks(TrainingCallback):
    """Notes the time at the end of each epoch."""

    def __init__(self, clock: Any) -> None:
        self.clock = clock
        self.marks: list[float] = []

    def on_epoch_end(self, training_config: BaseTrainerConfig, **kwargs: Any) -> None:
        """Note the time."""
        self.marks.append(self.clock())


def main(path: str, threads: int, batch: int, epochs: int, width: int, latent: int) -> None:
    """Train and print the rate."""
    torch.set_num_threads(threads)
    pictures = torch.from_numpy(np.load(path)).float().div(255)
    config = VAEConfig(input_dim=(1, 28, 28), latent_dim=latent, reconstruction_loss="bce")
    marks = Marks(time.process_time if threads == 1 else time.perf_counter)
    with tempfile.TemporaryDirectory() as folder:
        trainer = BaseTrainer(
            VAE(config, encoder=Encoder(width, latent), decoder=Decoder(width, latent)),
            train_dataset=BaseDataset(pictures, torch.ones(len(pictures))),
            training_config=BaseTrainerConfig(
                output_dir=folder,
                num_epochs=epochs,
                per_device_train_batch_size=batch,
                learning_rate=1e-3,
                no_cuda=True,
            ),
            callbacks=[marks],
        )
        trainer.train()
    print((epochs - 1) * len(pictures) / (marks.marks[-1] - marks.marks[0]))


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
