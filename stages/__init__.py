"""The verbs of the pipeline, one file each; dvc.yaml says their order."""

import sys
from pathlib import Path

# Run the library beside these stages, not an installed one: a temporary workspace of DVC or a worktree has its own.
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))
