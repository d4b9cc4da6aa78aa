"""Runs the modules on golden vectors: `python check_golden.py [folder]` (default: $ORFEAS_GOLDEN or the crate's copy)."""

import os
import pathlib
import sys

import numpy as np
import torch
import yaml
from PIL import Image
from safetensors.torch import load_file

from tiny import bundle, pipeline
from tiny.model import dit as dit_module
from tiny.model.dinov2 import Dinov2
from tiny.model.dit import Hunyuan3DDiT
from tiny.model.vae import ShapeVAE, fourier


def default_folder() -> pathlib.Path:
    return pathlib.Path(os.environ.get("ORFEAS_GOLDEN", pathlib.Path(__file__).parent / "../crates/hunyuan3d/tests/golden/cases"))


def case(folder: pathlib.Path, name: str):
    """Config and vectors of one case, or None where the folder does not hold it."""
    path = folder / name
    if not (path / "io.safetensors").exists():
        return None
    settings = yaml.safe_load((path / "config.yaml").read_text()) if (path / "config.yaml").exists() else None
    weights = load_file(path / "model.safetensors") if (path / "model.safetensors").exists() else None
    return path, settings, weights, {k: v for k, v in load_file(path / "io.safetensors").items()}


def error(ours: torch.Tensor, theirs: torch.Tensor) -> float:
    """Largest error relative to the largest value."""
    return ((ours.float() - theirs.float()).abs().max() / theirs.float().abs().max().clamp(min=1e-9)).item()


def strip(weights: dict, *prefixes: str) -> dict:
    for prefix in prefixes:
        if any(k.startswith(prefix) for k in weights):
            return {k.removeprefix(prefix): v.float() for k, v in weights.items() if k.startswith(prefix)}
    return {k: v.float() for k, v in weights.items()}


def params(settings: dict) -> dict:
    settings = next(iter(settings.values())) if "params" not in settings else settings
    return settings["params"]


@torch.no_grad()
def check_dit(golden):
    _, settings, weights, io = golden
    net = Hunyuan3DDiT(**params(settings)).eval()
    net.load_state_dict(strip(weights, "model."))
    out = net(io["x"].float(), io["t"].float(), io["cond_main"].float(), io.get("guidance"))
    yield "timestep embedding", error(dit_module.embed_scalar(io["t"], net.period), io["stage.timestep_embedding"])
    yield "velocity", error(out, io["out"])


@torch.no_grad()
def check_dino(golden):
    _, settings, weights, io = golden
    kwargs = params(settings)["main_image_encoder"]["kwargs"]
    net = Dinov2(**kwargs["config"]).eval()
    net.load_state_dict(strip(weights, "conditioner.main_image_encoder.model.", "main_image_encoder.model."))
    pixels = pipeline.conditioner_input(io["image"], kwargs["image_size"])
    yield "pixels", error(pixels, io["pixel_values"])
    yield "tokens", error(net(pixels), io["last_hidden_state"])


@torch.no_grad()
def check_vae(golden):
    _, settings, weights, io = golden
    net = ShapeVAE(**params(settings)).eval()
    net.load_state_dict(strip(weights, "vae."))
    # The pipeline scales latents; the encode-decode round trip does not.
    latents = io["latents"] / net.scale_factor if "latents" in io else io["posterior_mode"]
    if "surface" in io:
        query, data = io["stage.query_features"], io["stage.data_features"]
        encoded = net.encoder.attend(net.encoder.input_proj(query), net.encoder.input_proj(data))
        yield "encoder", error(net.pre_kl(encoded), io["stage.moments"])
    yield "fourier", error(fourier(io["queries"], params(settings)["num_freqs"], params(settings)["include_pi"]), io["stage.query_fourier"])
    tokens = net.decode(latents)
    yield "tokens", error(tokens, io["decoded_latents"])
    yield "logits", error(net.query(tokens, io["queries"]), io["logits"][..., 0])


def check_schedulers(golden):
    io = golden[3]
    for name in io:
        if name.endswith(".sigmas") and "default" not in name:
            kind, *rest, _ = name.split(".")
            steps = int(next(part for part in rest if part[0] == "n")[1:])
            if kind == "flow":
                ours = pipeline.flow_sigmas(steps, float(name.split("shift")[1].removesuffix(".sigmas")))
            else:
                ours = pipeline.consistency_sigmas(steps, int(rest[0].removeprefix("pcm")))
            yield name, (ours - io[name]).abs().max().item()


def check_processor(golden):
    path, _, _, io = golden
    for name in ("a_blob", "b_tall", "c_tiny", "d_full"):
        if f"{name}.image_u8" not in io:
            continue
        picture = np.array(Image.open(path / f"{name}.png").convert("RGBA"))
        size = io[f"{name}.image_u8"].shape[0]
        for border in (0.15, 0.0, 0.05, 0.1, 0.2, 0.25, 0.3):
            ours = pipeline.process(picture, size, border)[0].permute(1, 2, 0)
            off = ((ours + 1) * 127.5 - io[f"{name}.image_u8"]).abs().round()
            if off.max() <= 3:
                break
        yield f"{name}: share of bytes off by more than a level", (off > 1).float().mean().item()


@torch.no_grad()
def check_pipeline(golden):
    path, settings, weights, io = golden
    modules, settings = bundle.load(path)
    size, border = (settings["image_processor"]["params"][k] for k in ("size", "border_ratio"))
    encoder = settings["conditioner"]["params"]["main_image_encoder"]["kwargs"]
    images = torch.cat([
        pipeline.process(np.array(Image.open(path / f"image{i}.png").convert("RGBA")), size, border) for i in range(3)])
    yield "image (mean level off / 255)", (images - io["image"]).abs().mean().item() / 2
    context = modules["vit"](pipeline.conditioner_input(io["image"], encoder["image_size"]))
    yield "context", error(context, io["cond_with_uncond" if "cond_with_uncond" in io else "cond"][:3])
    steps = len(io["latents_after_each_step"])
    if "Consistency" in settings["scheduler"]["target"]:
        sigmas = pipeline.consistency_sigmas(steps, settings["scheduler"]["params"]["pcm_timesteps"])
    else:
        sigmas = pipeline.flow_sigmas(steps)
    latents = pipeline.sample(modules["dit"], context, io["initial_latents"], sigmas, 5.0)
    yield "latents", error(latents, io["latents"])
    if "dense.logits" not in io:
        return
    logits = pipeline.decode(modules["vae"], latents, pipeline.grid_points(32))
    yield "logits", error(logits.view(3, 33, 33, 33), io["dense.logits"])


CHECKS = {
    "dit-v2-0": check_dit, "dit-v2-0-turbo": check_dit, "dinov2-mlp": check_dino, "dinov2-swiglu": check_dino,
    "dinov2-interp": check_dino, "vae-v2-0": check_vae, "vae-v2-0-turbo": check_vae, "vae-v2-0-alt": check_vae,
    "vae-v2-1": check_vae, "schedulers": check_schedulers, "image-processor": check_processor, "e2e-v2-0": check_pipeline,
    "e2e-v2-0-turbo": check_pipeline,
}
TOLERANCE = 1e-4


def main() -> int:
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else default_folder()
    failed = checked = 0
    for name, check in CHECKS.items():
        golden = case(folder, name)
        if golden is None:
            print(f"{name}: not in {folder}")
            continue
        worst = {what: value for what, value in check(golden)}
        checked += 1
        bad = {k: v for k, v in worst.items() if not v <= TOLERANCE}
        failed += bool(bad)
        print(f"{name}: {'FAILED ' + str(bad) if bad else 'ok'}, worst {max(worst.values()):.1e}")
    return 1 if failed or not checked else 0


if __name__ == "__main__":
    sys.exit(main())
