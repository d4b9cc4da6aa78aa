"""Learning curves: scores a run's bundle whenever it changes, `python curve.py RUN --cc0 FOLDER --out curve.jsonl`.

One JSON line a bundle: seconds since the start, and for every held-out set the median, mean and tenth percentile of the IoU.
`--canonical BUNDLE` first scores a checkpoint whose shapes stand in the object's own frame, on the same objects.
"""

import argparse
import json
import os
import pathlib
import time

import torch

from tiny import bundle, evaluation, heldout, metrics, pipeline


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=pathlib.Path)
    parser.add_argument("--cc0", type=pathlib.Path)
    parser.add_argument("--canonical", type=pathlib.Path)
    parser.add_argument("--per-family", type=int, default=4)
    parser.add_argument("--views", type=int, default=2)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--guidance", type=float, default=2.0)
    parser.add_argument("--watch", type=float, default=0, help="stop after so many seconds; 0: score once")
    parser.add_argument("--out", type=pathlib.Path, required=True)
    return parser.parse_args()


def sets(chosen, device, canonical: bool) -> dict[str, heldout.HeldOut]:
    out = {}
    for which in heldout.RANGES:
        out[which] = heldout.make(chosen.per_family, which, device, size=126, canonical=canonical)
    for held_by in heldout.HELD_BY if chosen.cc0 else ():
        out[f"cc0-{held_by}"] = heldout.make_cc0(chosen.cc0, held_by, device, views=chosen.views, size=126, canonical=canonical)
    return out


def score(path: pathlib.Path, held: dict, chosen, device) -> dict:
    modules = {name: module.to(device) for name, module in bundle.load(path)[0].items()}
    line = {}
    for name, part in held.items():
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            iou = evaluation.evaluate(modules, part, evaluation.rendered(part), sigmas=pipeline.flow_sigmas(chosen.steps),
                                      guidance=chosen.guidance)["iou"]
        line[name] = {k: round(v, 4) for k, v in metrics.summary(iou).items()} | {"n": len(iou)}
        if name in heldout.RANGES:
            line[name]["by_family"] = {k: round(v, 3) for k, v in evaluation.by_family(part, iou).items()}
    return line


def main():
    chosen, begin = options(), time.time()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")

    def write(line):
        with open(chosen.out, "a") as file:
            file.write(json.dumps(line) + "\n")
        print({name: (v["median"], v["mean"]) for name, v in line.items() if isinstance(v, dict)}, flush=True)

    if chosen.canonical:
        write({"bundle": str(chosen.canonical), "frame": "canonical", **score(chosen.canonical, sets(chosen, device, True), chosen, device)})
    held, seen = sets(chosen, device, False), 0.0
    weights = chosen.run / "bundle/model.fp16.safetensors"
    while True:
        if weights.exists() and (changed := os.stat(weights).st_mtime) > seen:
            seen = changed
            write({"seconds": round(time.time() - begin, 1), "frame": "picture", **score(chosen.run / "bundle", held, chosen, device)})
        if time.time() - begin > chosen.watch:
            return
        time.sleep(2)


if __name__ == "__main__":
    main()
