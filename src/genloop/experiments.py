"""What ``dvc exp run`` left in Git: the metrics of experiments on the present commit."""

import sys
from collections.abc import Iterator

from genloop.comparison import Entry, read_metrics
from genloop.errors import GenloopError
from genloop.versions import metrics_at
from genloop.workspace import git

REFS = "refs/exps"  # of DVC: refs/exps/<first two digits of the base commit>/<the others>/<name of the experiment>


def experiments(runs: dict[str, str]) -> Iterator[Entry]:
    """Yield the runs of each experiment that began at the present commit; ``runs`` maps them to their data sets."""
    base = git("rev-parse", "HEAD")
    if base is None:
        return
    place = f"{REFS}/{base[:2]}/{base[2:]}"
    for reference in (git("for-each-ref", "--format=%(refname)", place) or "").splitlines():
        for run, data in runs.items():
            text = metrics_at(reference, run)
            if text is None:
                continue
            try:
                yield Entry(run, data, read_metrics(text, f"experiment {reference.rpartition('/')[2]}, {run}"))
            except GenloopError as error:  # one experiment of another version keeps nobody from comparing the others
                print(f"genloop: {error}; left out", file=sys.stderr)
