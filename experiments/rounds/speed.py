"""Prints what experiments/rounds/speed measured, from the two last rounds of each run: the first one sets up."""

import json
import pathlib
import statistics
import sys


def rounds(folder):
    states = [json.loads(p.read_text()) for p in sorted(folder.glob("checkpoints/*/state.json"))]
    return [s for s in states if "round" in s]


def rate(folder):
    found = rounds(folder)
    return sum(s["round"]["images"] for s in found) / sum(s["round"]["seconds"] for s in found)


def main(work):
    ratios = {"by 2": [], "by two trainings apart": []}
    for folder in sorted(work.glob("tiny-*-one")):
        turn = folder.name.removesuffix("one")
        one = rate(folder)
        print("tiny: {:.1f} images/s by 1".format(one))
        apart = sum(rate(work / (turn + part)) for part in ("apart-1", "apart-2"))
        for who, found in (("by 2", rate(work / (turn + "two"))), ("by two trainings apart", apart)):
            ratios[who].append(found / one)
            print("tiny: {:.1f} images/s {}: {:.2f} x".format(found, who, found / one))
    for who, found in ratios.items():
        print("tiny: median {}: {:.2f} x".format(who, statistics.median(found)))
    one = base(work / "base-one", 1)
    two = base(work / "base-two", 2)
    print("ViT-B/16 in rounds of 50 steps: {:.2f} images/s by 1, {:.2f} by 2: {:.2f} x".format(one, two, two / one))


def base(folder, workers, batch=8, local_steps=50):
    """images/s in rounds of 50 steps, worked out from shorter ones."""
    found = [s["round"] for s in rounds(folder)]
    step = statistics.mean(r["trainSeconds"] / (r["images"] / batch / workers) for r in found)
    end = statistics.mean(r["seconds"] - r["trainSeconds"] for r in found)
    whole = local_steps * step + end
    print(
        "ViT-B/16, {} worker(s): a step of {} images takes {:.1f} s, the round's end {:.1f} s: {:.1%} of 50 steps".format(
            workers, batch, step, end, end / whole
        )
    )
    return local_steps * batch * workers / whole


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
