"""Rows of figures, held against goals, as Markdown and as JSON."""

import dataclasses, statistics

UNITS = [("s", 1), ("ms", 1e-3), ("µs", 1e-6)]


def digits(value):
    """Three digits of a number, more where it is large."""
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def seconds(value):
    """A time as people read it: '6.41 µs'."""
    for unit, size in UNITS:
        if value >= size or unit == "µs":
            return f"{digits(value / size)} {unit}"


def megabytes(value):
    return f"{digits(value / 1e6)} MB"


def rate(value):
    return f"{digits(value / 1e6)} MB/s"


def share(value):
    return f"{value:.1%}"


@dataclasses.dataclass(frozen=True)
class Goal:
    """What a row must show; `figure` is a ratio, or ours without one."""

    figure: float
    at_least: bool = False  # else at most

    def met_by(self, value):
        return value >= self.figure if self.at_least else value <= self.figure

    def missing(self, value):
        """How far the value is from the goal, as a fraction of the goal."""
        return abs(value / self.figure - 1)


@dataclasses.dataclass
class Row:
    part: str
    work: str
    against: str = ""  # the peer or the limit
    ours: float | None = None
    theirs: float | None = None
    ratio: float | None = None  # of ours to a limit, or how many times faster than a peer
    goal: Goal | None = None
    unit: str = "×"  # of the ratio
    show: object = seconds  # figures as text
    skipped: str = ""  # why there are no figures
    note: str = ""
    samples: dict = dataclasses.field(default_factory=dict)

    def judged(self):
        return self.ratio if self.ratio is not None else self.ours

    def met(self):
        return None if self.goal is None or self.skipped else self.goal.met_by(self.judged())

    def goal_text(self):
        if self.goal is None:
            return ""
        sign = "≥" if self.goal.at_least else "≤"
        return f"{sign} {self.goal.figure:g} {self.unit}" if self.against else f"{sign} {self.show(self.goal.figure)}"

    def verdict(self):
        if self.skipped:
            return f"skipped: {self.skipped}"
        if self.goal is None:
            return ""
        return "yes" if self.met() else f"no, by {self.goal.missing(self.judged()):.0%}"

    def cells(self):
        text = [self.show(v) if v is not None else "" for v in (self.ours, self.theirs)]
        ratio = f"{digits(self.ratio)} {self.unit}" if self.ratio is not None else ""
        return [self.work, text[0], self.against, text[1], ratio, self.goal_text(), self.verdict(), self.note]

    def as_json(self):
        row = {name: getattr(self, name) for name in ("part", "work", "ours", "against", "theirs", "ratio")}
        if self.goal:
            row["goal"] = {"at_least" if self.goal.at_least else "at_most": self.goal.figure}
        return row | {"met": self.met(), "skipped": self.skipped, "note": self.note, "samples": self.samples}


def compare(part, work, against, ours, theirs, faster=False, **more):
    """A row of samples that were taken in turns: medians, and the median of the rounds' ratios.
    With `faster` how many times faster ours is, else how many times as long it takes."""
    ratios = [b / a if faster else a / b for a, b in zip(ours, theirs)]
    return Row(
        part,
        work,
        against,
        statistics.median(ours),
        statistics.median(theirs),
        statistics.median(ratios),
        samples={"ours": ours, "theirs": theirs},
        **more,
    )


def single(part, work, ours, **more):
    return Row(part, work, ours=statistics.median(ours), samples={"ours": ours}, **more)


def markdown(machine, rows):
    lines = [f"- {name}: {value}" for name, value in machine.items()] + [""]
    heads = ["work", "ours", "against", "theirs", "ratio", "goal", "met", "where the time goes"]
    for part in dict.fromkeys(row.part for row in rows):
        lines += [f"## {part}", "", "| " + " | ".join(heads) + " |", "|" + " --- |" * len(heads)]
        lines += ["| " + " | ".join(row.cells()) + " |" for row in rows if row.part == part]
        lines.append("")
    judged = [row for row in rows if row.met() is not None]
    missed = sum(not row.met() for row in judged)
    lines.append(
        f"{len(judged) - missed} of {len(judged)} goals met, {sum(bool(r.skipped) for r in rows)} rows skipped."
    )
    return "\n".join(lines) + "\n"
