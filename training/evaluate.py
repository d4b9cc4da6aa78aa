"""Scores a bundle on held-out sets: `python evaluate.py ../models/orfeas-tiny DIR/narrow DIR/wide`."""

import argparse
import json
import pathlib
import time

from tiny import bundle, evaluation, heldout, metrics, pipeline


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundle", type=pathlib.Path)
    parser.add_argument("sets", type=pathlib.Path, nargs="+", help="folders written by heldout.py")
    parser.add_argument("--steps", type=int, help="the bundle's own by default")
    parser.add_argument("--guidance", type=float, help="the bundle's own by default")
    parser.add_argument("--grid", type=int, default=128, help="0: IoU only")
    parser.add_argument("--every", type=int, default=1, help="score every n-th shape only")
    parser.add_argument("--json", type=pathlib.Path, help="write the scores there")
    chosen = parser.parse_args()
    modules, settings = bundle.load(chosen.bundle)
    own = settings["pipeline"]["params"]
    sigmas = pipeline.sigmas(settings, chosen.steps or own["num_inference_steps"])
    guidance = own["guidance_scale"] if chosen.guidance is None else chosen.guidance
    results = {}
    for folder in chosen.sets:
        begin = time.time()
        held = heldout.read(folder)
        held = held.take(slice(0, None, chosen.every))
        images = evaluation.processed(held, settings)
        scores = evaluation.evaluate(modules, held, images, sigmas=sigmas, guidance=guidance, grid=chosen.grid or None)
        print(f"{folder.name} ({len(held)} shapes, {time.time() - begin:.0f} s): {evaluation.describe(scores)}", flush=True)
        families = {name: evaluation.by_family(held, values) for name, values in scores.items()}
        for family, iou in families["iou"].items():
            print(f"  {family:12}", *(f"{name} {families[name][family]:.3f}" for name in families if name != "closed"))
        results[folder.name] = {
            "all": {name: metrics.summary(v.double()) for name, v in scores.items()}, "families": families,
            "shapes": {name: v.tolist() for name, v in scores.items()}, "family": held.family.tolist()}
    if chosen.json:
        chosen.json.write_text(json.dumps(results))


if __name__ == "__main__":
    main()
