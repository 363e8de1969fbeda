"""Training and predicting, against PyTorch on the same GPU and against the CPU backend."""

from session import Figure

TITLE = "Rows a second"

WORKS = {
    "train-kept": "training, data on the device",
    "train": "training, batches from the host",
    "predict": "predicting",
}


def would(plan, course):
    return [f"time steps of {network.text()}, and PyTorch's" for network in plan.networks]


def peers_of(session, question):
    """PyTorch as people write it, and with its step recorded as a graph."""
    peer, _ = session.torch()
    for mode in ("eager", "graph"):
        yield mode, (peer, {**question, "mode": mode, "device": session.torch_device()} if peer else "skipped")


def cpu_figure(session, network, work):
    """One sample: it is there for the order of magnitude."""
    figure = Figure()
    answer = session.bench("cpu").ask(**network.question(work), seconds=0)
    figure.samples = [answer["seconds"]] if "seconds" in answer else []
    figure.missing = answer.get("error", "")
    return figure


def fill(session, section):
    section.heads = [
        "network",
        "products",
        "work",
        "ours",
        "PyTorch",
        "ours / it",
        "PyTorch, graph",
        "ours / it",
        "CPU",
    ]
    session.note_torch(section)
    for network in session.plan.networks:
        cpu = {work: cpu_figure(session, network, work) for work in ("train", "predict")}
        for precision in ("float32", "tf32"):
            for work, text in WORKS.items():
                question = network.question(work, precision=precision)
                asks = {"ours": (session.bench(), question), **dict(peers_of(session, question))}
                got = session.in_turns(section, asks)
                section.row(
                    network.name,
                    precision,
                    text,
                    *(cell for name in asks for cell in cells_of(got, name, network.batch)),
                    cpu[work.removesuffix("-kept")].rate(network.batch) if precision == "float32" else "",
                )


def cells_of(got, name, batch):
    ours, figure = got["ours"], got[name]
    return [figure.rate(batch)] + ([] if name == "ours" else [ours.faster_than(figure)])
