#!/usr/bin/env python3
"""golden.py make FOLDER: the golden journal of Optuna (5.0.0), and what Optuna makes of it, as the tests' dump.hpp
writes trials. golden.py dump JOURNAL [STUDY]: the same of any journal.

    python3 -m venv venv && venv/bin/pip install optuna==5.0.0 && venv/bin/python golden.py make .
"""
import pathlib
import sys
import warnings

import optuna
from optuna.storages.journal import JournalFileBackend, JournalStorage

optuna.logging.set_verbosity(optuna.logging.ERROR)
warnings.simplefilter("ignore")
STATES = {"RUNNING": "running", "COMPLETE": "complete", "PRUNED": "pruned", "FAIL": "failed", "WAITING": "waiting"}


def text(value):
    return "%.17g" % value


def dump(study):
    lines = []
    for t in study.get_trials(deepcopy=False):
        internal = {k: d.to_internal_repr(t.params[k]) for k, d in t.distributions.items() if k in t.params}
        parts = [f"{t.number} {STATES[t.state.name]} [{','.join(text(v) for v in t.values or [])}]"]
        parts += [f"{k}={text(internal[k])}" for k in sorted(internal)]
        parts += [f"{s}:{text(t.intermediate_values[s])}" for s in sorted(t.intermediate_values)]
        constraints = {k[12:]: v for k, v in t.system_attrs.items() if k.startswith("constraints:")}
        parts += [f"{k}<={text(constraints[k])}" for k in sorted(constraints)]
        lines.append(" ".join(parts))
    return "".join(line + "\n" for line in lines)


def objective(trial):
    x = trial.suggest_float("x", -5, 10)
    lr = trial.suggest_float("lr", 1e-5, 1e-1, log=True)
    q = trial.suggest_float("q", 0, 1, step=0.1)
    n = trial.suggest_int("n", 1, 9, step=2)
    trial.suggest_int("wide.layer", 8, 512, log=True)
    kind = trial.suggest_categorical("kind", ["ä \"b\"", None, True, 2, 0.5])
    if kind is None:
        trial.suggest_float("momentum", 0, 0.99)
    trial.set_user_attr("host", {"name": "ü", "cores": [1, 2]})
    trial.set_constraint("latency", x - 5)
    trial.set_constraint("size", float("-inf") if n == 1 else n - 3.5)
    for step in range(4):
        trial.report(float("nan") if trial.number == 2 and step == 1 else x * x + step, step)
        if trial.number % 4 == 3 and step == 2:
            raise optuna.TrialPruned()
    if trial.number == 5:
        raise ValueError("out of memory")
    if trial.number == 6:
        return float("nan")
    if trial.number == 8:
        return float("inf")
    return x * x + lr + q + n


def make(folder):
    path = folder / "optuna.jsonl"
    path.unlink(missing_ok=True)
    storage = JournalStorage(JournalFileBackend(str(path)))
    other = optuna.create_study(storage=storage, study_name="other", directions=["maximize", "minimize"])
    other.optimize(lambda t: (t.suggest_float("a", 0, 1), t.suggest_int("b", 0, 3)), n_trials=3)
    study = optuna.create_study(storage=storage, study_name="main", sampler=optuna.samplers.TPESampler(seed=1))
    study.set_user_attr("note", "golden")
    study.set_metric_names(["loss"])
    study.enqueue_trial({"x": 1.25, "kind": None})
    study.enqueue_trial({"x": 2, "n": 3})
    study.optimize(objective, n_trials=16, catch=(ValueError,))
    study.add_trial(optuna.trial.create_trial(
        params={"x": 0.5}, distributions={"x": optuna.distributions.FloatDistribution(-5, 10)}, value=0.25,
        intermediate_values={7: 0.5, 3: 1.0}, user_attrs={"from": "elsewhere"}))
    study.enqueue_trial({"x": 3})
    study.ask()
    study.enqueue_trial({"x": 4})
    gone = optuna.create_study(storage=storage, study_name="gone")
    gone.ask()
    optuna.delete_study(storage=storage, study_name="gone")
    study.ask().suggest_float("x", -5, 10)
    for name, one in (("main", study), ("other", other)):
        (folder / f"optuna.{name}").write_text(dump(one))


if __name__ == "__main__":
    if sys.argv[1] == "make":
        make(pathlib.Path(sys.argv[2]))
    else:
        storage = JournalStorage(JournalFileBackend(sys.argv[2]))
        name = sys.argv[3] if len(sys.argv) > 3 else optuna.get_all_study_names(storage)[0]
        sys.stdout.write(dump(optuna.load_study(storage=storage, study_name=name)))
