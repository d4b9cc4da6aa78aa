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

from tiny import families, metrics, pictures
from tiny.dataset import HELD_OUT_SEED, Poses, occupancy, photograph, shapes
from tiny.meshes import Library, instances
from tiny.pictures import NARROW, WIDE, Cameras, border_of

RANGES = {"narrow": NARROW, "wide": WIDE}
# Objects that training never sees, by why: their whole pack, their whole kind, or at random.
HELD_BY = ("pack", "kind", "random")
PICTURE = 504


@dataclasses.dataclass
class HeldOut:
    names: list[str]  # of families or kinds
    family: torch.Tensor  # [N] index into names
    occupancy: torch.Tensor  # [N, 64^3] bool, z fastest
    surface: torch.Tensor  # [N, P, 3]
    camera: torch.Tensor  # [N, 3] azimuth, elevation, field of view (radians)
    rgba: torch.Tensor  # [N, s, s, 4] uint8

    def __len__(self):
        return len(self.family)

    def take(self, rows) -> "HeldOut":
        return HeldOut(self.names, *(getattr(self, field.name)[rows] for field in dataclasses.fields(self)[1:]))


def _photographed(names, family, held, cameras, points: int, size: int, generator, canonical: bool) -> HeldOut:
    border = border_of(PICTURE)
    pool = photograph(held, cameras, size, generator, (border, border), samples=3 if size > 300 else 2, camera_turns=canonical)
    return HeldOut(names, family, occupancy(held, metrics.OCCUPANCY_CELLS), held.surface[:, :points, :3].float(), cameras.tensor(),
                   pictures.coloured(pool.channels))


def make(per_family: int, which: str, device, *, points: int = 10_000, size: int = PICTURE, seed: int = HELD_OUT_SEED,
         canonical: bool = False) -> HeldOut:
    """`per_family` shapes of every family of the generator, one picture each.

    The truth stands in the frame of the picture, or as drawn with the camera around it if `canonical`.
    """
    seed += list(RANGES).index(which)
    generator = torch.Generator(device).manual_seed(seed)
    cameras = Cameras.within(per_family * len(families.NAMES), RANGES[which], generator)
    held = shapes(0, -(-max(points, 4096) // 16) * 16, seed, torch.device(device), per_family,
                  poses=None if canonical else lambda n: Poses.plain(cameras.azimuth))
    return _photographed(families.NAMES, held.family, held, cameras, points, size, generator, canonical)


def make_cc0(folder: pathlib.Path, held_by: str, device, *, views: int = 3, points: int = 10_000, size: int = PICTURE,
             seed: int = HELD_OUT_SEED, canonical: bool = False, limits=pictures.Range(60, (-5, 40), (20, 55))) -> HeldOut:
    """`views` pictures of every solid test object of cc0-models that is held by `held_by`."""
    records = json.loads((folder / "index.json").read_text())["objects"]
    kinds = {r["name"]: r["kind"] for r in records}
    library = Library.cc0(folder, device, lambda r: r["split"] == "test" and r["held_by"] == held_by and r["solid_inside"] >= 0.8)
    generator = torch.Generator(device).manual_seed(seed + 10 + HELD_BY.index(held_by))
    ids = torch.arange(len(library), device=device).repeat_interleave(views)
    cameras = Cameras.within(len(ids), limits, generator)
    poses = Poses.plain(torch.zeros_like(cameras.azimuth) if canonical else cameras.azimuth)
    held = instances(library, ids, poses, max(points, 4096), generator)
    names = sorted({kinds[name] for name in library.names})
    family = torch.tensor([names.index(kinds[name]) for name in library.names], device=device)[ids]
    return _photographed(names, family, held, cameras, points, size, generator, canonical)


def write(folder: pathlib.Path, held: HeldOut, which: str, seed: int = HELD_OUT_SEED) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    names = [held.names[k].replace(" ", "-") for k in held.family.tolist()]
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
    metadata = {"families": json.dumps(held.names), "pictures": json.dumps(files), "views": which, "seed": str(seed)}
    save_file(tensors, folder / "truth.safetensors", metadata)


def read(folder: pathlib.Path) -> HeldOut:
    with safe_open(folder / "truth.safetensors", "pt") as file:
        tensors = {key: file.get_tensor(key) for key in file.keys()}
        pictures, names = (json.loads(file.metadata()[key]) for key in ("pictures", "families"))
    occupancy = np.unpackbits(tensors["occupancy"].numpy(), axis=1, bitorder="little").astype(bool)
    rgba = np.stack([np.array(Image.open(folder / name)) for name in pictures])
    return HeldOut(names, tensors["family"].long(), torch.from_numpy(occupancy), tensors["surface"].float(), tensors["camera"],
                   torch.from_numpy(rgba))
