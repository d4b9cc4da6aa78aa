"""Official layout: one folder with config.yaml and model.fp16.safetensors (`model.`, `vae.`, `conditioner.`)."""

import os
import pathlib

import torch
import yaml
from safetensors.torch import load_file, save_file

from tiny.model.dinov2 import Dinov2
from tiny.model.dit import Hunyuan3DDiT
from tiny.model.vae import ShapeVAE

PREFIXES = {"dit": "model.", "vae": "vae.", "vit": "conditioner.main_image_encoder.model."}


def config(sizes: dict) -> dict:
    """config.yaml for `sizes` (see tiny.sizes); `pipeline.params` are the defaults a service should take."""
    return {
        "model": {"target": "hy3dgen.shapegen.models.Hunyuan3DDiT", "params": sizes["dit"]},
        "vae": {"target": "hy3dgen.shapegen.models.ShapeVAE", "params": sizes["vae"]},
        "conditioner": {
            "target": "hy3dgen.shapegen.models.SingleImageEncoder",
            "params": {
                "main_image_encoder": {
                    "type": "DinoImageEncoder",
                    "kwargs": {"config": sizes["vit"], "image_size": sizes["vit"]["image_size"]},
                }
            },
        },
        "scheduler": {
            "target": "hy3dgen.shapegen.schedulers.FlowMatchEulerDiscreteScheduler",
            "params": {"num_train_timesteps": 1000},
        },
        "image_processor": {
            "target": "hy3dgen.shapegen.preprocessors.ImageProcessorV2",
            "params": {"size": sizes["processor"], "border_ratio": 0.15},
        },
        "pipeline": {
            "target": "hy3dgen.shapegen.pipelines.Hunyuan3DDiTFlowMatchingPipeline",
            "params": {"num_inference_steps": 20, "guidance_scale": 2.0, "octree_resolution": 128},
        },
    }


# The encode path of a bundle: surface points as queries, in the layout and with the ratio of the released models.
ENCODER = {"num_encoder_layers": 1, "point_feats": 4, "pc_size": 2560, "pc_sharpedge_size": 0, "downsample_ratio": 20}


def with_encoder(settings: dict) -> None:
    settings["vae"]["params"] |= ENCODER


def without_encoder(settings: dict) -> None:
    for key in ENCODER:
        settings["vae"]["params"].pop(key, None)


def as_turbo(settings: dict) -> None:
    """A few-step denoiser that takes the guidance scale as an input."""
    settings["model"]["params"]["guidance_embed"] = True
    settings["scheduler"] = {
        "target": "hy3dgen.shapegen.schedulers.ConsistencyFlowMatchEulerDiscreteScheduler",
        "params": {"num_train_timesteps": 1000, "pcm_timesteps": 100},
    }
    settings["pipeline"]["params"]["num_inference_steps"] = 5


def build(settings: dict) -> dict[str, torch.nn.Module]:
    """Modules with the sizes of a config."""
    encoder = settings["conditioner"]["params"]["main_image_encoder"]["kwargs"]
    return {
        "dit": Hunyuan3DDiT(**settings["model"]["params"]),
        "vae": ShapeVAE(**settings["vae"]["params"]),
        "vit": Dinov2(**encoder["config"]),
    }


def load(folder: pathlib.Path) -> tuple[dict[str, torch.nn.Module], dict]:
    """Modules (float32, eval) and config of a bundle; every tensor of the file must be used and none may be missing."""
    settings = yaml.safe_load((folder / "config.yaml").read_text())
    modules = build(settings)
    path = next(p for p in (folder / "model.fp16.safetensors", folder / "model.safetensors") if p.exists())
    tensors = load_file(path)
    for name, module in modules.items():
        own = {k.removeprefix(PREFIXES[name]): tensors.pop(k).float() for k in list(tensors) if k.startswith(PREFIXES[name])}
        module.load_state_dict(own)
        module.eval().requires_grad_(False)
    if tensors:
        raise ValueError(f"unused tensors: {sorted(tensors)[:5]}")
    return modules, settings


def save(folder: pathlib.Path, contents: dict, modules: dict[str, dict[str, torch.Tensor]]) -> None:
    """Writes `contents` (config.yaml) and `modules` (state dicts by name) as float16, each under a temporary name first."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {
        PREFIXES[name] + key: value.detach().cpu().to(torch.float16).contiguous()
        for name, state in modules.items() for key, value in state.items()
    }
    for key, value in tensors.items():
        if not torch.isfinite(value).all():
            raise ValueError(f"{key} is not finite in float16")
    weights, settings = folder / ".model.partial", folder / ".config.partial"
    save_file(tensors, weights, metadata={"format": "pt"})
    settings.write_text(yaml.safe_dump(contents, sort_keys=False))
    os.chmod(weights, 0o644)
    os.replace(weights, folder / "model.fp16.safetensors")
    os.replace(settings, folder / "config.yaml")
