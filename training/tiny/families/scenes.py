"""Vehicles, buildings, animals and people."""

import numpy as np

from tiny.families.parts import CENTRE, SMOOTH, SUBTRACT, Parts


def car(s: Parts):
    l, w, h = 1.0, s.uniform(0.38, 0.5), s.uniform(0.14, 0.22)
    wheel, cabin = s.uniform(0.17, 0.24), s.uniform(0.2, 0.3)
    edge, x = s.uniform(0.03, 0.1), s.uniform(-0.25, 0.05)
    s.box((0, 0, 0), (l, h, w), edge)
    s.frustum((x, h + cabin / 2, 0), cabin / 2 + 0.02, (s.uniform(0.5, 0.7), w * 0.92), (s.uniform(0.3, 0.42), w * 0.75), colour=1)
    s.disc((0.58, -h, w - 0.03), 0.09, wheel, axis="z", mirror="xz", colour=2)
    s.ball((l - 0.02, 0.03, w * 0.65), 0.065, mirror="z", colour=1, only=s.chance(0.6))
    s.box((l, -h * 0.6, 0), (0.05, 0.05, w * 0.9), 0.02, colour=2, only=s.chance(0.5))


def truck(s: Parts):
    w, h = s.uniform(0.28, 0.36), s.uniform(0.28, 0.42)
    wheel, cab = s.uniform(0.12, 0.17), s.uniform(0.24, 0.34)
    tank = s.chance(0.3)
    s.box((0, -0.12, 0), (1.0, 0.07, w * 0.9), colour=2)
    s.box((-0.3, h - 0.04, 0), (0.68, h, w), 0.02, only=~tank)
    s.disc((-0.3, h * 0.7, 0), 0.66, h * 0.8, only=tank, edge=0.08)
    s.box((0.75, cab - 0.1, 0), (0.25, cab, w * 0.95), 0.04, colour=1)
    for x in (0.72, -0.4, -0.75):
        s.disc((x, -0.2, w - 0.06), 0.07, wheel, axis="z", mirror="z", colour=2)
    s.box((1.0, cab * 1.3 - 0.1, 0), (0.03, cab * 0.35, w * 0.75), only=s.chance(0.5), colour=2)


def bus(s: Parts):
    w, h = s.uniform(0.26, 0.34), s.uniform(0.24, 0.34)
    wheel = s.uniform(0.12, 0.16)
    n = s.integer(3, 5)
    s.box((0, 0, 0), (1.0, h, w), s.uniform(0.02, 0.08))
    s.box((-0.05, h * 0.3, w), (0.75 / n, h * 0.32, 0.03), mirror="z", row=(0, n, 1.75 / n), op=SUBTRACT, colour=1)
    s.box((1.0, h * 0.25, 0), (0.035, h * 0.4, w * 0.75), op=SUBTRACT, colour=1)
    s.disc((0.62, -h, w - 0.05), 0.07, wheel, axis="z", mirror="z", colour=2)
    s.disc((-0.6, -h, w - 0.05), 0.07, wheel, axis="z", mirror="z", colour=2)
    s.box((0, h + 0.04, 0), (0.3, 0.06, w * 0.5), 0.02, only=s.chance(0.4), colour=2)


def train(s: Parts):
    r, w = s.uniform(0.2, 0.27), 0.3
    s.box((0, -0.2, 0), (0.95, 0.08, w), colour=1)
    s.rod((-0.4, r - 0.1, 0), (0.8, r - 0.1, 0), r)
    s.box((-0.6, 0.25, 0), (0.3, s.uniform(0.38, 0.45), w), 0.02, colour=2)
    s.box((-0.6, 0.72, 0), (0.37, 0.045, w + 0.06), 0.02, colour=1)
    s.cone((0.6, 2 * r, 0), s.uniform(0.12, 0.22), 0.07, s.uniform(0.08, 0.14), colour=1)
    s.ball((0.15, 2 * r - 0.1, 0), 0.12, colour=2)
    s.disc((0.25, -0.28, w), 0.05, s.uniform(0.13, 0.16), axis="z", mirror="z", row=(0, 3, 0.42), colour=2)
    s.disc((-0.6, -0.24, w), 0.05, 0.22, axis="z", mirror="z", colour=2)
    s.frustum((0.98, -0.26, 0), 0.1, (0.12, w), (0.03, w * 0.8), colour=1)


def plane(s: Parts):
    r, span = s.uniform(0.11, 0.17), s.uniform(0.6, 0.95)
    chord, sweep = s.uniform(0.14, 0.24), s.uniform(0, 0.35)
    t = s.uniform(0.03, 0.045)
    s.limb((0, 0, -0.75), (0, 0, 0.75), r * 0.5, r)
    s.box((span / 2, 0, 0.1 - sweep / 2), (span / 2, t, chord), 0.01, turn=(0, np.arctan2(sweep, span), 0), mirror="x", colour=1)
    s.box((0.16, 0.04, -0.72), (0.2, t, 0.11), 0.01, mirror="x", colour=1)
    s.frustum((0, 0.2, -0.74), 0.17, (t, 0.15), (t, 0.08), colour=2)
    jet = s.chance(0.5)
    s.limb((span * 0.45, -0.11, -0.05), (span * 0.45, -0.11, 0.25), 0.075, mirror="x", colour=2, only=jet)
    s.box((0, 0, 0.75 + r), (0.3, 0.04, 0.025), 0.01, only=~jet, colour=2)


def helicopter(s: Parts):
    r = s.uniform(0.26, 0.34)
    s.ellipsoid((0, 0, 0.3), (r, r, 0.45))
    s.limb((0, 0.08, 0), (0, 0.16, -0.95), 0.11, 0.055)
    s.box((0, 0.26, -0.95), (0.03, 0.18, 0.09), 0.01, colour=1)
    s.cylinder((0, r + 0.06, 0.2), 0.12, 0.05, colour=2)
    blades = s.integer(2, 4)
    span = s.uniform(0.7, 0.95)
    angle = s.uniform(0, np.pi)
    for i in range(4):
        a = angle + 2 * np.pi * i / blades
        s.box((np.cos(a) * span / 2, r + 0.17, 0.2 - np.sin(a) * span / 2), (span / 2, 0.03, 0.06), turn=(0, a, 0), only=blades > i, colour=1)
    s.limb((0.24, -r - 0.12, -0.15), (0.24, -r - 0.12, 0.7), 0.04, mirror="x", colour=2)
    s.limb((0.24, -r - 0.12, 0.05), (0.1, -r * 0.7, 0.15), 0.035, mirror="x", colour=2)
    s.limb((0.24, -r - 0.12, 0.45), (0.1, -r * 0.7, 0.4), 0.035, mirror="x", colour=2)


def boat(s: Parts):
    l, w, h = 1.0, s.uniform(0.28, 0.4), s.uniform(0.13, 0.2)
    sail = s.chance(0.6)
    s.frustum((0, 0, 0), h, (l * 0.75, w * 0.6), (l, w))
    s.frustum((0, 0.1, 0), h, (l * 0.75 - 0.05, w * 0.6 - 0.05), (l - 0.07, w - 0.06), op=SUBTRACT, colour=1)
    mast = s.uniform(0.8, 1.2)
    s.cylinder((0, mast / 2, 0), mast / 2, 0.04, colour=2, only=sail)
    s.frustum((-0.36, mast * 0.58, 0), mast * 0.38, (0.33, 0.03), (0.02, 0.03), colour=0, only=sail)
    s.box((-0.2, h + 0.1, 0), (0.35, 0.2, w * 0.6), 0.02, colour=1, only=~sail)
    s.cylinder((-0.3, h + 0.4, 0), 0.16, 0.09, colour=2, only=~sail)


def house(s: Parts):
    w, d, h = s.uniform(0.5, 0.8), s.uniform(0.4, 0.7), s.uniform(0.3, 0.55)
    roof, over = s.uniform(0.25, 0.5), 0.08
    gable = s.chance(0.6)
    s.box((0, 0, 0), (w, h, d))
    ridge = np.where(gable, w + over, w * 0.35)
    s.frustum((0, h + roof / 2, 0), roof / 2, (w + over, d + over), (ridge, 0.03), colour=1)
    s.box((w * s.uniform(0.4, 0.65), h + roof * 0.75, -d * 0.25), (0.08, roof * 0.5, 0.08), only=s.chance(0.6), colour=2)
    door = s.uniform(-0.3, 0.3) * w
    s.box((door, -h + 0.22, d), (0.11, 0.24, 0.045), colour=2)
    out, y = s.chance(0.5), h * 0.25
    s.box((w * 0.62, y, d), (0.11, 0.11, 0.045), mirror="x", colour=2, only=out)
    s.box((w * 0.62, y, d), (0.11, 0.11, 0.05), mirror="x", colour=2, op=SUBTRACT, only=~out)
    s.box((w, y * 0.5, 0), (0.05, 0.13, 0.14), mirror="x", colour=2, op=SUBTRACT, only=s.chance(0.5))
    s.box((0, -h, 0), (w + 0.15, 0.04, d + 0.15), only=s.chance(0.4), colour=1)


def tower(s: Parts):
    r, h = s.uniform(0.28, 0.4), s.uniform(0.55, 0.8)
    n = s.integer(6, 9)
    spire = s.chance(0.5)
    s.cone((0, 0, 0), h, r * s.uniform(1.0, 1.2), r)
    s.cylinder((0, h + 0.06, 0), 0.09, r * 1.18)
    s.box((r * 1.05, h + 0.2, 0), (0.07, 0.09, 0.085), ring=n, only=~spire)
    s.cone((0, h + 0.4, 0), 0.3, r * 1.3, 0.02, only=spire, colour=1)
    s.box((0, -h + 0.18, r), (0.12, 0.2, 0.15), colour=2)
    side = s.chance(0.4)
    x = r + 0.22
    s.cylinder((x, -h + 0.35, 0), 0.35, 0.2, only=side, mirror="x", colour=1)
    s.cone((x, -h + 0.83, 0), 0.14, 0.24, 0.02, only=side, mirror="x", colour=2)


def windmill(s: Parts):
    r, h = s.uniform(0.28, 0.36), s.uniform(0.55, 0.7)
    s.cone((0, 0, 0), h, r, r * 0.65)
    s.cone((0, h + 0.12, 0), 0.14, r * 0.75, 0.03, colour=1)
    z, y = r * 0.65 + 0.14, h * 0.85
    s.disc((0, y, z - 0.1), 0.14, 0.06, axis="z", colour=2)
    a, span = s.uniform(0, np.pi / 2), s.uniform(0.55, 0.7)
    for i in range(4):
        t = a + np.pi / 2 * i
        s.box((np.cos(t) * span * 0.52, y + np.sin(t) * span * 0.52, z), (span * 0.48, 0.08, 0.03), turn=(0, 0, t), colour=2)
    s.box((0, -h + 0.16, r * 0.95), (0.09, 0.17, 0.08), colour=1)


def dog(s: Parts):
    l, r = s.uniform(0.4, 0.6), s.uniform(0.15, 0.24)
    leg, lr, neck = s.uniform(0.3, 0.5), s.uniform(0.055, 0.09), s.uniform(0.25, 0.45)
    head = r * s.uniform(0.7, 0.95)
    x, y = l + neck * 0.45, neck + 0.08
    s.limb((-l, 0, 0), (l, 0, 0), r, r * 1.05)
    s.limb((l, 0.05, 0), (x, y, 0), r * 0.75, head * 0.75)
    s.ball((x, y, 0), head)
    s.limb((x, y - 0.03, 0), (x + head * s.uniform(1.2, 1.8), y - 0.06, 0), head * 0.6, head * 0.45)
    s.limb((l * 0.85, -0.05, r * 0.6), (l * 0.85, -leg - r, r * 0.6), lr * 1.2, lr, mirror="z", colour=1)
    s.limb((-l * 0.85, -0.05, r * 0.6), (-l * 0.85, -leg - r, r * 0.6), lr * 1.3, lr, mirror="z", colour=1)
    s.limb((-l - r * 0.6, 0.05, 0), (-l - r - s.uniform(0.15, 0.3), s.uniform(0.05, 0.4), 0), 0.06, 0.045, colour=2)
    up = s.chance(0.6)
    ear = s.uniform(0.12, 0.25)
    s.limb((x - 0.03, y + head * 0.6, head * 0.5), (x - 0.03, y + head * 0.8 + ear, head * 0.6), 0.06, 0.035, mirror="z", colour=2, only=up)
    s.limb((x - 0.03, y + head * 0.5, head * 0.8), (x - 0.05, y - ear, head * 1.1), 0.06, 0.05, mirror="z", colour=2, only=~up)


def bird(s: Parts):
    r = s.uniform(0.3, 0.4)
    s.ellipsoid((0, 0, 0), (r * 1.45, r, r), turn=(0, 0, s.uniform(0.1, 0.5)))
    x, y, head = r * 1.05, r * 1.15, r * s.uniform(0.55, 0.7)
    s.ball((x, y, 0), head, op=SMOOTH, blend=0.12)
    s.limb((x + head * 0.8, y, 0), (x + head + s.uniform(0.12, 0.25), y - 0.02, 0), 0.075, 0.025, colour=1)
    s.ellipsoid((-0.08, 0.03, r * 0.85), (r * 0.95, r * 0.5, r * 0.28), turn=(0, 0, 0.3), mirror="z", colour=2)
    s.limb((-r * 1.1, -0.15, 0), (-r * 1.1 - s.uniform(0.3, 0.5), s.uniform(-0.3, 0.1), 0), 0.12, 0.06, colour=2)
    s.limb((0, -r * 0.7, r * 0.4), (0, -r - 0.35, r * 0.4), 0.045, mirror="z", colour=1)
    s.limb((0, -r - 0.35, r * 0.4), (0.16, -r - 0.35, r * 0.4), 0.045, mirror="z", colour=1)


def fish(s: Parts):
    h, t = s.uniform(0.3, 0.5), s.uniform(0.14, 0.24)
    s.ellipsoid((0.1, 0, 0), (0.7, h, t))
    s.frustum((-0.72, 0, 0), 0.24, (0.03, 0.045), (s.uniform(0.25, 0.4), 0.045), turn=(0, 0, np.pi / 2), colour=1)
    s.frustum((0.05, h + 0.02, 0), 0.14, (0.34, 0.04), (0.14, 0.035), colour=1)
    s.ellipsoid((0.15, -0.05, t), (0.17, 0.09, 0.05), turn=(0, 0, 0.4), mirror="z", colour=1)
    s.ball((0.58, h * 0.25, t * 0.55), 0.06, mirror="z", colour=2)


def robot(s: Parts):
    w, h, d = s.uniform(0.28, 0.4), s.uniform(0.3, 0.42), s.uniform(0.17, 0.26)
    leg, head = s.uniform(0.25, 0.38), s.uniform(0.18, 0.26)
    edge = s.chance(0.5) * 0.06
    s.box((0, 0, 0), (w, h, d), edge)
    s.box((0, h + head, 0), (head * s.uniform(0.9, 1.3), head * 0.85, head * 0.85), edge, colour=1)
    s.box((w * 0.5, -h - leg, 0), (0.11, leg, 0.12), 0.02, mirror="x", colour=2)
    s.box((w * 0.5, -h - 2 * leg, 0.06), (0.14, 0.07, 0.2), 0.02, mirror="x", colour=1)
    s.limb((w + 0.09, h * 0.75, 0), (w + 0.09 + s.uniform(0.0, 0.3), -h * s.uniform(0.3, 0.9), s.uniform(0, 0.2)), 0.085, mirror="x", colour=2)
    s.ball((head * 0.42, h + head * 1.1, head * 0.85), 0.06, mirror="x", colour=2)
    antenna = s.chance(0.5)
    s.limb((0, h + head * 1.8, 0), (0, h + head * 1.8 + 0.2, 0), 0.035, only=antenna, colour=2)
    s.ball((0, h + head * 1.8 + 0.23, 0), 0.065, only=antenna, colour=1)
    s.box((0, h * 0.15, d), (w * 0.55, h * 0.4, 0.04), 0.01, only=s.chance(0.5), colour=1)


def person(s: Parts):
    w, h, leg = s.uniform(0.17, 0.24), s.uniform(0.28, 0.36), s.uniform(0.5, 0.62)
    head = s.uniform(0.13, 0.17)
    s.box((0, 0, 0), (w, h, 0.13), 0.08)
    s.ball((0, h + head * 1.35, 0), head, colour=1)
    s.limb((0, h - 0.02, 0), (0, h + head, 0), 0.07, colour=1)
    apart = s.uniform(0.0, 0.18)
    s.limb((w * 0.55, -h * 0.85, 0), (w * 0.55 + apart, -h - leg, 0), 0.1, 0.07, mirror="x", colour=2)
    s.limb((w * 0.55 + apart, -h - leg, 0.02), (w * 0.55 + apart, -h - leg, 0.13), 0.07, 0.06, mirror="x", colour=1)
    lift = s.uniform(-0.5, 0.5)
    s.limb((w, h * 0.8, 0), (w + s.uniform(0.12, 0.3), h * 0.8 - 0.28 + lift * 0.3, 0), 0.075, 0.06, mirror="x")
    last = s.records[:, s.used - 1]
    # The forearm starts where the upper arm ends.
    elbow_x, elbow_y = 2 * last[:, CENTRE] - w, 2 * last[:, CENTRE + 1] - h * 0.8
    s.limb((elbow_x, elbow_y, 0), (elbow_x + 0.06, elbow_y + lift * 0.6, s.uniform(0.0, 0.15)), 0.06, 0.05, mirror="x", colour=1)
    hat = s.chance(0.4)
    s.cylinder((0, h + head * 2.1, 0), 0.03, head * 1.5, only=hat, colour=2)
    s.cylinder((0, h + head * 2.1 + 0.09, 0), 0.09, head * 0.9, only=hat, colour=2)


# The order is part of a seed's meaning: new kinds go to the end.
FAMILIES = {f.__name__: f for f in (
    car, truck, bus, train, boat, house, tower, windmill, bird, fish, robot, person, plane, helicopter, dog,
)}
