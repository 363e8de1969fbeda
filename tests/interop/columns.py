"""Every type of column that pyarrow writes, as nn-read prints it: columns.py BIN_FOLDER.

What cannot be computed with is stepped over, and refused by name where it would be a feature.
"""

import datetime
import decimal
import json
import os
import random
import subprocess
import sys
import tempfile

import pandas as pd
import pyarrow as pa

BIN = os.path.abspath(sys.argv[1])
os.chdir(tempfile.mkdtemp())


def tool(name, *arguments, stdin=b""):
    done = subprocess.run([f"{BIN}/{name}", *arguments], input=stdin, capture_output=True)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def write(batches, schema, file=False, **options):
    sink = pa.BufferOutputStream()
    new = pa.ipc.new_file if file else pa.ipc.new_stream
    with new(sink, schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        for batch in batches:
            writer.write_batch(batch)
    return sink.getvalue().to_pybytes()


def printed(array, may_round=False, **options):
    """The column of one array, as CSV without its header."""
    batch = pa.record_batch([array, pa.array([7] * len(array))], names=["c", "k"])
    status, out, err = tool("nn-read", "-", "--format", "stream", "--to", "csv", stdin=write([batch], batch.schema, **options))
    rounded = may_round and err.count("\n") == 1 and "column 'c': " in err and "is rounded to the nearest 64-bit float" in err
    assert status == 0 and (not err or rounded), f"{array.type}: {err}"
    lines = out.split("\n")[1:-1]
    assert all(line.endswith(",7") for line in lines), out
    return [line[:-2] for line in lines]


def expect(array, lines, **options):
    got = printed(array, **options)
    assert got == lines, f"{array.type} {options}: {got}, expected {lines}"


ints = [pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64()]
for compression in (None, "lz4", "zstd"):
    for type in ints:
        expect(pa.array([1, None, 100, 0], type), ["1", "", "100", "0"], compression=compression)
        expect(pa.array(range(50), type).slice(7, 3), ["7", "8", "9"], compression=compression)
    for type in (pa.float16(), pa.float32(), pa.float64()):
        if type == pa.float16():
            continue  # below
        expect(pa.array([0.5, None, -2.25], type), ["0.5", "", "-2.25"], compression=compression)
    expect(pa.array([True, None, False] * 5).slice(4, 4), ["", "0", "1", ""], compression=compression)
    texts = ["a", None, "", "Köln", "a text of more than twelve bytes"]
    lines = ["a", "", '""', "Köln", "a text of more than twelve bytes"]
    for type in (pa.string(), pa.large_string(), pa.string_view()):
        expect(pa.array(texts, type), lines, compression=compression)
        expect(pa.array(texts * 3, type).slice(3, 4), lines[3:] + lines[:2], compression=compression)
    for index in ints:
        words = pa.DictionaryArray.from_arrays(pa.array([1, None, 0, 1], index), pa.array(["no", "yes"]))
        expect(words, ["yes", "", "no", "yes"], compression=compression)
        expect(words.slice(1, 2), ["", "no"], compression=compression)
    numbers = pa.DictionaryArray.from_arrays(pa.array([2, 0, None], pa.int8()), pa.array([10.5, 20, 30]))
    expect(numbers, ["30", "10.5", ""], compression=compression)
    hole = pa.DictionaryArray.from_arrays(pa.array([0, 1, 0], pa.int8()), pa.array(["x", None]))
    expect(hole, ["x", "", "x"], compression=compression)
    ordered = pa.DictionaryArray.from_arrays(pa.array([0, 1]), pa.array(["low", "high"]), ordered=True)
    expect(ordered, ["low", "high"], compression=compression)
    expect(pa.nulls(3), ["", "", ""], compression=compression)
    tensor = pa.FixedShapeTensorArray.from_numpy_ndarray(__import__("numpy").arange(12, dtype="float32").reshape(2, 2, 3))
    assert len(printed(tensor, compression=compression)) == 2
    lists = pa.array([[1, 2], [3, 4]], pa.list_(pa.int32(), 2))
    assert printed(lists, compression=compression)[1].replace('"', "").endswith("4"), printed(lists)

# Dictionaries that grow or change from batch to batch, in streams, and empty batches between.
schema = pa.schema([("c", pa.dictionary(pa.int32(), pa.string())), ("v", pa.int64())])


def words(values, dictionary, numbers):
    indices = pa.array([dictionary.index(v) for v in values], pa.int32())
    column = pa.DictionaryArray.from_arrays(indices, pa.array(dictionary))
    return pa.record_batch([column, pa.array(numbers, pa.int64())], schema=schema)


batches = [
    words(["a", "b"], ["a", "b"], [1, 2]),
    words([], ["a", "b"], []),
    words(["c", "a"], ["a", "b", "c"], [3, 4]),
    words(["z"], ["z"], [5]),
]
for deltas in (False, True):
    stream = write(batches, schema, emit_dictionary_deltas=deltas)
    status, out, err = tool("nn-read", "-", "--to", "csv", stdin=stream)
    assert (status, out) == (0, "c,v\na,1\nb,2\nc,3\na,4\nz,5\n"), (deltas, out, err)
status, out, err = tool("nn-read", "-", "--format", "stream", "--to", "csv", stdin=write([], schema))
assert (status, out) == (0, "c,v\n"), (out, err)

# The file variant, from a file and from a pipe.
file = write(batches[:1], schema, file=True)
open("table.arrow", "wb").write(file)
for arguments, stdin in ((["table.arrow"], b""), (["-"], file)):
    status, out, err = tool("nn-read", *arguments, "--to", "csv", stdin=stdin)
    assert (status, out) == (0, "c,v\na,1\nb,2\n"), (arguments, out, err)
status, out, err = tool("nn-read", "-", "--to", "csv", stdin=file[: file.index(b"\xff\xff\xff\xff\0\0\0\0")])
assert status == 1 and "its footer is missing" in err, err

# Decimals, dates and times are numbers: days, seconds, and the double that is nearest to a decimal.
day, moment = datetime.date(2026, 1, 2), datetime.datetime(2026, 1, 2, 3, 4, 5, 678901)
days = (day - datetime.date(1970, 1, 1)).days
seconds = days * 86400 + 3 * 3600 + 4 * 60 + 5
expected = {"s": f"{seconds}", "ms": f"{seconds}.678", "us": f"{seconds}.678901", "ns": f"{seconds}.678901"}
for unit, value in expected.items():
    assert printed(pa.array([moment, None]).cast(pa.timestamp("us")).cast(pa.timestamp(unit), safe=False)) == [value, ""], unit
    assert printed(pa.array([moment]).cast(pa.timestamp(unit, "UTC"), safe=False)) == [value], unit
    length, nothing = printed(pa.array([-1500, None], pa.duration(unit)))
    assert (float(length), nothing) == (-1500 / {"s": 1, "ms": 1e3, "us": 1e6, "ns": 1e9}[unit], ""), (unit, length)
assert printed(pa.array([day, None, datetime.date(1969, 12, 31)])) == [str(days), "", "-1"]
assert printed(pa.array([day, None]).cast(pa.date64())) == [str(days), ""]
assert printed(pa.array([datetime.time(1, 2, 3, 500000), None], pa.time64("us"))) == ["3723.5", ""]
assert printed(pa.array([datetime.time(1, 2, 3, 500000), None], pa.time32("ms"))) == ["3723.5", ""]
assert printed(pa.array([moment, None]).dictionary_encode()) == [expected["us"], ""]
with decimal.localcontext() as context:
    context.prec = 100
    generator = random.Random(1)
    for width, digits in ((32, 9), (64, 18), (128, 38), (256, 76)):
        for scale in (0, 2, 9, digits - 1, -3):
            values = [decimal.Decimal(generator.randrange(-(10**n) + 1, 10**n)).scaleb(-scale)
                      for n in (1, 6, digits + min(scale, 0)) for _ in range(8)] + [None, decimal.Decimal(0).scaleb(-scale)]
            type_ = {32: pa.decimal32, 64: pa.decimal64, 128: pa.decimal128, 256: pa.decimal256}[width](digits, scale)
            shown = printed(pa.array(values, type_), may_round=digits > 15)
            assert [float(text) for text in shown if text] == [float(value) for value in values if value is not None], (width, scale)
            assert shown[-2] == "", shown

# Ids and classes keep their digits, or are refused.
long, longer = 1234567890123456789, decimal.Decimal(12345678901234567890123)
for width in (pa.decimal64(18, 0), pa.decimal128(18, 0), pa.decimal256(18, 0)):
    whole = [decimal.Decimal(123456789012345678), decimal.Decimal(-123456789012345679), None]
    assert printed(pa.array(whole, width)) == ["123456789012345678", "-123456789012345679", ""], width
big = pa.array([longer, longer + 1], pa.decimal128(38, 0))
for option, column in (("--id", pa.array([float(long), 1.5])), ("--label", pa.array([float(long), 1.5])), ("--label", big)):
    batch = pa.record_batch([column], names=["v"])
    status, out, err = tool("nn-read", option, "v", "--to", "csv", stdin=write([batch], batch.schema))
    assert status == 1 and "row 0: column 'v': " in err and "does not tell rows or classes apart" in err, (status, out, err)


def identities(array, *arguments):
    """The column as it tells rows apart, with a feature beside it."""
    batch = pa.record_batch([array, pa.array([7] * len(array))], names=["c", "k"])
    status, out, err = tool("nn-read", "-", "--id", "c", "--to", "json", *arguments, stdin=write([batch], batch.schema))
    assert status == 0 and not err, f"{array.type}: {err}"
    return [json.loads(line)["id"] for line in out.splitlines()]


assert identities(big) == [str(longer), str(longer + 1)]
assert identities(pa.array([decimal.Decimal("-0.05"), decimal.Decimal("1234.50"), None], pa.decimal128(38, 2))) == ["-0.05", "1234.50", None]
assert identities(pa.array([decimal.Decimal(12000), decimal.Decimal(0)], pa.decimal128(20, -3))) == ["12000", "0"]
# A nanosecond apart: as seconds in a double they were one.
stamps = [1767323045678901234, 1767323045678901235, 0, -1, -86400000000000, 951782400000000000, 9223372036854775807, None]
assert identities(pa.array(stamps, pa.timestamp("ns"))) == [
    "2026-01-02T03:04:05.678901234", "2026-01-02T03:04:05.678901235", "1970-01-01T00:00:00.000000000",
    "1969-12-31T23:59:59.999999999", "1969-12-31T00:00:00.000000000", "2000-02-29T00:00:00.000000000",
    "2262-04-11T23:47:16.854775807", None]
assert identities(pa.array([1767323045], pa.timestamp("s", "Europe/Berlin"))) == ["2026-01-02T03:04:05Z"]
every = [datetime.date(1, 1, 1) + datetime.timedelta(days=n) for n in range(0, 3652000, 977)]
assert identities(pa.array(every)) == [each.isoformat() for each in every]
assert identities(pa.array(every).cast(pa.date64())) == [each.isoformat() for each in every]
assert identities(pa.array([datetime.time(1, 2, 3, 500)], pa.time64("us"))) == ["01:02:03.000500"]
assert identities(pa.array([-1500, 61000], pa.duration("ms"))) == ["-1.500", "61.000"]
frame = pd.DataFrame({"k": [7, 7]}, index=pd.to_datetime([1767323045678901234, 1767323045678901235]).rename("when"))
status, out, err = tool("nn-read", "-", "--id", "when", "--to", "json", stdin=frame.reset_index().to_feather("when.arrow", compression="uncompressed") or open("when.arrow", "rb").read())
assert '"id":"2026-01-02T03:04:05.678901235"' in out and not err, (out, err)

# Not computed with.
skipped = {
    "list": pa.array([[1, 2], None]),
    "list of texts": pa.array([["a"], None]),
    "struct": pa.array([{"a": 1, "b": "x"}, None]),
    "map": pa.array([[("k", 1)], None], pa.map_(pa.string(), pa.int32())),
    "binary": pa.array([b"\x00\xff", None]),
    "binary_view": pa.array([b"\x00\xff" * 20, None], pa.binary_view()),
    "fixed_size_binary": pa.array([b"abc", None], pa.binary(3)),
    "union": pa.UnionArray.from_dense(pa.array([0, 1], pa.int8()), pa.array([0, 0], pa.int32()),
                                      [pa.array([1]), pa.array(["x"])]),
    "run_end_encoded": pa.RunEndEncodedArray.from_arrays([2], ["x"]),
}
for name, array in skipped.items():
    batch = pa.record_batch([pa.array([1.5, 2.5]), array, pa.array([0, 1])], names=["a", "strange", "y"])
    for compression in (None, "zstd"):
        stream = write([batch], batch.schema, compression=compression)
        status, out, err = tool("nn-read", "-", "--label", "y", "--drop", "strange", "--to", "csv", stdin=stream)
        assert (status, out) == (0, "a,y\n1.5,0\n2.5,1\n"), (name, out, err)
        assert not err, err
        status, out, err = tool("nn-read", "-", "--label", "y", "--to", "csv", stdin=stream)
        assert (status, out) == (0, "a,y\n1.5,0\n2.5,1\n") and err.count("\n") == 1 and "'strange' (" in err, (name, err)
        for asked in ("--select", "--id"):
            status, out, err = tool("nn-read", "-", asked, "strange", "--to", "csv", stdin=stream)
            assert status == 1 and "column 'strange' is of type" in err, (name, err)
        status, out, err = tool("nn-train", "-", "--label", "y", "-o", "m.nn", stdin=stream)
        assert status == 1 and "'strange'" in err and err.count("\n") == 1, (name, err)
        assert not os.path.exists("m.nn")

status, out, err = tool("nn-read", "-", "--to", "csv", stdin=write(
    [pa.record_batch([pa.array([0.5], pa.float16())], names=["h"])], pa.schema([("h", pa.float16())])))
assert status == 0 or "'h'" in err, err
print("columns: all as expected")
