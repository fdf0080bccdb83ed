"""Bare PyTorch loops over the networks, batches and optimizers of a genloop run: what training costs without a frame.

Each is an endless iterator: ``next`` makes one step. The arithmetic is that of ``gan.py`` and ``vae.py``, the averaging
of weights and the decay of the learning rate too; there is no Lightning, no curve, no preview and no saved state.
"""

from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from genloop import plugins
from genloop.batches import Batches
from genloop.config import Gan, Vae
from genloop.losses import negative_elbo
from genloop.training import build

STEPS = 10**6  # planned, so that the learning rate hardly decays during a measurement


def steps_of(run: Gan | Vae, prepared: Path, bf16: bool) -> Callable[[], object]:
    """Return a function that makes the next step of the training of ``run``."""
    records = plugins.data(run.modality).open_records(prepared, "train")
    system = build(run, prepared, STEPS)
    loop = {"gan": _gan, "vae": _vae}[run.family](system, _batches(records, run), bf16)
    return lambda: next(loop)


def _batches(records: Any, run: Gan | Vae) -> Iterator[Tensor]:
    epochs = count()
    while True:
        yield from Batches(records, run.batch, run.seed, lambda: next(epochs))


def _gan(system: Any, batches: Iterator[Tensor], bf16: bool) -> Iterator[None]:
    optimizers, schedules = _first_and_last(system.configure_optimizers())
    generator, critic, loss_of = system.generator, system.critic, system.loss

    def generate(x: Tensor) -> Tensor:
        return generator(system.prior.sample(len(x))).rsample()

    for x in batches:
        critic.requires_grad_(True)
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            with torch.no_grad():
                fake = generate(x)
            loss = loss_of.critic(critic(x).float(), critic(fake).float()).mean()
        _improve(optimizers[0], loss)
        critic.requires_grad_(False)
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            loss = loss_of.generator(None, critic(generate(x)).float()).mean()
        _improve(optimizers[1], loss)
        system.averaged.update_parameters(generator)
        for schedule in schedules:
            schedule.step()
        yield


def _vae(system: Any, batches: Iterator[Tensor], bf16: bool) -> Iterator[None]:
    configured = system.configure_optimizers()
    optimizer, schedule = configured["optimizer"], configured["lr_scheduler"]["scheduler"]
    for x in batches:
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            posterior = system.encoder(x)
            z = posterior.rsample()
            rate = posterior.log_prob(z) - system.prior.log_prob(z)
            loss = negative_elbo(rate, -system.decoder(z).log_prob(x)).mean()
        _improve(optimizer, loss)
        schedule.step()
        yield


def _improve(optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def _first_and_last(configured: Any) -> tuple[list[Any], list[Any]]:
    """Return optimizers and schedules, from Lightning's pair of lists or its list of dictionaries."""
    if isinstance(configured, tuple):
        return configured[0], configured[1]
    return [entry["optimizer"] for entry in configured], [entry["lr_scheduler"] for entry in configured]
