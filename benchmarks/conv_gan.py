"""A convolutional GAN, 28x28, width 32, batch 128, one thread: genloop in bf16 against bare loops in bf16 and fp32.

All three train the same networks with the same optimizers. Records per second of processor time; must: genloop within
5 % of the bare loop in bf16.
"""

import argparse
import time

import torch

from benchmarks.bare import steps_of
from benchmarks.data import arguments, prepare_idx
from benchmarks.genloop_run import gan, in_bf16, training_rate
from benchmarks.measure import interleave, machine, medians, ratio, step_rate, table

BARE_STEPS = 50
BATCH = 128


def main(choices: argparse.Namespace) -> None:
    """Measure the three in turns."""
    torch.set_num_threads(1)
    print(machine(), flush=True)
    prepared = prepare_idx(choices.data / "fashion-mnist", choices.records)
    run = gan(data="fashion", width=32, batch=BATCH, epochs=2, previews=2)
    bf16, fp32 = steps_of(run, prepared, bf16=True), steps_of(run, prepared, bf16=False)
    results = interleave(
        {
            "bare loop, bf16": lambda: step_rate(bf16, BARE_STEPS, BATCH, time.process_time),
            "genloop, bf16": lambda: training_rate(in_bf16(run), prepared),
            "bare loop, fp32": lambda: step_rate(fp32, BARE_STEPS, BATCH, time.process_time),
        },
        choices.rounds,
    )
    rows = [(name, rate, ratio(results, name, "bare loop, bf16")) for name, rate in medians(results).items()]
    print(machine(), table(("what", "records/s", "against the bare loop in bf16"), rows), sep="\n\n")


if __name__ == "__main__":
    parser = arguments(__doc__, records=12_800)
    parser.add_argument("--rounds", type=int, default=5)
    main(parser.parse_args())
