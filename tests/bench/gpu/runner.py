"""Runs the sections of gpu-acceptance: in a tree, which builds first, and in a bundle."""

import contextlib, importlib, json, os, shlex, signal, sys, tempfile, time, traceback

import driver, layout as layouts
from plan import ALL, FULL, QUICK, REHEARSAL, SHORT
from session import OutOfTime, Section, Session

NO_GPU = 77
# The end that a machine's owner sets to a command, or that somebody at a terminal does.
SIGNALS = [signal.SIGTERM, signal.SIGINT, signal.SIGHUP]


class Interrupted(BaseException):
    """A signal that ends the run; what was measured stays."""


def add_options(parser, output_text):
    parser.add_argument(
        "sections", nargs="*", metavar="SECTION", help=f"of {', '.join(ALL.sections)} (default: all)"
    )
    parser.add_argument("--quick", action="store_true", help="the most telling sections, in six minutes at most")
    parser.add_argument("--all", action="store_true", help="all sections (the default)")
    parser.add_argument("--rehearse", action="store_true", help="in miniature, on the stand-ins of the tests")
    parser.add_argument("--minutes", type=float, metavar="N", help="end at the latest then (--quick: 6)")
    parser.add_argument("--device", default="cuda:0")
    parser.add_argument("--python", default=sys.executable, metavar="FILE", help="an interpreter that has PyTorch")
    parser.add_argument("--patience", type=float, default=180, metavar="SECONDS", help="for an answer of a bench")
    parser.add_argument(
        "--output", metavar="FOLDER", help=f"for gpu-acceptance.md and .jsonl (default: {output_text})"
    )


def parse(parser):
    """The options, with the course and the names of its sections."""
    options = parser.parse_args()
    if options.quick and options.all:
        parser.error("--quick or --all, not both")
    if options.minutes is not None and options.minutes <= 0:
        parser.error("--minutes: a number above 0")
    options.course = QUICK if options.quick else ALL
    for name in options.sections:
        if name not in options.course.sections:
            parser.error(f"there is no section '{name}' here; there are {', '.join(options.course.sections)}")
    options.sections = options.sections or list(options.course.sections)
    options.plan = REHEARSAL if options.rehearse else SHORT if options.quick else FULL
    options.minutes = options.minutes or options.course.minutes
    return options


def say_what_it_would(options, modules, reason, before):
    print(f"gpu-acceptance: {reason}; on a machine with a GPU it would")
    for text in before:
        print(f"- {text}")
    for module in modules.values():
        for text in module.would(options.plan, options.course):
            print(f"- {text}")


class Report:
    """What was found, in two files: tables for people, and a JSON object a line with all samples. Each section is on
    the disk when the next one begins; runs are added to those before."""

    def __init__(self, folder):
        os.makedirs(folder, exist_ok=True)
        self.paths = [os.path.join(folder, f"gpu-acceptance.{end}") for end in ("md", "jsonl")]
        for path in self.paths:
            open(path, "a").close()

    def add(self, text, **record):
        line = json.dumps(record, ensure_ascii=False) + "\n"
        for path, content in zip(self.paths, (text + "\n", line)):
            with open(path, "a") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        print(text, flush=True)


@contextlib.contextmanager
def limit(session, deadline):
    """Raises OutOfTime at the deadline; what waits by itself looks at the session's."""

    def out_of_time(*_):
        raise OutOfTime

    session.deadline = deadline
    if deadline is not None:
        signal.signal(signal.SIGALRM, out_of_time)
        signal.setitimer(signal.ITIMER_REAL, max(0.001, deadline - time.monotonic()))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def fill(session, name, module, deadline):
    """(a section's table, the signal that interrupted it or None, its seconds); what goes wrong is in the table."""
    section, start, interrupted = Section(module.TITLE), time.monotonic(), None
    took = lambda: time.monotonic() - start
    try:
        session.say(f"{name}: {module.TITLE}")
        with limit(session, deadline):
            module.fill(session, section)
    except OutOfTime:
        section.cut(f"it was ended after {took():.0f} s, when its time was over")
    except Interrupted as signal_:
        interrupted = signal_.args[0]
        section.cut(f"it was interrupted by {interrupted.name} after {took():.0f} s")
    except Exception:
        section.fail(traceback.format_exc().strip().splitlines()[-1])
        traceback.print_exc()
    session.end_all()
    state = "failed" if section.failures else "not finished" if section.unfinished else "good"
    session.say(f"{name}: {took():.0f} s, {state}")
    return section, interrupted, took()


def verdict_of(sections, interrupted):
    """(text, whether all passed)."""
    failed = [section.title for section in sections if section.failures]
    cut = [section.title for section in sections if section.unfinished and not section.failures]
    texts = [f"Failed: {'; '.join(failed)}."] if failed else []
    texts += [f"Not finished: {'; '.join(cut)}."] if cut else []
    texts += [f"Interrupted by {interrupted.name}."] if interrupted else []
    good, skipped = not texts, dict.fromkeys(what for section in sections for what in section.skipped)
    texts = texts or ["All checks passed."]
    texts += [f"Skipped: {', '.join(skipped)}."] if skipped else []
    return " ".join(texts), good


def run_sections(session, report, modules):
    """The exit status."""
    options, sections, interrupted = session.options, [], None
    command = shlex.join(sys.argv[1:])
    report.add(
        f"# gpu-acceptance {command}, {time.strftime('%F %T %z')}\n", began=time.time(), command=sys.argv[1:]
    )
    start = time.monotonic()
    limits = options.course.limits(list(modules), options.minutes)
    try:
        for name, module in modules.items():
            deadline = start + limits[name] if limits else None
            section, interrupted, seconds = fill(session, name, module, deadline)
            sections.append(section)
            report.add(section.markdown(), section=name, seconds=seconds, **section.as_json())
            if interrupted:
                break
    except Interrupted as signal_:  # between two sections
        interrupted = signal_.args[0]
    text, good = verdict_of(sections, interrupted)
    text += f" {time.monotonic() - start:.0f} s."
    report.add(text, ended=time.time(), verdict=text, passed=good)
    return 128 + interrupted if interrupted else 0 if good else 1


def interrupt(number, _):
    for each in SIGNALS:
        signal.signal(each, signal.SIG_IGN)  # one is enough
    raise Interrupted(signal.Signals(number))


def main(layout, options, before=(), prepare=lambda: None):
    """Exits with the status. `prepare` is called where there is a GPU, or where it is rehearsed, and `before` says what
    it does."""
    modules = {name: importlib.import_module(f"sections.{name}") for name in options.sections}
    os.environ["CUDA_DEVICE_ORDER"] = "PCI_BUS_ID"  # cuda:1 is what nvidia-smi calls 1
    if options.rehearse:
        prepare()  # the stand-in for the driver, too
        layout.stand_in()
    reason, driver_folder = driver.look()
    if reason:
        say_what_it_would(options, modules, reason, before)
        sys.exit(NO_GPU)
    if not options.rehearse:
        prepare()
    cuda = {} if options.rehearse else layouts.find_cuda(layout.about, options.python)
    folders = [os.environ.get("LD_LIBRARY_PATH"), driver_folder, *map(os.path.dirname, cuda.values())]
    folders = ":".join(dict.fromkeys(filter(None, folders)))
    env = {"LD_LIBRARY_PATH": folders} if folders else {}
    try:
        report = Report(options.output)
    except OSError as error:
        sys.exit(f"gpu-acceptance: {options.output}: {error.strerror}; name another folder by --output")
    for each in SIGNALS:
        signal.signal(each, interrupt)
    with tempfile.TemporaryDirectory() as work:
        session = Session(layout, options, work, env, cuda)
        try:
            if options.quick:
                session.load_torch()
            status = run_sections(session, report, modules)
        except Interrupted as signal_:  # before the first section
            status = 128 + signal_.args[0]
        finally:
            session.end_all()
    session.say(f"the tables are in {report.paths[0]}, all samples in {os.path.basename(report.paths[1])}")
    sys.exit(status)
