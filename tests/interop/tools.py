"""The tools against readers and writers that we did not write: pyarrow, pandas, Polars, DuckDB.

tools.py BIN_FOLDER EXAMPLES_FOLDER. Plain asserts; a missing peer is said and left out.
"""

import io
import json
import os
import subprocess
import sys
import tempfile

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.feather as feather

BIN, EXAMPLES = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
os.environ["PATH"] = BIN + os.pathsep + os.environ["PATH"]
os.chdir(tempfile.mkdtemp())


def run(command, stdin=None, status=0):
    """stdout of a shell command; fails on another exit status or unexpected messages."""
    done = subprocess.run(["bash", "-c", command], input=stdin, capture_output=True)
    assert done.returncode == status, f"{command}: {done.returncode}: {done.stderr.decode()}"
    if status == 0:
        assert not done.stderr, f"{command}: {done.stderr.decode()}"
    return done.stdout if status == 0 else done.stderr.decode()


def table_of(stream):
    return pa.ipc.open_stream(pa.py_buffer(stream)).read_all()


def stream_of(table, max_chunksize=None, compression=None):
    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression=compression)
    with pa.ipc.new_stream(sink, table.schema, options=options) as writer:
        writer.write_table(table, max_chunksize=max_chunksize)
    return sink.getvalue().to_pybytes()


def section(name):
    print(f"-- {name}", flush=True)


def people(rows=400):
    """A frame as people have them: numbers, integers, booleans, categories, text, holes."""
    random = np.random.default_rng(3)
    age = random.integers(18, 80, rows)
    town = random.choice(["Ulm", "Köln", "Bonn"], rows)
    frame = pd.DataFrame(
        {
            "age": age.astype("int16"),
            "height": random.normal(170, 10, rows).astype("float32"),
            "income": random.lognormal(10, 1, rows),
            "member": random.random(rows) < 0.5,
            "town": pd.Categorical(town),
            "street": random.choice(["A", "B"], rows),
            "y": np.where((age > 45) ^ (town == "Ulm"), "yes", "no"),
        }
    )
    frame.loc[::7, "income"] = np.nan
    frame.loc[::11, "street"] = None
    return frame


section("nn-read: every reader's output opens in pyarrow")
digits = f"{EXAMPLES}/digits.csv.gz"
train = run(f"nn-read {digits} --no-header --label last --rows 0:1437 -o train.arrows; cat train.arrows")
table = table_of(train)
assert table.num_rows == 1437 and table.column_names[-1] == "y", table.schema
assert table.schema.field("y").type == pa.int64()
assert table.to_pandas()["y"].value_counts().size == 10
run(f"nn-read {digits} --no-header --label last --rows 1437: -o test.arrows")

images = np.arange(5 * 4 * 3, dtype=np.uint8).reshape(5, 4, 3)
np.save("images.npy", images)
np.save("fortran.npy", np.asfortranarray(images.astype(np.float64)))
np.save("labels.npy", np.arange(5))
tensor = table_of(run("nn-read images.npy"))
assert isinstance(tensor.schema.field("x").type, pa.FixedShapeTensorType)
assert (tensor["x"].combine_chunks().to_numpy_ndarray() == images).all()
fortran = table_of(run("nn-read fortran.npy --labels labels.npy"))
assert (fortran["x"].combine_chunks().to_numpy_ndarray() == images).all()
assert fortran["y"].to_pylist() == list(range(5))
back = run("nn-read images.npy --to npy -o back.npy; cat back.npy")
assert np.load("back.npy").reshape(-1).tolist() == images.reshape(-1).tolist()
np.savez("both.npz", x=images, y=np.arange(5))
assert table_of(run("nn-read both.npz --label y"))["y"].to_pylist() == list(range(5))

section("nn-train, nn-predict, nn-eval from a pandas frame")
frame = people()
arrow = pa.Table.from_pandas(frame, preserve_index=False)
run("nn-train - --label y --layers 16 --standardize --epochs 30 --seed 1 -o people.nn", stream_of(arrow))
predictions = table_of(run("nn-predict -m people.nn", stream_of(arrow)))
assert set(predictions.column_names) >= {"proba", "label", "y"}, predictions.column_names
assert isinstance(predictions.schema.field("proba").type, pa.FixedShapeTensorType)
proba = predictions["proba"].combine_chunks().to_numpy_ndarray()
assert proba.shape == (400, 2) and np.allclose(proba.sum(axis=1), 1, atol=1e-5)
classes = json.loads(predictions.schema.metadata[b"nn.classes"])
assert classes == ["no", "yes"]
labels = predictions["label"].to_pylist()
assert labels == [classes[i] for i in proba.argmax(axis=1)]
accuracy = np.mean([a == b for a, b in zip(labels, predictions["y"].to_pylist())])
figures = json.loads(run("nn-predict -m people.nn | nn-eval --json", stream_of(arrow)))
assert abs(figures["accuracy"] - accuracy) < 1e-9 and figures["rows"] == 400, figures
assert accuracy > 0.8, accuracy

section("the same table in other encodings gives the same predictions")
reference = run("nn-predict -m people.nn --to csv", stream_of(arrow))
wide = arrow.set_column(0, "age", arrow["age"].cast(pa.int64()))
wide = wide.set_column(wide.column_names.index("street"), "street", arrow["street"].cast(pa.large_string()))
dictionary = pa.DictionaryArray.from_arrays(
    pa.array(arrow["town"].combine_chunks().indices.to_numpy() + 1, pa.uint8()),
    pa.array(["nowhere"] + arrow["town"].combine_chunks().dictionary.to_pylist()),
)
recoded = arrow.set_column(arrow.column_names.index("town"), "town", dictionary)
padded = pa.concat_tables([arrow.slice(0, 13), arrow])
for name, other in {
    "several record batches": stream_of(arrow, max_chunksize=7),
    "LZ4": stream_of(arrow, compression="lz4"),
    "ZSTD": stream_of(arrow, max_chunksize=100, compression="zstd"),
    "wider types, large strings": stream_of(wide),
    "another dictionary": stream_of(recoded),
    "a slice": stream_of(padded.slice(13)),
    "a slice in one batch": stream_of(padded.combine_chunks().slice(13)),
    "another order of columns": stream_of(arrow.select(arrow.column_names[::-1])),
    "a column more": stream_of(arrow.append_column("extra", pa.array(pd.date_range("2020", periods=400)))),
}.items():
    assert run("nn-predict -m people.nn --to csv", other) == reference, name
feather.write_feather(arrow, "people.feather", compression="zstd")
assert run("nn-predict -m people.nn people.feather --to csv") == reference
with pa.ipc.new_file("people.arrow", arrow.schema) as writer:
    writer.write_table(arrow, max_chunksize=50)
assert run("nn-predict -m people.nn people.arrow --to csv") == reference

section("what does not fit is refused by name")
assert "'height'" in run("nn-predict -m people.nn", stream_of(arrow.drop(["height"])), status=1)
lists = arrow.append_column("born", pa.array([[2020, 1]] * 400))
message = run("nn-train - --label y --layers 4 -o out.nn", stream_of(lists), status=1)
assert "'born'" in message and "list" in message, message
holes = arrow.set_column(6, "y", pa.array([None] + arrow["y"].to_pylist()[1:]))
assert "row 0" in run("nn-train - --label y --layers 4 -o out.nn", stream_of(holes), status=1)
cut = stream_of(arrow)[:-8]
assert "end-of-stream" in run("nn-predict -m people.nn", cut, status=1)
assert not os.path.exists("out.nn")

section("tensors from pyarrow")
random = np.random.default_rng(1)
pictures = random.random((200, 4, 4)).astype(np.float32)
column = pa.FixedShapeTensorArray.from_numpy_ndarray(pictures)
wanted = pa.array((pictures.mean(axis=(1, 2)) > 0.5).astype(np.int64))
tensors = pa.table({"x": column, "y": wanted})
run("nn-train - --layers 8 --epochs 5 -o tensors.nn", stream_of(tensors, max_chunksize=33))
assert table_of(run("nn-predict -m tensors.nn", stream_of(tensors))).num_rows == 200
wrong = pa.table({"x": pa.FixedShapeTensorArray.from_numpy_ndarray(pictures[:, :3, :])})
assert "[4,4]" in run("nn-predict -m tensors.nn", stream_of(wrong), status=1)

section("nn-eval takes anybody's predictions")
plain = pa.table({"y": ["a", "b", "a", "b"], "label": ["a", "b", "b", "b"]})
assert json.loads(run("nn-eval --json", stream_of(plain)))["accuracy"] == 0.75
numbers = pa.table({"y": [1.0, 2.0, 4.0], "value": [1.0, 3.0, 2.0]})
assert abs(json.loads(run("nn-eval --json", stream_of(numbers)))["mse"] - 5 / 3) < 1e-9

section("nn-aggregate and the text formats")
run("nn-train train.arrows --layers 32 --standardize --epochs 10 --seed 1 -o m1.nn")
run("nn-train train.arrows --layers 32 --standardize --epochs 10 --seed 2 -o m2.nn")
p1, p2 = (table_of(run(f"nn-predict -m m{i}.nn test.arrows")) for i in (1, 2))
mean = table_of(
    run("nn-aggregate --rule mean --uncertainty entropy <(nn-predict -m m1.nn test.arrows) <(nn-predict -m m2.nn test.arrows)")
)
a, b, m = (t["proba"].combine_chunks().to_numpy_ndarray() for t in (p1, p2, mean))
assert np.allclose(m, (a + b) / 2, atol=1e-6)
entropy = -(m.astype(float) * np.log(np.maximum(m, 1e-30))).sum(axis=1)
assert np.allclose(mean["uncertainty"].to_numpy(), entropy, atol=1e-4)
assert mean["y"].to_pylist() == p1["y"].to_pylist()
lines = run("nn-predict -m m1.nn test.arrows --to json").decode().splitlines()
assert len(lines) == 360 and np.allclose(json.loads(lines[5])["proba"], a[5], atol=1e-6)
weights = run("nn-model convert m1.nn m1.npz; echo ok") and np.load("m1.npz")
assert weights["dense_0/kernel"].shape == (64, 32) and weights["dense_1/bias"].shape == (10,)

section("Polars")
try:
    import polars

    sink = io.BytesIO()
    polars.from_pandas(frame).write_ipc_stream(sink)
    assert run("nn-predict -m people.nn --to csv", sink.getvalue()) == reference
    read = polars.read_ipc_stream(io.BytesIO(run("nn-read test.arrows")))
    # Categories that come late, so many that a dictionary of all of them doesn't travel each time.
    late = "".join(f"late-{i // 3},{i}\n" for i in range(60_000))
    with open("late.csv", "w") as file:
        file.write("word,n\n" + late)
    read_late = polars.read_ipc_stream(io.BytesIO(run("nn-read late.csv")))
    assert read_late["word"].cast(polars.String).to_list() == [f"late-{i // 3}" for i in range(60_000)]
    assert read.shape == (360, 65)
except ImportError:
    print("   left out: no polars")

section("DuckDB")
try:
    import duckdb

    connection = duckdb.connect()
    result = connection.sql("select * from arrow").arrow()
    result = result.read_all() if isinstance(result, pa.RecordBatchReader) else result
    assert run("nn-predict -m people.nn --to csv", stream_of(result)) == reference
    test = table_of(run("nn-read test.arrows"))
    assert connection.sql("select count(*), max(y) from test").fetchall() == [(360, 9)]
except ImportError:
    print("   left out: no duckdb")

print("ok")
