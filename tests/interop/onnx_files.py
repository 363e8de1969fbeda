"""Whether a model of an .onnx file gives what ONNX Runtime does: for the tests of imports."""

import csv
import os
import subprocess

import numpy as np
import onnxruntime

ROWS = 64


class Refused(Exception):
    """Converting failed, with the last line of what was said."""


def tool(bin_folder, name, *arguments):
    return subprocess.run([f"{bin_folder}/{name}", *arguments], capture_output=True, text=True)


def convert(bin_folder, path, model, *options):
    done = tool(bin_folder, "nn-model", "convert", *options, path, model)
    if done.returncode != 0:
        raise Refused(done.stderr.strip().splitlines()[-1] if done.stderr.strip() else f"status {done.returncode}")
    return done.stderr


def session_of(path):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def rows_for(session, rng, rows=ROWS):
    """Numbers for its one input, as the file has it."""
    (given,) = session.get_inputs()
    fixed = given.shape[0] if isinstance(given.shape[0], int) else None
    return rng.normal(size=(fixed or rows, *given.shape[1:])).astype(np.float32)


def as_ours(x, channels_first):
    """The same rows as models here take them: images as height, width and channels, of which one is none."""
    if x.ndim == 4 and channels_first:
        x = x.transpose(0, 2, 3, 1)
    if x.ndim == 4 and x.shape[3] == 1:
        x = x[..., 0]
    return np.ascontiguousarray(x)


def predict(bin_folder, model, x):
    """(labels or None, values)"""
    np.savez("rows.npz", x=x)
    done = tool(bin_folder, "nn-predict", "-m", model, "rows.npz", "--to", "csv", "-o", "answers.csv", "--quiet")
    assert done.returncode == 0, done.stderr
    with open("answers.csv", newline="") as file:
        header, *rows = csv.reader(file)
    label = header.index("label") if "label" in header else None
    values = np.array([[float(v) for i, v in enumerate(row) if i != label] for row in rows])
    return None if label is None else [row[label] for row in rows], values


def expected_of(session, x):
    """What the file says: its first output of floats, and its labels."""
    answers = session.run(None, {session.get_inputs()[0].name: x})
    values = labels = None
    for answer in answers:
        if isinstance(answer, list):  # a map for each row
            values = np.array([list(row.values()) for row in answer])
        elif answer.dtype.kind == "f":
            values = answer if values is None else values
        else:
            labels = [str(v) for v in np.ravel(answer)]
    return labels, values.reshape(len(x), -1).astype(np.float64)


def difference(expected, values):
    """The largest, relative to the larger of a value and its column."""
    scale = np.maximum(np.abs(expected), np.abs(expected).max(axis=0))
    return float(np.max(np.abs(expected - values) / np.maximum(scale, 1e-30)))


def compare(bin_folder, path, *options, channels_first=True, logarithms=False, rng=None, rows=ROWS):
    """Difference between the file and the model that is made of it."""
    convert(bin_folder, path, "imported.nn", *options)
    session = session_of(path)
    x = rows_for(session, rng or np.random.default_rng(5), rows)
    labels, expected = expected_of(session, x)
    found_labels, values = predict(bin_folder, "imported.nn", as_ours(x, channels_first))
    if found_labels is not None and values.shape[1] != expected.shape[1] and expected.shape[1] == 1:
        expected = np.hstack([1 - expected, expected])  # a sigmoid, of the second of two classes
    if logarithms or (found_labels is not None and expected.max() <= 0):
        expected = np.exp(expected)
    if labels is not None and found_labels is not None:
        assert labels == found_labels, (path, "labels differ")
    assert expected.shape == values.shape, (path, expected.shape, values.shape)
    return difference(expected, values)
