"""train_board.py BIN: TensorBoard's own readers see of nn-train --tensorboard what its log says, also resumed."""
import json
import pathlib
import subprocess
import sys
import tempfile

try:
    import numpy
    from tensorboard.backend.event_processing import event_accumulator, event_file_loader
    from tensorboard.util import tb_logging
except ImportError as missing:
    print(f"skipped: no tensorboard (see make-venv): {missing}")
    sys.exit(77)

tb_logging.get_logger().setLevel("ERROR")
nn_train = str(pathlib.Path(sys.argv[1], "nn-train").resolve())


def train(folder, *options):
    subprocess.run([nn_train, "table.csv", "--label", "y", "--valid", "0.25", "--layers", "4", "--device", "cpu:0", "-o", "m.nn",
                    "--tensorboard", "tb", "--log", "log", *options], cwd=folder, check=True)


def check(folder):
    wanted = {}
    for line in map(json.loads, (folder / "log").read_text().splitlines()):
        if "epoch" not in line:
            continue
        run = f"tb/member-{line['member']}" if "member" in line else "tb"
        for name in ("loss", "val_loss", "val_accuracy", "lr", "rows_per_s"):
            wanted.setdefault(run, {}).setdefault(name, {})[line["epoch"]] = numpy.float32(line[name])
    for run, scalars in wanted.items():
        for path in (folder / run).glob("events.*"):
            events = list(event_file_loader.EventFileLoader(str(path)).Load())
            assert events[0].file_version == "brain.Event:2" and len(events) > 1, events
        board = event_accumulator.EventAccumulator(str(folder / run))
        board.Reload()
        assert set(board.Tags()["scalars"]) == set(scalars), board.Tags()
        for name, values in scalars.items():
            found = {e.step: numpy.float32(e.value) for e in board.Scalars(name)}
            assert found == values, (run, name, found, values)
    return len(wanted)


with tempfile.TemporaryDirectory() as name:
    folder = pathlib.Path(name)
    rows = "\n".join(f"{i % 7},{'hi' if i % 7 > 3 else 'lo'}" for i in range(60))
    (folder / "table.csv").write_text(f"a,y\n{rows}\n")
    train(folder, "--epochs", "4", "--keep-checkpoint")
    assert check(folder) == 1
    train(folder, "--epochs", "7", "--resume")
    assert check(folder) == 1
with tempfile.TemporaryDirectory() as name:
    folder = pathlib.Path(name)
    (folder / "table.csv").write_text(f"a,y\n{rows}\n")
    train(folder, "--epochs", "3", "--lr", "0.1,0.01,0.001")
    assert check(folder) == 3
print("scalars are those of the log")
