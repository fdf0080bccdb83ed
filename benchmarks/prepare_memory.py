"""Time and peak memory of ``prepare`` for growing numbers of generated small PNG files.

Say ``python benchmarks/prepare_memory.py`` or add the counts: ``python benchmarks/prepare_memory.py 1000 10000``.
Each count is prepared in a process of its own, whose peak resident memory the operating system tells. That counts what
the process is forked from too, so nothing large, such as ``benchmarks.measure``, is imported here.
"""

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

COUNTS = (10_000, 100_000)
SIDE = 32  # pixels
PREPARE = """\
import sys
from pathlib import Path
from genloop.choices import ImagePrepare
from genloop.image.raw.prepare import prepare
prepare(Path(sys.argv[1]), ImagePrepare(modality="image"), Path(sys.argv[2]))
"""


def generate(folder: Path, start: int, stop: int) -> None:
    """Write smooth random pictures in color, in ten class folders."""
    for index in range(start, stop):
        grid = np.random.default_rng(index).integers(0, 256, (4, 4, 3), dtype=np.uint8)
        path = folder / str(index % 10) / f"{index}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(grid).resize((SIDE, SIDE), Image.Resampling.BICUBIC).save(path)


def measure(raw: Path, out: Path) -> tuple[float, float]:
    """Return seconds and peak resident MiB of one run; runs must grow, since the peak is that of all runs so far."""
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", PREPARE, raw, out], check=True)
    return time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024


def main() -> None:
    """Print a table."""
    counts = sorted(int(count) for count in sys.argv[1:]) or list(COUNTS)
    print(f"| pictures ({SIDE}x{SIDE} PNG) | seconds | pictures/s | peak resident MiB | written MiB |")
    print("|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as place:
        raw, out, done = Path(place) / "raw", Path(place) / "out", 0
        for count in counts:
            generate(raw, done, count)
            done = count
            seconds, peak = measure(raw, out)
            written = sum(path.stat().st_size for path in out.glob("*.npy")) / 2**20
            print(f"| {count:,} | {seconds:.1f} | {count / seconds:.0f} | {peak:.0f} | {written:.0f} |", flush=True)


if __name__ == "__main__":
    main()
