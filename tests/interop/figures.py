"""Figures of random predictions, here and by scikit-learn: figures.py BIN_FOLDER [TABLES [SEED]].

Each table has labelled predictions: probabilities of classes, answers alone, one probability of two classes, or one
or several numbers a row; among them classes that the model doesn't know, classes that never occur, names such as
01 beside 1, rows without y, weights of rows (some 0), equal probabilities, probabilities of 0 and 1, numbers that a
float can't hold, constant and zero y. It comes as a stream or as CSV. What scikit-learn refuses or defines
otherwise is in DIFFERENCES, with what nn-eval gives instead, which is compared with that. Tests of two models are SciPy's.
"""

import io
import json
import math
import os
import random
import subprocess
import sys
import tempfile
import warnings

try:
    import scipy.stats
    import sklearn.metrics as m
except ImportError:
    print("skipped: no scikit-learn (see make-venv)")
    sys.exit(77)
import numpy as np
import pyarrow as pa
import pyarrow.csv

BIN = os.path.abspath(sys.argv[1])
TABLES = int(sys.argv[2]) if len(sys.argv) > 2 else 1000
SEED = int(sys.argv[3]) if len(sys.argv) > 3 else 19
os.chdir(tempfile.mkdtemp())
warnings.simplefilter("ignore")

DIFFERENCES = {
    "log_loss, unknown class": "refused there; here its probability is 0, which counts as 2^-52 as any 0 does",
    "log_loss, float32": "there a probability counts as 2^-23 at least where it came as float32, here always as 2^-52",
    "brier, unknown class": "refused there; here its distance is added, and halved for two classes as there",
    "roc_auc, a class without rows": "not defined there; here the mean is over the classes that have and lack rows",
    "roc_auc and average_precision, unknown class": "refused there; here its rows are negative for all classes",
    "average_precision, a class without rows": "0 there; here the mean is over the classes that have rows",
    "top_k, equal probabilities": "there the class that stands last comes first, here the first",
    "r2 and explained_variance, constant y": "1 or 0 there; here not defined",
    "mape, a y of 0": "some 1e15 there; here not defined",
    "max_error": "there without weights and for one value a row; here rows of weight 0 don't count",
    "missing y": "refused there; here such rows are left out",
}
seen = dict.fromkeys(DIFFERENCES, 0)
compared = {}


def evaluate(table, as_csv, options):
    if as_csv:
        sink = io.BytesIO()
        pa.csv.write_csv(table, sink)
        data = sink.getvalue()
    else:
        sink = io.BytesIO()
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table, max_chunksize=rng.choice([7, 100, 1000]))
        data = sink.getvalue()
    run = subprocess.run([f"{BIN}/nn-eval", "--json", "-q", *options], input=data, capture_output=True)
    assert run.returncode == 0, (run.stderr.decode(), options, table.schema)
    return json.loads(run.stdout)


def check(where, name, ours, theirs):
    if theirs is None or (isinstance(theirs, float) and math.isnan(theirs)):
        assert ours is None, f"{where}: {name} is {ours}, and not defined there"
    else:
        assert ours is not None, f"{where}: {name} is not defined, and {theirs} there"
        slack = 1e-9 * max(1.0, abs(theirs))
        assert abs(ours - theirs) <= slack, f"{where}: {name} is {ours!r}, {theirs!r} there"
    compared[name] = compared.get(name, 0) + 1


def differs(what):
    seen[what] += 1


def draw_weights(n):
    if rng.random() < 0.5:
        return None
    w = np.array([rng.choice([0, 0.5, 1, 2, rng.uniform(0, 3)]) for _ in range(n)])
    w[rng.randrange(n)] = 1.0
    return w


def draw_probabilities(n, k):
    p = np.random.default_rng(rng.randrange(2**32)).dirichlet(np.ones(k) * rng.choice([0.2, 1, 5]), n)
    how = rng.randrange(4)
    if how == 0:  # many equal ones
        p = np.round(p * 4) / 4
        p[:, -1] = np.maximum(0, 1 - p[:, :-1].sum(axis=1))
        p /= p.sum(axis=1, keepdims=True)
    elif how == 1:  # sure ones
        sure = np.array([rng.random() < 0.5 for _ in range(n)])
        p[sure] = np.eye(k)[p[sure].argmax(axis=1)]
    return p


def class_names(k, strangers):
    kind = rng.randrange(4)
    if kind == 0:
        return list(range(k)), list(range(k, k + strangers)), "int"
    if kind == 1:
        return ["01", "1"] + [f"{c}" for c in range(2, k)], [f"x{c}" for c in range(strangers)], "text"
    if kind == 2:
        return [f"c{c}" for c in range(k)], [f"s{c}" for c in range(strangers)], "text"
    return [10 * c - 7 for c in range(k)], [1000 + c for c in range(strangers)], "int"


def classification(where):
    n, k = rng.randint(2, 120), rng.choice([2, 2, 3, 4, 6])
    strangers = rng.choice([0, 0, 0, 1, 3])
    names, others, kind = class_names(k, strangers)
    everything = names + others
    occurring = rng.sample(range(k), rng.randint(1, k))
    truth = np.array([rng.randrange(k, k + strangers) if strangers and rng.random() < 0.1 else rng.choice(occurring)
                      for _ in range(n)])
    shape = rng.choice(["proba", "proba", "proba", "binary", "labels"])
    if shape == "binary" and k != 2:
        shape = "proba"
    single = rng.random() < 0.3
    p = draw_probabilities(n, k)
    if single:
        p = p.astype(np.float32)
    weights = draw_weights(n)
    missing = np.array([rng.random() < 0.1 for _ in range(n)]) if rng.random() < 0.3 else np.zeros(n, bool)
    if missing.all() or (weights is not None and not weights[~missing].any()):
        missing[:] = False
    as_csv = rng.random() < 0.3
    # Text has the digits of a float32, which are read as a double.
    as_read = (lambda p: p.astype(str).astype(float)) if as_csv and single else lambda p: p
    answers = p.argmax(axis=1)
    if shape == "labels":
        answers = np.array([rng.randrange(k + strangers) if rng.random() < 0.3 else t for t in truth])
    value_type = pa.int64() if kind == "int" else pa.string()
    y = pa.array([None if gone else everything[t] for t, gone in zip(truth, missing)], value_type)
    if kind == "text" and not as_csv and rng.random() < 0.5:
        y = y.dictionary_encode()
    columns = {"y": y}
    options = ["--confusion", "--per-class"]
    if as_csv and kind == "text":
        options += ["--text", "y" if shape != "labels" else "y,label"]
    if shape == "labels":
        columns["label"] = pa.array([everything[a] for a in answers], value_type)
    elif shape == "binary":
        columns["proba"] = pa.array(p[:, 1])
        p = as_read(p)
        p = np.stack([1 - p[:, 1].astype(float), p[:, 1].astype(float)], axis=1)
        answers = p.argmax(axis=1)
    elif as_csv:
        columns.update({f"proba_{c}": pa.array(p[:, c]) for c in range(k)})
        p = as_read(p)
    else:
        columns["proba"] = pa.FixedShapeTensorArray.from_numpy_ndarray(np.ascontiguousarray(p))
    if shape != "labels":
        options += ["--classes", ",".join(map(str, names)), "--auc", "--top-k", "2"]
    if weights is not None:
        columns["sample_weight"] = pa.array(weights)
    order = list(columns)
    rng.shuffle(order)
    ours = evaluate(pa.table({name: columns[name] for name in order}), as_csv, options)

    kept = ~missing
    if missing.any():
        differs("missing y")
        assert ours["unlabelled"] == missing.sum()
    t, a, p = truth[kept], answers[kept], p[kept].astype(float)
    w = None if weights is None else weights[kept]
    assert ours["rows"] == len(t)
    has_strangers = (t >= k).any()
    if shape != "labels":
        assert ours["unknown_labels"] == (t >= k).sum()
    check(where, "accuracy", ours["accuracy"], m.accuracy_score(t, a, sample_weight=w))
    check(where, "balanced_accuracy", ours["balanced_accuracy"], m.balanced_accuracy_score(t, a, sample_weight=w))
    check(where, "mcc", ours["mcc"], m.matthews_corrcoef(t, a, sample_weight=w))
    for mean in ("macro", "weighted"):
        scores = m.precision_recall_fscore_support(t, a, average=mean, sample_weight=w, zero_division=0)
        for name, score in zip(("precision", "recall", "f1"), scores):
            check(where, f"{mean}_{name}", ours[f"{mean}_{name}"], score)
    weight_of = {c: (w if w is not None else np.ones(len(t)))[t == c].sum() for c in set(t)}
    check(where, "baseline_accuracy", ours["baseline_accuracy"], max(weight_of.values()) / sum(weight_of.values()))
    met = ours["confusion"]["classes"]
    place = [everything.index(type(everything[0])(name)) for name in met]
    assert sorted(place) == place or shape == "labels" or place[:k] == list(range(k)), place
    assert (m.confusion_matrix(t, a, labels=place) == np.array(ours["confusion"]["counts"])).all(), where
    if w is not None:
        theirs = m.confusion_matrix(t, a, labels=place, sample_weight=w)
        assert np.allclose(theirs, np.array(ours["confusion"]["weights"])), where
    each = m.precision_recall_fscore_support(t, a, labels=place, sample_weight=w, zero_division=0)
    for i, one in enumerate(ours["classes"]):
        for name, scores in zip(("precision", "recall", "f1"), each):
            check(where, "one class", one[name], scores[i])
    compared["confusion"] = compared.get("confusion", 0) + 1
    if shape != "labels":
        probabilities(where, ours, t, p, w, k, has_strangers, single and shape != "binary")


def average(values, w):
    return float(np.average(values, weights=w))


def probabilities(where, ours, t, p, w, k, has_strangers, single):
    p = np.minimum(p, 1.0)
    right = np.where(t < k, p[np.arange(len(t)), np.minimum(t, k - 1)], 0)
    if has_strangers:
        differs("log_loss, unknown class")
        differs("brier, unknown class")
        check(where, "log_loss", ours["log_loss"], average(-np.log(np.maximum(right, 2.0**-52)), w))
        distance = ((p - (t[:, None] == np.arange(k))) ** 2).sum(axis=1) + (t >= k)
        if k == 2:  # of a class that is known the second probability alone counts, as there
            distance = np.where(t < 2, (p[:, 1] - (t == 1)) ** 2, distance / 2)
        check(where, "brier", ours["brier"], average(distance, w))
    else:
        if single and (right < 2.0**-23).any():
            differs("log_loss, float32")
        check(where, "log_loss", ours["log_loss"], m.log_loss(t, p, labels=range(k), sample_weight=w))
        if k == 2:
            check(where, "brier", ours["brier"], m.brier_score_loss(t, p[:, 1], pos_label=1, sample_weight=w))
        else:
            check(where, "brier", ours["brier"], m.brier_score_loss(t, p, labels=range(k), sample_weight=w))
    # The class that stands first comes first there where all stand the other way round.
    if not has_strangers and k > 2:
        theirs = m.top_k_accuracy_score(k - 1 - t, p[:, ::-1], k=2, labels=range(k), sample_weight=w)
        differs("top_k, equal probabilities")
        check(where, "top_2_accuracy", ours["top_2_accuracy"], theirs)
    rows = np.ones(len(t)) if w is None else w
    aucs, precisions = [], []
    for c in range(k):
        positive = t == c
        if rows[positive].any() and rows[~positive].any():
            aucs.append(m.roc_auc_score(positive[rows > 0], p[rows > 0, c], sample_weight=rows[rows > 0]))
        elif k == 2:
            aucs.append(None)
        if rows[positive].any():
            precisions.append(m.average_precision_score(positive, p[:, c], sample_weight=w))
        elif k == 2:
            precisions.append(None)
    if has_strangers:
        differs("roc_auc and average_precision, unknown class")
    if k == 2:
        check(where, "auc", ours["auc"], aucs[1])
        check(where, "average_precision", ours["average_precision"], precisions[1])
        return
    check(where, "auc", ours["auc"], np.mean(aucs) if aucs else None)
    check(where, "average_precision", ours["average_precision"], np.mean(precisions) if precisions else None)
    if len(aucs) < k:
        differs("roc_auc, a class without rows")
        differs("average_precision, a class without rows")
    elif not has_strangers:
        whole = p / p.sum(axis=1, keepdims=True)
        theirs = m.roc_auc_score(t, whole, multi_class="ovr", labels=range(k), sample_weight=w)
        if np.allclose(p.sum(axis=1), 1, rtol=0, atol=1e-15):
            check(where, "auc, one call", ours["auc"], theirs)
        one_hot = t[:, None] == np.arange(k)
        check(where, "average_precision, one call", ours["average_precision"],
              m.average_precision_score(one_hot, p, average="macro", sample_weight=w))


def regression(where):
    n, width = rng.randint(1, 120), rng.choice([1, 1, 1, 2, 3])
    numpy_rng = np.random.default_rng(rng.randrange(2**32))
    y = numpy_rng.normal(size=(n, width)) * 10.0 ** rng.randint(-3, 6)
    kind = rng.randrange(6)
    if kind == 0:
        y = np.round(y)  # zeros among them
    elif kind == 1:
        y += 2.0**30  # no float holds them
    elif kind == 2:
        y[:] = y[0]
    noise = numpy_rng.normal(size=(n, width)) * rng.choice([0, 0.1, 1, 10]) * (np.abs(y).mean() if kind != 1 else 1)
    predicted = y + noise
    weights = draw_weights(n)
    missing = np.array([rng.random() < 0.1 for _ in range(n)]) if rng.random() < 0.3 else np.zeros(n, bool)
    if missing.all() or (weights is not None and not weights[~missing].any()):
        missing[:] = False
    as_csv = rng.random() < 0.3
    if width == 1:
        columns = {"value": pa.array(predicted[:, 0]),
                   "y": pa.array([None if gone else float(v) for v, gone in zip(y[:, 0], missing)])}
    else:
        columns = {f"value_{i}": pa.array(predicted[:, i]) for i in range(width)}
        columns |= {f"y_{i}": pa.array([None if gone else float(v) for v, gone in zip(y[:, i], missing)])
                    for i in range(width)}
    options = ["--quantiles"]
    if weights is not None:
        columns["sample_weight"] = pa.array(weights)
    ours = evaluate(pa.table(columns), as_csv, options)
    if missing.any():
        differs("missing y")
    t, p = y[~missing], predicted[~missing]
    w = None if weights is None else weights[~missing]
    assert ours["rows"] == len(t)
    check(where, "mse", ours["mse"], m.mean_squared_error(t, p, sample_weight=w))
    check(where, "rmse", ours["rmse"], math.sqrt(m.mean_squared_error(t, p, sample_weight=w)))
    check(where, "mae", ours["mae"], m.mean_absolute_error(t, p, sample_weight=w))
    check(where, "median_absolute_error", ours["median_absolute_error"],
          m.median_absolute_error(t, p, sample_weight=w))
    counted = slice(None) if w is None else w > 0
    if width > 1 or w is not None:
        differs("max_error")
    check(where, "max_error", ours["max_error"], max(m.max_error(t[counted, i], p[counted, i]) for i in range(width)))
    if (t[counted] == 0).any():
        differs("mape, a y of 0")
        check(where, "mape", ours["mape"], None)
    else:
        counts = None if w is None else w[counted]
        check(where, "mape", ours["mape"],
              m.mean_absolute_percentage_error(t[counted], p[counted], sample_weight=counts))
    if (t[counted] == t[counted][0]).all(axis=0).any():
        differs("r2 and explained_variance, constant y")
        check(where, "r2", ours["r2"], None)
        check(where, "explained_variance", ours["explained_variance"], None)
    else:
        # Means of numbers that are large beside what they differ by are rounded there: both are taken from one.
        shift = t[0] if kind == 1 else 0
        t, p = t - shift, p - shift
        check(where, "r2", ours["r2"], m.r2_score(t, p, sample_weight=w))
        check(where, "explained_variance", ours["explained_variance"],
              m.explained_variance_score(t, p, sample_weight=w))


def comparison(where):
    """Two models on the same rows: McNemar's exact test, and the paired t-test of the losses."""
    n = rng.randint(5, 200)
    numpy_rng = np.random.default_rng(rng.randrange(2**32))
    y = numpy_rng.integers(0, 2, n)
    p = [np.clip((y + numpy_rng.normal(size=n)) / 2, 0.01, 0.99) for _ in range(2)]
    order = numpy_rng.permutation(n)
    ids = np.arange(n) * 7
    for i, rows in enumerate((np.arange(n), order)):
        with pa.OSFile(f"{i}.arrows", "wb") as file:
            table = pa.table({"id": ids[rows], "y": y[rows], "proba": p[i][rows]})
            with pa.ipc.new_stream(file, table.schema) as writer:
                writer.write_table(table)
    run = subprocess.run([f"{BIN}/nn-eval", "0.arrows", "--against", "1.arrows", "--json"], capture_output=True, check=True)
    ours = json.loads(run.stdout)
    accuracy, loss = ours["tests"]
    right = [(q > 0.5) == y for q in p]
    only = [(right[0] & ~right[1]).sum(), (right[1] & ~right[0]).sum()]
    assert [accuracy["first_only_right"], accuracy["second_only_right"]] == only
    check(where, "mcnemar", accuracy["p"], scipy.stats.binomtest(only[0], sum(only)).pvalue if sum(only) else 1.0)
    test = scipy.stats.ttest_rel(*(-np.log(np.where(y == 1, q, 1 - q)) for q in p))
    check(where, "paired t", loss["p"], float(test.pvalue))
    interval = test.confidence_interval(0.95)
    check(where, "paired t", loss["low"], float(interval.low))
    check(where, "paired t", loss["high"], float(interval.high))


rng = random.Random(SEED)
for number in range(TABLES // 20):
    comparison(f"comparison {number} of seed {SEED}")
for number in range(TABLES):
    (regression if rng.random() < 0.35 else classification)(f"table {number} of seed {SEED}")
print(f"{TABLES} tables: " + ", ".join(f"{name} {count}" for name, count in sorted(compared.items())))
for what, why in DIFFERENCES.items():
    print(f"  {what} ({seen[what]}): {why}")
assert TABLES < 500 or all(seen.values()), "a difference that no table shows"
