"""Trains the small checkpoint: `python train.py --out runs/a` (a GPU), or `--smoke` (a minute on a CPU).

The result is a bundle in the official layout (`<out>/bundle`) and `<out>/extras.safetensors`, which holds what only further
training needs. `--resume <folder>` continues from such a pair with fresh shapes.
"""

import argparse
import pathlib

import torch
import yaml
from safetensors.torch import load_file, save_file

from tiny import bundle, evaluation, pipeline, sizes, train_flow, train_vae
from tiny.dataset import HELD_OUT_SEED, Clock, shapes
from tiny.model.vae import AnchorEncoder
from tiny.stock import Stock


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("runs/latest"))
    parser.add_argument("--resume", type=pathlib.Path, help="folder with bundle/ and extras.safetensors")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--smoke", action="store_true", help="toy sizes and seconds of training")
    parser.add_argument("--shapes", type=int, default=300_000, help="that the VAE learns from")
    parser.add_argument("--part", type=int, default=30_000, help="shapes drawn anew at a time for the denoiser")
    parser.add_argument("--parts", type=int, default=4, help="how many such parts it learns from at any time")
    parser.add_argument("--views", type=int, default=4, help="pictures a shape, half from the narrow range")
    parser.add_argument("--vae-seconds", type=float, default=330)
    parser.add_argument("--vae-rate", type=float, default=1e-3)
    parser.add_argument("--flow-seconds", type=float, default=1100)
    parser.add_argument("--flow-rate", type=float, default=8e-4)
    parser.add_argument("--total-seconds", type=float, default=1e9, help="shortens the last phase to end by then")
    parser.add_argument("--flow-batch", type=int, default=512)
    parser.add_argument("--eager", action="store_true", help="launch the denoiser's steps one kernel at a time, without a CUDA graph")
    chosen = parser.parse_args()
    if chosen.smoke:
        chosen.shapes, chosen.views, chosen.flow_batch = 108, 2, 16
        chosen.part, chosen.parts = 54, 2
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
        if chosen.vae_seconds:
            self.train_vae(scale)
        self.normaliser = train_flow.Normaliser(self.normaliser.mean.to(device), self.normaliser.std.to(device))
        self.save()
        stock = Stock(self.encoder, self.normaliser, parts=chosen.parts, per_part=chosen.part, views=chosen.views,
                      size=self.sizes["vit"]["image_size"], seed=chosen.seed, device=device, scale=scale)
        clock(f"{len(stock)} pictures of {len(stock.latents)} shapes")
        # The closing evaluation takes a few minutes.
        seconds = min(chosen.flow_seconds, chosen.total_seconds - clock.elapsed() - 60)
        train_flow.train(self.dit, self.vit, self.heads, stock, seconds=seconds, batch=chosen.flow_batch,
                         rate=chosen.flow_rate, clock=clock, graph=device.type == "cuda" and not chosen.eager, save=None if chosen.smoke else self.save)
        self.save()
        del stock
        modules = {k: m.to(device) for k, m in bundle.load(chosen.out / "bundle")[0].items()}
        if chosen.smoke:
            evaluation.report(modules, 1, device, clock, which=("narrow",), every=9, grid=16, sigmas=pipeline.flow_sigmas(3))
        else:
            evaluation.report(modules, 8, device, clock, grid=128, sigmas=pipeline.flow_sigmas(20))
        clock("done")

    def train_vae(self, scale: int):
        chosen, clock, device = self.chosen, self.clock, self.device
        # More samples than encoding takes: queries start from others than the input.
        pool = shapes(chosen.shapes, 4096 // scale, chosen.seed, device)
        clock(f"{len(pool)} shapes")
        train_vae.train(self.vae, self.encoder, pool, seconds=chosen.vae_seconds, batch=256 if scale == 1 else 8,
                        rate=chosen.vae_rate, clock=clock, scale=scale, save=None if chosen.smoke else self.save)
        if not chosen.smoke:
            held = shapes(0, 4096, HELD_OUT_SEED, device, per_family=4)
            latents = self.encoder.with_codes(train_vae.encode_all(self.encoder, held))
            clock("vae held out:", train_vae.evaluate(self.vae, latents, held))
        # A resumed denoiser keeps the normalisation it was trained with, unless the VAE moved.
        self.normaliser = train_flow.Normaliser.of(train_vae.encode_all(self.encoder, pool, scale))


if __name__ == "__main__":
    Run(options())()
