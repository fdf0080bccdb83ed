"""The verbs of the pipeline, one file each; dvc.yaml says their order."""

import shutil
import sys
from pathlib import Path

# Run the library beside these stages, not an installed one: a temporary workspace of DVC or a worktree has its own.
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

# Python does not notice when a full disk cuts off the bytecode that it keeps, and fails by it ever after.
if shutil.disk_usage(Path(__file__).parent).free < 2**24:
    sys.dont_write_bytecode = True
