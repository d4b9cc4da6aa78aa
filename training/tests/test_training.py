"""Training end to end at toy size, and the exported layout."""

import subprocess
import sys
import pathlib

import pytest
import torch
import yaml
from safetensors import safe_open
from safetensors.torch import load_file

import add_encoder
import distil
import train
from tiny import bundle, pipeline, sizes, train_encoder, train_turbo
from tiny.model.vae import AnchorEncoder, farthest_points
from tiny.stock import Stock, World
from tiny.train_flow import Normaliser

TRAINING = pathlib.Path(__file__).parent.parent


TOY = ["--scale", "8", "--per-family", "0", "--seconds", "1", "--batch", "4"]


def trained(out: pathlib.Path, *arguments: str) -> pathlib.Path:
    train.main(["--smoke", "--sculptures", "0", "--vae-seconds", "1", "--flow-seconds", "1", *arguments, "--out", str(out)])
    return out


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    return trained(tmp_path_factory.mktemp("first"))


@pytest.fixture(scope="module")
def with_encoder(first, tmp_path_factory):
    """The first run with an encode path added."""
    out = tmp_path_factory.mktemp("encoder")
    add_encoder.main([str(first), "--out", str(out), "--shapes", "54", *TOY])
    (out / "extras.safetensors").write_bytes((first / "extras.safetensors").read_bytes())
    return out


@pytest.fixture(scope="module")
def resumed(with_encoder, tmp_path_factory):
    return trained(tmp_path_factory.mktemp("resumed"), "--vae-seconds", "0", "--resume", str(with_encoder))


@pytest.mark.parametrize("run", ["first", "resumed"])
def test_layout(run, request):
    folder = request.getfixturevalue(run) / "bundle"
    settings = yaml.safe_load((folder / "config.yaml").read_text())
    assert list(settings) == ["model", "vae", "conditioner", "scheduler", "image_processor", "pipeline"]
    assert settings["pipeline"]["params"] == {"num_inference_steps": 20, "guidance_scale": 2.0, "octree_resolution": 128}
    with safe_open(folder / "model.fp16.safetensors", "pt") as file:
        names = list(file.keys())
        assert {name.split(".")[0] for name in names} == {"model", "vae", "conditioner"}
        assert {file.get_slice(name).get_dtype() for name in names} == {"F16"}
    # Strict: nothing missing, nothing left over.
    bundle.load(folder)


def test_resuming_keeps_the_vae_and_drops_an_encoder(first, with_encoder, resumed):
    before, after = (bundle.load(run / "bundle")[0]["vae"].state_dict() for run in (first, resumed))
    assert before.keys() == after.keys() < bundle.load(with_encoder / "bundle")[0]["vae"].state_dict().keys()
    for name in before:
        assert torch.allclose(before[name], after[name], atol=2e-3), name


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


def test_a_resume_of_other_sizes_is_refused_at_once(first, tmp_path):
    with pytest.raises(SystemExit, match="^cannot resume: .* other sizes"):
        train.main(["--resume", str(first), "--out", str(tmp_path / "out")])
    assert not (tmp_path / "out").exists()


def test_the_program_refuses_a_folder_without_a_bundle(tmp_path):
    command = [sys.executable, "train.py", "--resume", str(tmp_path), "--out", str(tmp_path / "out")]
    refused = subprocess.run(command, cwd=TRAINING, capture_output=True, text=True)
    assert refused.returncode == 1
    assert refused.stderr.startswith("cannot resume: missing")
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


def test_an_encode_path_is_added_and_nothing_else_moves(first, with_encoder):
    before, after = first / "bundle", with_encoder / "bundle"
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


def test_a_student_starts_as_its_teacher_and_is_a_turbo_bundle(first, tmp_path):
    teacher, settings = bundle.load(first / "bundle")
    bundle.as_turbo(settings)
    student = bundle.build(settings)["dit"]
    train_turbo.start_from(student, teacher["dit"])
    x, t, context = torch.randn(2, 128, 16), torch.rand(2), torch.randn(2, 10, 48)
    assert torch.allclose(student(x, t, context, torch.tensor([1.0, 5.0])), teacher["dit"](x, t, context), atol=1e-5)
    distil.main([str(first), "--out", str(tmp_path), "--part", "27", "--views", "2", *TOY])
    modules, settings = bundle.load(tmp_path / "bundle")
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
