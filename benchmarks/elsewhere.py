"""How far scores of the shipped runs differ where the arithmetic does: narrower instructions, two threads.

    python -m benchmarks.elsewhere

Asks torch and its libraries for narrower instructions, as of an older processor, and trains, samples and evaluates the
runs of params.yaml again, from the prepared data of this checkout (run `dvc repro` first). Beside them: another seed.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from genloop.config import Evaluate, Sample, Train
from genloop.evaluation import evaluate
from genloop.identity import hash_weights
from genloop.outputs import read_choices
from genloop.sampling import sample
from genloop.training import train
from tests.test_training import Watch

ROOT = Path(__file__).parents[1]
RUNS = {"digits_gan": "frechet", "digits_vae": "elbo", "cancer_gan": "detection", "cancer_vae": "detection"}
AVX2 = {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2", "MKL_ENABLE_INSTRUCTIONS": "AVX2"}
OLD = {"ATEN_CPU_CAPABILITY": "default", "ONEDNN_MAX_CPU_ISA": "SSE41", "MKL_ENABLE_INSTRUCTIONS": "SSE4_2"}
WAYS: dict[str, tuple[dict[str, str], dict[str, int]]] = {  # what is in the environment, and which choices differ
    "as it is": ({}, {}),
    "again": ({}, {}),
    "AVX2": (AVX2, {}),
    "SSE": (OLD, {}),
    "two threads": ({}, {"threads": 2}),
    "another seed": ({}, {"seed": 1}),
}


def scored(name: str, changed: dict[str, int]) -> dict[str, object]:
    """Train, sample and score a run in a folder of its own; return a score with the hash of the weights."""
    choices, data = ROOT / "data/config" / name, Path(tempfile.mkdtemp())
    run = read_choices(choices / "train.json", Train).model_copy(update=changed)
    for kind in ("prepared", "reference"):
        (data / kind).symlink_to(ROOT / "data" / kind)
    train(name, run, data / "prepared" / run.data, data / "weights" / name, data / "state", Watch())
    sample(data / "weights" / name, read_choices(choices / "sample.json", Sample), data / "samples" / name)
    metrics = evaluate(name, read_choices(choices / "evaluate.json", Evaluate), data)
    told = metrics["protocol"]["arithmetic"]["from step 0"]
    return {
        "score": metrics[RUNS[name]],
        "weights": hash_weights(data / "weights" / name / "weights.safetensors")[:7],
        "told": told,
    }


def main() -> None:
    """Print a table of runs and ways."""
    print("| run | score | " + " | ".join(WAYS) + " |\n|---|---|" + "---|" * len(WAYS))
    for name, score in RUNS.items():
        found = []
        for environment, changed in WAYS.values():
            command = [sys.executable, "-m", "benchmarks.elsewhere", name, json.dumps(changed)]
            done = subprocess.run(command, env=os.environ | environment, check=True, stdout=subprocess.PIPE, text=True)
            found.append(json.loads(done.stdout.splitlines()[-1]))
            print(name, found[-1], file=sys.stderr, flush=True)
        cells = (f"{one['score']:.4g} ({one['weights']})" for one in found)
        print(f"| {name} | {score} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    if sys.argv[1:]:
        print(json.dumps(scored(sys.argv[1], json.loads(sys.argv[2]))))
    else:
        main()
