"""Several networks in one program against one."""

TITLE = "Members of one program"


def would(plan, course):
    return [
        f"time steps of {', '.join(map(str, plan.members))} members of {network.text()}" for network in plan.small
    ]


def fill(session, section):
    section.heads = ["network", "work", "members", "rows/s in all", "against one"]
    for network in session.plan.small:
        for work in ("train-kept", "train", "predict"):
            asks = {k: (session.bench(), network.question(work, members=k)) for k in session.plan.members}
            got = session.in_turns(section, asks)
            one = got[session.plan.members[0]]
            for k, figure in got.items():
                rows = k * network.batch
                section.row(network.name, work, k, figure.rate(rows), figure.faster_than(one, rows, network.batch))
