"""Reading text, all of it parsed and nothing written: megabytes of text for a second of processor time.

Published figures to compare with: pandas' default reader on one core, 18.2 GB of New York taxi trips
in 288.6 s, 63 MB/s (hluska.ca, NumPy versus PyArrow, 2023); DuckDB on all cores of a laptop (M4 Max),
1,411 MB of the same in 1.326 s, 1,064 MB/s (krabarena.org, Parquet ZSTD beats CSV on cold reads).
"""

import dataclasses, json, os, random, resource, subprocess
from typing import Callable

import hotspots
from peers import Skip
from report import Goal, Row, compare, rate, single

MEGABYTES = 100
# Each reads the file sys.argv[1] on one core.
ONE = "import os, sys; os.environ['POLARS_MAX_THREADS'] = '1'; "
PEERS = {
    "pandas": "import pandas; pandas.read_csv(sys.argv[1], header=None)",
    "DuckDB": "import duckdb; duckdb.sql('set threads = 1'); "
    "duckdb.sql(f'create table t as select * from read_csv(\"{sys.argv[1]}\", header = false)')",
    "Polars": "import polars; polars.read_csv(sys.argv[1], has_header=False)",
    "pyarrow": "import pyarrow.csv as c; c.read_csv(sys.argv[1], read_options=c.ReadOptions(use_threads=False, autogenerate_column_names=True))",
}
JSON_PEERS = {
    "pandas": "import pandas; pandas.read_json(sys.argv[1], lines=True)",
    "DuckDB": "import duckdb; duckdb.sql('set threads = 1'); duckdb.sql(f'create table t as select * from read_json(\"{sys.argv[1]}\")')",
    "Polars": "import polars; polars.read_ndjson(sys.argv[1])",
    "pyarrow": "import pyarrow.json as j; j.read_json(sys.argv[1], read_options=j.ReadOptions(use_threads=False))",
}
PART = "Reading text, one core"


@dataclasses.dataclass
class Text:
    name: str
    row: Callable[[], str]
    goal: float  # bytes a second
    options: tuple = ("--no-header",)
    peers: dict = dataclasses.field(default_factory=lambda: PEERS)
    suffix: str = ".csv"
    rows: int = 10000  # that are made, and repeated


def texts():
    draw = random.Random(1)
    line = ",".join
    yield Text("six decimals", lambda: line(f"{draw.uniform(-100, 100):.6f}" for _ in range(10)), 250e6)
    yield Text("17 digits", lambda: line(f"{draw.uniform(-1, 1):.17g}" for _ in range(10)), 250e6)
    yield Text("small integers", lambda: line(str(draw.choice((0, draw.randrange(17)))) for _ in range(65)), 250e6)
    mixed = lambda: [f"{draw.uniform(0, 1e5):.2f}", str(draw.randrange(10**6)), str(draw.randrange(2))] * 4
    yield Text("mixed", lambda: line(mixed()), 250e6)
    words = ["red", "green", "blue", "a longer text", "x"]
    yield Text("numbers and words", lambda: line([f"{draw.uniform(0, 1e3):.3f}", draw.choice(words)] * 5), 150e6)
    yield Text("10,000 columns", lambda: line(f"{draw.uniform(-100, 100):.3f}" for _ in range(10000)), 150e6, rows=20)
    numbers = lambda: {f"c{i}": draw.uniform(-100, 100) for i in range(8)} | {"w": draw.choice(words)}
    yield Text("JSON lines", lambda: json.dumps(numbers()), 150e6, ("--format", "json"), JSON_PEERS, ".jsonl")
    sparse = lambda: " ".join(f"{i}:{draw.uniform(-1, 1):.6f}" for i in sorted(draw.sample(range(1, 124), 14)))
    yield Text("LIBSVM", lambda: f"{draw.choice((-1, 1))} {sparse()}", 150e6, ("--format", "libsvm", "--features", "123"), {}, ".svm")


def rate_of(bench, command, size):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, preexec_fn=bench.pin)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return size / (after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)


def rows(bench, options):
    try:
        python = bench.python("tables", "pandas", "duckdb", "polars", "pyarrow")
    except Skip as skip:
        python = skip
    for text in texts():
        bench.say(f"text: {text.name}")
        table = bench.file("table" + text.suffix)
        block = "".join(text.row() + "\n" for _ in range(text.rows))
        with open(table, "w") as file:
            for _ in range(MEGABYTES * 1000000 // len(block) + 1):
                file.write(block)
        size = os.path.getsize(table)
        commands = {"nn-read": [bench.tool("nn-read"), table, *text.options, "--rows", "1000000000000:"]}
        if not isinstance(python, Skip):
            commands |= {peer: [python, "-c", ONE + source, table] for peer, source in text.peers.items()}
        rates = {peer: [] for peer in commands}
        for _ in range(min(bench.rounds, 5)):
            for peer, command in commands.items():
                rates[peer].append(rate_of(bench, command, size))
        ours = rates["nn-read"]
        row = single(PART, text.name, ours, show=rate, goal=Goal(text.goal, True))
        if not row.met():
            row.note = hotspots.of(bench, commands["nn-read"], "")
        yield row
        for peer in text.peers:
            if peer in rates:
                yield compare(PART, text.name, peer, ours, rates[peer], show=rate)
            else:
                yield Row(PART, text.name, peer, skipped=str(python))
        os.remove(table)
