"""Builds the C++/CUDA shape library on first use and calls it on torch tensors.

All tensors are contiguous and live on the device the library was built for: `cpu` (g++) or `cuda` (nvcc).
"""

import ctypes
import functools
import hashlib
import os
import pathlib
import subprocess
import tempfile

import torch

MAX_PARTS, RECORD, FRAME, VIEW, GROUP, CHANNELS = 24, 32, 24, 48, 16, 7
# Columns of a frame that hold the pose and the deformation (field.h); the others are computed.
PARTS, COSINE, SINE, MIRRORED, TAPER, TWIST, BEND, STRETCH, SLOPE = 4, 8, 9, 10, 11, 12, 13, slice(14, 17), 21
SOURCE = pathlib.Path(__file__).parent


@functools.cache
def library(kind: str) -> ctypes.CDLL:
    """The shared library for `kind` ("cpu" or "cuda"), compiled once per source version."""
    text = b"".join((SOURCE / name).read_bytes() for name in ("field.h", "shade.h", "mesh.h", "shapes.cpp"))
    name = f"orfeas-shapes-{kind}-{hashlib.sha256(text).hexdigest()[:16]}.so"
    path = pathlib.Path(tempfile.gettempdir()) / name
    if not path.exists():
        source, partial = str(SOURCE / "shapes.cpp"), f"{path}.{os.getpid()}"
        if kind == "cuda":
            major, minor = torch.cuda.get_device_capability()
            command = ["nvcc", "-x", "cu", "-O3", f"-arch=sm_{major}{minor}", "--compiler-options", "-fPIC", "-shared"]
        else:
            command = ["g++", "-O3", "-march=native", "-fopenmp", "-fPIC", "-shared"]
        subprocess.run([*command, "-o", partial, source], check=True)
        os.replace(partial, path)
    return ctypes.CDLL(str(path))


def _call(name: str, device: torch.device, *arguments) -> None:
    converted = []
    for argument in arguments:
        if isinstance(argument, torch.Tensor):
            assert argument.is_contiguous() and argument.device.type == device.type, name
            converted.append(ctypes.c_void_p(argument.data_ptr()))
        elif argument is None:
            converted.append(ctypes.c_void_p(None))
        elif isinstance(argument, float):
            converted.append(ctypes.c_float(argument))
        else:
            converted.append(argument if isinstance(argument, ctypes._SimpleCData) else ctypes.c_long(argument))
    stream = torch.cuda.current_stream().cuda_stream if device.type == "cuda" else None
    code = getattr(library(device.type), name)(*converted, ctypes.c_void_p(stream))
    if code:
        raise RuntimeError(f"{name}: CUDA error {code}")


def bounds(records: torch.Tensor, frames: torch.Tensor, half: float = 0.95) -> None:
    """Fills the base columns of `frames` from the boxes of the primitives; `normalise` then fits them to the true surface."""
    _call("tiny_bounds", records.device, records, frames, len(records), half)


def distances(records, frames, points: torch.Tensor, ids: torch.Tensor | None = None) -> torch.Tensor:
    """Signed distances [rows, P] of `points` ([rows, P, 3], or [P, 3] shared) to the shapes `ids` (int64), or to all."""
    rows = len(records) if ids is None else len(ids)
    per_shape = points.shape[-2]
    out = torch.empty(rows, per_shape, device=records.device)
    stride = 0 if points.dim() == 2 else per_shape * 3
    _call("tiny_distances", records.device, records, frames, ids, rows, points, per_shape, stride, out)
    return out


def surface(records, frames, count: int, seed: int, budget: int = 4_000) -> tuple[torch.Tensor, torch.Tensor]:
    """Surface samples [shapes, count, 6] (point, outward normal), uniform by area, and the shapes that have too little surface.

    `count` is a multiple of 16; `budget` is the number of random lines tried for 16 samples.
    """
    assert count % GROUP == 0
    out = torch.empty(len(records), count, 6, device=records.device)
    left = torch.empty(len(records), count // GROUP, dtype=torch.int32, device=records.device)
    _call("tiny_surface", records.device, records, frames, len(records), count, ctypes.c_uint64(seed),
          ctypes.c_int(budget), out, left)
    return out, torch.nonzero(left.sum(1)).flatten()


def frame_views(surface_points: torch.Tensor, views: torch.Tensor) -> None:
    """Sets the picture window of each view from the surface samples of its shape."""
    _call("tiny_frame", views.device, surface_points, surface_points.shape[1], views, len(views))


def normalise(frames: torch.Tensor, samples: torch.Tensor, half: float = 0.95) -> torch.Tensor:
    """Centres shapes by their surface samples [N, P, 6] and scales the longest half extent to `half`, in place.

    `frames` must be fresh from `bounds`. Returns the samples in the new frame.
    """
    low, high = samples[..., :3].amin(1), samples[..., :3].amax(1)
    centre, extent = (low + high) / 2, (high - low) / 2
    scale = half / extent.amax(1)
    frames[:, 0:3], frames[:, 3], frames[:, 5:8] = centre, scale, extent * scale[:, None]
    samples[..., :3] = (samples[..., :3] - centre[:, None]) * scale[:, None, None]
    return samples


def pictures(records, frames, views: torch.Tensor, size: int, samples: int) -> torch.Tensor:
    """Pictures [views, size, size, CHANNELS], uint8 (channels: shade.h), `samples`^2 rays a pixel."""
    out = torch.empty(len(views), size, size, CHANNELS, dtype=torch.uint8, device=records.device)
    _call("tiny_pictures", records.device, records, frames, views, len(views), ctypes.c_int(size), ctypes.c_int(samples), out)
    return out


# ---- Triangle meshes: face f of shape s is row offsets[s] + f of `corners` [F, 9] -----------------------------------

def mesh_distances(corners, sides, offsets, points: torch.Tensor, ids: torch.Tensor | None = None) -> torch.Tensor:
    """Signed distances [rows, P] of `points` ([rows, P, 3], or [P, 3] shared) to the meshes `ids` (int64), or to all."""
    rows, per_shape = len(offsets) - 1 if ids is None else len(ids), points.shape[-2]
    out = torch.empty(rows, per_shape, device=corners.device)
    stride = 0 if points.dim() == 2 else per_shape * 3
    _call("tiny_mesh_distances", corners.device, corners, sides, offsets, ids, rows, points, per_shape, stride, out)
    return out


def mesh_sides(corners, offsets) -> torch.Tensor:
    """What each face is [F] uint8: 0 inner, 1 outer, 2 sheet, 3 turned (mesh.h)."""
    out = torch.empty(len(corners), dtype=torch.uint8, device=corners.device)
    shape = torch.repeat_interleave(offsets.diff())
    _call("tiny_mesh_sides", corners.device, corners, offsets, shape, len(corners), out)
    return out


def mesh_pictures(corners, normals, colours, offsets, views: torch.Tensor, lights: torch.Tensor, size: int, samples: int,
                  light_size: int = 192) -> torch.Tensor:
    """As `pictures`, of meshes; `normals` [F, 9] at the corners, `colours` [F, 4], `lights` [views, 15] parallel cameras."""
    device, count, shape = corners.device, len(views), views[:, 31].long()
    faces = offsets.diff()[shape]
    item_view = torch.repeat_interleave(faces).int()
    item_face = (torch.arange(len(item_view), device=device) - torch.repeat_interleave(faces.cumsum(0) - faces, faces)).int()
    maps = []
    for cameras, parallel, side in ((views, 0, size * samples), (lights, 1, light_size)):
        nearest = torch.full((count, side, side), -1, dtype=torch.int64, device=device)
        _call("tiny_mesh_raster", device, corners, offsets, item_view, item_face, len(item_view), cameras, cameras.shape[1], shape,
              ctypes.c_int(parallel), ctypes.c_int(side), nearest)
        maps.append(nearest)
    out = torch.empty(count, size, size, CHANNELS, dtype=torch.uint8, device=device)
    _call("tiny_mesh_pictures", device, corners, normals, colours, offsets, views, lights, count, ctypes.c_int(size),
          ctypes.c_int(samples), ctypes.c_int(light_size), *maps, out)
    return out
