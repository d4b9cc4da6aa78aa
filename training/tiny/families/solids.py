"""Plain solids and single things of few parts."""

import numpy as np

from tiny.families.parts import INTERSECT, OP, REACH, RING, ROTATION, SIZE, SMOOTH, STAR, SUBTRACT, TYPE, Parts, reach


def ellipsoid(s: Parts):
    s.ellipsoid((0, 0, 0), (s.uniform(0.4, 1), s.uniform(0.4, 1), s.uniform(0.4, 1)))


def box(s: Parts):
    s.box((0, 0, 0), (s.uniform(0.25, 1), s.uniform(0.25, 1), s.uniform(0.25, 1)), s.chance(0.5) * s.uniform(0, 0.2))


def cylinder(s: Parts):
    s.cylinder((0, 0, 0), s.uniform(0.2, 1), s.uniform(0.25, 0.8), edge=s.chance(0.4) * s.uniform(0, 0.15))


def cone(s: Parts):
    s.cone((0, 0, 0), s.uniform(0.4, 1), s.uniform(0.4, 0.9), s.chance(0.5) * s.uniform(0.02, 0.3) + 0.01)


def torus(s: Parts):
    tube = s.uniform(0.1, 0.35)
    flat = s.chance(0.6)
    s.arc((0, 0, 0), s.uniform(0.55, 0.7), tube, turn=(flat * np.pi / 2, 0, 0))


def capsule(s: Parts):
    r = s.uniform(0.2, 0.5)
    s.limb((0, -0.6, 0), (0, s.uniform(0.0, 0.8), 0), r, r * s.uniform(0.5, 1.0))


def cross(s: Parts):
    w, d = s.uniform(0.1, 0.22), s.uniform(0.1, 0.22)
    y, edge = s.uniform(-0.1, 0.4), s.chance(0.4) * 0.05
    s.box((0, 0, 0), (w, 1, d), edge)
    s.box((0, y, 0), (s.uniform(0.4, 0.9), w, d), edge)
    s.box((0, -1, 0), (s.uniform(0.3, 0.5), s.uniform(0.06, 0.14), s.uniform(0.3, 0.5)), only=s.chance(0.4), colour=1)


def gear(s: Parts):
    n, r, h = s.integer(6, 12), s.uniform(0.55, 0.75), s.uniform(0.12, 0.3)
    tooth = r * np.pi / n * s.uniform(0.45, 0.6)
    tilt = s.chance(0.5)
    _gear_disc(s, r, h, n, tooth)
    s.cylinder((0, 0, 0), 1.0, r * s.uniform(0.2, 0.5), op=SUBTRACT, colour=1)
    # The teeth stand about the y axis; half of the gears are turned to face the front.
    _tip(s, tilt)


def _gear_disc(s: Parts, r, h, n, tooth):
    s.cylinder((0, 0, 0), h, r)
    s.frustum((r + 0.1, 0, 0), 0.14, (h, tooth * 1.2), (h, tooth * 0.8), turn=(0, 0, -np.pi / 2), ring=n)


def _tip(s: Parts, tilt):
    """Keeps lying gears; the others get teeth cut from a star prism that stands in the xy plane."""
    standing = np.asarray(tilt)
    disc, teeth, hole = (s.records[standing, i].copy() for i in range(3))
    lying_to_standing = np.array([[1, 0, 0], [0, 0, 1], [0, -1, 0]], np.float32).reshape(9)
    for part in (disc, hole):
        part[:, ROTATION:ROTATION + 9] = lying_to_standing
    n, r, h = teeth[:, RING], disc[:, SIZE + 1], disc[:, SIZE]
    star = np.zeros_like(teeth)
    star[:, TYPE], star[:, ROTATION:ROTATION + 9] = STAR, np.eye(3).reshape(9)
    star[:, SIZE:SIZE + 4] = np.stack([r + 0.24, n, np.minimum(n, 3.2), h], 1)
    star[:, REACH] = reach(STAR, star[:, SIZE:SIZE + 8])
    limit = disc.copy()
    limit[:, OP], limit[:, SIZE], limit[:, SIZE + 1], limit[:, SIZE + 2] = INTERSECT, h + 0.01, r + 0.17, r + 0.17
    for i, part in enumerate((star, disc, limit, hole)):
        s.records[standing, i] = part
    s.used = 4


def star(s: Parts):
    n = s.integer(4, 8)
    s.star((0, 0, 0), 0.9, n, 2.0 + (n - 2.0) * s.uniform(0.25, 0.6), s.uniform(0.1, 0.25))
    s.cylinder((0, -1.1, 0), 0.25, 0.06, only=s.chance(0.3), colour=1)
    s.disc((0, 0, 0), s.uniform(0.28, 0.34), 0.22, axis="z", only=s.chance(0.3), colour=2)


def dumbbell(s: Parts):
    r, half = s.uniform(0.25, 0.42), s.uniform(0.5, 0.8)
    round_end = s.chance(0.4)
    grip, w = s.uniform(0.08, 0.13), s.uniform(0.1, 0.2)
    s.rod((-half, 0, 0), (half, 0, 0), grip, colour=1)
    s.ball((half, 0, 0), r, mirror="x", only=round_end)
    s.disc((half, 0, 0), w, r, mirror="x", only=~round_end, edge=0.03)
    s.disc((half + w * 1.5, 0, 0), w * 0.6, r * 0.75, mirror="x", only=~round_end & s.chance(0.6), colour=2)


def snowman(s: Parts):
    r0, r1, r2 = s.uniform(0.4, 0.5), s.uniform(0.3, 0.36), s.uniform(0.2, 0.26)
    y1 = r0 + r1 * 0.75
    y2 = y1 + r1 * 0.7 + r2 * 0.8
    s.ball((0, 0, 0), r0)
    s.ball((0, y1, 0), r1)
    s.ball((0, y2, 0), r2)
    nose = s.uniform(0.12, 0.22)
    s.limb((0, y2, r2), (0, y2, r2 + nose), 0.05, 0.02, colour=1)
    s.limb((r1 * 0.8, y1 + 0.05, 0), (r1 + 0.35, y1 + s.uniform(0.0, 0.35), 0), 0.035, mirror="x", colour=2)
    hat = s.chance(0.6)
    s.cylinder((0, y2 + r2 * 0.85, 0), 0.03, r2 * 1.1, only=hat, colour=2)
    s.cylinder((0, y2 + r2 * 0.85 + 0.14, 0), 0.14, r2 * 0.7, only=hat, colour=2)
    for y in (y1 + 0.1, y1 - 0.1):
        s.ball((0, y, r1 * 0.95), 0.045, colour=2)


def tree(s: Parts):
    layers = s.integer(2, 4)
    h, r = s.uniform(0.28, 0.4), s.uniform(0.45, 0.65)
    s.cylinder((0, -0.25, 0), 0.25, s.uniform(0.08, 0.14), colour=1)
    y, shrink = np.zeros(s.n), s.uniform(0.68, 0.8)
    for i in range(4):
        on = layers > i
        s.cone((0, y + h, 0), h, r, r * 0.12, only=on)
        y = y + np.where(on, h * s.uniform(0.8, 0.95), 0)
        r = r * shrink
        h = h * 0.92


def mushroom(s: Parts):
    r = s.uniform(0.5, 0.8)
    stem = s.uniform(0.13, 0.24)
    top = s.uniform(0.35, 0.55)
    s.ellipsoid((0, 0, 0), (r, top, r))
    s.box((0, -1, 0), (2, 1, 2), op=SUBTRACT, colour=1)
    s.cone((0, -0.35, 0), 0.42, stem * s.uniform(1, 1.5), stem, colour=1)
    angle = s.uniform(0, 2 * np.pi)
    for i in range(3):
        a = angle + i * 2.1
        s.ball((r * 0.62 * np.cos(a), top * 0.72, r * 0.62 * np.sin(a)), 0.09, colour=2, only=s.chance(0.7))


def cactus(s: Parts):
    r = s.uniform(0.13, 0.2)
    s.limb((0, -0.5, 0), (0, s.uniform(0.5, 0.8), 0), r * 1.1, r)
    for side in (-1, 1):
        on, y = s.chance(0.8), s.uniform(-0.2, 0.2)
        x, up = side * (r + s.uniform(0.2, 0.3)), s.uniform(0.2, 0.45)
        s.limb((0, y, 0), (x, y, 0), r * 0.6, only=on)
        s.limb((x, y, 0), (x, y + up, 0), r * 0.6, only=on)
    pot = s.uniform(0.28, 0.36)
    s.cone((0, -0.75, 0), 0.22, pot * 0.75, pot, colour=1)
    s.cylinder((0, -0.5, 0), 0.05, pot * 1.12, colour=2)


def icecream(s: Parts):
    r = s.uniform(0.32, 0.42)
    s.cone((0, -0.5, 0), 0.5, 0.04, r * 0.95)
    s.ball((0, 0.12, 0), r, colour=1)
    two = s.chance(0.5)
    s.ball((0, 0.12 + r * 1.1, 0), r * 0.8, colour=2, only=two)
    s.ball((0, 0.12 + np.where(two, r * 1.95, r), 0), 0.09, colour=0, only=s.chance(0.5))


def rocket(s: Parts):
    r, h = s.uniform(0.16, 0.26), s.uniform(0.4, 0.6)
    fins = s.integer(3, 4)
    nose = s.uniform(0.3, 0.5)
    s.cone((0, 0, 0), h, r * s.uniform(0.85, 1.1), r)
    s.cone((0, h + nose / 2, 0), nose / 2, r, 0.02, colour=1)
    s.frustum((r + 0.1, -h + 0.1, 0), 0.25, (0.22, 0.035), (0.06, 0.035), colour=2, ring=fins)
    s.cone((0, -h - 0.07, 0), 0.08, r * 0.8, r * 0.55, colour=1)
    s.disc((0, h * 0.4, r), 0.04, r * 0.45, axis="z", colour=1, only=s.chance(0.6))


def hammer(s: Parts):
    head, r = s.uniform(0.3, 0.5), s.uniform(0.1, 0.17)
    square = s.chance(0.4)
    s.rod((0, -1, 0), (0, 0.75, 0), s.uniform(0.05, 0.085), s.uniform(0.05, 0.07))
    s.rod((-head, 0.7, 0), (head, 0.7, 0), r, only=~square, colour=1)
    s.box((0, 0.7, 0), (head, r, r), 0.02, only=square, colour=1)
    s.cylinder((0, -0.7, 0), 0.28, 0.095, only=s.chance(0.4), colour=2, edge=0.03)


def umbrella(s: Parts):
    r = s.uniform(0.6, 0.9)
    top = s.uniform(0.3, 0.5)
    s.ellipsoid((0, 0.3, 0), (r, top, r))
    s.ellipsoid((0, 0.26, 0), (r * 0.95, top * 0.95, r * 0.95), op=SUBTRACT, colour=1)
    s.box((0, -0.7, 0), (2, 1, 2), op=SUBTRACT)
    s.cylinder((0, -0.25, 0), 0.6, 0.035, colour=2)
    hook = 0.12
    s.arc((hook, -0.85, 0), hook, 0.035, np.pi / 2, turn=(0, 0, np.pi), colour=2)
    s.cylinder((0, 0.3 + top, 0), 0.07, 0.03, colour=2)


def key(s: Parts):
    ring, t = s.uniform(0.2, 0.3), s.uniform(0.05, 0.075)
    s.arc((0, 0.6, 0), ring, t)
    s.rod((0, 0.6 - ring, 0), (0, -0.9, 0), t, colour=1)
    teeth = s.integer(2, 3)
    for i in range(3):
        s.box((0.12, -0.85 + 0.17 * i, 0), (s.uniform(0.1, 0.16), 0.05, t * 0.8), only=teeth > i, colour=1)


def sword(s: Parts):
    w, t = s.uniform(0.07, 0.12), s.uniform(0.025, 0.045)
    s.frustum((0, 0.3, 0), 0.7, (w, t), (w * 0.8, t), colour=0)
    s.frustum((0, 1.1, 0), 0.1, (w * 0.8, t), (0.01, t), colour=0)
    s.box((0, -0.42, 0), (s.uniform(0.2, 0.34), 0.05, 0.06), 0.02, colour=1)
    s.cylinder((0, -0.65, 0), 0.2, s.uniform(0.05, 0.07), colour=2)
    s.ball((0, -0.88, 0), s.uniform(0.07, 0.1), colour=1)


def guitar(s: Parts):
    r, d = s.uniform(0.32, 0.4), s.uniform(0.1, 0.14)
    y = r * s.uniform(0.9, 1.1)
    s.disc((0, 0, 0), d, r, axis="z")
    s.disc((0, y, 0), d, r * s.uniform(0.68, 0.8), axis="z", op=SMOOTH, blend=0.15)
    s.disc((0, y * 0.45, d), 0.06, r * 0.3, axis="z", op=SUBTRACT, colour=1)
    s.box((0, y + 0.6, d * 0.6), (0.055, 0.6, 0.04), colour=1)
    s.frustum((0, y + 1.28, d * 0.6), 0.13, (0.07, 0.045), (0.1, 0.045), colour=2)
    s.box((0, -r * 0.4, d), (r * 0.35, 0.035, 0.04), colour=2)
    s.disc((0.12, y + 1.28, d * 0.6), 0.04, 0.035, mirror="x", row=(1, 2, 0.14), colour=1)


# The order is part of a seed's meaning: new kinds go to the end.
FAMILIES = {f.__name__: f for f in (
    ellipsoid, box, cylinder, cone, torus, capsule, cross, dumbbell, snowman, tree, mushroom, cactus, icecream, rocket, hammer,
    umbrella, key, sword, guitar, gear, star,
)}
