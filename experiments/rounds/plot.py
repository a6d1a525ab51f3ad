"""Draws loss.png of the runs of experiments/rounds/experiment, and prints the table of docs/rounds.md."""

import json
import pathlib
import sys

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

RUNS = [
    ("n1", "1 worker", "black", "-"),
    ("n2-h1", "2 workers, H = 1", "tab:blue", "-"),
    ("n2-h10", "2 workers, H = 10", "tab:green", "-"),
    ("n2-h50", "2 workers, H = 50", "tab:orange", "-"),
    ("n2-h50-nesterov", "2 workers, H = 50, Nesterov 0.7, 0.9", "tab:orange", ":"),
    ("n4-h10", "4 workers, H = 10", "tab:red", "-"),
]
BATCH = 32
SMOOTH_IMAGES = 640  # the mean over so many images is drawn


def steps_of(folder):
    return [json.loads(line) for line in (folder / "metrics.jsonl").open()]


def last_state(folder):
    checkpoints = [p for p in (folder / "checkpoints").iterdir() if (p / "state.json").exists()]
    return json.loads((max(checkpoints) / "state.json").read_text())


def mean(values):
    values = list(values)
    return sum(values) / len(values)


def main(work):
    figure, axes = plt.subplots(figsize=(8, 4.5), dpi=120)
    print("| workers | H | steps each | last loss | masked accuracy | k-NN [CLS] | sent a round | averaging |")
    print("|---|---|---|---|---|---|---|---|")
    for name, label, colour, line in RUNS:
        folder = work / name
        steps = steps_of(folder)
        state = last_state(folder)
        workers = state["workers"]
        window = max(1, SMOOTH_IMAGES // (BATCH * workers))
        images = [s["step"] * BATCH * workers for s in steps]
        losses = [s["loss"] for s in steps]
        smooth = [mean(losses[max(0, i - window + 1) : i + 1]) for i in range(len(losses))]
        axes.plot(images, smooth, colour, linestyle=line, label=label, linewidth=1.3)
        tail = steps[-max(1, len(steps) // 10) :]
        rounds = [s for s in steps if "averaging_share" in s][1:]  # the first one sets up
        evaluation = json.loads((folder / "evaluation" / "evaluation.json").read_text())
        h = next(s["step"] for s in steps if "averaging_share" in s)
        print(
            "| {} | {} | {} | {:.2f} | {:.3f} | {:.2f} | {:.1f} MB | {:.0%} |".format(
                workers,
                h,
                steps[-1]["step"],
                mean(s["loss"] for s in tail),
                mean(s["masked_accuracy"] for s in tail),
                evaluation["cls"],
                state["round"]["averagedBytes"] / 1e6,
                mean(s["averaging_share"] for s in rounds),
            )
        )
    axes.set_xlabel("images seen by all workers together")
    axes.set_ylabel("loss")
    axes.grid(alpha=0.3)
    axes.legend()
    figure.tight_layout()
    figure.savefig(work / "loss.png")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
