"""A trained run that answers requests: the records are those that ``sample`` draws with the same seed, however few.

Nothing here knows of MLflow; ``tracking/sampler.py`` is what MLflow loads.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any

import pandas as pd
import torch
from pydantic import ValidationError

from genloop import plugins
from genloop.config import ImageGanSample, ImageVaeSample, TableGanSample, TableVaeSample
from genloop.errors import GenloopError
from genloop.identity import hash_tensors
from genloop.marking import Mark
from genloop.numerics import make_reproducible
from genloop.parameters import FORMS, parameters_of
from genloop.sampling import Source
from genloop.strict_yaml import parse_yaml

MOST = 10_000  # records of an answer
NUMBERS = 2**24  # of these records in all: pixels, or parts of rows
KEPT = 64  # blocks that are kept for the next request, at most
KEPT_NUMBERS = 2**24  # and the numbers in them; those of rows take 12 bytes each, those of pictures one
SAMPLES: dict[tuple[str, str], Any] = {
    ("image", "gan"): ImageGanSample,
    ("image", "vae"): ImageVaeSample,
    ("table", "gan"): TableGanSample,
    ("table", "vae"): TableVaeSample,
}


@contextmanager
def as_in_the_pipeline(threads: int) -> Iterator[None]:
    """Compute as a stage does, and leave the process as it was: its generator, its threads, its kernels."""
    before, strict = torch.get_num_threads(), torch.get_deterministic_debug_mode()
    with torch.random.fork_rng(devices=[]):
        try:
            make_reproducible(threads)  # each time: a thread of a server may have a number of threads of its own
            yield
        finally:
            torch.set_num_threads(before)
            torch.set_deterministic_debug_mode(strict)


class Served:
    """Weights that records are drawn from by request."""

    def __init__(self, weights: Path) -> None:
        """Load what records come from, for good: nothing is read or imported when a request comes."""
        with as_in_the_pipeline(1):
            self.source = Source(weights)
        self.weights = hash_tensors(self.source.tensors)
        run, schema = self.source.run, self.source.schema
        self.module, self.block = plugins.served(run.modality), self.source.module.block(schema)
        self.sample, self.known = SAMPLES[run.modality, run.family], [each.name for each in parameters_of(run)]
        self.most = max(1, min(MOST, NUMBERS // schema.dimensions))
        self.lock = Lock()  # records are drawn from the one generator that all threads share
        # A small request is drawn from a whole block, since fewer records at a time have other last bits.
        kept = max(1, min(KEPT, KEPT_NUMBERS // (self.block * schema.dimensions)))
        self.drawn = lru_cache(kept)(self._draw)

    def answer(self, parameters: Mapping[str, Any]) -> pd.DataFrame:
        """Return the records that are asked for, a row each; a parameter that is None is as one that is not given.

        Raises:
            GenloopError: a parameter is unknown, or there is nothing like what it asks for.
        """
        given = {key: value for key, value in parameters.items() if value is not None}
        unknown = [key for key in given if key not in self.known]
        if unknown:
            raise GenloopError(f"{unknown[0]}: no such parameter of this model; it takes {', '.join(self.known)}")
        n, form = given.pop("n", 1), given.pop("form", FORMS[0])
        if type(n) is not int or not 0 < n <= self.most:
            raise GenloopError(f"n: {n!r} is not from 1 to {self.most:,} records; 'genloop sample' draws any number")
        if form not in FORMS:
            raise GenloopError(f"form: {form!r} is none of {', '.join(FORMS)}")
        asked = self._asked(given)
        mark = self._mark(asked)
        answers = []
        for first in range(0, n, self.block):
            with self.lock:
                kept = self.drawn(asked, first // self.block)
            answers.append(self.module.answer(kept, min(self.block, n - first), first, self.source.schema, form, mark))
        return pd.concat(answers, ignore_index=True) if len(answers) > 1 else answers[0]

    def _mark(self, asked: str) -> Mark:
        """Return where a record comes from, in short: the rest is found by the weights."""
        wanted = json.loads(asked)
        seed, _ = wanted.pop("seed"), [wanted.pop(key) for key in ("count", "modality", "family")]
        return Mark("", self.weights, seed, 1, {key: value for key, value in wanted.items() if value})

    def _asked(self, given: dict[str, Any]) -> str:
        """Return the choices of ``sample`` that a request makes, as JSON: equal ones for equal blocks."""
        if isinstance(where := given.get("where"), str):
            given["where"] = parse_yaml(where, "where")
        try:
            return str(self.sample.model_validate(given).model_dump_json())
        except ValidationError as error:
            fault = error.errors()[0]
            told = fault["msg"][0].lower() + fault["msg"][1:]
            raise GenloopError(f"{'.'.join(map(str, fault['loc']))}: {told}, not {fault['input']!r}") from None

    def _draw(self, asked: str, block: int) -> Any:
        with as_in_the_pipeline(self.source.run.threads):
            try:
                drawn = self.source.draw_block(block, self.sample.model_validate_json(asked))
            except GenloopError as error:
                raise GenloopError(str(error).removeprefix("sample.")) from None
            return self.module.keep(*drawn, self.source.schema)
