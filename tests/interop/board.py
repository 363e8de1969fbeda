"""board.py BIN: what TensorBoard's own readers see of a sweep is what the journal says, live, torn and exported."""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile

try:
    import numpy
    from tensorboard.backend.event_processing import data_provider, event_accumulator, plugin_event_multiplexer
    from tensorboard.context import RequestContext
    from tensorboard.plugins import base_plugin
    from tensorboard.plugins.hparams import api_pb2, backend_context, get_experiment, list_session_groups
    from tensorboard.util import tb_logging
except ImportError as missing:
    print(f"skipped: no tensorboard (see make-venv): {missing}")
    sys.exit(77)

tb_logging.get_logger().setLevel("ERROR")  # of attempts that begin again it warns
nn_sweep = str(pathlib.Path(sys.argv[1], "nn-sweep").resolve())
script = r"""
for i in 1 2 3; do printf '{"epoch":%d,"loss":%d.25,"train_loss":0.1%d}\n' $i $((i * {n})) $i >&$NN_SWEEP_FD; done
[ {n} != 4 ] || exit 3
[ -z "${NN_PARAM_m:-}" ] || printf '{"epoch":4,"loss":1e-7}\n' >&$NN_SWEEP_FD
: {lr} {opt} {deep} {layers} {?m:{m}}
"""
parameters = ["lr=loguniform:1e-4:0.1", "n=int:1:6", "opt=choice:adam,sgd", "deep=choice:true,false",
              "layers=choice:32;64,32", "m=uniform:0:0.99 if opt=sgd"]


def command(folder, trials):
    words = [nn_sweep, "run", "--quiet", "-j", "s.jsonl", "--tensorboard", "tb", "--seed", "3", "--sampler", "random",
             "--minimize", "loss", "--trials", str(trials), "--device", "cpu:0*2",
             "--max-failures", "99"]
    for parameter in parameters:
        words += ["--param", parameter]
    return words + ["--", "sh", "-c", script]


def run(folder, trials):
    subprocess.run(command(folder, trials), cwd=folder, check=True, stdout=subprocess.DEVNULL)


# Of each trial: its state, its reports and the numbers beside them, its parameters; as jq would find them.
def journal(path):
    trials = []
    for line in path.read_text().splitlines():
        entry = json.loads(line)
        if entry["op_code"] == 4:
            kinds = {k: json.loads(d) for k, d in entry["distributions"].items()}
            values = {k: kinds[k]["attributes"]["choices"][int(v)] if "choices" in kinds[k]["attributes"] else v
                      for k, v in entry["params"].items()}
            trials.append({"state": 0, "scalars": {}, "params": values})
        elif entry["op_code"] == 7:
            scalars = trials[entry["trial_id"]]["scalars"]
            scalars.setdefault("loss", {})[entry["step"]] = entry["intermediate_value"]
            for name, value in entry["nn"].items():
                if name != "k" and name != "t":
                    for key, number in (value.items() if isinstance(value, dict) else [(name, value)]):
                        scalars.setdefault(key, {})[entry["step"]] = number
        elif entry["op_code"] == 6:
            trials[entry["trial_id"]]["state"] = entry["state"]
    return trials


def check_scalars(folder, board, trials):
    for number, trial in enumerate(trials):
        events = event_accumulator.EventAccumulator(str(folder / board / f"trial-{number:05}"))
        events.Reload()
        tags = {tag for tag in events.Tags()["scalars"] if not tag.startswith("_hparams_/")}
        assert tags == set(trial["scalars"]), (number, tags, trial["scalars"])
        for tag, wanted in trial["scalars"].items():
            found = [(e.step, numpy.float32(e.value)) for e in events.Scalars(tag)]
            assert found == [(s, numpy.float32(wanted[s])) for s in sorted(wanted)], (number, tag, found, wanted)


def check_hparams(folder, board, trials):
    multiplexer = plugin_event_multiplexer.EventMultiplexer().AddRunsFromDirectory(str(folder / board))
    multiplexer.Reload()
    provider = data_provider.MultiplexerDataProvider(multiplexer, str(folder / board))
    context = backend_context.Context(base_plugin.TBContext(data_provider=provider))
    request = RequestContext()
    experiment = get_experiment.Handler(
        request, context, "", api_pb2.GetExperimentRequest(experiment_name="")).run()
    kinds = {info.name: info.type for info in experiment.hparam_infos}
    assert kinds == {"lr": api_pb2.DATA_TYPE_FLOAT64, "n": api_pb2.DATA_TYPE_FLOAT64,
                     "opt": api_pb2.DATA_TYPE_STRING, "deep": api_pb2.DATA_TYPE_STRING,
                     "layers": api_pb2.DATA_TYPE_STRING, "m": api_pb2.DATA_TYPE_FLOAT64}, kinds
    assert [m.name.tag for m in experiment.metric_infos] == ["loss"], experiment.metric_infos
    wanted = api_pb2.ListSessionGroupsRequest(
        experiment_name="", start_index=0, slice_size=10_000,
        allowed_statuses=[api_pb2.STATUS_UNKNOWN, api_pb2.STATUS_SUCCESS, api_pb2.STATUS_FAILURE, api_pb2.STATUS_RUNNING],
        col_params=[api_pb2.ColParams(metric=m.name) for m in experiment.metric_infos])
    groups = list_session_groups.Handler(request, context, "", wanted).run().session_groups
    groups = {g.name: g for g in groups}
    assert set(groups) == {f"trial-{n:05}" for n in range(len(trials))}, groups.keys()
    statuses = {0: api_pb2.STATUS_RUNNING, 1: api_pb2.STATUS_SUCCESS, 3: api_pb2.STATUS_FAILURE}
    for number, trial in enumerate(trials):
        group = groups[f"trial-{number:05}"]
        found = {k: getattr(v, v.WhichOneof("kind")) for k, v in group.hparams.items()}
        assert found == trial["params"], (number, found, trial["params"])
        assert group.sessions[0].status == statuses[trial["state"]], (number, group.sessions[0].status)
        last = trial["scalars"]["loss"][max(trial["scalars"]["loss"])]
        assert [numpy.float32(m.value) for m in group.metric_values] == [numpy.float32(last)], (number, group)


def check(folder, board="tb"):
    trials = journal(folder / "s.jsonl")
    check_scalars(folder, board, trials)
    check_hparams(folder, board, trials)
    return trials


with tempfile.TemporaryDirectory() as name:
    folder = pathlib.Path(name)
    run(folder, 12)
    trials = check(folder)
    assert {t["state"] for t in trials} == {1, 3}, trials

    # What is there already is left alone; the same line again adds nothing.
    events = {p: p.read_bytes() for p in (folder / "tb").rglob("*tfevents*")}
    run(folder, 12)
    assert events == {p: p.read_bytes() for p in (folder / "tb").rglob("*tfevents*")}

    # Torn, cut, lost or with something else behind: made of the journal again.
    files = sorted(p for p in events if "trial-" in str(p))
    files[0].write_bytes(events[files[0]][:-3])
    files[1].write_bytes(events[files[1]][:-300])
    files[2].write_bytes(events[files[2]] + b"\0\0\0")
    files[3].write_bytes(b"")
    shutil.rmtree(files[4].parent)
    run(folder, 12)
    check(folder)

    # The same by export, and again.
    for _ in range(2):
        subprocess.run([nn_sweep, "export", "s.jsonl", "--to", "tensorboard", "-o", "exported"], cwd=folder, check=True)
        check(folder, "exported")

    # A run that is killed among its trials, and goes on.
    for trials in (20, 28, 36):
        process = subprocess.Popen(command(folder, trials), cwd=folder, stdout=subprocess.PIPE)
        process.stdout.readline()
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()
        run(folder, trials)
        assert len([t for t in check(folder) if t["state"] == 1]) >= trials
print("scalars and hparams are those of the journal")
