"""What nn-read writes, read again by nn-read, pyarrow, Polars, pandas and DuckDB: round_trips.py BIN_FOLDER.

A table of every type that we have, with missing values, texts that are hard to write, the ends of each type's range
and categories that come late, goes through each format. Each reader gives the same values to the bit. What a format
can't say is in LOSSES, with its reason.
"""

import io
import json
import math
import os
import random
import struct
import subprocess
import sys
import tempfile

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.csv

BIN = os.path.abspath(sys.argv[1])
os.chdir(tempfile.mkdtemp())

LOSSES = {
    "csv": "types: numbers are 64-bit floats, booleans 0 and 1, tensors a column an element; NaN and missing are one; a "
    "category of numbers needs --text where no column goes without quotes, which is said; a text that lacks its last "
    "value needs it nowhere",
    "json": "NaN and infinities are null",
    "npy": "one type for all columns; NaN stands for a missing value",
}


def read(data, *options, to="stream"):
    done = subprocess.run([f"{BIN}/nn-read", *options, "--to", to], input=data, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    assert not done.stderr, done.stderr.decode()
    return done.stdout


def stream_of(batches):
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batches[0].schema) as writer:
        for batch in batches:
            writer.write_batch(batch)
    return sink.getvalue().to_pybytes()


def table_of(stream):
    return pa.ipc.open_stream(pa.py_buffer(stream)).read_all()


def bits(value):
    return struct.pack("<d", value) if isinstance(value, float) else value


def plain(column):
    """Values as Python has them; dictionaries as their texts."""
    if isinstance(column, pa.ChunkedArray) and pa.types.is_dictionary(column.type):
        column = column.cast(pa.string())
    return [bits(v) for v in column.to_pylist()]


def equal(got, expected, what):
    assert got == expected, f"{what}: {[(g, e) for g, e in zip(got, expected) if g != e][:3]}"


HARD = ["", "NA", "nan", "NaN", "null", "a,b", 'say "hi"', '"', '""', "'", "\n", "two\nlines", "cr\rin", "\t", "\ttab", "tab\t",
        " space", "space ", "ä", "日本", "#", "# no", "\\", '\\"', "a\\", ";", "x" * 3000, "-", "1a", "\x01", "\x7f", "true"]
random.seed(18)
words = HARD + [f"w{i}" for i in range(200)]
rows = 3000
texts = [random.choice(words) if random.random() < 0.9 else None for _ in range(rows)]
late = [None if i < 2900 else f"late{i % 7}" for i in range(rows)]


def numbers(type, low, high):
    ends = [low, high, 0, None]
    return pa.array([random.choice(ends) if random.random() < 0.1 else random.randint(low, high) for _ in range(rows)], type)


doubles = [struct.unpack("<d", random.randbytes(8))[0] for _ in range(rows)]
doubles = [None if i % 13 == 0 else v if math.isfinite(v) else 0.5 for i, v in enumerate(doubles)]
floats = [None if v is None else float(np.float32(random.uniform(-1e3, 1e3))) for v in doubles]
columns = {
    "i8": numbers(pa.int8(), -(2**7), 2**7 - 1),
    "u16": numbers(pa.uint16(), 0, 2**16 - 1),
    "i32": numbers(pa.int32(), -(2**31), 2**31 - 1),
    "i64": numbers(pa.int64(), -(2**63), 2**63 - 1),
    "u64": numbers(pa.uint64(), 0, 2**64 - 1),
    "f32": pa.array(floats, pa.float32()),
    "f64": pa.array(doubles, pa.float64()),
    "bool": pa.array([random.choice([True, False, None]) for _ in range(rows)]),
    "text": pa.array(texts),
    "category": pa.array(texts).dictionary_encode(),
    "late": pa.array(late).dictionary_encode(),
}
whole = pa.record_batch(columns)


def pieces(table, size):
    """Batches whose dictionaries hold only what came so far, as a writer has them that goes along."""
    out = []
    seen = {name: [] for name in table.schema.names}
    for at in range(0, table.num_rows, size):
        arrays = []
        for name in table.schema.names:
            part = table.column(name).slice(at, size)
            if pa.types.is_dictionary(part.type):
                part = part.cast(pa.string())
                for text in part.to_pylist():
                    if text is not None and text not in seen[name]:
                        seen[name].append(text)
                index = {t: i for i, t in enumerate(seen[name])}
                codes = [None if t is None else index[t] for t in part.to_pylist()]
                part = pa.DictionaryArray.from_arrays(pa.array(codes, pa.int32()), pa.array(seen[name], pa.string()))
            arrays.append(part)
        out.append(pa.record_batch(arrays, names=table.schema.names))
    return out


expected = {name: plain(pa.chunked_array([columns[name]])) for name in columns}
source = stream_of(pieces(whole, 500))

# ---- streams, cut in any way, read by all
for batch in ("7", "500", "100000"):
    written = read(source, "--batch", batch)
    for what, table in (("pyarrow", table_of(written)), ("nn-read and pyarrow", table_of(read(written)))):
        for name in columns:
            equal(plain(table[name]), expected[name], f"stream of {batch}, {what}, {name}")
    frame = pl.read_ipc_stream(io.BytesIO(written))
    for name in columns:
        got = frame[name].cast(pl.String) if isinstance(frame[name].dtype, (pl.Categorical, pl.Enum)) else frame[name]
        equal([bits(v) for v in got.to_list()], expected[name], f"stream of {batch}, Polars, {name}")
    reader = table_of(written)
    got = duckdb.sql("select * from reader").fetchall()
    for i, name in enumerate(columns):
        equal([bits(row[i]) for row in got], expected[name], f"stream of {batch}, DuckDB, {name}")
    frame = table_of(written).to_pandas()
    for name in ("text", "category", "f64"):
        equal([None if pd.isna(v) else bits(v) for v in frame[name]], expected[name], f"stream of {batch}, pandas, {name}")
print("streams: equal in pyarrow, Polars, pandas, DuckDB and here")

# ---- CSV: numbers to the bit, texts to the byte
names = ["i8", "u16", "i32", "f32", "f64", "bool", "text", "category"]
csv = read(source, "--select", ",".join(names), to="csv")
# It says once that quotes with nothing between are an empty text.
again = table_of(read(csv, "--header", "--delimiter", ",", "--quiet"))
for name in names:
    wanted = expected[name]
    if name in ("text", "category"):
        equal(plain(again[name]), wanted, f"CSV, here, {name}")
    else:
        # f32's shortest digits are those of a float.
        got = again[name].to_pylist()
        if name == "f32":
            got = [None if v is None else float(np.float32(v)) for v in got]
            wanted = floats
        elif name == "f64":
            wanted = doubles
        else:
            wanted = [None if v is None else float(v) for v in columns[name].to_pylist()]
        equal([bits(v) for v in got], [bits(v) for v in wanted], f"CSV, here, {name}")
other = pa.csv.read_csv(
    io.BytesIO(csv),
    parse_options=pa.csv.ParseOptions(newlines_in_values=True),
    convert_options=pa.csv.ConvertOptions(null_values=[""], strings_can_be_null=True, quoted_strings_can_be_null=False,
                                          column_types={"text": pa.string(), "category": pa.string(), "f64": pa.float64()}),
)
for name in ("text", "category", "f64", "i32"):
    equal(plain(other[name]), expected[name], f"CSV, pyarrow, {name}")
frame = pl.read_csv(io.BytesIO(csv), infer_schema_length=None, schema_overrides={"text": pl.String, "category": pl.String})
for name in ("f64", "i32", "u16"):
    equal([bits(v) for v in frame[name].to_list()], expected[name], f"CSV, Polars, {name}")
frame = pd.read_csv(io.BytesIO(csv), keep_default_na=False, na_values=[""], dtype={"text": str})
equal([None if pd.isna(v) else bits(float(v)) for v in frame["f64"]], expected["f64"], "CSV, pandas, f64")
with open("t.csv", "wb") as file:
    file.write(csv)
got = duckdb.sql("select f64, text from read_csv('t.csv', header=true, delim=',', quote='\"', escape='\"', nullstr='', allow_quoted_nulls=false, "
                 "types={'text': 'VARCHAR', 'f64': 'DOUBLE'}, all_varchar=false, strict_mode=true, max_line_size=10000000)").fetchall()
equal([bits(row[0]) for row in got], expected["f64"], "CSV, DuckDB, f64")
equal([row[1] for row in got], expected["text"], "CSV, DuckDB, text")
print("CSV: equal here and in pyarrow, Polars, pandas and DuckDB")

# ---- one column, with missing values and the empty text, where an empty line would be no row
for values in (["", None, "a", "NA"], [None, None], ["", "x"]):
    one = stream_of([pa.record_batch({"t": pa.array(values, pa.string())})])
    text = read(one, to="csv")
    got = table_of(subprocess.run([f"{BIN}/nn-read", "--header", "--text", "t"], input=text, capture_output=True).stdout)
    equal(plain(got["t"]), values, f"CSV of one column {text}")

# ---- texts that look like numbers beside a column of numbers, or of plain words
like_numbers = ["1", "007", "1.50", "NULL", "1,5", "1 234", "-", "?", "inf", "1e5", None, "12"]
for beside in (list(range(12)), ["word"] * 12):
    two = stream_of([pa.record_batch({"t": pa.array(like_numbers), "b": pa.array(beside)})])
    for to in ("csv", "tsv"):
        text = read(two, to=to)
        got = table_of(read(text, "--format", to, "--quiet"))
        equal(plain(got["t"]), like_numbers, f"{to} of texts like numbers: {text}")

# ---- JSON lines
lines = read(source, to="json")
got = [json.loads(line) for line in lines.decode().split("\n")[:-1]]
for name in columns:
    if name == "f32":
        equal([None if r[name] is None else float(np.float32(r[name])) for r in got], floats, "JSON, Python, f32")
    else:
        # Whole floats are written without a point.
        value = (lambda v: None if v is None else bits(float(v))) if name == "f64" else (lambda v: v)
        equal([value(r[name]) for r in got], expected[name] if name != "bool" else columns[name].to_pylist(), f"JSON, Python, {name}")
frame = pl.read_ndjson(io.BytesIO(lines), infer_schema_length=None)
for name in ("text", "category", "i32", "f64"):
    equal([bits(v) for v in frame[name].to_list()], expected[name], f"JSON, Polars, {name}")
# It says that whole numbers over 2^53 are rounded.
again = table_of(read(lines, "--format", "json", "--quiet"))
for name in ("text", "category", "late", "f64", "bool", "i64", "u64"):
    wanted = expected[name]
    got = again[name].to_pylist() if not pa.types.is_dictionary(again[name].type) else plain(again[name])
    equal([bits(float(v)) if isinstance(v, (int, bool)) else bits(v) for v in got],
          [bits(float(v)) if isinstance(v, (int, bool)) else v for v in wanted], f"JSON, here, {name}")
print("JSON lines: equal here and in Python and Polars")

# ---- arrays
for name in ("i8", "i64", "u64", "f32", "f64"):
    present = columns[name].drop_null()
    one = stream_of([pa.record_batch({name: present.slice(at, 100)}) for at in range(0, len(present), 100)])
    subprocess.run([f"{BIN}/nn-read", "--to", "npy", "-o", "a.npy"], input=one, check=True)
    array = np.load("a.npy")
    assert array.dtype == present.to_numpy().dtype and (array == present.to_numpy()).all(), name
    with open("a.npy", "rb") as file:
        back = table_of(read(file.read()))
    equal([bits(v) for v in back["x"].to_pylist()], [bits(v) for v in present.to_pylist()], f"npy, here, {name}")
small = pa.array([1, 2, None, 4], pa.int32())
one = stream_of([pa.record_batch({"n": small.slice(at, 1)}) for at in range(4)])
subprocess.run([f"{BIN}/nn-read", "--to", "npy", "-o", "b.npy"], input=one, check=True)
array = np.load("b.npy")
assert array.dtype == np.float64 and array[3] == 4 and np.isnan(array[2]) and array[0] == 1, array
large = stream_of([pa.record_batch({"n": pa.array([v], pa.int64())}) for v in (2**62 + 1, None)])
done = subprocess.run([f"{BIN}/nn-read", "--to", "npy", "-o", "c.npy"], input=large, capture_output=True)
assert done.returncode == 1 and b"more digits" in done.stderr and not os.path.exists("c.npy"), done.stderr
for value, right in ((2**53 + 1, False), (2**60, True)):
    pair = stream_of([pa.record_batch({"n": pa.array([value, None], pa.int64())})])
    for to in ("npy", "npz"):
        done = subprocess.run([f"{BIN}/nn-read", "--to", to, "-o", f"d.{to}"], input=pair, capture_output=True)
        assert (done.returncode == 0) == right, f"{value} to {to}: {done.stderr}"
print("arrays: equal in NumPy and here")
