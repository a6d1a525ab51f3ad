"""Writes resized.json: relative position tables that scipy resized as the official code does when it fine-tunes at another size.

Usage: python3 make_resized_tables.py > resized.json. Written with scipy 1.17.1, whose RectBivariateSpline (s=0) is what the official code's
interp2d(kind="cubic") was. The build does not run this.
"""
import json

import numpy as np
from scipy.interpolate import RectBivariateSpline


def coordinates(source, target):
    """Positions of the source's entries: steps that grow geometrically, such that the outermost ones are the target's."""
    low, high = 1.01, 1.5
    while high - low > 1e-6:
        ratio = (low + high) / 2
        if (1 - ratio ** (source // 2)) / (1 - ratio) > target // 2:
            high = ratio
        else:
            low = ratio
    half = np.cumsum([ratio**i for i in range(source // 2)])
    return np.concatenate([-half[::-1], [0], half])


def resized(table, source, target):
    at = coordinates(source, target)
    wanted = np.arange(-(target // 2), target // 2 + 1)
    heads = []
    for head in range(table.shape[1]):
        spline = RectBivariateSpline(at, at, table[: source * source, head].reshape(source, source), s=0)
        heads.append(spline(wanted, wanted).reshape(-1))
    return np.concatenate([np.stack(heads, 1), table[source * source :]])


cases = []
for before, after, heads in [(14, 24, 1), (6, 14, 2), (14, 6, 2), (6, 7, 2), (3, 8, 1)]:
    source, target = 2 * before - 1, 2 * after - 1
    rows, columns = np.mgrid[: source * source + 3, :heads]
    table = ((rows * 7919 + columns * 104729) % 1000) / 1000 - 0.5
    values = resized(table, source, target).reshape(-1)
    cases.append({"from": before, "to": after, "heads": heads, "values": [round(float(v), 6) for v in values]})
print(json.dumps(cases, separators=(",", ":")).replace("},{", "},\n{"))
