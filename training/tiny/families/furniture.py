"""Furniture and things of the house."""

import numpy as np

from tiny.families.parts import SMOOTH, SUBTRACT, Parts


def table(s: Parts):
    w, d, t = s.uniform(0.6, 1.0), s.uniform(0.4, 0.9), s.uniform(0.04, 0.09)
    round_top, pedestal = s.chance(0.4), s.chance(0.35)
    h = s.uniform(0.35, 0.7)
    r = s.uniform(0.035, 0.075)
    s.cylinder((0, h, 0), t, w, only=round_top)
    s.box((0, h, 0), (w, t, d), s.chance(0.3) * 0.03, only=~round_top)
    square = ~pedestal & s.chance(0.5)
    x = np.where(round_top, w * 0.6, w - 0.1)
    z = np.where(round_top, w * 0.6, d - 0.1)
    s.box((x, 0, z), (r, h, r), only=square, mirror="xz", colour=1)
    s.rod((x + 0.05 * s.chance(0.3), -h, z), (x, h, z), r * 0.9, r, only=~pedestal & ~square, mirror="xz", colour=1)
    s.cylinder((0, 0, 0), h, s.uniform(0.06, 0.12), only=pedestal, colour=1)
    s.cone((0, -h, 0), 0.06, w * s.uniform(0.4, 0.6), 0.14, only=pedestal, colour=2)
    s.box((0, h - t - 0.06, 0), (x, 0.06, z), only=~pedestal & s.chance(0.4), colour=2)


def chair(s: Parts):
    w, d, h = s.uniform(0.34, 0.5), s.uniform(0.34, 0.5), s.uniform(0.4, 0.55)
    t, r, back = s.uniform(0.04, 0.08), s.uniform(0.035, 0.065), s.uniform(0.5, 0.85)
    s.box((0, 0, 0), (w, t, d), s.chance(0.4) * 0.04)
    s.rod((w - r, -h, d - r), (w - r, 0, d - r), r, mirror="xz", colour=1)
    z = -d + r
    tilt = s.uniform(0, 0.15)
    posts, panel = s.chance(0.7), s.chance(0.5)
    s.limb((w - r, 0, z), (w - r, back, z - tilt), r, mirror="x", colour=1, only=posts)
    high = back * 0.8
    tip = (-tilt / back, 0, 0)
    s.box((0, high, z - tilt * 0.8), (w - r, back * 0.2, 0.04), 0.01, turn=tip, only=posts & panel, colour=2)
    s.box((0, back * 0.55, z - tilt * 0.55), (w - r, 0.05, 0.03), turn=tip, only=posts, colour=2, row=(1, s.integer(2, 3), back * 0.35))
    s.box((0, back / 2, z - tilt / 2), (w * 0.95, back / 2, 0.045), 0.02, turn=tip, only=~posts, colour=2)
    arms = s.chance(0.3)
    s.box((w - r, back * 0.4, 0), (r, 0.035, d), 0.01, mirror="x", only=arms, colour=1)
    s.rod((w - r, 0, d - r), (w - r, back * 0.4, d - r), r * 0.8, mirror="x", only=arms, colour=1)
    s.box((0, -h * 0.6, 0), (w - r, 0.025, 0.025), only=s.chance(0.3), row=(2, 2, 2 * (d - r)), colour=1)


def stool(s: Parts):
    r, h, leg = s.uniform(0.35, 0.55), s.uniform(0.5, 0.9), s.uniform(0.045, 0.075)
    n = s.integer(3, 4)
    spread = s.uniform(0.0, 0.2)
    s.cylinder((0, h, 0), s.uniform(0.05, 0.1), r, edge=0.03)
    s.rod((r * 0.65 + spread, -h, 0), (r * 0.65, h, 0), leg, ring=n, colour=1)
    s.arc((0, -h * s.uniform(0.1, 0.5), 0), r * 0.65 + spread * 0.6, 0.035, turn=(np.pi / 2, 0, 0), only=s.chance(0.5), colour=2)


def bench(s: Parts):
    w, d, h = s.uniform(0.8, 1.0), s.uniform(0.25, 0.38), s.uniform(0.25, 0.38)
    slats = s.integer(2, 4)
    step = 2 * d / slats
    s.box((0, 0, 0), (w, 0.04, step * 0.38), row=(2, slats, step))
    s.box((w * 0.8, -h / 2, 0), (0.05, h / 2, d), mirror="x", colour=1)
    back = s.chance(0.75)
    high = s.uniform(0.4, 0.55)
    s.box((w * 0.8, high / 2, -d), (0.045, high / 2, 0.04), mirror="x", only=back, colour=1)
    s.box((0, high * 0.68, -d), (w, 0.07, 0.035), row=(1, 2, 0.22), only=back)


def sofa(s: Parts):
    w, d, arm = s.uniform(0.7, 1.0), s.uniform(0.35, 0.45), s.uniform(0.1, 0.16)
    back, edge = s.uniform(0.4, 0.6), s.uniform(0.02, 0.08)
    seats = s.integer(1, 3)
    s.box((0, 0, 0), (w, 0.16, d), edge)
    s.box((0, back / 2, -d + 0.1), (w, back / 2 + 0.14, 0.12), edge, colour=1)
    s.box((w - arm, 0.14, 0), (arm, 0.28, d), edge, mirror="x", colour=2)
    inner = w - 2 * arm
    s.box((0, 0.2, 0.08), (inner / seats * 0.96, 0.09, d - 0.1), 0.05, row=(0, seats, 2 * inner / seats), colour=1)
    s.cylinder((w - 0.12, -0.22, d - 0.1), 0.1, 0.05, mirror="xz", colour=2)


def bed(s: Parts):
    w, l = s.uniform(0.45, 0.75), s.uniform(0.85, 1.0)
    head = s.uniform(0.3, 0.55)
    s.box((0, 0, 0), (w, 0.1, l))
    s.box((0, 0.16, 0.02), (w * 0.97, 0.12, l * 0.97), 0.06, colour=1)
    s.box((0, head / 2, -l), (w * 1.02, head / 2 + 0.1, 0.05), 0.02, colour=2)
    s.box((0, 0.1, l), (w * 1.02, 0.16, 0.05), 0.02, only=s.chance(0.5), colour=2)
    two = s.chance(0.6)
    s.box((w * 0.45, 0.3, -l * 0.72), (w * 0.36, 0.07, 0.17), 0.06, mirror="x", only=two, colour=2)
    s.box((0, 0.3, -l * 0.72), (w * 0.5, 0.07, 0.17), 0.06, only=~two, colour=2)
    s.cylinder((w - 0.08, -0.2, l - 0.08), 0.12, 0.06, mirror="xz", colour=2)


def shelf(s: Parts):
    w, h, d, t = s.uniform(0.5, 0.8), s.uniform(0.7, 1.0), s.uniform(0.2, 0.35), s.uniform(0.035, 0.06)
    rows, columns = s.integer(2, 4), s.integer(1, 3)
    s.box((0, 0, 0), (w, h, d))
    cw, ch = (2 * w - t) / columns, (2 * h - t) / rows
    # One box per column, repeated over the rows.
    for i in range(3):
        x = -w + t / 2 + cw * (i + 0.5)
        s.box((x, 0, t * 2), (cw / 2 - t / 2, ch / 2 - t / 2, d), row=(1, rows, ch), op=SUBTRACT, colour=1, only=columns > i)
    books = s.chance(0.4)
    y = -h + t + 0.01 + s.integer(0, 1) * ch
    s.box((-w + t + cw * 0.3, y + ch * 0.3, 0), (cw * 0.22, ch * 0.3, d * 0.7), only=books, colour=2)


def cabinet(s: Parts):
    w, h, d = s.uniform(0.4, 0.9), s.uniform(0.4, 0.9), s.uniform(0.3, 0.45)
    rows = s.integer(2, 4)
    step = 2 * (h - 0.03) / rows
    s.box((0, 0, 0), (w, h, d), 0.02)
    s.box((0, 0, d), (w - 0.06, step * 0.43, 0.04), 0.01, row=(1, rows, step), colour=1)
    knob = s.chance(0.6)
    s.ball((0, 0, d + 0.07), 0.055, row=(1, rows, step), only=knob, colour=2)
    s.box((0, 0, d + 0.06), (w * 0.3, 0.03, 0.035), row=(1, rows, step), only=~knob, colour=2)
    s.box((0, h + 0.03, 0), (w + 0.05, 0.035, d + 0.05), only=s.chance(0.6), colour=2)
    s.cone((w - 0.1, -h - 0.1, d - 0.1), 0.12, 0.04, 0.06, mirror="xz", only=s.chance(0.6), colour=2)


def ladder(s: Parts):
    w, h, r = s.uniform(0.22, 0.36), 1.0, s.uniform(0.04, 0.06)
    n, lean = s.integer(4, 7), s.uniform(0.0, 0.3)
    s.box((w, 0, 0), (r, h, r), turn=(-lean, 0, 0), mirror="x")
    # Rungs follow the lean.
    for i in range(7):
        y = -h + 2 * h * (i + 0.5) / n
        s.rod((-w, y * np.cos(lean), -y * np.sin(lean)), (w, y * np.cos(lean), -y * np.sin(lean)), r * 0.75, only=n > i, colour=1)


def lamp(s: Parts):
    h, r0 = s.uniform(0.35, 0.7), s.uniform(0.22, 0.4)
    top, low = s.uniform(0.15, 0.3), s.uniform(0.32, 0.5)
    s.cylinder((0, -h, 0), 0.04, r0, edge=0.02, colour=1)
    s.cylinder((0, 0, 0), h, s.uniform(0.035, 0.055), colour=1)
    s.ellipsoid((0, -h * 0.5, 0), (0.13, 0.22, 0.13), only=s.chance(0.4), colour=2)
    s.cone((0, h, 0), s.uniform(0.2, 0.32), low, top)
    s.arc((0, -h + 0.05, 0), r0 * 0.7, 0.04, turn=(np.pi / 2, 0, 0), only=s.chance(0.3), colour=2)


def mug(s: Parts):
    r, h, wall = s.uniform(0.35, 0.5), s.uniform(0.35, 0.6), s.uniform(0.045, 0.08)
    taper = s.uniform(0.8, 1.05)
    s.cone((0, 0, 0), h, r * taper, r, edge=0.02)
    s.cone((0, wall * 1.2, 0), h, (r * taper) - wall, r - wall, op=SUBTRACT, colour=1)
    ring, tube = h * s.uniform(0.5, 0.65), s.uniform(0.045, 0.07)
    s.arc((r * (1 + taper) / 2 - 0.02, 0, 0), ring, tube, np.pi * 0.5, turn=(0, 0, -np.pi / 2), colour=2)


def goblet(s: Parts):
    r, h, stem = s.uniform(0.28, 0.42), s.uniform(0.3, 0.45), s.uniform(0.25, 0.5)
    s.ellipsoid((0, stem + h, 0), (r, h, r))
    s.ellipsoid((0, stem + h + 0.02, 0), (r - 0.05, h - 0.05, r - 0.05), op=SUBTRACT, colour=1)
    s.box((0, stem + h * 1.35 + 1, 0), (1, 1, 1), op=SUBTRACT)
    s.cylinder((0, 0, 0), stem + 0.08, s.uniform(0.035, 0.06), colour=2)
    s.cone((0, -stem - 0.04, 0), 0.045, r * s.uniform(0.75, 1.0), 0.08, colour=2)


def vase(s: Parts):
    r0, r1, r2 = s.uniform(0.2, 0.35), s.uniform(0.38, 0.6), s.uniform(0.12, 0.25)
    h0, h1, h2 = s.uniform(0.2, 0.4), s.uniform(0.2, 0.4), s.uniform(0.06, 0.14)
    r3, blend = r2 * s.uniform(1.0, 1.6), s.uniform(0.02, 0.12)
    s.cone((0, -h0, 0), h0, r0, r1)
    s.cone((0, h1, 0), h1, r1, r2, op=SMOOTH, blend=blend)
    s.cone((0, 2 * h1 + h2, 0), h2, r2, r3, op=SMOOTH, blend=blend)
    s.cone((0, 2 * h1 + h2 * 1.2, 0), h2 * 1.3 + 0.05, r2 * 0.72, r3 - 0.06, op=SUBTRACT, colour=1)


def bowl(s: Parts):
    r, h = 0.9, s.uniform(0.4, 0.8)
    wall = s.uniform(0.06, 0.1)
    s.ellipsoid((0, 0, 0), (r, h, r))
    s.ellipsoid((0, 0, 0), (r - wall, h - wall, r - wall), op=SUBTRACT, colour=1)
    s.box((0, 1, 0), (2, 1, 2), op=SUBTRACT)
    s.cylinder((0, -h * 0.93, 0), 0.08, r * s.uniform(0.3, 0.5), colour=2)


def bottle(s: Parts):
    r, h = s.uniform(0.22, 0.36), s.uniform(0.35, 0.55)
    neck, nh, shoulder = r * s.uniform(0.3, 0.5), s.uniform(0.12, 0.28), s.uniform(0.1, 0.25)
    s.cylinder((0, -h, 0), h, r, edge=0.04)
    s.cone((0, shoulder / 2 - 0.01, 0), shoulder / 2, r, neck)
    s.cylinder((0, shoulder + nh - 0.02, 0), nh, neck)
    s.cylinder((0, shoulder + 2 * nh, 0), 0.07, neck * 1.25, colour=1)
    s.cylinder((0, -h, 0), h * 0.45, r + 0.018, colour=2, only=s.chance(0.4))


def teapot(s: Parts):
    r, flat = s.uniform(0.45, 0.58), s.uniform(0.75, 1.0)
    s.ellipsoid((0, 0, 0), (r, r * flat, r))
    y = r * flat
    s.limb((r * 0.7, -0.1, 0), (r + 0.4, s.uniform(0.2, 0.4), 0), 0.13, 0.055, colour=1)
    s.arc((-r * 0.9, 0.02, 0), y * s.uniform(0.55, 0.7), 0.055, np.pi / 2, turn=(0, 0, np.pi / 2), colour=1)
    s.cylinder((0, y * 0.92, 0), 0.06, r * 0.5, colour=2)
    s.ball((0, y + 0.1, 0), 0.08, colour=2)
    s.cylinder((0, -y * 0.95, 0), 0.06, r * 0.55, colour=2)


def monitor(s: Parts):
    w, h, t = s.uniform(0.75, 1.0), s.uniform(0.4, 0.6), s.uniform(0.04, 0.08)
    s.box((0, 0, 0), (w, h, t), 0.02)
    s.box((0, 0, t * 1.5), (w - 0.07, h - 0.07, t * 0.9), op=SUBTRACT, colour=1)
    s.box((0, -h - 0.1, -t * 0.5), (0.08, 0.2, 0.035), colour=2)
    round_foot = s.chance(0.4)
    s.cylinder((0, -h - 0.3, 0), 0.035, 0.3, only=round_foot, colour=2)
    s.box((0, -h - 0.3, 0), (s.uniform(0.25, 0.45), 0.035, 0.22), 0.01, only=~round_foot, colour=2)


def furniture(s: Parts):
    """Assembled at random, but as furniture is: plates on a frame, things standing on plates, symmetric about x."""
    w, d, t, r = s.uniform(0.45, 1.0), s.uniform(0.35, 0.8), s.uniform(0.04, 0.08), s.uniform(0.04, 0.075)
    levels, gap = s.integer(1, 3), s.uniform(0.35, 0.6)
    top = gap * levels
    round_leg = s.chance(0.5)
    s.box((0, gap, 0), (w, t, d), s.chance(0.4) * 0.03)
    s.box((0, 2 * gap, 0), (w * s.uniform(0.7, 1.0), t, d * s.uniform(0.7, 1.0)), only=levels > 1)
    s.box((0, 3 * gap, 0), (w * 0.7, t, d * 0.7), only=levels > 2)
    reach = np.where(levels > 1, 0.66, 0.9)
    s.box((w * reach, top / 2, d * reach), (r, top / 2, r), mirror="xz", only=~round_leg, colour=1)
    s.cylinder((w * reach, top / 2, d * reach), top / 2, r, mirror="xz", only=round_leg, colour=1)
    s.box((0, top + 0.18, -d * 0.6), (w * 0.7, 0.2, 0.05), only=s.chance(0.35), colour=2)
    kind = s.integer(0, 3)
    x, size = s.uniform(-0.4, 0.4) * w, s.uniform(0.12, 0.2)
    s.box((x, top + t + size, 0), (size, size, size), only=kind == 0, colour=2)
    s.cylinder((x, top + t + size, 0), size, size * 0.8, only=kind == 1, colour=2)
    s.ball((x, top + t + size * 0.9, 0), size, only=kind == 2, colour=2)
    s.box((0, gap - t - 0.1, 0), (w * 0.85, 0.1, d * 0.8), only=s.chance(0.4), colour=2)
    s.box((w * reach, gap * 0.25, 0), (r * 0.7, 0.035, d * reach), mirror="x", only=s.chance(0.4), colour=1)


# The order is part of a seed's meaning: new kinds go to the end.
FAMILIES = {f.__name__: f for f in (
    stool, sofa, bed, shelf, cabinet, lamp, goblet, vase, bowl, bottle, teapot, monitor, table, bench, ladder, mug, furniture,
    chair,
)}
