"""Training end to end at toy size, and the exported layout."""

import subprocess
import sys
import pathlib

import pytest
import torch
import yaml
from safetensors import safe_open
from safetensors.torch import load_file

from tiny import bundle, pipeline, sizes, train_encoder, train_turbo
from tiny.model.vae import AnchorEncoder, farthest_points
from tiny.stock import Stock, World
from tiny.train_flow import Normaliser

TRAINING = pathlib.Path(__file__).parent.parent


@pytest.fixture(scope="module")
def smoke(tmp_path_factory):
    out = tmp_path_factory.mktemp("smoke")
    command = [sys.executable, "train.py", "--smoke", "--sculptures", "0", "--vae-seconds", "3", "--flow-seconds", "3"]
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
    stock = Stock(encoder, normaliser, World(None), parts=2, per_part=3, views=2, size=28, seed=5, device=torch.device("cpu"), scale=32)
    names = ("latents", "occupancy", "family", "channels", "camera")
    memory = {name: getattr(stock, name).data_ptr() for name in names}
    before = {name: getattr(stock, name).clone() for name in names}
    stock.renew()
    assert {name: getattr(stock, name).data_ptr() for name in names} == memory
    assert not torch.equal(stock.channels[:6], before["channels"][:6])
    assert torch.equal(stock.channels[6:], before["channels"][6:])
    assert not torch.equal(stock.latents[:3], before["latents"][:3])
    assert torch.equal(stock.latents[3:], before["latents"][3:])
    assert stock.shape.tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5]


def test_an_encode_path_is_added_and_nothing_else_moves(smoke):
    before, after = smoke / "first/bundle", smoke / "encoder/bundle"
    command = [sys.executable, "add_encoder.py", str(smoke / "first"), "--out", str(after.parent), "--seconds", "2"]
    subprocess.run([*command, "--shapes", "54", "--batch", "4", "--scale", "8", "--per-family", "0"], cwd=TRAINING, check=True)
    old, new = (load_file(folder / "model.fp16.safetensors") for folder in (before, after))
    assert all(torch.equal(old[name], new[name]) for name in old)
    added = {name.removeprefix("vae.").split(".")[0] for name in new.keys() - old.keys()}
    assert added == {"encoder", "pre_kl"}
    sizes = yaml.safe_load((after / "config.yaml").read_text())["vae"]["params"]
    assert sizes["pc_size"] == sizes["num_latents"] * sizes["downsample_ratio"]
    vae = bundle.load(after)[0]["vae"]
    cloud = torch.rand(2, 256, 6)
    picks = farthest_points(cloud[..., :3], 128, 0)
    mean, log_variance = vae.encode(train_encoder.labelled(cloud), picks)
    assert mean.shape == log_variance.shape == (2, 128, 16)
    # A run that resumes from it drops the encoder.
    command = [sys.executable, "train.py", "--smoke", "--sculptures", "0", "--vae-seconds", "0", "--flow-seconds", "1"]
    (smoke / "encoder/extras.safetensors").write_bytes((smoke / "first/extras.safetensors").read_bytes())
    subprocess.run([*command, "--resume", str(smoke / "encoder"), "--out", str(smoke / "third")], cwd=TRAINING, check=True)


def test_a_student_starts_as_its_teacher_and_is_a_turbo_bundle(smoke):
    teacher, settings = bundle.load(smoke / "first/bundle")
    bundle.as_turbo(settings)
    student = bundle.build(settings)["dit"]
    train_turbo.start_from(student, teacher["dit"])
    x, t, context = torch.randn(2, 128, 16), torch.rand(2), torch.randn(2, 82, 48)
    assert torch.allclose(student(x, t, context, torch.tensor([1.0, 5.0])), teacher["dit"](x, t, context), atol=1e-5)
    command = [sys.executable, "distil.py", str(smoke / "first"), "--out", str(smoke / "turbo"), "--seconds", "2"]
    toy = ["--part", "27", "--views", "2", "--batch", "4", "--scale", "8", "--per-family", "0"]
    subprocess.run([*command, *toy], cwd=TRAINING, check=True)
    modules, settings = bundle.load(smoke / "turbo/bundle")
    assert settings["model"]["params"]["guidance_embed"] and hasattr(modules["dit"], "guidance_in")
    assert torch.equal(pipeline.sigmas(settings, 5), pipeline.consistency_sigmas(5, 100))


def test_farthest_points_of_a_line():
    points = torch.tensor([0.0, 1.0, 2.0, 10.0, 4.0]).view(1, 5, 1) * torch.tensor([1.0, 0.0, 0.0])
    assert farthest_points(points, 5, 0).tolist() == [[0, 3, 4, 2, 1]]


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
