"""Every network of the backends' table, on the device and on the CPU."""

TITLE = "Layers: the largest differences"


def would(plan):
    return [
        "run every network of the backends' table on it and on the CPU, with bias and activation fused into products "
        "and without: values, gradients, steps, members, continuing, kept data, the same bytes twice"
    ]


def fill(session, section):
    section.heads = []
    for name, env in {"fused": {}, "NN_CUDA_FUSED=0": {"NN_CUDA_FUSED": "0"}}.items():
        answer = session.run(session.program("cuda-table"), session.device, *session.plan.table, env=env)
        lines = answer.stdout.splitlines()
        table = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
        other = [line for line in lines if not line.startswith("|")] + answer.stderr.splitlines()
        if table:
            section.heads = ["products", *table[0]]
            for cells in table[2:]:
                section.row(name, *cells)
        if answer.returncode == 0 and table:
            section.note(f"{name}: {'; '.join(other)}.")
            continue
        section.samples.append({"of": name, "messages": other})
        for line in other or [f"cuda-table ended with {answer.returncode}"]:
            section.fail(f"{name}: {line}")
