"""Every network of the backends' table, on the device and on the CPU."""

import re

from session import TIMED_OUT

TITLE = "Layers: the largest differences"

MOST_RUNS = 6  # of a table whose networks end it


def would(plan, course):
    return [
        "run every network of the backends' table on it and on the CPU, with bias and activation fused into products "
        "and without: values, gradients, steps, members, continuing, kept data, the same bytes twice"
    ]


def fill(session, section):
    for name, env in {"fused": {}, "NN_CUDA_FUSED=0": {"NN_CUDA_FUSED": "0"}}.items():
        first = 0
        for _ in range(MOST_RUNS):
            first = run(session, section, name, env, first)
            if first is None:
                break
        else:
            section.cut(
                f"{name}: networks ended it {MOST_RUNS} times; those from number {first} on are not checked"
            )


def run(session, section, name, env, first):
    """Of networks from number `first` on; returns where to go on behind a network that ends the process, or None.
    Such a network is a failure, and so is what differs; the others are still checked."""
    options = [*session.plan.table, "--from", str(first)]
    answer = session.run(session.program("cuda-table"), session.device, *options, env=env)
    lines = answer.stdout.splitlines()
    table = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    other = [line for line in lines if not line.startswith("|")] + answer.stderr.strip().splitlines()
    if table:
        section.heads = ["products", *table[0]]
        for cells in table[2:]:
            section.row(f"{name}, from {first}" if first else name, *cells)
    counts = [line for line in other if re.match(r"\d+ of \d+ ", line)]
    if counts:
        section.note(f"{name}: {'; '.join(counts)}.")
    if answer.returncode == 0 and table:
        return None
    other = [line for line in other if line not in counts]
    section.samples.append({"of": name, "from": first, "messages": other})
    if answer.returncode == TIMED_OUT:
        section.cut(f"{name}: {other.pop()}: networks that it hadn't come to are not checked")
    elif not other:
        section.fail(f"{name}: cuda-table ended with {answer.returncode}")
    for line in other:
        section.fail(f"{name}: {line}")
    ended = [int(match[1]) for match in map(re.compile(r"network (\d+), ").match, lines) if match]
    return ended[-1] + 1 if ended and answer.returncode != TIMED_OUT else None
