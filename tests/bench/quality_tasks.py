"""The ten tasks of the bench of quality: tables that anybody can have, each split by a seed, as files for us and as arrays for peers.

quality_tasks.py TASK SEED FOLDER writes train and test there and prints, as JSON, how nn-train reads them and what
scikit-learn's MLP of the same shape and settings makes of the same rows.
"""

import dataclasses, json, os, sys, time, warnings

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
DATA = os.environ.get("NN_TEST_DATA", os.path.join(ROOT, "../shared/data"))


@dataclasses.dataclass(frozen=True)
class Task:
    layers: tuple
    epochs: int
    batch: int
    classes: bool = True


TASKS = {
    "iris": Task((32,), 100, 16),
    "wine": Task((32,), 60, 16),
    "breast_cancer": Task((32,), 60, 32),
    "digits": Task((64, 32), 40, 32),
    "weather": Task((32, 16), 60, 32),
    "adult": Task((64,), 8, 128),
    "mnist": Task((128,), 8, 64),
    "diabetes": Task((32,), 60, 32, classes=False),
    "cars": Task((32, 16), 100, 16, classes=False),
    "california": Task((64, 64), 30, 64, classes=False),
}
# The first lines of README: its rows, not drawn by a seed.
README = "digits-of-readme"
SETTINGS = TASKS | {README: Task((64, 32), 60, 32)}


def counted(name):
    """Tables whose first line says how many rows and columns there are, and the names of classes."""
    import pandas as pd

    return pd.read_csv(os.path.join(DATA, name), skiprows=1, header=None)


def table(task):
    """The task's table, its target in column `y`; images as arrays."""
    import pandas as pd

    if task in ("iris", "breast_cancer"):
        frame = counted(task + ".csv")
    elif task in ("digits", README):
        frame = pd.read_csv(os.path.join(ROOT, "examples/digits.csv.gz"), header=None)
    elif task == "adult":
        frame = pd.read_csv(
            os.path.join(DATA, "adult.data.gz"), header=None, skipinitialspace=True, na_values="?", keep_default_na=False
        )
    elif task in ("wine", "diabetes"):
        from sklearn import datasets

        frame = getattr(datasets, "load_" + task)(as_frame=True).frame
    elif task == "cars":
        from vega_datasets import data

        frame = data.cars().drop(columns="Name")
        frame["Year"] = frame["Year"].dt.year
        frame = frame[[c for c in frame.columns if c != "Miles_per_Gallon"] + ["Miles_per_Gallon"]]
        frame = frame.dropna(subset="Miles_per_Gallon")
    elif task == "weather":
        from vega_datasets import data

        frame = data.seattle_weather().drop(columns="date")
    elif task == "california":
        frame = pd.read_csv(os.path.join(DATA, "california-housing.csv.gz"))
        frame = frame[[c for c in frame.columns if c != "median_house_value"] + ["median_house_value"]]
    else:
        raise ValueError(task)
    frame = frame.reset_index(drop=True)
    frame.columns = [f"x{i}" for i in range(frame.shape[1] - 1)] + ["y"]
    return frame


def images():
    """MNIST's 10,000 test images: a task of the size that both finish."""
    import gzip

    import numpy as np

    def idx(name, header):
        with gzip.open(os.path.join(DATA, "mnist", name)) as file:
            return np.frombuffer(file.read(), np.uint8, offset=header)

    return idx("t10k-images-idx3-ubyte.gz", 16).reshape(-1, 28, 28), idx("t10k-labels-idx1-ubyte.gz", 8)


def split(rows, seed):
    import numpy as np

    order = np.random.default_rng(1000 + seed).permutation(rows)
    held = rows // 4
    return order[held:], order[:held]


def write(task, seed, folder):
    """Files for us, arrays and a preparation for scikit-learn: (reading options, train, test, prepared)."""
    import numpy as np
    from sklearn.compose import make_column_selector, make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

    of = lambda name: os.path.join(folder, name)
    if task == "mnist":
        x, y = images()
        parts = split(len(x), seed)
        for name, rows in zip(("train", "test"), parts):
            np.savez(of(name + ".npz"), x=x[rows], y=y[rows].astype(np.int32))
        scaled = FunctionTransformer(lambda v: v.reshape(len(v), -1) / np.float32(255))
        return [], [of("train.npz"), of("test.npz")], [(x[rows], y[rows]) for rows in parts], scaled
    frame = table(task)
    parts = split(len(frame), seed) if task != README else (np.arange(1437), np.arange(1437, len(frame)))
    for name, rows in zip(("train", "test"), parts):
        frame.iloc[rows].to_csv(of(name + ".csv"), index=False)
    numbers = make_pipeline(SimpleImputer(), StandardScaler())
    texts = make_pipeline(
        SimpleImputer(strategy="constant", fill_value="missing"), OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    )
    prepared = make_column_transformer(
        (numbers, make_column_selector(dtype_include="number")), (texts, make_column_selector(dtype_exclude="number"))
    )
    pairs = [(frame.iloc[rows].drop(columns="y"), frame["y"].iloc[rows].to_numpy()) for rows in parts]
    role = "--label" if SETTINGS[task].classes else "--target"
    return [role, "y"], [of("train.csv"), of("test.csv")], pairs, prepared


def theirs(task, seed, pairs, prepared):
    """scikit-learn's MLP: its score on the test rows and the seconds of fit()."""
    from sklearn.compose import TransformedTargetRegressor
    from sklearn.neural_network import MLPClassifier, MLPRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    t = SETTINGS[task]
    settings = dict(
        hidden_layer_sizes=t.layers,
        batch_size=t.batch,
        max_iter=t.epochs,
        random_state=seed,
        alpha=0.0,
        tol=0.0,
        n_iter_no_change=t.epochs + 1,
        epsilon=1e-7,
    )
    if t.classes:
        network = MLPClassifier(**settings)
    else:
        network = TransformedTargetRegressor(MLPRegressor(**settings), transformer=StandardScaler())
    model = make_pipeline(prepared, network)
    warnings.simplefilter("ignore")  # that it was stopped by its number of epochs
    start = time.perf_counter()
    model.fit(*pairs[0])
    return float(model.score(*pairs[1])), time.perf_counter() - start


if __name__ == "__main__":
    name, number, where = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    reading, files, arrays, preparation = write(name, number, where)
    score, seconds = theirs(name, number, arrays, preparation) if "--no-peer" not in sys.argv else (None, None)
    print(json.dumps({"reading": reading, "files": files, "score": score, "seconds": seconds}))
