"""How a step gets its rows, when losses are read, what fusing gains."""

TITLE = "Ways of a step"


def would(plan, course):
    return [
        f"time steps of {network.name}: a kept data set against batches from the host, losses read each step against "
        "every 32, without fused products"
        for network in plan.networks
    ]


def fill(session, section):
    section.heads = [
        "network",
        "kept, rows/s",
        "from the host",
        "kept / it",
        "losses each step",
        "kept / it",
        "NN_CUDA_FUSED=0",
        "kept / it",
    ]
    unfused = session.bench(env={"NN_CUDA_FUSED": "0"})
    for network in session.plan.networks:
        kept, host = network.question("train-kept"), network.question("train")
        asks = {"kept": (session.bench(), kept), "host": (session.bench(), host)}
        if "skipped" in session.bench().ask(**kept, seconds=0):
            kept = host  # the others still have something to be held against
        asks["each"] = (session.bench(), {**kept, "losses": 1})
        asks["unfused"] = (unfused, kept)
        got = session.in_turns(section, asks)
        base = got["kept"] if got["kept"].samples else got["host"]
        others = [
            c
            for name in ("host", "each", "unfused")
            for c in (got[name].rate(network.batch), base.faster_than(got[name]))
        ]
        section.row(network.name, got["kept"].rate(network.batch), *others)
