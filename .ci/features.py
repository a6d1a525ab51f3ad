"""Runs the code of docs/evaluation.md on the folder "features" and compares what the tools read.

features.py DOC, in the folder that holds "features"."""
import json
import re
import sys

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

doc = open(sys.argv[1], encoding="utf-8").read()
python = re.findall(r"^```python\n(.*?)^```$", doc, re.M | re.S)
sql = re.findall(r"^```sql\n(.*?)^```$", doc, re.M | re.S)
assert len(python) == 1 and len(sql) == 1, f"found {len(python)} Python and {len(sql)} SQL recipes"
found = {}
exec(compile(python[0], sys.argv[1], "exec"), found)

manifest, images, cls = found["manifest"], found["images"], found["cls"]
sizes = {vector["name"]: vector["size"] for vector in manifest["metadata"]["vectors"]}
rows = sum(shard["rows"] for shard in manifest["shards"])
assert cls.shape == (rows, sizes["cls"]) and cls.dtype == np.float32, f"{cls.shape} {cls.dtype}"
assert images["key"].is_unique and np.isfinite(cls).all()

table = pa.concat_tables(pq.read_table(f"features/{shard['file']}") for shard in manifest["shards"])
for name, size in sizes.items():
    assert table.schema.field(name).type.list_size == size, table.schema.field(name)
    same = table[name].combine_chunks().flatten().to_numpy().reshape(rows, size)
    assert np.array_equal(same, np.stack(images[name])), f"pyarrow: other numbers of {name}"

first = images["key"].argmin()
unit = cls.astype(np.float64) / np.linalg.norm(cls.astype(np.float64), axis=1, keepdims=True)
cosines = dict(zip(images["key"], unit @ unit[first]))
answer = duckdb.sql(sql[0]).fetchall()
assert len(answer) == rows and answer[0][0] == images["key"][first]
for key, cosine in answer:
    assert abs(cosine - cosines[key]) < 1e-5, f"DuckDB: another cosine of {key}"
print(f"docs/evaluation.md: pandas, pyarrow and DuckDB agree on {len(sizes)} vectors of {rows} images")
