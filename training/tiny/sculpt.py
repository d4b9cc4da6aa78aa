"""Random objects as meshes: what a lathe, an outline, a bent tube or a lumpy ball gives, put together.

An object is a soup of closed parts that may run through each other: (corners [f, 3, 3], colours [f, 3] uint8).
"""

import multiprocessing

import numpy as np


def grid_faces(points: np.ndarray, around: bool = True) -> np.ndarray:
    """Faces [f, 3, 3] of a sheet of points [rows, columns, 3], whose columns close up if `around`."""
    if around:
        points = np.concatenate([points, points[:, :1]], 1)
    a, b, c, d = points[:-1, :-1], points[:-1, 1:], points[1:, 1:], points[1:, :-1]
    return np.concatenate([np.stack([a, b, c], 2).reshape(-1, 3, 3), np.stack([a, c, d], 2).reshape(-1, 3, 3)])


def fan(rim: np.ndarray) -> np.ndarray:
    """Faces that close a rim [n, 3] seen counter-clockwise."""
    centre = np.broadcast_to(rim.mean(0), rim.shape)
    return np.stack([centre, rim, np.roll(rim, -1, 0)], 1)


def outward(faces: np.ndarray) -> np.ndarray:
    """Turned so that the volume is positive."""
    volume = (faces[:, 0] * np.cross(faces[:, 1], faces[:, 2])).sum()
    return faces if volume > 0 else faces[:, ::-1]


def outline(rng, n: int) -> np.ndarray:
    """A closed curve [n, 2] about the origin: a polygon, a wavy or a toothed circle, a rounded box."""
    t = np.arange(n) / n * 2 * np.pi
    kind = rng.integers(5)
    if kind == 0:
        sides = rng.integers(3, 9)
        r = np.cos(np.pi / sides) / np.cos(t % (2 * np.pi / sides) - np.pi / sides)
    elif kind == 1:
        r = 1 + sum(rng.normal(0, 0.25 / k) * np.cos(k * t + rng.uniform(0, 6)) for k in range(2, 6))
    elif kind == 2:
        teeth = rng.integers(4, 12)
        r = 1 - rng.uniform(0.15, 0.5) * (np.sin(teeth * t) > 0)
    elif kind == 3:
        p, c, s = rng.uniform(2, 8), np.abs(np.cos(t)), np.abs(np.sin(t))
        r = (c**p + s**p) ** (-1 / p)
    else:
        r = np.ones(n)
    r = np.clip(r, 0.25, 1.6)
    return np.stack([r * np.cos(t), r * np.sin(t) * rng.uniform(0.4, 1)], 1)


def lathe(rng) -> np.ndarray:
    n, rows = rng.integers(6, 28), rng.integers(3, 9)
    height, radius = rng.uniform(0.3, 1.2), rng.uniform(0.15, 0.6)
    y = np.sort(rng.uniform(0, 1, rows))
    y[0], y[-1] = 0, 1
    r = np.clip(radius * (1 + np.cumsum(rng.normal(0, 0.3, rows))), 0.03, 0.9)
    if rng.random() < 0.6:
        fine = np.linspace(0, 1, 14)
        r, y = np.interp(fine, y, r), fine
        r = np.convolve(np.pad(r, 1, mode="edge"), [0.25, 0.5, 0.25], "valid")
    y = y * height
    profile = np.stack([r, y], 1)
    if rng.random() < 0.4:
        wall = rng.uniform(0.03, 0.1)
        inner = np.stack([np.maximum(r - wall, 0.01), np.maximum(y, min(wall, height / 2))], 1)[::-1]
        profile = np.concatenate([profile, inner])
    t = np.arange(n) / n * 2 * np.pi
    points = np.stack([profile[:, :1] * np.cos(t), np.repeat(profile[:, 1:], n, 1), profile[:, :1] * np.sin(t)], 2)
    return outward(np.concatenate([grid_faces(points), fan(points[0])[:, ::-1], fan(points[-1])]))


def extrusion(rng) -> np.ndarray:
    n = rng.integers(16, 48)
    shape, depth, size = outline(rng, n), rng.uniform(0.05, 0.5), rng.uniform(0.2, 0.7)
    shape, taper = shape * size, rng.choice([1.0, rng.uniform(0.4, 1)])
    front = np.concatenate([shape * taper, np.full((n, 1), depth)], 1)
    back = np.concatenate([shape, np.full((n, 1), -depth)], 1)
    if rng.random() < 0.35:
        hole = rng.uniform(0.3, 0.75)
        inner_front, inner_back = front * [hole, hole, 1], back * [hole, hole, 1]
        faces = grid_faces(np.stack([back, front, inner_front, inner_back, back]))
    else:
        faces = np.concatenate([grid_faces(np.stack([back, front])), fan(front), fan(back)[:, ::-1]])
    faces = outward(faces)
    if rng.random() < 0.5:
        faces = faces[..., [0, 2, 1]][:, ::-1]
    return faces


def tube(rng) -> np.ndarray:
    rows, n = rng.integers(5, 16), rng.integers(4, 12)
    t = np.linspace(0, 1, rows)
    a, b = rng.normal(0, 0.6, (2, 3))
    path = np.outer(t, rng.normal(0, 0.7, 3)) + np.outer(t**2, a) + np.outer(np.sin(t * rng.uniform(1, 6)) * 0.4, b)
    r = rng.uniform(0.03, 0.16) * np.linspace(1, rng.uniform(0.2, 1.3), rows)
    along = np.gradient(path, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True) + 1e-9
    side = np.cross(along, [0.3, 0.9, 0.2])
    side /= np.linalg.norm(side, axis=1, keepdims=True) + 1e-9
    other = np.cross(along, side)
    w = np.arange(n) / n * 2 * np.pi
    flat = rng.choice([1.0, rng.uniform(0.2, 1)])
    points = path[:, None] + r[:, None, None] * (np.cos(w)[:, None] * side[:, None] + flat * np.sin(w)[:, None] * other[:, None])
    return outward(np.concatenate([grid_faces(points), fan(points[0])[:, ::-1], fan(points[-1])]))


def lump(rng) -> np.ndarray:
    rows, n = 10, 16
    theta, phi = np.linspace(0.05, np.pi - 0.05, rows)[:, None], (np.arange(n) / n * 2 * np.pi)[None]
    d = np.stack([np.sin(theta) * np.cos(phi), np.cos(theta) * np.ones_like(phi), np.sin(theta) * np.sin(phi)], 2)
    r = 1 + sum(rng.uniform(0, 0.16) * np.sin(d @ rng.normal(0, 3, 3) + rng.uniform(0, 6)) for _ in range(5))
    if rng.random() < 0.5:
        p = rng.uniform(2, 7)
        r = r * (np.abs(d) ** p).sum(2) ** (-1 / p)
    points = d * r[..., None] * rng.uniform(0.15, 0.6, 3)
    return outward(np.concatenate([grid_faces(points), fan(points[0])[:, ::-1], fan(points[-1])]))


def block(rng) -> np.ndarray:
    shape = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * rng.uniform(0.1, 0.6, 2)
    half, top = rng.uniform(0.04, 0.5), rng.choice([1.0, rng.uniform(0.0, 1.2)])
    rims = [np.stack([s[:, 0], np.full(4, y), s[:, 1]], 1) for s, y in ((shape, -half), (shape * top, half))]
    return outward(np.concatenate([grid_faces(np.stack(rims)), fan(rims[0])[:, ::-1], fan(rims[1])]))


MAKERS, ODDS = (lathe, extrusion, tube, lump, block), (0.25, 0.2, 0.2, 0.15, 0.2)


def rotated(rng, upright: float) -> np.ndarray:
    """A rotation matrix: about y alone with the chance `upright`, else any."""
    q = rng.normal(size=4)
    if rng.random() < upright:
        q[1] = q[3] = 0
        if rng.random() < 0.6:
            q[:] = [1, 0, rng.choice([0, 1, -1]), 0]
    w, x, y, z = q / np.linalg.norm(q)
    return np.array([[1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
                     [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
                     [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)]])


def sculpture(seed) -> tuple[np.ndarray, np.ndarray]:
    """One object: one to seven parts about each other, some repeated in a ring, in a row or mirrored."""
    rng = np.random.default_rng(seed)
    tints = rng.uniform(0, 255, (3, 3))
    parts, colours, top = [], [], np.zeros(3)
    upright = rng.choice([0.95, 0.6])
    for k in range(rng.choice([1, 2, 3, 4, 5, 7], p=[0.15, 0.2, 0.2, 0.2, 0.15, 0.1])):
        faces = MAKERS[rng.choice(len(MAKERS), p=ODDS)](rng) @ rotated(rng, upright).T
        faces = faces * (1.0 if k == 0 else rng.uniform(0.25, 0.9))
        low, high = faces.reshape(-1, 3).min(0), faces.reshape(-1, 3).max(0)
        faces = faces - (low + high) / 2
        if k:
            # On a point of what is there: standing on it, or sunk into it.
            spot = parts[rng.integers(len(parts))].reshape(-1, 3)
            spot = spot[rng.integers(len(spot))]
            if rng.random() < 0.4:
                spot = np.array([0, top[1] + (high - low)[1] * 0.45, 0])
            faces = faces + spot
        copies = [faces]
        form = rng.random() if k else 1.0
        if form < 0.2:
            n = rng.integers(3, 8)
            for j in range(1, n):
                c, s = np.cos(2 * np.pi * j / n), np.sin(2 * np.pi * j / n)
                copies.append(faces @ np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]]).T)
        elif form < 0.5:
            copies.append((faces * [-1, 1, 1])[:, ::-1])
        elif form < 0.6:
            step = rng.normal(0, 0.4, 3)
            copies += [faces + step * j for j in range(1, rng.integers(2, 5))]
        tint = tints[rng.integers(3)]
        for copy in copies:
            parts.append(copy)
            colours.append(np.broadcast_to(tint, (len(copy), 3)))
        top = np.maximum(top, faces.reshape(-1, 3).max(0))
    corners = np.concatenate(parts)
    low, high = corners.reshape(-1, 3).min(0), corners.reshape(-1, 3).max(0)
    corners = (corners - (low + high) / 2) * (0.95 / ((high - low).max() / 2))
    return corners.astype(np.float32), np.clip(np.concatenate(colours), 0, 255).astype(np.uint8)


def sculptures(count: int, seed: int, processes: int) -> list[tuple[np.ndarray, np.ndarray]]:
    seeds = [(seed, n) for n in range(count)]
    if processes < 2:
        return [sculpture(s) for s in seeds]
    # Fresh interpreters: a fork of a process that uses a GPU is not safe.
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        return pool.map(sculpture, seeds, chunksize=64)
