"""Prints what docs/rounds/speed measured, from the two last rounds of each run: the first one sets up."""

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
    ratios = []
    for one in sorted(work.glob("tiny-*-one")):
        two = one.with_name(one.name.replace("one", "two"))
        ratios.append(rate(two) / rate(one))
        print("tiny: {:.1f} images/s by 1, {:.1f} by 2: {:.2f} x".format(rate(one), rate(two), ratios[-1]))
    print("tiny: median {:.2f} x".format(statistics.median(ratios)))
    for state in rounds(work / "base-two"):
        measured = state["round"]
        steps = measured["images"] / 8 / state["workers"]
        step = measured["trainSeconds"] / steps
        rest = measured["seconds"] - measured["trainSeconds"]
        print(
            "ViT-B/16: a step of 8 images takes {:.1f} s, the round's end {:.1f} s: {:.1%} of a round of 50 steps".format(
                step, rest, rest / (rest + 50 * step)
            )
        )


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
