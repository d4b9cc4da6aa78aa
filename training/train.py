"""Trains the small checkpoint: `python train.py --out runs/a` (a GPU), or `--smoke` (half a minute on a CPU).

The result is a bundle in the official layout (`<out>/bundle`) and `<out>/extras.safetensors`, which holds what only further
training needs. `--resume <folder>` continues from such a pair with fresh shapes; `--adopt <bundle>` starts from a finished
bundle alone. Runs are made in pieces: see training/README.md.
"""

import argparse
import json
import os
import pathlib

import torch
import yaml
from safetensors.torch import load_file, save_file

from tiny import bundle, evaluation, pipeline, sculpt, sizes, train_encoder, train_flow, train_vae
from tiny.dataset import HELD_OUT_SEED, NO_FAMILY, Clock, shapes
from tiny.meshes import Library
from tiny.model.vae import AnchorEncoder
from tiny.stock import Stock, World


def options(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("runs/latest"))
    parser.add_argument("--resume", type=pathlib.Path, help="folder with bundle/ and extras.safetensors")
    parser.add_argument("--adopt", type=pathlib.Path, help="a bundle to start from, with an encode path or without")
    parser.add_argument("--cc0", type=pathlib.Path, help="folder of cc0-models (meshes.npz, index.json); its train split is used")
    parser.add_argument("--sculptures", type=int, default=8000, help="random meshes beside them")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--smoke", action="store_true", help="toy sizes and seconds of training")
    parser.add_argument("--shapes", type=int, default=60_000, help="that the VAE learns from")
    parser.add_argument("--part", type=int, default=30_000, help="shapes drawn anew at a time for the denoiser")
    parser.add_argument("--parts", type=int, default=4, help="how many such parts it learns from at any time")
    parser.add_argument("--views", type=int, default=2, help="pictures a shape")
    parser.add_argument("--anchor-seconds", type=float, default=0, help="before the VAE: the training encoder alone, the decoder as it is")
    parser.add_argument("--vae-seconds", type=float, default=330)
    parser.add_argument("--vae-rate", type=float, default=1e-3)
    parser.add_argument("--flow-seconds", type=float, default=1100)
    parser.add_argument("--flow-rate", type=float, default=8e-4)
    parser.add_argument("--total-seconds", type=float, default=1e9, help="shortens the last phase to end by then")
    parser.add_argument("--flow-batch", type=int, default=512)
    parser.add_argument("--eager", action="store_true", help="launch the denoiser's steps one kernel at a time, without a CUDA graph")
    chosen = parser.parse_args(arguments)
    if chosen.smoke:
        chosen.shapes, chosen.views, chosen.flow_batch = 108, 2, 16
        chosen.part, chosen.parts, chosen.sculptures = 27, 2, min(chosen.sculptures, 2)
        chosen.anchor_seconds = min(chosen.anchor_seconds, 10)
        chosen.vae_seconds, chosen.flow_seconds = min(chosen.vae_seconds, 10), min(chosen.flow_seconds, 10)
    return chosen


class Run:
    def __init__(self, chosen: argparse.Namespace):
        self.chosen, self.clock = chosen, Clock()
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.sizes = sizes.SMOKE if chosen.smoke else sizes.TINY
        if chosen.resume:
            self.refuse_unless_fitting(chosen.resume)
        torch.manual_seed(chosen.seed)
        torch.set_float32_matmul_precision("high")
        modules = bundle.build(bundle.config(self.sizes))
        self.dit, self.vae, self.vit = modules["dit"], modules["vae"], modules["vit"]
        self.dit.start_from_identity()
        vae = self.sizes["vae"]
        self.encoder = AnchorEncoder(vae["width"], vae["heads"], self.sizes["encoder_layers"], vae["embed_dim"])
        self.heads = train_flow.Heads(self.sizes["vit"]["hidden_size"])
        self.normaliser = None
        if chosen.resume:
            self.load(chosen.resume)
        elif chosen.adopt:
            self.adopt(chosen.adopt)
        for module in self.modules.values():
            module.to(self.device)

    @property
    def modules(self) -> dict[str, torch.nn.Module]:
        return {"dit": self.dit, "vae": self.vae, "vit": self.vit, "encoder": self.encoder, "heads": self.heads}

    def refuse_unless_fitting(self, folder: pathlib.Path):
        """Before anything that takes time."""
        files = [folder / "bundle/config.yaml", folder / "bundle/model.fp16.safetensors", folder / "extras.safetensors"]
        if missing := [str(file) for file in files if not file.exists()]:
            raise SystemExit(f"cannot resume: missing {', '.join(missing)}")
        theirs, ours = yaml.safe_load(files[0].read_text()), bundle.config(self.sizes)
        bundle.without_encoder(theirs)
        if different := [part for part in ("model", "vae", "conditioner") if theirs[part] != ours[part]]:
            raise SystemExit(f"cannot resume: {folder} has other sizes ({', '.join(different)}) than this run")

    def load(self, folder: pathlib.Path):
        loaded, _ = bundle.load(folder / "bundle")
        extras = load_file(folder / "extras.safetensors")
        self.normaliser = train_flow.Normaliser(extras.pop("latents.mean"), extras.pop("latents.std"))
        state = {k: v for k, v in loaded["vae"].state_dict().items() if k in self.vae.state_dict()}
        state["post_kl.weight"], state["post_kl.bias"] = self.normaliser.unfolded(state["post_kl.weight"], state["post_kl.bias"])
        self.vae.load_state_dict(state)
        self.dit.load_state_dict(loaded["dit"].state_dict())
        self.vit.load_state_dict(loaded["vit"].state_dict())
        for name in ("encoder", "heads"):
            own = {k.removeprefix(name + "."): v.float() for k, v in extras.items() if k.startswith(name + ".")}
            self.modules[name].load_state_dict(own)

    def adopt(self, folder: pathlib.Path):
        """The weights of a finished bundle, whose latents are normalised already; its encoder lends its weights to the training one."""
        loaded, _ = bundle.load(folder)
        vae = loaded["vae"]
        self.vae.load_state_dict({k: v for k, v in vae.state_dict().items() if k in self.vae.state_dict()})
        self.dit.load_state_dict(loaded["dit"].state_dict())
        self.vit.load_state_dict(loaded["vit"].state_dict())
        if hasattr(vae, "encoder"):
            train_encoder.lend(vae, self.encoder)

    def library(self) -> Library | None:
        """The train split of cc0-models, and random sculptures."""
        chosen, parts, self.weights = self.chosen, [], []
        if chosen.cc0:
            parts.append(Library.cc0(chosen.cc0, self.device, lambda r: r["split"] == "train" and r["solid_inside"] >= 0.4))
            self.weights.append(torch.full((len(parts[-1]),), 0.6 / len(parts[-1])))
        if chosen.sculptures:
            workers = 1 if chosen.smoke else os.cpu_count()
            soups = sculpt.sculptures(chosen.sculptures, chosen.seed, workers)
            names = [f"sculpture-{n}" for n in range(len(soups))]
            parts.append(Library.build(soups, [NO_FAMILY] * len(soups), names, self.device))
            self.weights.append(torch.full((len(soups),), 0.4 / len(soups)))
        if not parts:
            return None
        self.weights = torch.cat(self.weights).to(self.device)
        return parts[0] if len(parts) == 1 else Library.concatenated(*parts)

    def folded_vae(self) -> dict[str, torch.Tensor]:
        state = {k: v.detach().float().cpu() for k, v in self.vae.state_dict().items()}
        n = train_flow.Normaliser(self.normaliser.mean.cpu(), self.normaliser.std.cpu())
        state["post_kl.weight"], state["post_kl.bias"] = n.folded(state["post_kl.weight"], state["post_kl.bias"])
        return state

    def save(self):
        out = self.chosen.out
        modules = {"dit": self.dit.state_dict(), "vae": self.folded_vae(), "vit": self.vit.state_dict()}
        bundle.save(out / "bundle", bundle.config(self.sizes), modules)
        extras = {"latents.mean": self.normaliser.mean, "latents.std": self.normaliser.std}
        for name in ("encoder", "heads"):
            extras |= {f"{name}.{k}": v.half() for k, v in self.modules[name].state_dict().items()}
        partial = out / ".extras.partial"
        save_file({k: v.detach().cpu().contiguous() for k, v in extras.items()}, partial)
        partial.replace(out / "extras.safetensors")
        self.clock("saved")

    def __call__(self):
        chosen, clock, device = self.chosen, self.clock, self.device
        assert chosen.seed < HELD_OUT_SEED
        scale = 8 if chosen.smoke else 1
        chosen.out.mkdir(parents=True, exist_ok=True)
        clock(f"{sum(p.numel() for n in ('dit', 'vae', 'vit') for p in self.modules[n].parameters())} parameters to ship")
        if self.normaliser is None:
            channels = self.sizes["vae"]["embed_dim"] - 3
            self.normaliser = train_flow.Normaliser(torch.zeros(channels), torch.ones(channels))
        world = World(None)
        if library := self.library():
            world = World(library, weights=self.weights)
            clock(f"{len(library)} meshes, {len(library.corners)} faces")
        if chosen.vae_seconds or chosen.anchor_seconds:
            self.train_vae(world, scale)
        self.normaliser = train_flow.Normaliser(self.normaliser.mean.to(device), self.normaliser.std.to(device))
        self.save()
        stock = Stock(self.encoder, self.normaliser, world, parts=chosen.parts, per_part=chosen.part, views=chosen.views,
                      size=self.sizes["vit"]["image_size"], seed=chosen.seed, device=device, scale=scale)
        clock(f"{len(stock)} pictures of {len(stock.latents)} shapes")
        seconds = min(chosen.flow_seconds, chosen.total_seconds - clock.elapsed() - 45)
        train_flow.train(self.dit, self.vit, self.heads, stock, seconds=seconds, batch=chosen.flow_batch,
                         rate=chosen.flow_rate, clock=clock, graph=device.type == "cuda" and not chosen.eager, save=None if chosen.smoke else self.save)
        self.save()
        del stock
        modules = {k: m.to(device) for k, m in bundle.load(chosen.out / "bundle")[0].items()}
        if chosen.smoke:
            evaluation.report(modules, 1, device, clock, which=("narrow",), size=self.sizes["vit"]["image_size"], every=27, grid=16,
                              sigmas=pipeline.flow_sigmas(3))
        clock("done")

    def train_vae(self, world: World, scale: int):
        chosen, clock, device = self.chosen, self.clock, self.device
        # More samples than encoding takes: queries start from others than the input.
        pools = world.draw(chosen.shapes, 4096 // scale, chosen.seed, device)
        clock(f"{sum(map(len, pools))} shapes")
        common = dict(batch=256 if scale == 1 else 8, rate=chosen.vae_rate, clock=clock, scale=scale,
                      save=None if chosen.smoke else self.save)
        if chosen.anchor_seconds:
            train_vae.train(self.vae, self.encoder, train_vae.Mixture(pools), seconds=chosen.anchor_seconds, frozen=True, **common)
            self.score_vae(world)
        if chosen.vae_seconds:
            train_vae.train(self.vae, self.encoder, train_vae.Mixture(pools), seconds=chosen.vae_seconds, **common)
            self.score_vae(world)
        # A resumed denoiser keeps the normalisation it was trained with, unless the VAE moved.
        means = torch.cat([train_vae.encode_all(self.encoder, pool, scale) for pool in pools])
        self.normaliser = train_flow.Normaliser.of(means)

    def score_vae(self, world: World):
        if self.chosen.smoke:
            return
        for held in (shapes(0, 4096, HELD_OUT_SEED, self.device, per_family=3), *world.draw(300, 4096, 999, self.device)[1:]):
            latents = self.encoder.with_codes(train_vae.encode_all(self.encoder, held))
            self.clock("vae:", type(held).__name__, json.dumps(train_vae.evaluate(self.vae, latents, held)))


def main(arguments: list[str] | None = None):
    """`arguments`: in place of those of the command line."""
    Run(options(arguments))()


if __name__ == "__main__":
    main()
