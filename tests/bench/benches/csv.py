"""Reading CSV, all of it parsed and nothing written: megabytes of text for a second of processor time.

Published figures to compare with: pandas' default reader on one core, 18.2 GB of New York taxi trips
in 288.6 s, 63 MB/s (hluska.ca, NumPy versus PyArrow, 2023); DuckDB on all cores of a laptop (M4 Max),
1,411 MB of the same in 1.326 s, 1,064 MB/s (krabarena.org, Parquet ZSTD beats CSV on cold reads).
"""

import os, random, resource, subprocess

import hotspots
from peers import Skip
from report import Goal, Row, compare, rate, single

MEGABYTES = 100
PEERS = {
    "pandas": "import pandas, sys; pandas.read_csv(sys.argv[1], header=None)",
    "DuckDB": "import duckdb, sys; duckdb.sql('set threads = 1'); "
    "duckdb.sql(f'create table t as select * from read_csv(\"{sys.argv[1]}\", header = false)')",
}
PART = "Reading CSV, one core"


def tables():
    """Names, and what makes the cells of a row."""
    draw = random.Random(1)
    yield "six decimals", lambda: [f"{draw.uniform(-100, 100):.6f}" for _ in range(10)]
    yield "17 digits", lambda: [f"{draw.uniform(-1, 1):.17g}" for _ in range(10)]
    yield "small integers", lambda: [str(draw.choice((0, draw.randrange(17)))) for _ in range(65)]
    yield "mixed", lambda: [f"{draw.uniform(0, 1e5):.2f}", str(draw.randrange(10**6)), str(draw.randrange(2))] * 4


def rate_of(bench, command, size):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, preexec_fn=bench.pin)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return size / (after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)


def rows(bench, options):
    try:
        python = bench.python("tables", "pandas", "duckdb")
    except Skip as skip:
        python = skip
    table = bench.file("table.csv")
    for name, row in tables():
        bench.say(f"CSV: {name}")
        block = "".join(",".join(row()) + "\n" for _ in range(10000))
        with open(table, "w") as file:
            for _ in range(MEGABYTES * 1000000 // len(block) + 1):
                file.write(block)
        size = os.path.getsize(table)
        commands = {"nn-read": [bench.tool("nn-read"), table, "--no-header", "--rows", "1000000000000:"]}
        if not isinstance(python, Skip):
            commands |= {peer: [python, "-c", source, table] for peer, source in PEERS.items()}
        rates = {peer: [] for peer in commands}
        for _ in range(min(bench.rounds, 5)):
            for peer, command in commands.items():
                rates[peer].append(rate_of(bench, command, size))
        ours = rates["nn-read"]
        row = single(PART, name, ours, show=rate, goal=Goal(250e6, True))
        if not row.met():
            row.note = hotspots.of(bench, commands["nn-read"], "")
        yield row
        for peer in PEERS:
            if peer in rates:
                yield compare(PART, name, peer, ours, rates[peer], show=rate)
            else:
                yield Row(PART, name, peer, skipped=str(python))
    os.remove(table)
