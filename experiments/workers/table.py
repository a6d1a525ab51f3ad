"""The table of experiments/workers/experiment: mean and standard deviation over the seeds.

k-NN of an image's bag of codes: how often each code occurs, with the weights of evaluate (k = 10, cosine, temperature 0.07); each image
is classified by all the others. The counts are square roots, so that frequent codes do not decide alone.
"""
import json, pathlib, statistics, sys

import numpy as np
import pyarrow.parquet as parquet

work = pathlib.Path(sys.argv[1])


def bags(shards):
    """Classes [n] and bags of codes [n, K] of a set."""
    manifest = json.loads((shards / "manifest.json").read_text())
    codes, patches = manifest["codebookSize"], manifest["grid"] ** 2
    bits = max(1, (codes - 1).bit_length())
    classes, counts = [], []
    for shard in manifest["shards"]:
        table = parquet.read_table(shards / shard["file"], columns=["key", "views"]).to_pylist()
        for row in table:
            classes.append(row["key"].split("/")[-2])
            string = np.unpackbits(np.frombuffer(row["views"][0]["codes"], np.uint8), bitorder="little")[: patches * bits]
            found = string.reshape(patches, bits) @ (1 << np.arange(bits))
            counts.append(np.bincount(found, minlength=codes))
    return np.array(classes), np.array(counts, float)


def nearest_neighbours(classes, counts):
    features = np.sqrt(counts)
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    cosines = features @ features.T
    np.fill_diagonal(cosines, -np.inf)
    right = 0
    for i, row in enumerate(cosines):
        nearest = np.argsort(-row, kind="stable")[:10]
        names = sorted(set(classes[nearest]))
        votes = [np.exp(row[nearest[classes[nearest] == name]] / 0.07).sum() for name in names]
        right += names[int(np.argmax(votes))] == classes[i]
    return right / len(classes)


def spread(values, digits):
    return f"{statistics.mean(values):.{digits}f} ± {statistics.stdev(values):.{digits}f}"


print("| workers | last reconstruction loss | codes in use | perplexity | k-NN of bags of codes |\n|---|---|---|---|---|")
for workers in (1, 2, 4):
    losses, used, perplexities, accuracies = [], [], [], []
    for seed in (0, 1, 2):
        run = work / f"{workers}-{seed}"
        steps = [json.loads(line) for line in (run / "tokenizer/metrics.jsonl").read_text().splitlines()]
        losses.append(statistics.mean(step["reconstruction_loss"] for step in steps[-len(steps) // 10 :]))
        classes, counts = bags(run / "shards")
        total = counts.sum(axis=0)
        used.append(int((total > 0).sum()))
        shares = total[total > 0] / total.sum()
        perplexities.append(float(np.exp(-(shares * np.log(shares)).sum())))
        accuracies.append(nearest_neighbours(classes, counts))
    print(f"| {workers} | {spread(losses, 3)} | {spread(used, 0)} | {spread(perplexities, 0)} | {spread(accuracies, 3)} |")
