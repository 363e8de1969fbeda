"""sweep.py BIN_FOLDER [TRIALS]: two Optuna workers and two runs of nn-sweep on one journal see the same in it; optuna-dashboard too."""
import collections
import importlib.util
import json
import pathlib
import subprocess
import sys
import tempfile
import urllib.request

try:
    import optuna
except ImportError:
    print("skipped: no optuna (see make-venv)")
    sys.exit(77)

tools, trials = pathlib.Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 400
WORKER = """
import sys, optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
optuna.logging.set_verbosity(optuna.logging.ERROR)
study = optuna.load_study(storage=JournalStorage(JournalFileBackend(sys.argv[1])), study_name="nn-sweep",
                          sampler=optuna.samplers.RandomSampler(seed=int(sys.argv[2])))
def objective(trial):
    x = trial.suggest_float("x", -5, 10)
    trial.suggest_float("lr", 1e-5, 0.1, log=True)
    trial.suggest_categorical("kind", ["a", "b"])
    trial.report(x, 0)
    return x * x
finished = (optuna.trial.TrialState.COMPLETE,)
study.optimize(objective, callbacks=[optuna.study.MaxTrialsCallback(int(sys.argv[3]), states=finished)])
"""


def load(path):
    backend = optuna.storages.journal.JournalFileBackend(str(path))
    return optuna.load_study(storage=optuna.storages.JournalStorage(backend), study_name="nn-sweep")


def sweep(path, trials):
    return subprocess.Popen([tools / "nn-sweep", "run", "-j", path, "--trials", str(trials), "--sampler", "random",
                             "--param", "x=uniform:-5:10", "--param", "lr=loguniform:1e-5:0.1", "--param", "kind=choice:a,b",
                             "--minimize", "loss", "--device", "cpu:0", "--", "awk",
                             'BEGIN{printf "{\\"step\\": 0, \\"loss\\": %.17g}\\n", ({x})*({x})} # {lr} {kind}'],
                            stdout=subprocess.DEVNULL)


def ours(path):
    rows = subprocess.run([tools / "nn-sweep", "trials", "--to", "json", path], capture_output=True, text=True, check=True)
    return json.loads(rows.stdout)


def check_same(path):
    rows, study = ours(path), load(path)
    assert [row["trial"] for row in rows] == list(range(len(rows))), "numbers have gaps"
    theirs = study.get_trials(deepcopy=False)
    assert len(rows) == len(theirs), (len(rows), len(theirs))
    states = {"complete": "COMPLETE", "pruned": "PRUNED", "failed": "FAIL", "running": "RUNNING", "waiting": "WAITING"}
    for row, trial in zip(rows, theirs):
        assert states[row["state"]] == trial.state.name, (row, trial)
        assert row["loss"] == trial.value, (row, trial)
        assert {name: row[name] for name in trial.params} == trial.params, (row, trial)
    best = subprocess.run([tools / "nn-sweep", "best", "--to", "jsonl", path], capture_output=True, text=True, check=True)
    best = json.loads(best.stdout)
    assert (best["trial"], best["loss"]) == (study.best_trial.number, study.best_value), (best, study.best_trial)
    return rows


def check_dashboard(path, rows):
    """Its server on a port of loopback that the system chose."""
    if importlib.util.find_spec("optuna_dashboard") is None:
        print("skipped: optuna-dashboard is missing")
        return
    code = ("import sys, wsgiref.simple_server as server, optuna\n"
            "from optuna_dashboard import wsgi\n"
            "backend = optuna.storages.journal.JournalFileBackend(sys.argv[1])\n"
            "app = wsgi(optuna.storages.JournalStorage(backend))\n"
            "class Quiet(server.WSGIRequestHandler):\n"
            "    def log_message(self, *words): pass\n"
            "http = server.make_server('127.0.0.1', 0, app, handler_class=Quiet)\n"
            "print(http.server_port, flush=True)\n"
            "http.serve_forever()\n")
    with subprocess.Popen([sys.executable, "-c", code, path], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                          text=True) as server:
        try:
            port = int(server.stdout.readline())
            opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

            def get(place):
                with opener.open(f"http://127.0.0.1:{port}/api/{place}", timeout=60) as answer:
                    return json.load(answer)

            studies = get("studies")["study_summaries"]
            assert [study["study_name"] for study in studies] == ["nn-sweep"], studies
            shown = get(f"studies/{studies[0]['study_id']}?after=0")["trials"]
            assert len(shown) == len(rows), (len(shown), len(rows))
            for row, trial in zip(rows, shown):
                assert trial["number"] == row["trial"] and trial["state"].lower().startswith(row["state"][:4]), (row, trial)
                if row["state"] == "complete":
                    assert [float(value) for value in trial["values"]] == [row["loss"]], (row, trial)
        finally:
            server.terminate()
    print("optuna-dashboard shows it")


with tempfile.TemporaryDirectory() as folder:
    path = str(pathlib.Path(folder, "s.jsonl"))
    assert sweep(path, 1).wait() == 0
    workers = [subprocess.Popen([sys.executable, "-c", WORKER, path, str(seed), str(trials)]) for seed in (1, 2)]
    while len(load(path).trials) < 2:  # theirs take longer to begin
        assert all(worker.poll() is None for worker in workers)
    workers += [sweep(path, trials), sweep(path, trials)]
    for worker in workers:
        assert worker.wait() == 0, worker.args
    assert sweep(path, trials).wait() == 0  # Optuna's may have been running when the others saw enough
    rows = check_same(path)
    # Optuna's workers look at how many have ended behind each of theirs, and don't count what nn-sweep has begun: a trial
    # at each slot, and eight that wait there.
    assert trials <= len(rows) <= trials + len(workers) + 2 * 9, len(rows)
    assert {row["state"] for row in rows} == {"complete"}, collections.Counter(row["state"] for row in rows)
    attempts = collections.Counter(row["attempts"] for row in rows)
    assert set(attempts) == {0, 1}, attempts
    check_dashboard(path, rows)
print(f"{len(rows)} trials, {attempts[0]} of them Optuna's, are the same to both")
