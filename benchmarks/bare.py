"""Bare PyTorch loops over the networks, batches and optimizers of a genloop run: what training costs without a frame.

Each is an endless iterator: ``next`` makes one step. The arithmetic is that of ``gan.py`` and ``vae.py``, the averaging
of weights and the schedule of the learning rate too; there is no Lightning, no curve, no preview and no saved state.
"""

from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from genloop.batches import Batch, Batches
from genloop.config import Gan, Vae
from genloop.plugins import Records
from genloop.training import build, open_training

STEPS = 10**6  # planned, so that the learning rate hardly decays during a measurement


def steps_of(run: Gan | Vae, prepared: Path, bf16: bool) -> Callable[[], object]:
    """Return a function that makes the next step of the training of ``run``."""
    (records, *_), schema = open_training(run, prepared)
    system = build(run, schema, STEPS)
    loop = {"gan": _gan, "vae": _vae}[run.family](system, _batches(records, run), bf16)
    return lambda: next(loop)


def _batches(records: Records, run: Gan | Vae) -> Iterator[Batch]:
    epochs = count()
    while True:
        for several in Batches(run, records, lambda: next(epochs)):
            yield from several


def _gan(system: Any, batches: Iterator[Batch], bf16: bool) -> Iterator[None]:
    optimizers, schedules = system.configure_optimizers()
    generator, critic, loss_of = system.trained["generator"], system.trained["critic"], system.loss
    for x, condition, _ in batches:
        critic.requires_grad_(True)
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            fake = generator(system.prior.sample(len(x)), condition).rsample()
            loss = loss_of.critic(critic(x, condition), critic(fake.detach(), condition)).mean()
        _improve(optimizers[0], loss)
        critic.requires_grad_(False)
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            loss = loss_of.generator(None, critic(fake, condition)).mean()
        _improve(optimizers[1], loss)
        system.averaged.update_parameters(generator)
        for schedule in schedules:
            schedule.step()
        yield


def _vae(system: Any, batches: Iterator[Batch], bf16: bool) -> Iterator[None]:
    (optimizer,), (schedule,) = system.configure_optimizers()
    encoder, decoder, prior = (system.trained[name] for name in ("encoder", "decoder", "prior"))
    for x, condition, _ in batches:
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            x = decoder.observed(x)
            z, rate = prior.infer(encoder(x, condition))
            loss = (rate - decoder(z, condition).log_prob(x)).mean()
        _improve(optimizer, loss)
        schedule.step()
        if system.averaged:
            system.averaged.update_parameters(system.trained)
        yield


def _improve(optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
