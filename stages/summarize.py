"""data/metrics -> data/summary.md: a table of all runs, where their pictures are, and how to compare them."""

from pathlib import Path

from genloop.command import run_stage
from genloop.outputs import write_text
from genloop.summary import summarize as summarize_runs


def summarize() -> None:
    """Write the table and show it."""
    text = summarize_runs(Path("data"))
    write_text(Path("data/summary.md"), text)
    print(f"\n{text}")


if __name__ == "__main__":
    run_stage(summarize)
