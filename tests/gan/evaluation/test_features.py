"""The networks that scores look through: which they are, and what is kept of their features."""

import hashlib
import sys

import numpy as np
import pytest
import torch

from dataset.reader import load_images
from gan.errors import GanError
from gan.evaluation.features import FeatureNetwork, cached_features, load_feature_network

CPU = torch.device("cpu")


def test_another_file_than_torch_fidelitys_weights_is_refused(tmp_path):
    (tmp_path / "w.pth").write_bytes(b"some weights")
    with pytest.raises(GanError, match=r"--weights .*w\.pth: not torch-fidelity's weights-inception"):
        load_feature_network(tmp_path / "w.pth", CPU)
    with pytest.raises(GanError, match=r"--weights .*none: no such file"):
        load_feature_network(tmp_path / "none", CPU)


def test_weights_that_would_run_code_are_not_read_even_under_the_right_digest(tmp_path, monkeypatch):
    torch.save(Harmful(), tmp_path / "w.pth")
    digest = hashlib.sha256((tmp_path / "w.pth").read_bytes()).hexdigest()
    monkeypatch.setattr("gan.evaluation.features.INCEPTION_SHA256", digest)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(GanError, match=r"w\.pth: damaged"):
        load_feature_network(tmp_path / "w.pth", CPU)
    assert not (tmp_path / "harm").exists()


class Harmful:
    """Makes a file when it is unpickled."""

    def __reduce__(self):
        return (open, ("harm", "w"))


def test_torch_fidelitys_weights_are_used_where_its_download_left_them(discs, tmp_path, monkeypatch):
    from torch import nn
    from torch_fidelity import feature_extractor_inceptionv3 as theirs

    with monkeypatch.context() as untrained:
        untrained.setattr(theirs, "load_state_dict_from_url", lambda *_, **__: {})
        untrained.setattr(nn.Module, "load_state_dict", lambda *_: None)
        network = theirs.FeatureExtractorInceptionV3("x", ["2048"])
    folder = tmp_path / "torch/hub/checkpoints"
    folder.mkdir(parents=True)
    file = folder / "weights-inception-2015-12-05-6726825d.pth"
    torch.save(network.state_dict(), file)
    monkeypatch.setattr("gan.evaluation.features.INCEPTION_SHA256", hashlib.sha256(file.read_bytes()).hexdigest())
    result = load_feature_network(None, CPU)
    assert result.name == "inception-v3"
    images = load_images(discs)[:2]
    torch.testing.assert_close(result([images], 2, "discs"), network(images)[0])


def test_the_offline_features_see_alike_what_is_alike_and_the_random_state_stays():
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    network = load_feature_network(None, CPU)
    assert network.name == "efficientnet-lite0"
    rows, columns = np.mgrid[:32, :32]
    disc = ((rows - 16) ** 2 + (columns - 16) ** 2 < 100)[None].repeat(3, 0) * np.uint8(220)
    moved = np.roll(disc, 1, axis=2)
    noise = np.random.default_rng(5).integers(0, 256, (3, 32, 32), np.uint8)
    three = torch.from_numpy(np.stack([disc, moved, noise]))
    features = network([three], 3, "some")
    assert features.shape == (3, 1280)
    assert (features[0] - features[1]).norm() < 0.5 * (features[0] - features[2]).norm()
    torch.testing.assert_close(features.norm(dim=1), torch.full((3,), 1280**0.5))
    assert torch.equal(torch.rand(3), expected)


def test_features_of_a_set_are_worked_out_once_and_a_damaged_cache_is_made_again(discs, tmp_path):
    network = load_feature_network(None, CPU)
    images = load_images(discs)[:4]
    output: list[int] = []
    first = cached_features(network, images, progress=lambda done, *_: output.append(done))
    assert output == [4]
    assert torch.equal(cached_features(network, images, progress=lambda done, *_: output.append(done)), first)
    assert output == [4]
    (file,) = (tmp_path / "cache").rglob("*.safetensors")
    file.write_bytes(file.read_bytes()[:100])
    assert torch.equal(cached_features(network, images, progress=lambda done, *_: output.append(done)), first)
    assert output == [4, 4]
    mirrored = cached_features(network, images, mirrored=True)
    assert torch.equal(mirrored, cached_features(network, images.flip(3)))


def test_a_home_that_cannot_be_written_costs_time_only(discs, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    network = FeatureNetwork("mean", lambda images: images.float().mean((2, 3)), CPU)
    images = load_images(discs)
    torch.testing.assert_close(cached_features(network, images), images.float().mean((2, 3)))


def test_a_missing_extra_names_the_command_that_installs_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(GanError, match=r"package timm, which is not installed: pip install '\.\[evaluate\]'"):
        load_feature_network(None, CPU)
