"""Makes a few-step version of a bundle: `python distil.py RUN --out runs/turbo`; RUN holds bundle/ and extras.safetensors."""

import argparse
import pathlib

import torch

from tiny import bundle, evaluation, extras, heldout, pipeline, train_turbo
from tiny.dataset import Clock
from tiny.stock import Stock, World


def options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=pathlib.Path)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--seed", type=int, default=12)
    parser.add_argument("--part", type=int, default=25_000)
    parser.add_argument("--parts", type=int, default=2)
    parser.add_argument("--views", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=240)
    parser.add_argument("--rate", type=float, default=3e-4)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--per-family", type=int, default=8, help="held-out shapes for the comparison at the end")
    parser.add_argument("--scale", type=int, default=1, help="divides the surface points (for toys)")
    parser.add_argument("--eager", action="store_true", help="no CUDA graph")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None):
    """`arguments`: in place of those of the command line."""
    chosen, clock = options(arguments), Clock()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.manual_seed(chosen.seed)
    torch.set_float32_matmul_precision("high")
    finished, settings = bundle.load(chosen.run / "bundle")
    anchors, normaliser = extras.read(chosen.run, settings)
    normaliser.mean, normaliser.std = normaliser.mean.to(device), normaliser.std.to(device)
    bundle.without_encoder(settings)
    bundle.as_turbo(settings)
    student = bundle.build(settings)["dit"]
    train_turbo.start_from(student, finished["dit"])
    for module in (student, *finished.values(), anchors):
        module.to(device)

    def save():
        state = {name: module.state_dict() for name, module in finished.items()} | {"dit": student.state_dict()}
        state["vae"] = {k: v for k, v in state["vae"].items() if not k.startswith(("encoder.", "pre_kl."))}
        bundle.save(chosen.out / "bundle", settings, state)
        clock("saved")

    size = settings["conditioner"]["params"]["main_image_encoder"]["kwargs"]["image_size"]
    stock = Stock(anchors, normaliser, World(None), parts=chosen.parts, per_part=chosen.part, views=chosen.views, size=size, seed=chosen.seed,
                  device=device, scale=chosen.scale)
    clock(f"{len(stock)} pictures of {len(stock.latents)} shapes")
    train_turbo.train(student, finished["dit"], finished["vit"], stock, seconds=chosen.seconds, batch=chosen.batch,
                      rate=chosen.rate, clock=clock, graph=device.type == "cuda" and not chosen.eager, save=save)
    save()
    del stock
    modules = {name: module.to(device) for name, module in bundle.load(chosen.out / "bundle")[0].items()}
    for views in heldout.RANGES if chosen.per_family else ():
        held = heldout.make(chosen.per_family, views, device, size=size)
        for name, version, sigmas in (
            ("turbo, 5 steps", modules, pipeline.consistency_sigmas(5)), ("turbo, 2 steps", modules, pipeline.consistency_sigmas(2)),
            ("turbo, 8 steps", modules, pipeline.consistency_sigmas(8)), ("teacher, 20 steps", finished, pipeline.flow_sigmas(20)),
            ("teacher, 6 steps", finished, pipeline.flow_sigmas(6)),
        ):
            scores = evaluation.evaluate(version, held, evaluation.rendered(held), sigmas=sigmas)
            clock(f"{views}, {name}: {evaluation.describe(scores)}")


if __name__ == "__main__":
    main()
