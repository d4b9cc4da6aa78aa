"""Gives a bundle an encode path: `python add_encoder.py RUN --out runs/c`; RUN holds bundle/ and extras.safetensors.

Decoder, denoiser and image encoder stay as they are, to the bit.
"""

import argparse
import pathlib

import torch

from tiny import bundle, extras, train_encoder, train_vae
from tiny.dataset import HELD_OUT_SEED, Clock, Poses, shapes
from tiny.pictures import Cameras


def options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=pathlib.Path)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--shapes", type=int, default=150_000)
    parser.add_argument("--seconds", type=float, default=480)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--per-family", type=int, default=8, help="held-out shapes for the score at the end")
    parser.add_argument("--scale", type=int, default=1, help="divides all point counts (for toys)")
    parser.add_argument("--eager", action="store_true", help="no CUDA graph")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None):
    """`arguments`: in place of those of the command line."""
    chosen, clock = options(arguments), Clock()
    assert chosen.seed < HELD_OUT_SEED
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.manual_seed(chosen.seed)
    torch.set_float32_matmul_precision("high")
    finished, settings = bundle.load(chosen.run / "bundle")
    bundle.without_encoder(settings)
    bundle.with_encoder(settings)
    sizes = settings["vae"]["params"]
    vae = bundle.build(settings)["vae"]
    vae.load_state_dict(finished["vae"].state_dict(), strict=False)
    anchors, normaliser = extras.read(chosen.run, settings)
    train_encoder.start_from(vae, anchors, normaliser)
    vae.to(device)
    added = sum(p.numel() for module in (vae.encoder, vae.pre_kl) for p in module.parameters())
    clock(f"{added} parameters more to ship")

    def save():
        state = {name: module.state_dict() for name, module in finished.items()} | {"vae": vae.state_dict()}
        bundle.save(chosen.out / "bundle", settings, state)
        clock("saved")

    points = sizes["pc_size"] // chosen.scale
    generator = torch.Generator(device).manual_seed(chosen.seed)
    pool = shapes(chosen.shapes, 4096 // chosen.scale, chosen.seed, device,
                  poses=lambda n: Poses.training(Cameras.training(n, generator).azimuth, generator, 0.25))
    clock(f"{len(pool)} shapes")
    train_encoder.train(vae, pool, points=points, seconds=chosen.seconds, batch=chosen.batch, rate=chosen.rate, clock=clock,
                        scale=chosen.scale, graph=device.type == "cuda" and not chosen.eager, save=save)
    save()
    vae = bundle.load(chosen.out / "bundle")[0]["vae"].to(device)
    if chosen.per_family:
        held = shapes(0, 4096 // chosen.scale, HELD_OUT_SEED, device, chosen.per_family)
        clock(f"held out ({len(held)}), IoU:", train_vae.evaluate(vae, train_encoder.encode_all(vae, held, points), held))


if __name__ == "__main__":
    main()
