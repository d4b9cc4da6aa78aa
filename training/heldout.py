"""Writes held-out sets: `python heldout.py --out DIR` makes DIR/narrow and DIR/wide (480 pictures each, about 45 MB).

With `--cc0 FOLDER` (meshes.npz and index.json of cc0-models) also DIR/cc0-pack, DIR/cc0-kind and DIR/cc0-random.
"""

import argparse
import pathlib

import torch

from tiny import demo, families, heldout

# The small set that is kept beside the code.
SAMPLE = ("mug", "chair", "car", "dog", "plane", "teapot", "house", "guitar")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--views", choices=list(heldout.RANGES), nargs="*", default=list(heldout.RANGES))
    parser.add_argument("--per-family", type=int, default=8)
    parser.add_argument("--points", type=int, default=10_000, help="surface samples a shape")
    parser.add_argument("--cc0", type=pathlib.Path, help="also sets of test objects of this folder")
    parser.add_argument("--object-views", type=int, default=3, help="pictures of each such object")
    parser.add_argument("--canonical", action="store_true", help="truth in the frame of the object, not of the picture")
    parser.add_argument("--sample", action="store_true", help=f"only one shape of {', '.join(SAMPLE)}")
    parser.add_argument("--demo", action="store_true", help="instead write the six pictures of assets/ to --out")
    chosen = parser.parse_args()
    if chosen.demo:
        return demo.write(chosen.out)
    for which in chosen.views:
        held = heldout.make(1 if chosen.sample else chosen.per_family, which, "cpu", points=chosen.points,
                            canonical=chosen.canonical)
        if chosen.sample:
            held = held.take([families.NAMES.index(name) for name in SAMPLE])
        heldout.write(chosen.out / which, held, which)
        print(f"{chosen.out / which}: {len(held)} pictures")
    for held_by in heldout.HELD_BY if chosen.cc0 else ():
        held = heldout.make_cc0(chosen.cc0, held_by, "cpu", views=chosen.object_views, points=chosen.points, canonical=chosen.canonical)
        heldout.write(chosen.out / f"cc0-{held_by}", held, held_by)
        print(f"{chosen.out}/cc0-{held_by}: {len(held)} pictures")


if __name__ == "__main__":
    main()
