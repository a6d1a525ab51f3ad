"""Runs the code of docs/shards.md on the folder "shards" and holds what it finds against ViewDump.java's lines.

recipes.py DOC DUMP, in the folder that holds "shards"."""
import hashlib
import json
import re
import sys

import duckdb

doc, dump = (open(path, encoding="utf-8").read() for path in sys.argv[1:])
expected = {}
for line in dump.splitlines():
    key, number, codes, digest = line.split("\t")
    expected[key, int(number)] = (json.loads(codes), digest)

python = re.findall(r"^```python\n(.*?)^```$", doc, re.M | re.S)
sql = re.findall(r"^```sql\n(.*?)^```$", doc, re.M | re.S)
assert len(python) == 2 and len(sql) == 2, f"found {len(python)} Python and {len(sql)} SQL recipes"
found = {}
for code in python:
    exec(compile(code, sys.argv[1], "exec"), found)

images, codes, manifest = found["images"], found["codes"], found["manifest"]
assert len(images) * manifest["views"] == len(expected), f"{len(images)} images, {len(expected)} views expected"
for i, key in enumerate(images["key"]):
    for number in range(manifest["views"]):
        wanted, digest = expected[key, number]
        assert codes[i, number].tolist() == wanted, f"pandas: other codes of view {number} of {key}"
        pixels = found["render"](images["jpeg"][i], images["views"][i][number], manifest["inputSize"])
        assert hashlib.sha256(pixels.tobytes()).hexdigest() == digest, f"Pillow: other pixels of view {number} of {key}"

labels = {label: n for label, n, _ in duckdb.sql(sql[0]).fetchall()}
assert labels == images["label"].value_counts().to_dict(), f"DuckDB: {labels}"
rows = duckdb.sql(sql[1]).fetchall()
assert len(rows) == len(images), f"DuckDB: {len(rows)} rows"
for key, codes in rows:
    assert codes == expected[key, 0][0], f"DuckDB: other codes of {key}"
print(f"docs/shards.md: pandas, Pillow and DuckDB agree on {len(expected)} views of {len(images)} images")
