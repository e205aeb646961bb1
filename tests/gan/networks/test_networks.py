from dataclasses import replace

import pytest
import torch
from slim_networks import slim
from torch import nn
from torch.nn import functional as F

from gan.config import MAX_SIZE_PX, PRESETS, doublings
from gan.errors import SettingsError
from gan.networks.build import build_discriminator, build_generator, count_parameters
from gan.networks.dcgan import UpsampleConv2d, UpsampleKernel, upsample_kernel
from gan.networks.layer_summary import describe_recipe
from gan.networks.layers import MinibatchStd, SelfModulation, group_variance, modulate


@pytest.mark.parametrize(
    ("preset", "generator", "discriminator"),
    [
        ("student", 28_822_723, 1_244_001),
        ("dcgan-2015", 4_037_504, 2_770_176),
        # Nobody's but ours: files of earlier versions load only while these stay.
        ("dcgan", 1_432_243, 696_570),
        ("projected", 2_217_699, 1_405_630),
        ("r3gan", 1_212_611, 1_196_506),
    ],
)
def test_presets_have_exactly_the_published_parameter_counts(preset, generator, discriminator):
    with torch.device("meta"):
        assert count_parameters(build_generator(PRESETS[preset].generator)) == generator
        assert count_parameters(build_discriminator(PRESETS[preset].discriminator)) == discriminator
    table = describe_recipe(PRESETS[preset])
    assert table["generator"]["parameters"] == generator
    assert table["discriminator"]["parameters"] == discriminator


def test_the_students_layer_table_is_theirs():
    table = describe_recipe(PRESETS["student"])
    with_weights = [(row["kind"], row["shape"]) for row in table["generator"]["layers"] if row["parameters"]]
    assert with_weights == [
        ("Linear", (256_000,)),
        ("Conv2d", (320, 40, 40)),
        ("ConvTranspose2d", (320, 80, 80)),
        ("Conv2d", (320, 80, 80)),
        ("Conv2d", (320, 80, 80)),
        ("Conv2d", (3, 80, 80)),
    ]
    sides = [row["shape"][-1] for row in table["discriminator"]["layers"] if row["kind"] == "Conv2d"]
    assert sides == [78, 38, 18, 8]
    assert [row["shape"] for row in table["discriminator"]["layers"] if row["kind"] == "Dropout"] == [(10_240,)]


def weight_std(network: nn.Module, layer: str) -> float:
    return float(network.get_submodule(layer).weight.detach().std())


def test_the_students_slopes_dropout_and_weights_are_kerass():
    torch.manual_seed(0)
    recipe = slim(PRESETS["student"]).at_size(40)
    for network in (build_generator(recipe.generator), build_discriminator(recipe.discriminator)):
        leaks = {layer.negative_slope for layer in network.modules() if isinstance(layer, nn.LeakyReLU)}
        dropped = {layer.p for layer in network.modules() if isinstance(layer, nn.Dropout)}
        assert leaks == {0.3}
        assert dropped <= {0.4}
        for layer in network.modules():
            if isinstance(layer, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
                fans = sum(layer.weight.shape[:2]) * layer.weight[0, 0].numel()
                # Glorot's uniform weights reach this bound and no further.
                assert float(layer.weight.detach().abs().max()) == pytest.approx((6 / fans) ** 0.5, rel=0.05)
                assert not layer.bias.any()


def test_weights_begin_as_wide_as_the_papers_have_them():
    torch.manual_seed(0)
    radford = PRESETS["dcgan-2015"]
    network = build_discriminator(radford.discriminator)
    assert weight_std(network, "layers.5") == pytest.approx(0.02, rel=0.02)
    assert float(network.layers[6].weight.detach().mean()) == pytest.approx(1, abs=0.01)
    assert not isinstance(network.layers[1], nn.BatchNorm2d)  # "not applied to the discriminator's input layer"
    assert weight_std(build_generator(radford.generator), "layers.0") == pytest.approx(0.02, rel=0.02)
    network = build_discriminator(PRESETS["dcgan"].discriminator)
    assert weight_std(network, "layers.4") == pytest.approx((2 / 1.04 / (64 * 16)) ** 0.5, rel=0.01)
    network = build_generator(PRESETS["r3gan"].generator)
    assert weight_std(network, "stages.0.0.wider") == pytest.approx((2 / 1.04 / 256) ** 0.5 * 5**-0.25, rel=0.02)


def test_folded_upsampling_equals_doubling_and_convolving():
    torch.manual_seed(0)
    layer = UpsampleConv2d(3, 5).double()
    torch.nn.init.normal_(layer.weight)
    x = torch.randn(2, 3, 4, 6, dtype=torch.float64)
    plain = F.conv2d(F.interpolate(x, scale_factor=2), layer.weight, padding=1)
    torch.testing.assert_close(layer(x), plain, rtol=0, atol=1e-12)


def test_folded_bilinear_upsampling_equals_doubling_and_convolving_but_for_the_border():
    torch.manual_seed(0)
    layer = UpsampleConv2d(3, 5, "bilinear").double()
    torch.nn.init.normal_(layer.weight)
    x = torch.randn(2, 3, 4, 6, dtype=torch.float64)
    doubled = F.interpolate(x, scale_factor=2, mode="bilinear")
    plain = F.conv2d(doubled, layer.weight, padding=1)
    inside = slice(2, -2)
    torch.testing.assert_close(layer(x)[..., inside, inside], plain[..., inside, inside], rtol=0, atol=1e-12)
    torch.testing.assert_close(layer.as_transposed()(x), layer(x), rtol=0, atol=1e-12)


def test_bilinear_upsampling_makes_an_even_slope_of_an_even_slope():
    layers = {mode: UpsampleConv2d(1, 1, mode) for mode in ("nearest", "bilinear")}
    slope = torch.arange(8.0).expand(1, 1, 8, 8)
    steps = {}
    for mode, layer in layers.items():
        with torch.no_grad():
            layer.weight.zero_()[0, 0, 1, 1] = 1.0
        steps[mode] = layer(slope)[0, 0, 8, 4:12].diff().tolist()
    assert steps == {"nearest": [0, 1, 0, 1, 0, 1, 0], "bilinear": [0.5] * 7}


def test_the_spread_of_a_batch_is_that_of_each_group_of_consecutive_pictures():
    alike, apart = torch.zeros(4, 2, 3, 3), torch.zeros(4, 2, 3, 3)
    apart[::2] = 1.0  # two of four at 1: a standard deviation of 1/2 everywhere
    seen = MinibatchStd(4)(torch.cat([alike, apart]))
    assert seen.shape == (8, 3, 3, 3)
    torch.testing.assert_close(seen[:4, 2], torch.full((4, 3, 3), 1e-4))
    torch.testing.assert_close(seen[4:, 2], torch.full((4, 3, 3), 0.5))
    # Six pictures make groups of two, one picture a group of itself.
    assert MinibatchStd(4)(apart[:3].repeat(2, 1, 1, 1)).shape == (6, 3, 3, 3)
    assert MinibatchStd(4)(apart[:1])[:, 2].max() == pytest.approx(1e-4)


def test_self_modulation_begins_without_effect_and_then_scales_and_shifts_each_latents_own_maps():
    torch.manual_seed(0)
    modulated = slim(PRESETS["dcgan"]).at_size(16).generator
    plain = replace(modulated, modulation_width=0)
    generator = build_generator(modulated).eval()
    z = torch.randn(3, plain.latent_dim)
    unmodulated = build_generator(plain).eval()
    unmodulated.load_state_dict(generator.state_dict(), strict=False)
    torch.testing.assert_close(generator(z), unmodulated(z), rtol=0, atol=0)

    modulation = SelfModulation(latent_dim=1, hidden=2, channels=[2, 1])
    modulation.init_as_identity()
    with torch.no_grad():
        modulation.hidden.weight.copy_(torch.tensor([[1.0], [-1.0]]))
        modulation.hidden.bias.zero_()
        modulation.scales[0].weight[1, 0] = 0.5  # the first map's second channel: scale 1 + z / 2 for a positive z
        modulation.shifts[1].weight[0, 1] = 1.0  # the second map's only channel: shift by -z for a negative z
    (scale, shift), (second_scale, second_shift) = modulation(torch.tensor([[2.0], [-2.0]]))
    leak = 0.2 * -2
    torch.testing.assert_close(scale[:, :, 0, 0], torch.tensor([[1.0, 2.0], [1.0, 1 + leak / 2]]))
    assert not shift.any()
    torch.testing.assert_close(second_scale.flatten(), torch.ones(2))
    torch.testing.assert_close(second_shift.flatten(), torch.tensor([leak, 2.0]))
    maps = torch.arange(2.0)[:, None, None, None].expand(2, 2, 1, 1)
    torch.testing.assert_close(modulate(maps, scale, shift).flatten(), torch.tensor([0, 0, 1, 0.8]))


@pytest.mark.parametrize("preset", ["dcgan-2015", "dcgan"])
@pytest.mark.parametrize("size", [16, 40, 48, 64, 96, 128])
def test_networks_are_built_for_any_size_of_doublings(preset, size):
    recipe = PRESETS[preset].at_size(size)
    images = build_generator(recipe.generator)(torch.randn(2, recipe.generator.latent_dim))
    assert images.shape == (2, 3, size, size)
    assert images.abs().max() <= 1
    assert build_discriminator(recipe.discriminator)(images).shape == (2,)


def test_stages_join_and_leave_where_the_pictures_are_large():
    dcgan, r3gan = PRESETS["dcgan"], PRESETS["r3gan"]
    assert dcgan.at_size(128).generator.widths == (256, 128, 64, 32, 16, 8)
    assert dcgan.at_size(448).generator.widths == (256, 128, 64, 32, 16, 8, 8)
    assert dcgan.at_size(128).discriminator.widths == (16, 32, 64, 128, 256)
    assert dcgan.at_size(40).discriminator.widths == (64, 128, 256)
    assert r3gan.at_size(128).generator.widths == (256, 256, 256, 128, 64, 32)
    assert r3gan.at_size(128).discriminator.widths == (32, 64, 128, 256, 256, 256)


@pytest.mark.parametrize(("size", "count"), [(16, 2), (28, 2), (80, 4), (128, 5), (448, 6)])
def test_a_base_of_four_to_seven_pixels_is_doubled(size, count):
    assert doublings(size) == count


@pytest.mark.parametrize("size", [8, 15, 50, 81, 100, MAX_SIZE_PX * 2])
def test_sizes_that_no_doubling_reaches_are_refused_with_the_remedy(size):
    with pytest.raises(SettingsError, match=rf"{size}x{size}.*--size 64, 80"):
        doublings(size)


def test_residual_networks_start_as_if_they_had_no_blocks():
    recipe = PRESETS["r3gan"].at_size(16)
    generator = build_generator(recipe.generator)
    images = generator(torch.randn(4, recipe.generator.latent_dim))
    generator.stages = torch.nn.ModuleList(torch.nn.Identity() for _ in generator.stages)
    torch.manual_seed(0)
    z = torch.randn(4, recipe.generator.latent_dim)
    without = generator(z)
    assert images.shape == without.shape == (4, 3, 16, 16)
    again = build_generator(recipe.generator)
    again.load_state_dict(generator.state_dict(), strict=False)
    torch.testing.assert_close(again(z), without)


@pytest.mark.parametrize("preset", PRESETS)
def test_the_layer_table_counts_every_parameter(preset):
    table = describe_recipe(PRESETS[preset])
    with torch.device("meta"):
        networks = {
            "generator": build_generator(PRESETS[preset].generator),
            "discriminator": build_discriminator(PRESETS[preset].discriminator),
        }
    for name, network in networks.items():
        assert table[name]["parameters"] == count_parameters(network)


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("size", [1, 3, 4])
def test_the_variance_of_a_group_and_its_gradients_are_pytorchs_bit_for_bit(size, memory_format):
    torch.manual_seed(size)
    images = torch.randn(4 * size, 16, 5, 5).to(memory_format=memory_format)
    plain, fast = (images.clone().requires_grad_() for _ in range(2))
    results = []
    for x, variance in ((plain, lambda groups: groups.var(1, correction=0)), (fast, group_variance)):
        values = variance(x.unflatten(0, (4, size)))
        (first,) = torch.autograd.grad(values.sin().sum(), x, create_graph=True)
        (second,) = torch.autograd.grad(first.square().sum(), x)
        results.append((values, first, second))
    for one, other in zip(*results, strict=True):
        assert torch.equal(one, other)
    assert results[0][0].stride() == results[1][0].stride()


def test_the_gradient_of_the_upsampling_kernel_is_autograds_bit_for_bit():
    torch.manual_seed(0)
    weight = torch.randn(5, 7, 3, 3).to(memory_format=torch.channels_last).requires_grad_()
    upstream = torch.randn(5, 7, 4, 4)
    kernels = upsample_kernel(weight), UpsampleKernel.apply(weight)
    assert torch.equal(*kernels)
    assert torch.equal(*(torch.autograd.grad(kernel, weight, upstream)[0] for kernel in kernels))
