"""The verbs of the pipeline, one file each; dvc.yaml says their order."""

import gc
import shutil
import sys
from pathlib import Path

# Run the library beside these stages, not an installed one: a temporary workspace of DVC or a worktree has its own.
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

# Python does not notice when a full disk cuts off the bytecode that it keeps, and fails by it ever after.
if shutil.disk_usage(Path(__file__).parent).free < 2**24:
    sys.dont_write_bytecode = True

# What a stage imports stays: looking for garbage among a million new objects would be a fifth of its start.
if sys.argv[0] == "-m":  # Python looks for the stage to run, which is not so where a stage is imported
    gc.disable()
