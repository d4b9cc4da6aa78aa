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

MAX_PARTS, RECORD, FRAME, VIEW, GROUP = 24, 32, 8, 36, 16
SOURCE = pathlib.Path(__file__).parent


@functools.cache
def library(kind: str) -> ctypes.CDLL:
    """The shared library for `kind` ("cpu" or "cuda"), compiled once per source version."""
    text = b"".join((SOURCE / name).read_bytes() for name in ("field.h", "shapes.cpp"))
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
    """Fills `frames` so that the longest half extent of each shape is `half`, centred on the origin."""
    _call("tiny_bounds", records.device, records, frames, len(records), half)


def distances(records, frames, points: torch.Tensor, ids: torch.Tensor | None = None) -> torch.Tensor:
    """Signed distances [rows, P] of `points` ([rows, P, 3], or [P, 3] shared) to the shapes `ids` (int64), or to all."""
    rows = len(records) if ids is None else len(ids)
    per_shape = points.shape[-2]
    out = torch.empty(rows, per_shape, device=records.device)
    stride = 0 if points.dim() == 2 else per_shape * 3
    _call("tiny_distances", records.device, records, frames, ids, rows, points, per_shape, stride, out)
    return out


def surface(records, frames, count: int, seed: int, budget: int = 40_000) -> torch.Tensor:
    """Surface samples [shapes, count, 6] (point, outward normal), uniform by area. `count` is a multiple of 16.

    Raises if a shape does not yield all its samples: a shape must never be dropped silently.
    """
    assert count % GROUP == 0
    out = torch.empty(len(records), count, 6, device=records.device)
    left = torch.empty(len(records), count // GROUP, dtype=torch.int32, device=records.device)
    _call("tiny_surface", records.device, records, frames, len(records), count, ctypes.c_uint64(seed),
          ctypes.c_int(budget), out, left)
    missing = torch.nonzero(left.sum(1)).flatten()
    if len(missing):
        raise RuntimeError(f"{len(missing)} shapes without enough surface samples, first {missing[:8].tolist()}")
    return out


def frame_views(surface_points: torch.Tensor, views: torch.Tensor) -> None:
    """Sets the picture window of each view from the surface samples of its shape."""
    _call("tiny_frame", views.device, surface_points, surface_points.shape[1], views, len(views))


def pictures(records, frames, views: torch.Tensor, size: int, samples: int) -> torch.Tensor:
    """RGBA pictures [views, size, size, 4], uint8, straight alpha, `samples`^2 rays a pixel."""
    out = torch.empty(len(views), size, size, 4, dtype=torch.uint8, device=records.device)
    _call("tiny_pictures", records.device, records, frames, views, len(views), ctypes.c_int(size), ctypes.c_int(samples), out)
    return out
