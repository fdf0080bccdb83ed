"""What a model with a likelihood says of held-out records."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from genloop import plugins
from genloop.config import VaeEvaluate
from genloop.priors import build_prior
from genloop.randomness import keyed_seed
from genloop.sampling import load_network

BLOCK = 256


@torch.no_grad()
def elbo_scores(weights: Path, run: Any, prepared: Path, choices: VaeEvaluate) -> dict[str, float]:
    """Return the elbo on the test split with its parts, mean nats per record, and the same in bits per dimension.

    The expectation over the posterior is the mean of ``draws`` latents per record.
    """
    module, networks = plugins.data(run.modality), plugins.networks(run.modality)
    schema, test = module.read_schema(weights), module.open_records(prepared, "test")
    encoder = load_network(weights, networks.Encoder(run, schema), "encoder")
    decoder = load_network(weights, networks.Decoder(run, schema), "decoder")
    prior = load_network(weights, build_prior(run), "prior")

    def mean(draws: list[Tensor]) -> Tensor:
        return torch.stack(draws).double().mean(0)

    rates, distortions = [], []
    for start in range(0, len(test), BLOCK):
        x = test.gather(np.arange(start, min(start + BLOCK, len(test))))
        torch.manual_seed(keyed_seed(choices.seed, "elbo", start))
        posterior = encoder(x)
        latents = [posterior.rsample() for _ in range(choices.draws)]
        rates.append(mean([posterior.log_prob(z) - prior.log_prob(z) for z in latents]))
        distortions.append(mean([-decoder(z).log_prob(x) for z in latents]))
    rate, distortion = float(torch.cat(rates).mean()), float(torch.cat(distortions).mean())
    bits = (rate + distortion) / (schema.dimensions * math.log(2))
    return {"elbo": -(rate + distortion), "rate": rate, "distortion": distortion, "bits_per_dimension": bits}
