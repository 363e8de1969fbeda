"""Some networks of the table under NVIDIA's compute-sanitizer."""

TITLE = "compute-sanitizer"

CHECKS = {
    "memcheck": "accesses outside of memory, calls that fail",
    "racecheck": "shared memory without a barrier between",
    "synccheck": "barriers that not all threads reach",
}
STATUS = 9  # of a program with findings


def would(plan):
    return [
        f"run some networks of the table under compute-sanitizer, {check}: {text}"
        for check, text in CHECKS.items()
    ]


def fill(session, section):
    section.heads = ["check", "finds", "result"]
    sanitizer = session.find("compute-sanitizer")
    table = [session.program("cuda-table"), session.device, *session.plan.sanitizer]
    for check, text in CHECKS.items():
        if sanitizer is None:
            section.row(check, text, "there is no compute-sanitizer")
            continue
        answer = session.run(sanitizer, "--tool", check, "--error-exitcode", str(STATUS), *table, timeout=600)
        lines = (answer.stdout + answer.stderr).strip().splitlines()
        summary = next(
            (line for line in reversed(lines) if "SUMMARY" in line), lines[-1] if lines else "no answer"
        )
        section.row(check, text, summary.strip("= "))
        section.samples.append({"of": check, "messages": lines[-200:]})
        if answer.returncode != 0:
            section.fail(f"{check} ends with {answer.returncode}: {summary.strip('= ')}")
