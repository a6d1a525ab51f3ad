"""Holds a linear probe against scikit-learn's logistic regression on the same features.

probe.py TRAIN VALIDATION VECTOR PROBE: folders of extract-features, the vector, and the folder of linear-probe.

The solver of scikit-learn has no randomness of its own that matters. Its noise is that of the choice of its penalty by held-out images: each
seed holds out another tenth, as the probe's seeds do, and then fits all images with the penalty that was best."""
import json
import sys

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

train, validation, vector, probe = sys.argv[1:]


def read(folder):
    manifest = json.load(open(f"{folder}/manifest.json"))
    images = pd.concat([pd.read_parquet(f"{folder}/{shard['file']}") for shard in manifest["shards"]])
    images = images.sort_values("key")
    return np.stack(images[vector]).astype(np.float64), images["label"].to_numpy()


x, y = read(train)
x_val, y_val = read(validation)
scaler = StandardScaler().fit(x)
x, x_val = scaler.transform(x), scaler.transform(x_val)
penalties = [1e-4, 1e-3, 1e-2, 1e-1, 1, 10]


def fit(c, rows):
    return LogisticRegression(C=c, max_iter=2000).fit(x[rows], y[rows])


theirs = []
for seed in range(10):
    held_out = np.random.default_rng(seed).random(len(y)) < 0.1
    scores = [fit(c, ~held_out).score(x[held_out], y[held_out]) for c in penalties]
    theirs.append(fit(penalties[int(np.argmax(scores))], np.ones(len(y), bool)).score(x_val, y_val))

ours = [seed["top1"] for seed in json.load(open(f"{probe}/probe.json"))["seeds"]]
difference = np.mean(ours) - np.mean(theirs)
noise = max(np.std(ours, ddof=1), np.std(theirs, ddof=1), 1 / len(y_val))
print(
    f"{vector}: linear-probe {np.mean(ours):.3f} (std {np.std(ours, ddof=1):.3f}), "
    f"scikit-learn {np.mean(theirs):.3f} (std {np.std(theirs, ddof=1):.3f}), {len(y_val)} images"
)
assert abs(difference) <= 2 * noise, f"differ by {difference:+.3f}, more than twice the noise {noise:.3f}"
