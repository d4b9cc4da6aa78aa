"""The pictures in assets/: held-out shapes, chosen colours, a calm light."""

import pathlib

import numpy as np
import torch
from PIL import Image

from tiny import families, native
from tiny.dataset import HELD_OUT_SEED, Poses, shapes
from tiny.pictures import coloured

SIZE = 512
# Family: (which of the first eight shapes, azimuth, elevation, three colours).
DEMO = {
    "mug": (1, 25, 22, ((0.85, 0.28, 0.2), (0.96, 0.93, 0.88), (0.85, 0.28, 0.2))),
    "chair": (2, 30, 18, ((0.76, 0.5, 0.28), (0.5, 0.31, 0.17), (0.8, 0.56, 0.33))),
    "car": (3, 35, 18, ((0.13, 0.42, 0.75), (0.75, 0.85, 0.92), (0.15, 0.15, 0.17))),
    "dog": (0, 28, 12, ((0.78, 0.58, 0.36), (0.7, 0.5, 0.3), (0.35, 0.24, 0.16))),
    "plane": (4, 30, 25, ((0.9, 0.9, 0.92), (0.85, 0.25, 0.22), (0.95, 0.7, 0.2))),
    "teapot": (5, 20, 18, ((0.18, 0.5, 0.48), (0.16, 0.44, 0.43), (0.88, 0.8, 0.6))),
}


def write(folder: pathlib.Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    device = torch.device("cpu")
    for name, (number, azimuth, elevation, colours) in DEMO.items():
        one = shapes(0, 4096, HELD_OUT_SEED + 10, device, per_family=8, poses=lambda n: Poses.plain(torch.full((n,), np.radians(azimuth))))
        row = families.NAMES.index(name) * 8 + number
        e = np.radians(elevation)
        toward, right = np.array([0, np.sin(e), np.cos(e)]), np.array([1.0, 0, 0])
        up = np.cross(toward, right)
        light = toward * 0.8 + right * -0.7 + up * 0.9
        view = torch.zeros(1, native.VIEW)
        view[0, :12] = torch.tensor(np.concatenate((toward * 1.3 / np.sin(np.radians(20)), right, up, -toward)))
        view[0, 15:18] = torch.tensor(light / np.linalg.norm(light))
        view[0, 18:22] = torch.tensor([0.5, 0.25, 0.6, 0.15])
        view[0, 22:31] = torch.tensor(colours).flatten()
        native.frame_views(one.surface[row:row + 1].contiguous(), view)
        picture = coloured(native.pictures(one.records[row:row + 1].contiguous(), one.frames[row:row + 1].contiguous(), view, SIZE, 4))
        Image.fromarray(picture[0].numpy()).save(folder / f"{name}.png", optimize=True)
