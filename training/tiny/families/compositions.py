"""Random compositions: shapes of no named kind, so that the model learns more than a choice among known kinds.

Each is built from primitives of random kinds, sizes and places, with the regularities that made things have: symmetry,
repetition, parts that touch, holes.
"""

import numpy as np

from tiny.families.parts import (ARC, BOX, CAPSULE, CONE, ELLIPSOID, FRUSTUM, SMOOTH, STAR, SUBTRACT, Parts, reach, rotation)


def any_part(s: Parts, centre, half, kinds=(BOX, CONE, ELLIPSOID, FRUSTUM, CAPSULE, STAR, ARC), **more):
    """A primitive of a random kind per shape that fits about the half extents `half` (three arrays)."""
    x, y, z = (np.broadcast_to(v, s.n).astype(float) for v in half)
    flat = np.minimum(x, z)
    edge = s.uniform(0, 0.5) * s.chance(0.4) * np.minimum(np.minimum(x, y), z)
    points = s.integer(4, 9).astype(float)
    round_ = np.minimum(x, y)
    sizes = {
        BOX: (x, y, z, edge),
        CONE: (y, x * s.uniform(0.5, 1), x * s.uniform(0.3, 1), np.clip(z / x, 0.4, 2.0), 0 * x),
        ELLIPSOID: (x, y, z),
        FRUSTUM: (y, x, z, x * s.uniform(0.3, 1), z * s.uniform(0.3, 1)),
        CAPSULE: (flat * s.uniform(0.6, 1), flat * s.uniform(0.4, 1), np.maximum(2 * y - flat, 0.6 * flat)),
        STAR: (round_, points, 2 + (points - 2) * s.uniform(0.1, 0.9), z),
        ARC: (round_ * 0.75, round_ * s.uniform(0.1, 0.24), np.where(s.chance(0.6), np.pi, s.uniform(0.8, 2.6))),
    }
    pick = s.rng.choice(np.array(kinds), s.n)
    s.add(kinds[0], centre, (0.0,), **more)
    slot = s.records[:, s.used - 1]
    used = slot[:, 0] > 0
    for kind in kinds:
        rows = (pick == kind) & used
        values = np.zeros((s.n, 8))
        for column, value in enumerate(sizes[kind]):
            values[:, column] = value
        slot[rows, 0] = kind
        slot[rows, 14:22] = values[rows]
        slot[rows, 7] = reach(kind, values[rows])
    return x, y, z


def turn(s: Parts, chance: float, quarter: bool = True):
    """World-to-local matrices: mostly none or quarter turns, else any."""
    angles = [s.rng.integers(0, 4, s.n) * (np.pi / 2) * s.chance(0.5) for _ in range(3)] if quarter else [np.zeros(s.n)] * 3
    free = s.chance(chance)
    return rotation(*(np.where(free, s.uniform(-np.pi, np.pi), a) for a in angles), n=s.n)


def assembly(s: Parts):
    """A body with parts that stick to it, some mirrored, in rings or rows."""
    x, y, z = s.uniform(0.2, 0.8), s.uniform(0.2, 0.8), s.uniform(0.2, 0.8)
    any_part(s, (0, 0, 0), (x, y, z), (BOX, CONE, ELLIPSOID, FRUSTUM, CAPSULE), turn=turn(s, 0.1))
    for k in range(7):
        face = s.integer(0, 2)
        side = np.where(s.chance(0.7), 1, -1)
        spot = [s.uniform(-0.8, 0.8) * v * s.chance(0.7) for v in (x, y, z)]
        for axis, extent in enumerate((x, y, z)):
            spot[axis] = np.where(face == axis, side * extent * s.uniform(0.75, 1.1), spot[axis])
        small = s.uniform(0.06, 0.5)
        half = [small * s.uniform(0.3, 1.2) for _ in range(3)]
        mirrored = s.chance(0.45) & (face != 1)
        keep = s.chance(0.75)
        common = dict(colour=k % 3, turn=turn(s, 0.2))
        any_part(s, spot, half, only=keep & mirrored, mirror="x" if k % 2 else "xz", **common)
        any_part(s, spot, half, only=keep & ~mirrored, row=(k % 3, np.where(s.chance(0.2), s.integer(2, 4), 1), 2.2 * small), **common)


def carved(s: Parts):
    """A solid with pieces taken away: holes, slots, hollows."""
    x, y, z = s.uniform(0.35, 0.9), s.uniform(0.35, 0.9), s.uniform(0.35, 0.9)
    any_part(s, (0, 0, 0), (x, y, z), (BOX, CONE, ELLIPSOID, FRUSTUM, STAR))
    any_part(s, (0, y * s.uniform(-1, 1), 0), (x * s.uniform(0.6, 1.2), y * s.uniform(0.1, 0.4), z * s.uniform(0.6, 1.2)),
             (BOX, CONE, FRUSTUM), only=s.chance(0.5), colour=1)
    for k in range(4):
        axis = s.integer(0, 2)
        long = 1.3
        half = [np.where(axis == a, v * np.where(s.chance(0.6), long, 0.6), v * s.uniform(0.15, 0.6)) for a, v in enumerate((x, y, z))]
        spot = [np.where(s.chance(0.6), 0, s.uniform(-0.8, 0.8)) * v for v in (x, y, z)]
        spot[1] = np.where((axis == 1) & s.chance(0.7), y * 0.6, spot[1])
        any_part(s, spot, half, (BOX, CONE, ELLIPSOID), op=SUBTRACT, colour=2, only=s.chance(0.6),
                 row=(k % 3, np.where(s.chance(0.3), s.integer(2, 4), 1), s.uniform(0.3, 0.6)))
    any_part(s, (x * s.uniform(0.2, 1), y * s.uniform(-0.6, 0.6), 0), (s.uniform(0.05, 0.3), s.uniform(0.05, 0.4), s.uniform(0.05, 0.3)),
             (BOX, CONE, ELLIPSOID, ARC), colour=1, only=s.chance(0.6), mirror="x")


def blob(s: Parts):
    """Melted limbs and balls: creatures, stones, clouds, figures."""
    blend, symmetric = s.uniform(0.05, 0.35), s.chance(0.5)
    s.ellipsoid((0, 0, 0), (s.uniform(0.2, 0.6), s.uniform(0.2, 0.6), s.uniform(0.2, 0.6)))
    at = [np.zeros(s.n)] * 3
    for k in range(6):
        again = s.chance(0.6)
        start = [np.where(again, 0.3 * s.uniform(-1, 1), v) for v in at]
        direction = s.rng.normal(size=(3, s.n))
        direction /= np.linalg.norm(direction, axis=0)
        length, r = s.uniform(0.2, 0.8), s.uniform(0.06, 0.28)
        end = [np.clip(p + d * length, -1, 1) for p, d in zip(start, direction)]
        keep = s.chance(0.8)
        common = dict(op=SMOOTH, blend=blend, colour=k % 3)
        s.limb(start, end, r, r * s.uniform(0.4, 1.3), only=keep & symmetric, mirror="x", **common)
        s.limb(start, end, r, r * s.uniform(0.4, 1.3), only=keep & ~symmetric, **common)
        at = end


def turned(s: Parts):
    """A stack of rings and cones about one axis, as from a lathe; often hollow, sometimes with a handle or a spout."""
    bottom, radius = np.zeros(s.n), s.uniform(0.15, 0.6)
    low = bottom
    widest = radius
    for k in range(6):
        half, upper = s.uniform(0.04, 0.3), np.clip(radius * s.uniform(0.4, 1.7), 0.05, 0.8)
        keep = s.chance(0.85)
        s.cone((0, low + half, 0), half, radius, upper, colour=k % 3, only=keep, edge=0.02 * s.chance(0.3))
        low = np.where(keep, low + 2 * half * s.uniform(0.9, 1.0), low)
        radius = np.where(keep, np.where(s.chance(0.6), upper, upper * s.uniform(0.6, 1.4)), radius)
        widest = np.maximum(widest, radius)
    s.ball((0, low, 0), radius * s.uniform(0.5, 1.1), only=s.chance(0.3), colour=1)
    hollow = s.chance(0.45)
    s.cone((0, low * 0.6, 0), low * 0.5, radius * 0.5, radius * 0.85, op=SUBTRACT, only=hollow, colour=2)
    handle = s.chance(0.4)
    s.arc((widest * 0.8, low * 0.5, 0), low * s.uniform(0.2, 0.35) + 0.08, s.uniform(0.03, 0.07), only=handle, colour=2,
          mirror="")
    s.rod((-widest * 0.6, low * 0.4, 0), (-widest - 0.3, low * s.uniform(0.5, 1.0), 0), 0.09, 0.05, only=handle & s.chance(0.4), colour=2)


def frame(s: Parts):
    """Bars, panels and boards at right angles: racks, scaffolds, cages, gates."""
    x, y, z, r = s.uniform(0.3, 0.9), s.uniform(0.3, 0.9), s.uniform(0.15, 0.8), s.uniform(0.03, 0.08)
    round_ = s.chance(0.4)
    s.box((x, 0, z), (r, y, r), mirror="xz", only=~round_)
    s.cylinder((x, 0, z), y, r, mirror="xz", only=round_)
    for k in range(4):
        high = s.uniform(-1, 1) * y
        keep = s.chance(0.7)
        s.box((0, high, z), (x, r * s.uniform(0.6, 1.5), r), mirror="z" if k % 2 else "xz", only=keep, colour=1)
        s.box((x, high, 0), (r, r * s.uniform(0.6, 1.5), z), mirror="x", only=keep & s.chance(0.6), colour=1)
    s.box((0, s.uniform(-1, 1) * y, 0), (x, s.uniform(0.02, 0.06), z), only=s.chance(0.6), colour=2)
    s.box((0, 0, -z), (x, y * s.uniform(0.3, 1), 0.03), only=s.chance(0.35), colour=2)
    s.box((0, s.uniform(-0.5, 0.5) * y, 0), (s.uniform(0.1, 0.6) * x, s.uniform(0.1, 0.5) * y, s.uniform(0.2, 0.8) * z),
          only=s.chance(0.4), colour=2, edge=0.02)
    s.box((0, 0, z), (r * 0.7, y, r * 0.7), row=(0, s.integer(2, 5), 2 * x / 5), only=s.chance(0.4), colour=1)
    s.frustum((0, y + 0.15, 0), 0.15, (x * 1.15, z * 1.2), (x * s.uniform(0, 1), z * 0.1), only=s.chance(0.3), colour=2)


def plant(s: Parts):
    """Stems, rings of leaves and branches, crowns, often in a pot."""
    high, r = s.uniform(0.5, 1.4), s.uniform(0.03, 0.1)
    pot = s.chance(0.5)
    s.cone((0, -0.15, 0), 0.18, s.uniform(0.15, 0.3), s.uniform(0.2, 0.42), only=pot, colour=2)
    lean = s.uniform(-0.2, 0.2)
    s.rod((0, -0.1, 0), (lean * 0, high, 0), r * 1.3, r * 0.7, colour=1)
    leafy = s.chance(0.6)
    for k in range(4):
        base = high * s.uniform(0.2, 1.0)
        n, out, up = s.integer(3, 8), s.uniform(0.2, 0.7), s.uniform(-0.3, 0.6)
        keep = s.chance(0.75)
        s.limb((0.02, base, 0), (out, base + up, 0), r * 0.5, r * 0.4, ring=n, only=keep, colour=1)
        length = np.hypot(out, up)
        tilt = np.arctan2(up, out)
        s.add(ELLIPSOID, (out * 0.6, base + up * 0.6, 0), (length * 0.55, s.uniform(0.02, 0.06), s.uniform(0.06, 0.2)),
              turn=(0, 0, tilt), ring=n, only=keep & leafy)
        s.ball((out, base + up, 0), s.uniform(0.08, 0.3), ring=n, only=keep & ~leafy)
    s.ellipsoid((0, high, 0), (s.uniform(0.15, 0.6), s.uniform(0.15, 0.5), s.uniform(0.15, 0.6)), only=s.chance(0.4))


FAMILIES = {f.__name__: f for f in (assembly, carved, blob, turned, frame, plant)}
