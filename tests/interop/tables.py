"""Random tables of text, read here and by pandas, pyarrow and Polars: tables.py BIN_FOLDER [TABLES [SEED]].

Each table has columns of numbers and of texts with missing values among them, quoted or not, in one of many ways
to write it: delimiters, line ends, encodings, byte order marks; it comes as a file or through a pipe. All readers
are told the delimiter, the encoding and the words for missing values. Kinds, numbers to the bit, texts to the byte
and missing values must be the same. Where a peer is known to read something else, DIFFERENCES says why.
"""

import io
import math
import os
import random
import subprocess
import sys
import tempfile

import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.csv

BIN = os.path.abspath(sys.argv[1])
TABLES = int(sys.argv[2]) if len(sys.argv) > 2 else 500
SEED = int(sys.argv[3]) if len(sys.argv) > 3 else 18
os.chdir(tempfile.mkdtemp())

# What a peer isn't asked for, and why.
DIFFERENCES = {
    ("pyarrow", "\r"): "its blocks are cut at LF",
    ("polars", "\r"): "its lines end in LF, with or without CR before it",
}
MISSING = ["", "NA"]
WORDS = ["red", "green", "blue", "Köln", "a b", "x", "no", "yes", "naïve", "1a", "N", "-x", "e5", "a.b", "'q'", "#1"]
NEEDS_QUOTES = ["a{d}b", 'say "hi"', "two\nlines", "{d}", '"', "end{d}", "\n"]


def number(rng):
    kind = rng.randrange(7)
    if kind == 0:
        return str(rng.randint(-9, 9))
    if kind == 1:
        return str(rng.randint(-(10**12), 10**12))
    if kind == 2:
        return f"{rng.uniform(-1e3, 1e3):.{rng.randint(1, 8)}f}"
    if kind == 3:
        return repr(rng.uniform(-1, 1))
    if kind == 4:
        return f"{rng.uniform(-1, 1):.{rng.randint(1, 16)}e}"
    if kind == 5:
        return repr(rng.uniform(0, 1) * 10.0 ** rng.randint(-300, 300))
    return f"{rng.randint(0, 10**6)}.{rng.randint(0, 999):03d}"


class Table:
    """The bytes of a table, how it is written, and what is in its cells."""

    def __init__(self, rng):
        self.delimiter = rng.choice([",", ",", ";", "\t", "|"])
        self.encoding = rng.choice(["utf-8", "utf-8", "utf-8", "utf-8-sig", "utf-16", "latin-1"])
        self.line_end = rng.choice(["\n", "\n", "\r\n", "\r"])
        self.pipe = rng.random() < 0.3
        self.readers = rng.choice([1, 2])
        quoting = rng.choice(["needed", "needed", "some", "all"])
        rows = rng.choice([1, 2, 5, 30, 300, 3000, 12000 if rng.random() < 0.3 else 7])
        columns = rng.randint(1, 8)
        self.names = [f"c{'ol'[: rng.randint(0, 2)]}_{i}" for i in range(columns)]
        self.numeric = [rng.random() < 0.5 for _ in range(columns)]
        holes = [rng.choice([0, 0, 0.1, 0.5]) for _ in range(columns)]
        self.quotes_texts = False
        lines = [[self.quoted(name, quoting == "all") for name in self.names]]
        self.cells = [[] for _ in range(columns)]
        seen = [False] * columns
        for row in range(rows):
            line = []
            for i in range(columns):
                # A column has a value: what it is without one is nobody's guess.
                missing = rng.random() < holes[i] and (seen[i] or row + 1 < rows) and columns > 1
                quote = quoting == "all" or (quoting == "some" and rng.random() < 0.3)
                if missing:
                    # Quotes make a text of it in a column of text: here, and not elsewhere.
                    line.append(self.quoted(rng.choice(MISSING), quote and self.numeric[i]))
                    self.cells[i].append(None)
                    continue
                text = number(rng) if self.numeric[i] else self.word(rng)
                seen[i] = True
                self.cells[i].append(float(text) if self.numeric[i] else text)
                line.append(self.quoted(text, quote or self.needs_quotes(text)))
            lines.append(line)
        text = self.line_end.join(self.delimiter.join(line) for line in lines)
        if rng.random() < 0.8:
            text += self.line_end
        self.text = text
        self.bytes = text.encode(self.encoding)
        self.what = f"{rows} x {columns}, {self.delimiter!r}, {self.line_end!r}, {self.encoding}, quotes {quoting}"

    def word(self, rng):
        if rng.random() < 0.2:
            text = rng.choice(NEEDS_QUOTES).replace("{d}", self.delimiter)
            # A text with LF is not one whose lines end in CR here.
            return text.replace("\n", " ") if self.line_end == "\r" else text
        return rng.choice(WORDS)

    def needs_quotes(self, text):
        return text.strip() != text or any(c in text for c in (self.delimiter, '"', "\n", "\r"))

    @staticmethod
    def quoted(text, quotes):
        return '"' + text.replace('"', '""') + '"' if quotes else text


def here(table, name):
    options = ["--delimiter", table.delimiter, "--header", "--readers", str(table.readers)]
    for i, numeric in enumerate(table.numeric):
        # Numbers that are all in quotes, where another column has none, are texts here.
        if numeric and "quotes some" in table.what:
            options += ["--number", table.names[i]]
        if not numeric and all(is_number(v) for v in table.cells[i] if v is not None):
            options += ["--text", table.names[i]]
    if table.encoding == "latin-1":
        options += ["--encoding", "latin1"]
    if table.delimiter == "\t":
        options += ["--quote", '"']
    source, arguments = (table.bytes, []) if table.pipe else (b"", [name])
    done = subprocess.run([f"{BIN}/nn-read", *options, *arguments], input=source, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    out = pa.ipc.open_stream(pa.py_buffer(done.stdout)).read_all()
    assert out.column_names == table.names, out.column_names
    return [values(column.cast(pa.string()) if pa.types.is_dictionary(column.type) else column) for column in out.columns]


def values(column):
    return column.to_pylist()


def is_number(text):
    try:
        return math.isfinite(float(text))
    except (TypeError, ValueError):
        return False


def with_pandas(table):
    # The C parser takes a quoted CR for a line end of its own where no other is given.
    frame = pd.read_csv(
        io.StringIO(table.text, newline=""),
        sep=table.delimiter,
        keep_default_na=False,
        na_values=MISSING,
        **({} if int(pd.__version__.split(".")[0]) >= 3 else {"float_precision": "round_trip"}),
        low_memory=False,
        dtype={n: str for n, numeric in zip(table.names, table.numeric) if not numeric},
    )
    return [[None if pd.isna(v) else v for v in frame[name]] for name in frame.columns]


def with_pyarrow(table):
    out = pa.csv.read_csv(
        io.BytesIO(table.text.encode()),
        read_options=pa.csv.ReadOptions(block_size=1 << 24),
        parse_options=pa.csv.ParseOptions(delimiter=table.delimiter, newlines_in_values=True),
        convert_options=pa.csv.ConvertOptions(
            null_values=MISSING,
            strings_can_be_null=True,
            quoted_strings_can_be_null=True,
            column_types={n: pa.string() if not numeric else pa.float64() for n, numeric in zip(table.names, table.numeric)},
        ),
    )
    return [values(column) for column in out.columns]


def with_polars(table):
    frame = pl.read_csv(
        io.BytesIO(table.text.encode()),
        separator=table.delimiter,
        null_values=MISSING,
        infer_schema_length=None,
        schema_overrides={n: pl.String if not numeric else pl.Float64 for n, numeric in zip(table.names, table.numeric)},
    )
    return [frame[name].to_list() for name in frame.columns]


def same(a, b):
    if isinstance(a, float) and b is not None:
        return a == float(b)
    return a == b


def first_difference(ours, theirs):
    if len(ours) != len(theirs):
        return f"{len(ours)} columns here, {len(theirs)} there"
    for i, (a, b) in enumerate(zip(ours, theirs)):
        if len(a) != len(b):
            return f"{len(a)} rows here, {len(b)} there"
        for row, (x, y) in enumerate(zip(a, b)):
            if not same(x, y):
                return f"row {row}, column {i}: {x!r} here, {y!r} there"
    return None


rng = random.Random(SEED)
compared = {"cells": 0}
for k in range(TABLES):
    table = Table(rng)
    name = f"t{k}.csv"
    with open(name, "wb") as file:
        file.write(table.bytes)
    ours = here(table, name)
    wrong = first_difference(ours, table.cells)
    assert wrong is None, f"table {k} ({table.what}), against what was written: {wrong}; see {os.getcwd()}/{name}"
    for peer, read in (("pandas", with_pandas), ("pyarrow", with_pyarrow), ("polars", with_polars)):
        if (peer, table.line_end) in DIFFERENCES:
            continue
        wrong = first_difference(ours, read(table))
        assert wrong is None, f"table {k} ({table.what}), against {peer}: {wrong}; see {os.getcwd()}/{name}"
        compared[peer] = compared.get(peer, 0) + 1
    compared["cells"] += sum(len(c) for c in ours)
    os.remove(name)
print(f"{TABLES} tables, {compared.pop('cells')} cells: " + ", ".join(f"{n} equal to {p}" for p, n in compared.items()))
