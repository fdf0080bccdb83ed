"""The second stage of a VAE: a model of where the latents of the training records really lie, to draw new ones from.

The prior of a trained VAE and the average of its posteriors differ, and what lies between is decoded badly (Dai and
Wipf 2019, "Diagnosing and enhancing VAE models"). A mixture of normal distributions fitted to latents of the training
records afterwards (Ghosh et al. 2020, "From variational to deterministic autoencoders", section 4) closes the gap. In a
conditional run it is fitted to latents and conditions together, so that latents are drawn for what is asked for.
"""

from typing import Any

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
RECORDS_PER_COMPONENT = 10
RECORDS = 20_000  # latents that are fitted, at most
ITERATIONS = 100
CONDITION_SCALE = 10.0  # a condition weighs more than all latents together, so that components keep to it


def fit_sampler(run: Vae, networks: dict[str, nn.Module], records: Records) -> FittedMixture:
    """Return a mixture fitted to latents of up to 20,000 records, which ``networks`` encode, and their conditions."""
    chosen = keyed_generator(run.seed, "second stage").permutation(len(records))[:RECORDS]
    latents, conditions = latents_of(run, networks, records, chosen)
    return fit_mixture(latents, conditions, keyed_seed(run.seed, "second stage"))


@torch.no_grad()
def latents_of(run: Vae, networks: dict[str, nn.Module], records: Records, chosen: Any) -> tuple[Tensor, Tensor]:
    """Return a latent drawn from the posterior of each chosen record, [records, latent], and its condition."""
    encoder: Any = networks["encoder"].eval().cpu()
    decoder: Any = networks["decoder"]
    torch.manual_seed(keyed_seed(run.seed, "latents"))
    latents, conditions = [], []
    for start in range(0, len(chosen), BLOCK):
        indices = chosen[start : start + BLOCK]
        x, condition = decoder.observed(records.gather(indices).cpu()), known_conditions(run, records, indices)
        latents.append(encoder(x, condition).rsample())
        conditions.append(condition)
    return torch.cat(latents), torch.cat(conditions)


def components_of(records: int) -> int:
    """Return how many components so many records can feed."""
    return max(1, min(COMPONENTS, records // RECORDS_PER_COMPONENT))


def fit_mixture(latents: Tensor, conditions: Tensor, seed: int) -> FittedMixture:
    """Return the mixture that makes ``latents`` [records, latent] with their ``conditions`` most probable.

    Fitted by expectation and maximization. Each component is then split into what it says of conditions, and of latents
    given a condition.
    """
    joint = torch.cat([latents, CONDITION_SCALE * conditions], 1).double().numpy()
    fit = GaussianMixture(
        components_of(len(latents)), max_iter=ITERATIONS, tol=1e-2, reg_covar=1e-4, random_state=seed % 2**32
    )
    with threadpool_limits(1):  # sums in one order
        fit.fit(joint)
    return split(
        torch.from_numpy(fit.weights_),
        torch.from_numpy(fit.means_),
        torch.from_numpy(fit.covariances_),
        latents.shape[1],
    )


def split(weights: Tensor, means: Tensor, covariances: Tensor, latent: int) -> FittedMixture:
    """Split normal distributions over latents and scaled conditions into marginal and conditional ones."""
    mixture = FittedMixture(len(weights), latent, means.shape[1] - latent)
    across, own = covariances[:, :latent, latent:], covariances[:, latent:, latent:]
    slopes = torch.linalg.solve(own, across.mT).mT
    mixture.log_weights.copy_(weights.log())
    mixture.means.copy_(means[:, :latent])
    mixture.factors.copy_(torch.linalg.cholesky(covariances[:, :latent, :latent] - slopes @ across.mT))
    mixture.slopes.copy_(slopes * CONDITION_SCALE)
    mixture.condition_means.copy_(means[:, latent:] / CONDITION_SCALE)
    mixture.condition_factors.copy_(torch.linalg.cholesky(own) / CONDITION_SCALE)
    return mixture
