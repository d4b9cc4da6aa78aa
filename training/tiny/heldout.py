"""Held-out sets: shapes and views no training run has seen, with what is needed to score a result.

A set is a folder of pictures and `truth.safetensors` (the format stands in training/README.md); it can be made again from its
seed on any machine with a C++ compiler.
"""

import dataclasses
import json
import pathlib

import numpy as np
import torch
from PIL import Image
from safetensors import safe_open
from safetensors.torch import save_file

from tiny import families, metrics
from tiny.dataset import HELD_OUT_SEED, cell_centres, photograph, shapes
from tiny.pictures import NARROW, WIDE, border_of

RANGES = {"narrow": NARROW, "wide": WIDE}
PICTURE = 504


@dataclasses.dataclass
class HeldOut:
    family: torch.Tensor  # [N] index into families.NAMES
    occupancy: torch.Tensor  # [N, 64^3] bool, z fastest
    surface: torch.Tensor  # [N, P, 3]
    camera: torch.Tensor  # [N, 3] azimuth, elevation, field of view (radians)
    rgba: torch.Tensor  # [N, s, s, 4] uint8

    def __len__(self):
        return len(self.family)

    def take(self, rows) -> "HeldOut":
        return HeldOut(*(getattr(self, field.name)[rows] for field in dataclasses.fields(self)))


def make(per_family: int, which: str, device, *, points: int = 10_000, size: int = PICTURE, seed: int = HELD_OUT_SEED) -> HeldOut:
    """`per_family` shapes of every family, one picture each."""
    seed += list(RANGES).index(which)
    held = shapes(0, -(-max(points, 4096) // 16) * 16, seed, device, per_family)
    border = border_of(PICTURE)
    pool = photograph(held, 1, size, [RANGES[which]], seed, (border, border))
    cells = cell_centres(metrics.OCCUPANCY_CELLS, device)
    occupancy = torch.cat([held.distances(torch.tensor([i], device=device), cells) < 0 for i in range(len(held))])
    return HeldOut(held.family, occupancy, held.surface[:, :points, :3].float(), pool.camera, pool.rgba)


def write(folder: pathlib.Path, held: HeldOut, which: str, seed: int = HELD_OUT_SEED) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    names = [families.NAMES[k] for k in held.family.tolist()]
    files = [f"{i:04}-{name}.png" for i, name in enumerate(names)]
    for file, picture in zip(files, held.rgba.cpu().numpy()):
        Image.fromarray(picture).save(folder / file, optimize=True)
    packed = np.packbits(held.occupancy.cpu().numpy(), axis=1, bitorder="little")
    tensors = {
        "family": held.family.to(torch.uint8).cpu(),
        "occupancy": torch.from_numpy(packed),
        "surface": held.surface.half().cpu().contiguous(),
        "camera": held.camera.float().cpu().contiguous(),
    }
    metadata = {"families": json.dumps(families.NAMES), "pictures": json.dumps(files), "views": which, "seed": str(seed)}
    save_file(tensors, folder / "truth.safetensors", metadata)


def read(folder: pathlib.Path) -> HeldOut:
    with safe_open(folder / "truth.safetensors", "pt") as file:
        tensors = {key: file.get_tensor(key) for key in file.keys()}
        pictures = json.loads(file.metadata()["pictures"])
    occupancy = np.unpackbits(tensors["occupancy"].numpy(), axis=1, bitorder="little").astype(bool)
    rgba = np.stack([np.array(Image.open(folder / name)) for name in pictures])
    return HeldOut(tensors["family"].long(), torch.from_numpy(occupancy), tensors["surface"].float(), tensors["camera"],
                   torch.from_numpy(rgba))
