"""Training end to end at toy size, and the exported layout."""

import subprocess
import sys
import pathlib

import pytest
import torch
import yaml
from safetensors import safe_open

from tiny import bundle, sizes
from tiny.model.vae import AnchorEncoder
from tiny.stock import Stock
from tiny.train_flow import Normaliser

TRAINING = pathlib.Path(__file__).parent.parent


@pytest.fixture(scope="module")
def smoke(tmp_path_factory):
    out = tmp_path_factory.mktemp("smoke")
    command = [sys.executable, "train.py", "--smoke", "--vae-seconds", "3", "--flow-seconds", "3"]
    subprocess.run([*command, "--out", str(out / "first")], cwd=TRAINING, check=True)
    subprocess.run([*command, "--vae-seconds", "0", "--resume", str(out / "first"), "--out", str(out / "second")], cwd=TRAINING, check=True)
    return out


def test_layout(smoke):
    for run in ("first", "second"):
        folder = smoke / run / "bundle"
        settings = yaml.safe_load((folder / "config.yaml").read_text())
        assert list(settings) == ["model", "vae", "conditioner", "scheduler", "image_processor", "pipeline"]
        assert settings["pipeline"]["params"] == {"num_inference_steps": 20, "guidance_scale": 2.0, "octree_resolution": 128}
        with safe_open(folder / "model.fp16.safetensors", "pt") as file:
            names = list(file.keys())
            assert {name.split(".")[0] for name in names} == {"model", "vae", "conditioner"}
            assert {file.get_slice(name).get_dtype() for name in names} == {"F16"}
        # Strict: nothing missing, nothing left over.
        bundle.load(folder)


def test_resuming_keeps_the_vae(smoke):
    first, second = (bundle.load(smoke / run / "bundle")[0]["vae"].state_dict() for run in ("first", "second"))
    for name in first:
        assert torch.allclose(first[name], second[name], atol=2e-3), name


def test_normalisation_folds_into_post_kl():
    vae = bundle.build(bundle.config(sizes.SMOKE))["vae"]
    normaliser = Normaliser(torch.randn(13), torch.rand(13) + 0.5)
    means, codes = torch.randn(2, 128, 13), torch.randn(2, 128, 3)
    expected = vae.post_kl(torch.cat([means, codes], -1))
    weight, bias = normaliser.folded(vae.post_kl.weight, vae.post_kl.bias)
    ours = torch.cat([normaliser.apply(means), codes], -1) @ weight.T + bias
    assert torch.allclose(ours, expected, atol=1e-5)
    again, bias = normaliser.unfolded(weight, bias)
    assert torch.allclose(again, vae.post_kl.weight, atol=1e-5)
    assert torch.allclose(bias, vae.post_kl.bias, atol=1e-5)


def test_a_resume_that_does_not_fit_is_refused_at_once(smoke, tmp_path):
    for folder, reason in ((smoke / "first", "other sizes"), (tmp_path, "missing")):
        command = [sys.executable, "train.py", "--resume", str(folder), "--out", str(tmp_path / "out")]
        refused = subprocess.run(command, cwd=TRAINING, capture_output=True, text=True)
        assert refused.returncode == 1
        assert refused.stderr.startswith("cannot resume") and reason in refused.stderr
        assert not (tmp_path / "out").exists()


def test_a_renewed_stock_is_the_same_memory_with_one_part_replaced():
    encoder = AnchorEncoder(32, 2, 1, 16)
    normaliser = Normaliser(torch.zeros(13), torch.ones(13))
    stock = Stock(encoder, normaliser, parts=2, per_part=3, views=2, size=28, seed=5, device=torch.device("cpu"), scale=32)
    names = ("latents", "occupancy", "family", "rgba", "camera")
    memory = {name: getattr(stock, name).data_ptr() for name in names}
    before = {name: getattr(stock, name).clone() for name in names}
    stock.renew()
    assert {name: getattr(stock, name).data_ptr() for name in names} == memory
    assert not torch.equal(stock.rgba[:6], before["rgba"][:6])
    assert torch.equal(stock.rgba[6:], before["rgba"][6:])
    assert not torch.equal(stock.latents[:3], before["latents"][:3])
    assert torch.equal(stock.latents[3:], before["latents"][3:])
    assert stock.shape.tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5]


def test_ordered_noise_is_the_same_set_in_the_order_of_the_codes():
    noise = torch.randn(3, 128, 16)
    ordered = AnchorEncoder.order(noise)
    codes = AnchorEncoder(32, 2, 1, 16).codes
    for plain, sorted_ in zip(noise, ordered):
        assert torch.equal(plain[plain[:, 0].argsort()], sorted_[sorted_[:, 0].argsort()])
    # The first axis is sorted into eight groups of sixteen, as the first code is.
    first = ordered[0, :, 13].view(8, 16)
    assert (first[:-1].amax(1) <= first[1:].amin(1)).all()
    assert torch.equal(codes[:, 0].view(8, 16).amax(1), codes[:, 0].view(8, 16).amin(1))
