"""What a VAE's latents hold, as pictures: records reconstructed, latents moved one by one, ways between records."""

from pathlib import Path

import torch
from torch import Tensor

from genloop import plugins
from genloop.conditions import known_conditions
from genloop.config import Vae
from genloop.illustrations import Illustration
from genloop.randomness import keyed_generator, keyed_seed
from genloop.trained import TrainedVae

LOOKED_AT = 2048  # test records whose posterior means are taken
RECONSTRUCTED, BETWEEN = 24, 8  # records, and pairs of records
MOVED, REACH, STEPS = 10, 2.5, 11  # latent dimensions at most, in deviations of their posterior means
WAY = 8  # steps from one record to another


class Latents(TrainedVae):
    """A trained VAE with the posterior means of test records, in an order of chance."""

    def __init__(self, weights: Path, run: Vae, prepared: Path, seed: int) -> None:
        """Encode the test records that are looked at."""
        super().__init__(weights, run, prepared, seed)
        self.module = plugins.data(run.modality)
        self.chosen = keyed_generator(seed, "latents").permutation(len(self.test))[:LOOKED_AT]
        if len(self.chosen):
            self.means = self.posterior_means(self.chosen)
            self.conditions = known_conditions(run, self.test, self.chosen)

    @torch.no_grad()
    def decode(self, z: Tensor, conditions: Tensor) -> Tensor:
        """Return a record for each latent, each with the same noise, so that what differs is told by the latent."""
        records = []
        for latent, condition in zip(z.split(1), conditions.split(1), strict=True):
            torch.manual_seed(keyed_seed(self.seed, "latents"))
            records.append(self.decoder(latent, condition).sample())
        return torch.cat(records)

    def originals(self, places: Tensor) -> Tensor:
        """Return the test records at these places of the order."""
        return self.test.gather(self.chosen[places.numpy()])

    def reconstructions(self, path: Path) -> Illustration:
        """Draw test records, each with its reconstruction after it."""
        places = torch.arange(min(RECONSTRUCTED, len(self.chosen)))
        records = self.originals(places)
        pairs = torch.stack([records, self.decode(self.means[places], self.conditions[places])], 1)
        self.module.draw_sheet(pairs.flatten(0, 1), 2, self.schema).save(path)
        caption = "In each pair a test record and, after it, what the decoder makes of its posterior mean."
        return Illustration("Reconstructions", path, caption)

    def traversals(self, path: Path) -> Illustration:
        """Draw one test record over and over, with one latent dimension at a time moved from low to high."""
        deviations, center = self.means.std(0), self.means.mean(0)
        moved = deviations.argsort(descending=True, stable=True)[:MOVED]
        steps = torch.linspace(-REACH, REACH, STEPS)
        z = self.means[0].repeat(len(moved), STEPS, 1)
        for row, dimension in enumerate(moved):
            z[row, :, dimension] = center[dimension] + steps * deviations[dimension]
        records = self.decode(z.flatten(0, 1), self.conditions[:1].expand(len(moved) * STEPS, -1))
        titles = [f"z{dimension}  ±{deviations[dimension]:.2f}" for dimension in moved.tolist()]
        self.module.draw_sheet(records, STEPS, self.schema, titles).save(path)
        caption = (
            f"One test record, decoded with one latent dimension at a time moved from \N{MINUS SIGN}{REACH} to {REACH} "
            "deviations of its posterior means, which are stated; the dimensions that deviate most come first."
        )
        return Illustration("Latent traversals", path, caption)

    def interpolations(self, path: Path) -> Illustration | None:
        """Draw the way between the posterior means of two test records, the records themselves at its ends."""
        pairs = alike(self.conditions)
        if not len(pairs):
            return None
        first, last = pairs.unbind(1)
        shares = torch.linspace(0, 1, WAY)[:, None]
        z = self.means[first, None] * (1 - shares) + self.means[last, None] * shares  # [pairs, steps, latent]
        condition = self.conditions[first].repeat_interleave(WAY, 0)
        between = self.decode(z.flatten(0, 1), condition).unflatten(0, (len(pairs), WAY))
        ends = [self.originals(side)[:, None] for side in (first, last)]
        records = torch.cat([ends[0], between, ends[1]], 1).flatten(0, 1)
        self.module.draw_sheet(records, WAY + 2, self.schema).save(path)
        caption = f"Two test records, and between them {WAY} steps from the posterior mean of one to that of the other."
        return Illustration("Interpolations", path, caption)


def alike(conditions: Tensor) -> Tensor:
    """Return pairs of records that were asked for the same, each in one pair only: [pairs, 2]."""
    waiting: dict[bytes, int] = {}
    pairs: list[tuple[int, int]] = []
    for place, condition in enumerate(conditions.numpy()):
        key = condition.tobytes()
        if key in waiting:
            pairs.append((waiting.pop(key), place))
        else:
            waiting[key] = place
        if len(pairs) == BETWEEN:
            break
    return torch.tensor(pairs, dtype=torch.long).reshape(-1, 2)


def draw_latents(weights: Path, run: Vae, prepared: Path, seed: int, folder: Path) -> list[Illustration]:
    """Write ``reconstructions.png``, ``traversals.png`` and ``interpolations.png``, and return them with captions.

    Without test records there is nothing to draw; with one there are no deviations and no ways.
    """
    latents = Latents(weights, run, prepared, seed)
    folder.mkdir(parents=True, exist_ok=True)
    if not len(latents.chosen):
        return []
    drawn = [latents.reconstructions(folder / "reconstructions.png")]
    if len(latents.chosen) > 1:
        drawn.append(latents.traversals(folder / "traversals.png"))
        if found := latents.interpolations(folder / "interpolations.png"):
            drawn.append(found)
    return drawn
