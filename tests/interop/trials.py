"""trials.py BIN: an exported sweep is a table with types to pyarrow, pandas, Polars and DuckDB."""
import io
import json
import pathlib
import subprocess
import sys
import tempfile

import duckdb
import polars
import pyarrow

nn_sweep = str(pathlib.Path(sys.argv[1], "nn-sweep").resolve())
with tempfile.TemporaryDirectory() as folder:
    journal = str(pathlib.Path(folder, "s.jsonl"))
    subprocess.run([nn_sweep, "run", "--quiet", "-j", journal, "--trials", "6", "--seed", "2", "--sampler", "random",
                    "--minimize", "loss", "--device", "cpu:0", "--max-failures", "9", "--param", "x=uniform:0:1",
                    "--param", "n=int:1:9", "--param", "opt=choice:a,ü", "--param", "m=uniform:0:1 if opt=ü", "--",
                    "sh", "-c", "[ {n} -gt 2 ] || exit 3; : {opt} {?m:{m}}; echo {x}"],
                   check=True, stdout=subprocess.DEVNULL)
    stream = subprocess.run([nn_sweep, "export", journal, "--to", "arrow"], check=True, capture_output=True).stdout
    rows = json.loads(subprocess.run([nn_sweep, "trials", journal, "--to", "json"], check=True,
                                     capture_output=True).stdout)

trials = pyarrow.ipc.open_stream(stream).read_all()
types = {field.name: str(field.type) for field in trials.schema}
assert types == {"trial": "int64", "state": "string", "loss": "double", "x": "double", "n": "int64", "opt": "string",
                 "m": "double", "seconds": "double", "slot": "string", "attempts": "int64", "reason": "string"}, types
# What a trial doesn't have is missing, and no empty text.
wanted = [{k: None if v == "" else v for k, v in row.items()} for row in rows]
found = trials.to_pylist()
for row in found:
    row["seconds"] = round(row["seconds"], 3)
assert found == wanted, (found, wanted)
assert any(row["state"] == "failed" and row["loss"] is None for row in found), found

frame = trials.to_pandas()
assert frame["n"].dtype == "int64" and frame["m"].isna().sum() == sum(row["m"] is None for row in wanted), frame
read = polars.read_ipc_stream(io.BytesIO(stream))
assert read["x"].dtype == polars.Float64 and read["opt"].to_list() == [row["opt"] for row in wanted], read
best = duckdb.sql("select min(loss), count(m) from trials").fetchall()[0]
assert best == (min(row["loss"] for row in wanted if row["loss"] is not None),
                sum(row["m"] is not None for row in wanted)), best
print("an exported sweep is a table with types")
