"""Write the network that a run's records come from as an ONNX file, checked against PyTorch."""

import argparse
from pathlib import Path

from genloop.errors import GenloopError
from genloop.workspace import trained


def declare(verb: argparse.ArgumentParser) -> None:
    """Say what may be given."""
    verb.add_argument("run")
    verb.add_argument("out", type=Path, help="the file to write: .onnx")


def work(options: argparse.Namespace) -> None:
    """Export a run of the workspace.

    Raises:
        GenloopError: the file has another kind of name, which would tell its readers something wrong.
    """
    from genloop.export import export

    if options.out.suffix != ".onnx":
        raise GenloopError(f"{options.out}: is no name of an ONNX file; write {options.out.with_suffix('.onnx')}")
    done = export(trained(options.run), options.run, options.out)
    inputs = ", ".join(f"{name} [batch, {size}]" for name, size in done.inputs.items())
    print(f"{options.out}: {inputs} -> {done.output}; PyTorch differs by {done.difference:.2g} of {done.largest:.3g}")
