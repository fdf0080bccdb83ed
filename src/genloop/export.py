"""The sampled network of a run as an ONNX file that says the same as PyTorch, or as no file at all."""

import json
import logging
import warnings
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from genloop import plugins
from genloop.errors import GenloopError
from genloop.identity import hash_tensors
from genloop.masking import describe
from genloop.outputs import replace_file
from genloop.plugins import Exportable
from genloop.randomness import keyed_seed
from genloop.sampling import Source

BATCHES = (1, 2, 7, 64)  # sizes at which both are compared
TOLERANCE = 1e-4  # of the largest number that PyTorch says
MISSING = "needs onnx, onnxscript and onnxruntime; run 'pip install -c requirements.lock -e .[onnx]'"


class Exported(NamedTuple):
    """What was written, and how far it is from PyTorch."""

    inputs: dict[str, int]  # names, with numbers per record
    output: str
    difference: float  # largest
    largest: float  # number that PyTorch said


def export(weights: Path, name: str, out: Path) -> Exported:
    """Write the network that a run's records come from; its batch may have any size.

    Raises:
        GenloopError: packages are missing, the network cannot be exported, or what comes out says something else.
    """
    onnx, runtime = _packages()
    source = Source(weights)
    graph = plugins.exported(source.run.modality).exportable(source.network, source.run, source.schema)
    model = _without_places(_translated(graph))
    told = {"run": name, "weights": hash_tensors(source.tensors), "family": source.run.family}
    told |= {"modality": source.run.modality} | {key: json.dumps(value) for key, value in graph.described.items()}
    onnx.helper.set_model_props(model, told)
    onnx.checker.check_model(model, full_check=True)
    content = model.SerializeToString(deterministic=True)
    difference, largest = _compare(graph, runtime.InferenceSession(content, providers=["CPUExecutionProvider"]))
    if not difference <= TOLERANCE * largest:
        raise GenloopError(
            f"{name}: ONNX says something else than PyTorch, by {difference:.2g} of {largest:.2g}; nothing is written"
        )
    with replace_file(out) as unfinished:
        unfinished.write_bytes(content)
    return Exported(graph.inputs, graph.output, difference, largest)


def _packages() -> tuple[Any, Any]:
    try:
        import onnx
        import onnxruntime
        import onnxscript  # noqa: F401  (torch's exporter asks for it)
    except ImportError as error:
        raise GenloopError(f"export: {error.name} is not installed: it {MISSING}") from None
    return onnx, onnxruntime


def _translated(graph: Exportable) -> Any:
    """Return the graph as torch's exporter translates it."""
    example = tuple(_drawn(graph, 3).values())
    batch = torch.export.Dim("batch", min=1)
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings(action="ignore"):  # of the exporter about itself
        try:
            program: Any = torch.onnx.export(
                graph.network.eval(),
                example,
                input_names=list(graph.inputs),
                output_names=[graph.output],
                dynamic_shapes=tuple({0: batch} for _ in example),
                dynamo=True,
                verbose=False,
            )
        except torch.onnx.OnnxExporterError as error:
            raise GenloopError(
                f"export: torch cannot translate the network ({describe(error.__cause__ or error)})"
            ) from None
    model = program.model_proto
    if not all(given.type.tensor_type.shape.dim[0].dim_param for given in model.graph.input):
        raise GenloopError("export: the network keeps to the batch it is seen with; write x.shape[0] for len(x) in it")
    return model


def _without_places(model: Any) -> Any:
    """Return the model without notes of where on this machine the code of its nodes lies."""
    for part in (*model.graph.node, *model.graph.value_info, *model.graph.initializer, model.graph):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")
    return model


def _drawn(graph: Exportable, count: int) -> dict[str, Tensor]:
    """Draw inputs of so many records: latents, and whatever else there is as zeros and ones."""
    generator = torch.Generator().manual_seed(keyed_seed(0, "export", count))
    found = {name: torch.randn(count, size, generator=generator) for name, size in graph.inputs.items()}
    return {name: x if name == "latent" else (x > 0).float() for name, x in found.items()}


@torch.no_grad()
def _compare(graph: Exportable, session: Any) -> tuple[float, float]:
    """Return the largest difference of both and the largest number that PyTorch says, over several batches."""
    differences, numbers = [], []
    for count in BATCHES:
        inputs = _drawn(graph, count)
        expected = graph.network(*inputs.values())
        (found,) = session.run(None, {name: x.numpy() for name, x in inputs.items()})
        if found.shape != tuple(expected.shape):
            raise GenloopError(f"export: {count} records become {found.shape}, not {tuple(expected.shape)}")
        differences.append(float((torch.from_numpy(found) - expected).abs().max()))
        numbers.append(float(expected.abs().max()))
    return max(differences), max(numbers)
