"""Steps of the CPU engine on one core: against goals, the matrix products alone, and PyTorch."""

import statistics

import hotspots
from peers import Answering, Skip
from report import Goal, Row, compare, seconds, single

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


def sampled(peer, name, duration_s):
    """A peer's time of a step; Skip instead of a time where it has none."""
    if isinstance(peer, Skip):
        return peer
    try:
        return peer.ask(name, duration_s)["step_s"]
    except Skip as skip:
        return skip


def against(name, other, ours, theirs, goal, faster):
    skips = [sample for sample in theirs if isinstance(sample, Skip)]
    if skips:
        return Row(PART, WORK[name], other, ours=statistics.median(ours), goal=goal, skipped=str(skips[0]))
    return compare(PART, WORK[name], other, ours, theirs, faster=faster, goal=goal)


def open_peers(bench, cases, options):
    """PyTorch by title, or why it isn't to be had."""
    arguments = {"PyTorch": []} | ({"PyTorch, compiled": ["--compile"]} if options.compile else {})
    peers = {}
    for title, more in arguments.items():
        try:
            if not options.torch:
                raise Skip("asked for with --no-torch")
            peers[title] = open_torch(bench, cases, *more)
        except Skip as skip:
            peers[title] = skip
    return peers


def rows(bench, options):
    cases = bench.file("cases.json")
    with open(cases, "wb") as file:
        file.write(bench.run(bench.tool("bench-engine"), "--list"))
    engine = Answering(bench, [bench.tool("bench-engine"), "--json"])
    about = engine.ask("peak")
    peak = about["flops_per_s"]
    products = "its products by " + (about["gemm_library"] or "oneDNN")
    peers = open_peers(bench, cases, options)
    for name, work in WORK.items():
        bench.say(work)
        peak = max(peak, engine.ask("peak")["flops_per_s"])
        samples, theirs = [], {title: [] for title in peers}
        for _ in range(bench.rounds):
            samples.append(engine.ask(name, options.seconds))
            for title, peer in peers.items():
                theirs[title].append(sampled(peer, name, options.seconds))
        ours = [s["ours_s"] for s in samples]
        gemm = [s["gemm_s"] or Skip("bench-engine was built without oneDNN") for s in samples]
        reading = [s["reading_s"] for s in samples]
        found = [against(name, products, ours, gemm, PRODUCTS.get(name), False)]
        if name in STEP:
            found.insert(0, single(PART, work, ours, goal=STEP[name]))
        if reading[0]:
            found.append(compare(PART, work, "reading its weights once", ours, reading))
        for title in peers:
            goal = PYTORCH.get(name) if title == "PyTorch" else None
            found.append(against(name, title, ours, theirs[title], goal, True))
        missed = [row for row in found if row.met() is False]
        if missed:
            spots = hotspots.of(bench, [bench.tool("bench-engine"), "--json"], f"{name} 2 ours\n")
            missed[0].note = f"{spots}; its products at the peak: {seconds(samples[0]['flops'] / peak)}"
        yield from found
    bench.machine["peak of a core"] = f"{peak / 1e9:.0f} GFLOP/s ({about['isa']})"
    for peer in [engine, *peers.values()]:
        if isinstance(peer, Answering):
            peer.end()
