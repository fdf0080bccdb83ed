"""A check on validation records: the figure by which weights are kept, and the numbers by which the doctor judges.

All that is random in it is the same at every check, so that two checks differ by what was learned between them.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from genloop.conditions import known_conditions
from genloop.config import Vae
from genloop.doctor import Vitals
from genloop.elbo import rate_and_distortion
from genloop.fakes import Fakes
from genloop.modes import evaluating
from genloop.numerics import seed_noise
from genloop.plugins import Records, Schema
from genloop.posterior import active_units
from genloop.randomness import keyed_seed

BLOCK = 256  # records at a time
DRAWS = 4  # latents of a record in the estimate of its elbo


class Check(NamedTuple):
    """What a check finds."""

    vitals: Vitals
    figure: float  # more is better
    parts: tuple[Tensor, ...]  # what each record gives to the figure, by which the noise of a difference is told

    @property
    def copies(self) -> bool:
        """Whether more fakes repeat training records than chance explains."""
        return self.vitals.get("copied_low", 0.0) > 0

    def noise_against(self, other: "tuple[Tensor, ...]") -> float:
        """Return the standard error of the difference to the figure of another check, which saw the same records."""
        pairs = zip(self.parts, other, strict=True)
        return math.sqrt(sum(float((mine - theirs).var()) / len(mine) for mine, theirs in pairs))


def examiner(run: Any, parts: list[Records], schema: Schema, fakes: int) -> Callable[[Any], Check]:
    """Return what checks a system on the validation records."""
    drawn = Fakes(run, parts[0], parts[1], schema, fakes) if fakes else None

    def check(system: Any) -> Check:
        vitals: Vitals = {}
        figure = math.nan
        by_record: tuple[Tensor, ...] = ()
        if isinstance(run, Vae):
            vitals, elbos = bound_vitals(run, system, parts[1], draws=DRAWS if drawn is None else 1)
            figure, by_record = float(elbos.mean()), (elbos,)
        if drawn is not None:
            found, distance = drawn.look(system)
            vitals |= found | {"kernel_distance": distance.distance}
            figure = -distance.distance
            by_record = tuple(torch.from_numpy(part) for part in (distance.by_real, distance.by_fake))
        return Check({name: float(value) for name, value in vitals.items() if math.isfinite(value)}, figure, by_record)

    return check


def bound_vitals(run: Any, system: Any, records: Records, draws: int = DRAWS) -> tuple[Vitals, Tensor]:
    """Return the mean elbo and rate of records in nats and how many latents are active, and the elbo of each.

    A latent is active when the mean of its posterior varies over records (Burda et al. 2016, "Importance weighted
    autoencoders").
    """
    sampled: dict[str, Any] = system.sampled
    encoder, decoder, prior = (sampled[name] for name in ("encoder", "decoder", "prior"))
    rates, elbos, means = [], [], []
    with evaluating(*sampled.values()):
        for start in range(0, len(records), BLOCK):
            seed_noise(keyed_seed(run.seed, "validation", start))
            indices = np.arange(start, min(start + BLOCK, len(records)))
            x = decoder.observed(records.gather(indices).to(system.device))
            condition = known_conditions(run, records, indices).to(system.device)
            posterior = encoder(x, condition)
            rate, distortion = rate_and_distortion(prior, decoder, posterior, x, condition, draws)
            means.append(posterior.mean.double().cpu())
            rates.append(rate.double().mean(0).cpu())
            elbos.append(-(rate + distortion).double().mean(0).cpu())
    elbo, active = torch.cat(elbos), active_units(torch.cat(means))
    return {"elbo": float(elbo.mean()), "rate": float(torch.cat(rates).mean()), "active": float(active)}, elbo
