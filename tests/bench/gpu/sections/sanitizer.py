"""Some networks of the table under NVIDIA's compute-sanitizer."""

from session import TIMED_OUT

TITLE = "compute-sanitizer"

CHECKS = {
    "memcheck": "accesses outside of memory",
    "racecheck": "shared memory without a barrier between",
    "synccheck": "barriers that not all threads reach",
}
# memcheck watches cuBLAS too: a wrong size that we gave it is found there. How its kernels use shared memory and
# barriers is not ours to judge, and takes most of the time. Mangled names of ours have their namespace in them.
OURS = ["--kernel-regex", "kns=2nn4cuda"]
OPTIONS = {
    # Calls that fail and are answered for: cuBLAS asks for what a driver may not have.
    "memcheck": ["--report-api-errors", "no"],
    "racecheck": OURS,
    "synccheck": OURS,
}
STATUS = 9  # of a program with findings
PATIENCE_S = 600


def would(plan, course):
    return [
        f"run some networks of the table under compute-sanitizer, {check}: {CHECKS[check]}"
        for check in course.sanitizers
    ]


def fill(session, section):
    section.heads = ["check", "finds", "result"]
    sanitizer = session.find("compute-sanitizer")
    table = [session.program("cuda-table"), session.device, *session.plan.sanitizer]
    for check in session.course.sanitizers:
        text = CHECKS[check]
        if sanitizer is None:
            section.skip(check, "there is no compute-sanitizer")
            continue
        options = ["--tool", check, *OPTIONS[check], "--error-exitcode", str(STATUS)]
        answer = session.run(sanitizer, *options, *table, timeout=PATIENCE_S)
        lines = (answer.stdout + answer.stderr).strip().splitlines()
        section.samples.append({"of": check, "options": options, "messages": lines[-200:]})
        result = result_of(answer, lines)
        section.row(check, text, result)
        if answer.returncode == TIMED_OUT:
            section.cut(f"{check}: what it hadn't come to by then is not checked")
            if findings := findings_in(lines):
                section.fail(f"{check} before it was timed out: {findings[0]}")
        elif answer.returncode != 0:
            section.fail(f"{check} ends with {answer.returncode}: {result}")


def result_of(answer, lines):
    """Of its lines the one that sums them up, or the last."""
    if answer.returncode == TIMED_OUT:
        return answer.stderr.strip().splitlines()[-1]
    summaries = [line for line in lines if "SUMMARY" in line]
    return (summaries or lines or ["no answer"])[-1].strip("= ")


def findings_in(lines):
    """Of a run without a summary: its lines but for the heading."""
    said = [line.strip("= ") for line in lines if line.startswith("=====")]
    return [text for text in said if text and "SANITIZER" not in text]
