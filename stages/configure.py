"""params.yaml -> data/config: all choices checked and resolved, one file per data set or run and stage."""

from pathlib import Path

from genloop.command import run_stage
from genloop.resolve import read_params, write_resolved


def configure() -> None:
    """Check all choices before any work starts and write them resolved."""
    write_resolved(read_params(Path("params.yaml"), raw=Path("data/raw")), Path("data/config"))


if __name__ == "__main__":
    run_stage(configure)
