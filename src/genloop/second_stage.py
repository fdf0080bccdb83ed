"""The second stage of a VAE: a model of where the latents of the training records really lie, to draw new ones from.

The prior of a trained VAE and the average of its posteriors differ, and what lies between is decoded badly (Dai and
Wipf 2019, "Diagnosing and enhancing VAE models"). A mixture of normal distributions fitted to latents of the training
records afterwards (Ghosh et al. 2020, "From variational to deterministic autoencoders", section 4) closes the gap.
"""

from typing import Any

import numpy as np
import torch
from sklearn.mixture import GaussianMixture
from threadpoolctl import threadpool_limits
from torch import Tensor, nn

from genloop.conditions import known_conditions
from genloop.config import Vae
from genloop.plugins import Records
from genloop.priors import FittedMixture
from genloop.randomness import keyed_generator, keyed_seed

BLOCK = 256  # records encoded at a time
COMPONENTS = 64  # at most; few records get fewer
RECORDS_PER_COMPONENT = 100
RECORDS = 20_000  # latents that are fitted, at most
ITERATIONS = 100


def fit_sampler(run: Vae, networks: dict[str, nn.Module], records: Records) -> FittedMixture:
    """Return a mixture fitted to latents of up to 20,000 records, which ``networks`` encode."""
    chosen = keyed_generator(run.seed, "second stage").permutation(len(records))[:RECORDS]
    return fit_mixture(latents_of(run, networks, records, chosen), keyed_seed(run.seed, "second stage"))


@torch.no_grad()
def latents_of(run: Vae, networks: dict[str, nn.Module], records: Records, chosen: Any) -> Tensor:
    """Return a latent drawn from the posterior of each chosen record: [records, latent]."""
    encoder: Any = networks["encoder"].eval().cpu()
    decoder: Any = networks["decoder"]
    torch.manual_seed(keyed_seed(run.seed, "latents"))
    latents = []
    for start in range(0, len(chosen), BLOCK):
        indices = chosen[start : start + BLOCK]
        x = decoder.observed(records.gather(indices).cpu())
        latents.append(encoder(x, known_conditions(run, records, indices)).rsample())
    return torch.cat(latents)


def components_of(records: int) -> int:
    """Return how many components so many records can feed."""
    return max(1, min(COMPONENTS, records // RECORDS_PER_COMPONENT))


def fit_mixture(latents: Tensor, seed: int) -> FittedMixture:
    """Return the mixture that makes ``latents`` [records, latent] most probable, by expectation and maximization."""
    components = components_of(len(latents))
    fit = GaussianMixture(components, max_iter=ITERATIONS, tol=1e-2, reg_covar=1e-4, random_state=seed % 2**32)
    with threadpool_limits(1):  # sums in one order
        fit.fit(latents.double().numpy())
    mixture = FittedMixture(len(fit.weights_), latents.shape[1])
    mixture.weights.copy_(torch.from_numpy(fit.weights_))
    mixture.means.copy_(torch.from_numpy(fit.means_))
    mixture.factors.copy_(torch.from_numpy(np.linalg.cholesky(fit.covariances_)))
    return mixture
