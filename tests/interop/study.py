"""study.py INTEROP_STUDY GOLDEN_FOLDER: journals that we and Optuna write in turn, and at once, are the same to both."""
import pathlib
import subprocess
import sys
import tempfile

try:
    import optuna
except ImportError:
    print("skipped: no optuna (see make-venv)")
    sys.exit(77)

program, golden_folder = sys.argv[1:3]
sys.path.insert(0, golden_folder)
import golden  # noqa: E402

JournalStorage, JournalFileBackend = golden.JournalStorage, golden.JournalFileBackend


def storage(path):
    return JournalStorage(JournalFileBackend(str(path)))


def ours(path, name):
    run = subprocess.run([program, "dump", path, name], capture_output=True, text=True, check=True)
    assert run.stderr == "", run.stderr
    return run.stdout


def theirs(path, name):
    return golden.dump(optuna.load_study(storage=storage(path), study_name=name))


# What isn't finite is an attribute to Optuna, and a report to us.
def without_nan(text):
    return "".join(" ".join(w for w in line.split(" ") if not w.endswith((":nan", ":inf", ":-inf"))) + "\n"
                   for line in text.splitlines())


def check_same(path, name):
    a, b = ours(path, name), theirs(path, name)
    assert without_nan(a) == without_nan(b), f"{path}:\n{a}\n{b}"
    return a


def work(path, name, trials):
    return subprocess.Popen([program, "work", path, name, str(trials)])


def objective(trial):
    x = trial.suggest_float("x", -5, 10)
    trial.suggest_float("lr", 1e-5, 0.1, log=True)
    trial.suggest_int("n", 1, 9, step=2)
    if trial.suggest_categorical("kind", ["a", "b"]) == "b":
        trial.suggest_float("m", 0, 1)
    trial.report(x, 0)
    return x * x


def optimise(path, name, trials):
    code = ("import sys; sys.path.insert(0, %r); import golden, optuna\n"
            "study = optuna.load_study(storage=golden.JournalStorage(golden.JournalFileBackend(%r)), study_name=%r)\n"
            "def objective(t):\n"
            "    x = t.suggest_float('x', -5, 10); t.suggest_float('lr', 1e-5, 0.1, log=True)\n"
            "    t.suggest_int('n', 1, 9, step=2); t.suggest_categorical('kind', ['a', 'b']); return x * x\n"
            "study.optimize(objective, n_trials=%d)\n" % (golden_folder, str(path), name, trials))
    return subprocess.Popen([sys.executable, "-c", code])


def finish(*processes):
    for process in processes:
        assert process.wait() == 0, process.args


def count(text, state):
    return sum(line.split(" ")[1] == state for line in text.splitlines())


with tempfile.TemporaryDirectory() as folder:
    folder = pathlib.Path(folder)

    # The golden journals.
    check_same(pathlib.Path(golden_folder, "format-1.jsonl"), "digits")
    for name in ("main", "other"):
        check_same(pathlib.Path(golden_folder, "optuna.jsonl"), name)

    # We begin, Optuna goes on, and we again: its study, its waiting trials, its parameters.
    path = folder / "ours.jsonl"
    finish(work(path, "s", 12))
    study = optuna.load_study(storage=storage(path), study_name="s")
    assert study.metric_names == ["loss"]
    study.optimize(objective, n_trials=6)
    study.enqueue_trial({"x": 1.5, "kind": "b"})
    trial = study.ask()
    study.enqueue_trial({"x": 2.5})
    study.tell(trial, state=optuna.trial.TrialState.FAIL)
    before = check_same(path, "s")
    assert count(before, "waiting") == 1
    finish(work(path, "s", 25))
    after = check_same(path, "s")
    assert count(after, "complete") + count(after, "pruned") == 25, after
    assert count(after, "waiting") == count(after, "running") == 0, after
    assert " x=2.5" in after, after
    importance = optuna.importance.get_param_importances(optuna.load_study(storage=storage(path), study_name="s"))
    assert set(importance) >= {"x", "lr", "n"}, importance

    # A line that was never finished: Optuna alone can't go on after another one is appended.
    whole = path.read_bytes()
    for cut in (1, 2, 40, 100):
        path.write_bytes(whole[:-cut])
        finish(work(path, "s", 26))
        torn = check_same(path, "s")
        assert count(torn, "complete") + count(torn, "pruned") >= 25, torn
    optuna.load_study(storage=storage(path), study_name="s").optimize(objective, n_trials=1)
    check_same(path, "s")

    # A line in the middle that is none: nothing of Optuna's reads it, until it is taken out. Where it made a trial, a
    # failed one stands there, and all others are as before.
    whole = path.read_bytes().splitlines(keepends=True)
    made = [i for i, line in enumerate(whole) if line.startswith(b'{"op_code":4') or b'"op_code": 4' in line]
    reported = [i for i, line in enumerate(whole) if line.startswith(b'{"op_code":7')]
    before = ours(path, "s").splitlines()
    for at, bad in ((made[7], whole[made[7]][:60] + b"\n"), (made[2], b"\0" * 512 + b"\n"),
                    (reported[4], b"garbage\xff\n"), (made[9], b"\0" * 100 + whole[made[9]]),
                    (made[11], whole[made[11]][:50] + whole[made[11]])):
        path.write_bytes(b"".join(whole[:at]) + bad + b"".join(whole[at + 1:]))
        try:
            theirs(path, "s")
            raise SystemExit("Optuna reads it as it is")
        except (ValueError, UnicodeDecodeError):
            pass
        said = subprocess.run([program, "repair", path], capture_output=True, text=True, check=True).stdout
        assert said, at
        mended = check_same(path, "s").splitlines()
        differ = [n for n, line in enumerate(before) if mended[n] != line]
        assert len(mended) == len(before) and len(differ) <= 1, (said, differ)
        pathlib.Path(f"{path}.bak").unlink()
        optuna.load_study(storage=storage(path), study_name="s").optimize(objective, n_trials=1)
        check_same(path, "s")
    path.write_bytes(b"".join(whole))

    # Optuna begins, and we go on.
    path = folder / "theirs.jsonl"
    study = optuna.create_study(storage=storage(path), study_name="t")
    study.optimize(objective, n_trials=5)
    finish(work(path, "t", 15))
    text = check_same(path, "t")
    assert count(text, "complete") + count(text, "pruned") == 15, text

    # Two of each at once.
    path = folder / "both.jsonl"
    finish(work(path, "b", 1))
    finish(optimise(path, "b", 40), optimise(path, "b", 40), work(path, "b", 120), work(path, "b", 120))
    finish(work(path, "b", 120))
    text = check_same(path, "b")
    done = count(text, "complete") + count(text, "pruned")
    # Optuna's are made whatever we count, and may come after we have stopped.
    assert 120 <= done <= 200, done
    assert sum("size<=" not in line for line in text.splitlines()) == 80, text
    assert count(text, "running") == 0, text
    numbers = [int(line.split(" ")[0]) for line in text.splitlines()]
    assert numbers == list(range(len(numbers))), numbers
print("journals are the same to both")
