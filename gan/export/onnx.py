"""A generator as one ONNX file, for other programs and for the studio."""

import hashlib
import warnings
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from gan.config import GanError
from gan.export.onnx_header import HEADER_KEY, INPUT, OUTPUT, OnnxHeader
from gan.runs.checkpoint import load_generator, model_hash
from kit.atomic import write_bytes

if TYPE_CHECKING:
    from onnx import ModelProto

DIGITS = 4
"""Decimals of a direction's values in the header."""


def export_onnx(
    model: Path, target: Path, find_directions: Callable[[torch.nn.Module, int], NDArray[np.float32]]
) -> OnnxHeader:
    """Write a generator as one file with a dynamic batch; the same generator gives the same bytes.

    Args:
        model: a generator file.
        target: the ``.onnx`` file; its folder is made.
        find_directions: `gan.sampling.directions.find_directions`, whose directions the header carries.

    Raises:
        GanError: the packages of the extra ``onnx`` are missing, the model is missing or damaged, or the file
            cannot be written.
    """
    if not (find_spec("onnx") and find_spec("onnxscript")):
        raise GanError("vgc export needs two more packages: pip install '.[onnx]'")
    generator, header = load_generator(model, torch.device("cpu"))
    latent_dim = header.architecture.latent_dim
    directions = np.round(find_directions(generator, latent_dim).astype(float), DIGITS)
    onnx_header = OnnxHeader(
        hash=model_hash(generator),
        latent_dim=latent_dim,
        size_px=header.architecture.size_px,
        trained_on=header.sources,
        directions=tuple(map(tuple, directions.tolist())),
        made_from=hashlib.sha256(model.read_bytes()).hexdigest(),
    )
    graph = trace_onnx(generator, latent_dim)
    shrink_graph(graph)
    note = graph.metadata_props.add()
    note.key, note.value = HEADER_KEY, onnx_header.to_json()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(target, graph.SerializeToString(deterministic=True))
    except OSError as error:
        raise GanError(f"{target}: cannot write it ({error.strerror or error}); choose another file") from error
    return onnx_header


def trace_onnx(generator: torch.nn.Module, latent_dim: int) -> "ModelProto":
    """The network as PyTorch exports it: [N, latent_dim] to [N, 3, side, side], N free."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter speaks to its own developers
        program = torch.onnx.export(
            generator,
            (torch.zeros(2, latent_dim),),  # a batch of 1 would be taken for a constant
            input_names=[INPUT],
            output_names=[OUTPUT],
            dynamic_shapes=({0: torch.export.Dim("N")},),
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    return program.model_proto


def shrink_graph(graph: "ModelProto") -> None:
    """Leave out where each node came from, and hold weights in 16 bits where that loses nothing.

    A generator in half precision stays as small as its file. Runtimes widen such weights once, while loading.
    """
    from onnx import TensorProto, helper, numpy_helper  # noqa: PLC0415 (an extra)

    del graph.graph.value_info[:], graph.metadata_props[:], graph.graph.metadata_props[:]
    for part in (*graph.graph.node, *graph.graph.initializer, *graph.graph.input, *graph.graph.output):
        del part.metadata_props[:]
        part.doc_string = ""
    casts = []
    for weights in graph.graph.initializer:
        values = numpy_helper.to_array(weights)
        if values.dtype != np.float32 or values.size == 1:
            continue
        with np.errstate(over="ignore"):
            halves = values.astype(np.float16)
        if np.array_equal(halves, values):
            name = weights.name
            weights.CopyFrom(numpy_helper.from_array(halves, f"{name}.half"))
            casts.append(
                helper.make_node("Cast", [weights.name], [name], name=f"{name}.cast", to=TensorProto.FLOAT)
            )
    nodes = [*casts, *graph.graph.node]
    del graph.graph.node[:]
    graph.graph.node.extend(nodes)
