"""A generator as one ONNX file, for other programs and for the studio."""

import hashlib
import re
import warnings
from collections.abc import Callable
from copy import deepcopy
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from gan.errors import GanError, SettingsError
from gan.export.onnx_header import HEADER_KEY, INPUT, OUTPUT, OnnxHeader
from gan.networks.dcgan import UpsampleConv2d
from gan.runs.checkpoint import load_generator, model_hash
from kit.atomic import sweep, write_bytes

if TYPE_CHECKING:
    from onnx import ModelProto

DIGITS = 4
"""Decimals of a direction's values in the header."""
LOWEST_OPSET, HIGHEST_OPSET = 15, 23
"""The lowest is the default: ONNX Runtime has read it since 1.10 (2021), and game engines do (Unity up to 15)."""
LOWEST_TRACED = 18
"""What PyTorch's exporter begins with; ONNX's own converter leads down from there."""
LARGE = 64
"""Values of a weight that is worth a node of its own."""


def export_onnx(
    model: Path,
    target: Path,
    find_directions: Callable[[torch.nn.Module, int], NDArray[np.float32]],
    opset: int = LOWEST_OPSET,
    half: bool = False,
) -> OnnxHeader:
    """Write a generator as one file with a dynamic batch; the same generator gives the same bytes.

    Args:
        model: a generator file.
        target: the ``.onnx`` file; its folder is made.
        find_directions: `gan.sampling.directions.find_directions`, whose directions the header carries.
        opset: the version of ONNX's operators, LOWEST_OPSET to HIGHEST_OPSET.
        half: store weights in 16 bits and have the runtime compute the upsampling kernels: a file of half the
            size, of a generator whose weights are such already, for newer runtimes.

    Raises:
        SettingsError: the opset is none of those.
        GanError: the packages of the extra ``onnx`` are missing, the model is missing or damaged, or the file
            cannot be written.
    """
    if not LOWEST_OPSET <= opset <= HIGHEST_OPSET:
        raise SettingsError(f"--opset {opset}: choose {LOWEST_OPSET} to {HIGHEST_OPSET}")
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
        channels=header.architecture.channels,
    )
    graph = trace_onnx(generator if half else fold_upsampling(generator), latent_dim, opset)
    if half:
        store_in_16_bits(graph)
    drop_traces(graph)
    note = graph.metadata_props.add()
    note.key, note.value = HEADER_KEY, onnx_header.to_json()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        sweep(target.parent, re.escape(target.name))
        write_bytes(target, graph.SerializeToString(deterministic=True))
    except OSError as error:
        raise GanError(f"{target}: cannot write it ({error.strerror or error}); choose another file") from error
    return onnx_header


def fold_upsampling(generator: torch.nn.Module) -> torch.nn.Module:
    """A copy that computes no kernels: few runtimes slice backwards, or convolve with what is no constant."""
    plain = deepcopy(generator)
    for module in list(plain.modules()):
        for name, layer in list(module.named_children()):
            if isinstance(layer, UpsampleConv2d):
                setattr(module, name, layer.as_transposed())
    return plain


def store_in_16_bits(graph: "ModelProto") -> None:
    """Halve the weights in the file; a runtime brings them back to 32 bits once, when it loads them."""
    from onnx import TensorProto, helper, numpy_helper  # noqa: PLC0415 (an extra)

    for weight in graph.graph.initializer:
        values = numpy_helper.to_array(weight)
        if values.dtype != np.float32 or values.size < LARGE:
            continue
        stored = f"{weight.name}.16"
        graph.graph.node.insert(0, helper.make_node("Cast", [stored], [weight.name], to=TensorProto.FLOAT))
        weight.CopyFrom(numpy_helper.from_array(values.astype(np.float16), stored))


def trace_onnx(generator: torch.nn.Module, latent_dim: int, opset: int) -> "ModelProto":
    """The network as PyTorch exports it: [N, latent_dim] to [N, channels, side, side], N free."""
    from onnx import helper, version_converter  # noqa: PLC0415 (an extra)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter speaks to its own developers
        program = torch.onnx.export(
            generator,
            (torch.zeros(2, latent_dim),),  # a batch of 1 would be taken for a constant
            input_names=[INPUT],
            output_names=[OUTPUT],
            dynamic_shapes=({0: torch.export.Dim("N")},),
            dynamo=True,
            opset_version=max(opset, LOWEST_TRACED),
            verbose=False,
        )
    assert program is not None
    graph = program.model_proto
    if opset < LOWEST_TRACED:
        graph = version_converter.convert_version(graph, opset)
    # The exporter writes its newest, which older runtimes refuse whatever the opset.
    graph.ir_version = helper.find_min_ir_version_for(list(graph.opset_import))
    return graph


def drop_traces(graph: "ModelProto") -> None:
    """Leave out where each node came from: half of a small file, and paths of this machine."""
    del graph.graph.value_info[:], graph.metadata_props[:], graph.graph.metadata_props[:]
    for part in (*graph.graph.node, *graph.graph.initializer, *graph.graph.input, *graph.graph.output):
        del part.metadata_props[:]
        part.doc_string = ""
