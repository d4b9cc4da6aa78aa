"""Writes held-out sets: `python heldout.py --out DIR` makes DIR/narrow and DIR/wide (432 pictures each, about 40 MB)."""

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
    parser.add_argument("--sample", action="store_true", help=f"only one shape of {', '.join(SAMPLE)}")
    parser.add_argument("--demo", action="store_true", help="instead write the six pictures of assets/ to --out")
    chosen = parser.parse_args()
    if chosen.demo:
        return demo.write(chosen.out)
    for which in chosen.views:
        held = heldout.make(1 if chosen.sample else chosen.per_family, which, torch.device("cpu"), points=chosen.points)
        if chosen.sample:
            held = held.take([families.NAMES.index(name) for name in SAMPLE])
        heldout.write(chosen.out / which, held, which)
        print(f"{chosen.out / which}: {len(held)} pictures")


if __name__ == "__main__":
    main()
