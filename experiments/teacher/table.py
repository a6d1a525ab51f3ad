"""table.py DIR: prints the table of experiments/teacher/experiment, and draws DIR/teachers.png."""

import json
import pathlib
import statistics
import sys

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

SEEDS = (0, 1, 2)
TEACHERS = {"hog": "HOG", "mobilenet": "MobileNetV2"}
FEATURES = {"cls": "[CLS]", "mean": "mean of patches"}


def steps_of(run):
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def evaluation(work, teacher, seed):
    return json.loads((work / f"{teacher}-{seed}" / "evaluation" / "evaluation.json").read_text())


def spread(values, digits):
    return f"{statistics.mean(values):.{digits}f} ± {statistics.stdev(values):.{digits}f}"


def table(work):
    """Mean and standard deviation over the seeds."""
    print("| teacher | codes in use, perplexity | masked accuracy | k-NN of [CLS] | k-NN of mean of patches |\n|---|---|---|---|---|")
    untrained = [evaluation(work, "hog", seed) for seed in SEEDS]
    print("| none: untrained | | | {} | {} |".format(*(spread([e["untrained" + f.title()] for e in untrained], 3) for f in FEATURES)))
    for teacher, title in TEACHERS.items():
        used, perplexity, accuracy = [], [], []
        for seed in SEEDS:
            last = [step for step in steps_of(work / f"{teacher}-{seed}" / "tokenizer") if "validation_perplexity" in step][-1]
            used.append(last["validation_codes_in_use"])
            perplexity.append(last["validation_perplexity"])
            steps = steps_of(work / f"{teacher}-{seed}" / "pretrain")
            accuracy.append(statistics.mean(step["masked_accuracy"] for step in steps[-len(steps) // 10 :]))
        found = [evaluation(work, teacher, seed) for seed in SEEDS]
        knn = [spread([e[feature] for e in found], 3) for feature in FEATURES]
        print(f"| {title} | {spread(used, 0)}, {spread(perplexity, 0)} | {spread(accuracy, 3)} | {knn[0]} | {knn[1]} |")


def figure(work):
    """One dot for each seed, a line at the mean."""
    names = ["untrained", *TEACHERS.values()]
    picture, axes = plt.subplots(1, 2, figsize=(7, 3), dpi=110, sharey=True)
    for axis, (feature, title) in zip(axes, FEATURES.items()):
        rows = [[evaluation(work, "hog", seed)["untrained" + feature.title()] for seed in SEEDS]]
        rows += [[evaluation(work, teacher, seed)[feature] for seed in SEEDS] for teacher in TEACHERS]
        for x, (values, colour) in enumerate(zip(rows, ["grey", "tab:blue", "tab:orange"])):
            axis.scatter([x] * len(values), values, color=colour, s=22)
            axis.hlines(statistics.mean(values), x - 0.25, x + 0.25, color=colour)
        axis.set_xticks(range(len(names)), names)
        axis.set_xlim(-0.5, len(names) - 0.5)
        axis.set_title(title, fontsize=10)
        axis.grid(axis="y", alpha=0.3)
    axes[0].set_ylabel("k-NN accuracy, each image by all others")
    picture.tight_layout()
    picture.savefig(work / "teachers.png")


directory = pathlib.Path(sys.argv[1])
table(directory)
figure(directory)
