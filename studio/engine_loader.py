"""The fastest engine there is for a model."""

import logging
from importlib.util import find_spec
from pathlib import Path

from kit.quoting import quoted
from studio.engine import Engine

log = logging.getLogger(__name__)


def load_engine(path: Path) -> Engine:
    """The fastest engine there is for a model.

    Where ONNX Runtime is installed, that is a ``.onnx`` file of ``vgc export``, named itself or found beside the
    generator that it was made from; else PyTorch, which is imported only then.

    Raises:
        GanError: the model is missing or damaged.
        StudioError: a ``.onnx`` file is named, but nothing is installed that runs it.
    """
    # Each backend is loaded by whoever draws with it: PyTorch alone takes seconds.
    if path.suffix == ".onnx":
        from studio.engine_onnx import OnnxEngine  # noqa: PLC0415

        return OnnxEngine(path)
    if find_spec("onnxruntime"):
        from studio.engine_onnx import find_exported_onnx  # noqa: PLC0415

        if engine := find_exported_onnx(path):
            return engine
    from studio.engine_torch import TorchEngine  # noqa: PLC0415

    target = path.with_suffix(".onnx")
    log.warning("PyTorch draws; faster after: vgc export --model %s --onnx %s", quoted(path), quoted(target))
    return TorchEngine(path)
