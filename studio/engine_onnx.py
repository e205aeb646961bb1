"""Drawing with ONNX Runtime: a file of ``vgc export``, and no PyTorch."""

import hashlib
import logging
import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gan.errors import GanError
from gan.export.onnx_header import HEADER_KEY, INPUT, OnnxHeader
from gan.runs.model_info import ModelInfo, model_name
from kit.channels import RGBA
from kit.pixel_range import denormalize
from kit.premultiplied import unpremultiply
from studio.errors import StudioError

log = logging.getLogger(__name__)


class OnnxEngine:
    """Draws with ONNX Runtime on one thread of the CPU; see `studio.engine.Engine`.

    Args:
        path: the ``.onnx`` file.
        named: the model that people call it by, where that is another file.

    Raises:
        StudioError: ONNX Runtime is not installed.
        GanError: the file is missing, damaged, or not one of ``vgc export``.
    """

    def __init__(self, path: Path, named: Path | None = None) -> None:
        os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # or its import writes a device id into the home folder
        try:
            import onnxruntime  # noqa: PLC0415 (an extra)
        except ImportError as error:
            raise StudioError(f"{path}: needs ONNX Runtime: pip install onnxruntime") from error
        if not path.is_file():
            raise GanError(f"{path}: no such model file")
        onnxruntime.disable_telemetry_events()  # older builds for Windows do not know the variable
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
            self.header = OnnxHeader.from_json(self._session.get_modelmeta().custom_metadata_map[HEADER_KEY])
            self._require_pictures()
        except Exception as error:  # its own have no common class
            raise GanError(f"{path}: damaged, or not a file of vgc export; make it again") from error
        self.path: Path | None = path
        self.info = ModelInfo(
            model=model_name(named or path),
            hash=self.header.hash,
            latent_dim=self.header.latent_dim,
            size_px=self.header.size_px,
            trained_on=self.header.trained_on,
            channels=self.header.channels,
        )

    def _require_pictures(self) -> None:
        """ValueError unless the network does what the header says, tried with one picture."""
        (latents,) = self._session.get_inputs()
        if (latents.name, latents.type, latents.shape[1:]) != (INPUT, "tensor(float)", [self.header.latent_dim]):
            raise ValueError("it takes other latents")
        values = self._run(np.zeros((1, self.header.latent_dim), np.float32))
        shape = (1, self.header.channels, self.header.size_px, self.header.size_px)
        if values.shape != shape or values.dtype != np.float32 or not np.isfinite(values).all():
            raise ValueError("it gives no pictures")

    def _run(self, latents: NDArray[np.float32]) -> NDArray[np.float32]:
        values: NDArray[np.float32]
        (values,) = self._session.run(None, {INPUT: latents})
        return values

    def draw(self, latents: NDArray[np.float32]) -> NDArray[np.uint8]:
        """See `Engine`; within 1 of 255 of what PyTorch draws."""
        pixels = np.ascontiguousarray(denormalize(self._run(latents)).astype(np.uint8).transpose(0, 2, 3, 1))
        return unpremultiply(pixels) if self.info.channels == RGBA else pixels

    def directions(self) -> NDArray[np.float32]:
        """See `Engine`; read from the file."""
        return np.array(self.header.directions, np.float32)


def find_exported_onnx(model: Path) -> OnnxEngine | None:
    """The engine of the ``.onnx`` file beside a generator file, if that is there and was made from this one."""
    path = model.with_suffix(".onnx")
    if not path.is_file():
        return None
    try:
        engine = OnnxEngine(path)
    except (GanError, StudioError) as error:
        log.warning("%s", error)
        return None
    if engine.header.made_from != hashlib.sha256(model.read_bytes()).hexdigest():
        log.warning("%s is of an earlier state of %s; vgc export makes it again", path, model.name)
        return None
    return engine
