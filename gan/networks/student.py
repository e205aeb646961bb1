"""The networks of the student project that vgc began as, layer for layer (docs/recipes.md)."""

from torch import Tensor, nn

from gan.config import Architecture
from gan.device import in_fp32

KERAS_LEAKY_SLOPE = 0.3


class StudentGenerator(nn.Module):
    """The student project's generator: dense to half size, one transposed convolution, five plain ones.

    ``z`` [N, latent_dim] float32 -> [N, channels, size, size] float32 in [-1, 1].
    """

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        narrow, wide = architecture.widths
        self.half_px = architecture.size_px // 2
        self.dense = nn.Linear(architecture.latent_dim, narrow * self.half_px**2)
        self.layers = nn.Sequential(
            nn.LeakyReLU(KERAS_LEAKY_SLOPE),
            nn.Conv2d(narrow, wide, 5, padding=2),
            nn.LeakyReLU(KERAS_LEAKY_SLOPE),
            nn.ConvTranspose2d(wide, wide, 4, stride=2, padding=1),
            nn.LeakyReLU(KERAS_LEAKY_SLOPE),
            nn.Conv2d(wide, wide, 5, padding=2),
            nn.LeakyReLU(KERAS_LEAKY_SLOPE),
            nn.Conv2d(wide, wide, 5, padding=2),
            nn.LeakyReLU(KERAS_LEAKY_SLOPE),
        )
        self.to_rgb = nn.Conv2d(wide, architecture.channels, 7, padding=3)
        self.apply(init_glorot_uniform)

    def forward(self, z: Tensor) -> Tensor:
        base = self.dense(z).unflatten(1, (-1, self.half_px, self.half_px))
        return in_fp32(self.to_rgb, self.layers(base)).tanh()


class StudentDiscriminator(nn.Module):
    """The student project's discriminator: four unpadded convolutions, dropout, one unit.

    ``images`` [N, channels, size, size] float32 -> [N] float32, positive for real (theirs called fakes 1; a sign).
    """

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels, side = architecture.channels, architecture.size_px
        for index, width in enumerate(architecture.widths):
            kernel, stride = (3, 1) if index == 0 else (4, 2)
            layers += [nn.Conv2d(channels, width, kernel, stride), nn.LeakyReLU(KERAS_LEAKY_SLOPE)]
            channels, side = width, (side - kernel) // stride + 1
        self.layers = nn.Sequential(*layers)
        self.dropout = nn.Dropout(0.4)
        self.dense = nn.Linear(channels * side**2, 1)
        self.apply(init_glorot_uniform)

    def forward(self, images: Tensor) -> Tensor:
        features = self.dropout(self.layers(images).flatten(1))
        return in_fp32(self.dense, features).squeeze(1)


def init_glorot_uniform(module: nn.Module) -> None:
    """Keras's default initialisation: Glorot-uniform weights, zero biases."""
    if isinstance(module, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
        nn.init.xavier_uniform_(module.weight)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
