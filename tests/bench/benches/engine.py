"""Steps of the CPU engine on one core: against goals, the matrix products alone, and PyTorch."""

import statistics

import hotspots
from peers import Answering, Skip
from report import Goal, Row, compare, single

WORK = {
    "train-small": "train [64,32,10], batch 32, momentum",
    "train-medium": "train [784,256,128,10], batch 128, adam",
    "train-large": "train [1024,1024,1024,10], batch 512, adam",
    "train-cnn": "train the MNIST CNN, batch 128, adam",
    "predict-one": "predict [784,256,128,10], batch 1",
    "predict-many": "predict [784,256,128,10], batch 512",
}
STEP = {"train-small": Goal(8e-6), "predict-one": Goal(15e-6)}
PRODUCTS = {"train-medium": Goal(1.25), "train-large": Goal(1.15), "predict-many": Goal(1.15)}
PYTORCH = {
    "train-small": Goal(20, True),
    "train-medium": Goal(2, True),
    "train-large": Goal(1.2, True),
    "train-cnn": Goal(1.3, True),
}
PART = "Engine, one core"


def open_torch(bench, cases, *options):
    python = bench.python("torch", "torch")
    peer = Answering(
        bench, [python, "-W", "ignore", __file__.replace("benches/engine", "torch_peer"), cases, *options]
    )
    about = peer.read()
    bench.machine["PyTorch"] = f"{about['version']}, {about['cpu']}"
    return peer


def sampled(peer, name, seconds):
    """A peer's time of a step; Skip instead of a time where it has none."""
    if isinstance(peer, Skip):
        return peer
    try:
        return peer.ask(name, seconds)["step_s"]
    except Skip as skip:
        return skip


def against(name, other, ours, theirs, goal, faster):
    skips = [sample for sample in theirs if isinstance(sample, Skip)]
    if skips:
        return Row(PART, WORK[name], other, ours=statistics.median(ours), goal=goal, skipped=str(skips[0]))
    return compare(PART, WORK[name], other, ours, theirs, faster=faster, goal=goal)


def rows(bench, options):
    cases = bench.file("cases.json")
    with open(cases, "wb") as file:
        file.write(bench.run(bench.tool("bench-engine"), "--list"))
    engine = Answering(bench, [bench.tool("bench-engine"), "--json"])
    about = engine.ask("peak")
    library = about["gemm_library"]
    bench.machine["peak of a core"] = f"{about['flops_per_s'] / 1e9:.0f} GFLOP/s ({about['isa']})"
    peers = {}
    for title, arguments in {
        "PyTorch": [],
        **({"PyTorch, compiled": ["--compile"]} if options.compile else {}),
    }.items():
        try:
            peers[title] = (
                open_torch(bench, cases, *arguments) if options.torch else Skip("asked for with --no-torch")
            )
        except Skip as skip:
            peers[title] = skip
    for name, work in WORK.items():
        bench.say(work)
        ours, products, theirs = [], [], {title: [] for title in peers}
        for _ in range(bench.rounds):
            sample = engine.ask(name, options.seconds)
            ours.append(sample["ours_s"])
            products.append(sample["gemm_s"] or Skip("bench-engine was built without oneDNN"))
            for title, peer in peers.items():
                theirs[title].append(sampled(peer, name, options.seconds))
        found = []
        if name in STEP:
            found.append(single(PART, work, ours, goal=STEP[name]))
        found.append(
            against(
                name,
                f"its products by {library}" if library else "its products by oneDNN",
                ours,
                products,
                PRODUCTS.get(name),
                False,
            )
        )
        for title in peers:
            found.append(
                against(name, title, ours, theirs[title], PYTORCH.get(name) if title == "PyTorch" else None, True)
            )
        missed = [row for row in found if row.met() is False]
        if missed:
            missed[0].note = hotspots.of(bench, [bench.tool("bench-engine"), "--json"], f"{name} 2 ours\n")
        yield from found
    for peer in [engine, *peers.values()]:
        if isinstance(peer, Answering):
            peer.end()
