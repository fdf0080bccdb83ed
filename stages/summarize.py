"""data/metrics -> data/summary.md: a table of all runs, printed with the line that says how to see them in MLflow."""

from pathlib import Path

from genloop.command import run_stage
from genloop.outputs import write_text
from genloop.summary import summarize as summarize_runs
from genloop.summary import ui_line


def summarize() -> None:
    """Write the table and show it."""
    text = summarize_runs(Path("data"))
    write_text(Path("data/summary.md"), text)
    print(f"\n{text}\n{ui_line()}")


if __name__ == "__main__":
    run_stage(summarize)
