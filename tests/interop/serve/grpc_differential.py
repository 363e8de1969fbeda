"""The same calls of inference.GRPCInferenceService to nn-serve and to a Triton with the same model:
grpc_differential.py BIN_FOLDER TRITON_FOLDER. What may differ is said beside each call, with its reason."""

import dataclasses
import os
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True  # beside the sources
import servers

BIN, PEER = (os.path.abspath(path) for path in sys.argv[1:3])
try:
    import grpc
    import numpy as np
    from google.protobuf.json_format import MessageToDict
    from grpc_health.v1 import health_pb2, health_pb2_grpc
    from tritonclient.grpc import service_pb2 as pb
    from tritonclient.grpc import service_pb2_grpc
except ImportError as error:
    servers.skip(error)


@dataclasses.dataclass
class Call:
    name: str
    method: str
    request: object
    code: str = ""  # ours, where it isn't Triton's
    same_body: bool = True
    check: object = None  # of our message
    because: str = ""
    compression: object = None


ADMIN = [(name.lower(), value) for name, value in servers.ADMIN.items()]
FLOATS = np.array([1.5, -2, 3, 40], "f4")
RAW = FLOATS.tobytes()


def infer(name, *, raw=RAW, contents=None, tensor=None, outputs=(), change=None, **more):
    """ModelInfer of the usual row, with some of it changed."""
    fields = {key: more.pop(key) for key in ("model_name", "model_version", "id") if key in more}
    request = pb.ModelInferRequest(**({"model_name": "m"} | fields))
    given = {"name": "x", "datatype": "FP32", "shape": [1, 4]} | (tensor or {})
    request.inputs.add(**given)
    if contents is not None:
        for kind, values in contents.items():
            getattr(request.inputs[0].contents, kind).extend(values)
    for part in raw if isinstance(raw, list) else [raw] if raw is not None else []:
        request.raw_input_contents.append(part)
    for output in outputs:
        request.outputs.add(name=output)
    if change:
        change(request)
    return Call(name, "ModelInfer", request, **more)


def classes(count, name="value"):
    def change(request):
        request.outputs.add(name=name).parameters["classification"].int64_param = count

    return change


def parameter(name, kind, value):
    return lambda request: setattr(request.parameters[name], kind, value)


def questions():
    yield Call("live", "ServerLive", pb.ServerLiveRequest())
    yield Call("ready", "ServerReady", pb.ServerReadyRequest())
    yield Call("model ready", "ModelReady", pb.ModelReadyRequest(name="m"))
    yield Call("version ready", "ModelReady", pb.ModelReadyRequest(name="m", version="1"))
    yield Call("unknown model ready", "ModelReady", pb.ModelReadyRequest(name="nope"))
    yield Call("unknown version ready", "ModelReady", pb.ModelReadyRequest(name="m", version="9"))
    yield Call("no number ready", "ModelReady", pb.ModelReadyRequest(name="m", version="x"))
    yield Call("server", "ServerMetadata", pb.ServerMetadataRequest(), same_body=False,
               check=lambda answer: "statistics" in answer.extensions, because="its own name, version and extensions")
    platform = dict(same_body=False, because="another platform")
    yield Call("metadata", "ModelMetadata", pb.ModelMetadataRequest(name="m"), **platform,
               check=lambda answer: list(answer.inputs[0].shape) == [-1, 4] and answer.outputs[0].datatype == "FP32"
               and list(answer.versions) == ["1"])
    yield Call("metadata of a version", "ModelMetadata", pb.ModelMetadataRequest(name="m", version="1"), **platform,
               check=lambda answer: list(answer.versions) == ["1"])
    yield Call("metadata of an unknown model", "ModelMetadata", pb.ModelMetadataRequest(name="nope"))
    yield Call("metadata of an unknown version", "ModelMetadata", pb.ModelMetadataRequest(name="m", version="9"))
    yield Call("metadata of no model", "ModelMetadata", pb.ModelMetadataRequest())
    yield Call("configuration", "ModelConfig", pb.ModelConfigRequest(name="m"), same_body=False,
               check=lambda answer: answer.config.name == "m" and answer.config.max_batch_size > 0
               and list(answer.config.input[0].dims) == [4] and answer.config.input[0].data_type == 11,
               because="another backend, and limits of its own")
    yield Call("configuration of an unknown model", "ModelConfig", pb.ModelConfigRequest(name="nope"))
    yield Call("statistics", "ModelStatistics", pb.ModelStatisticsRequest(name="m"), same_body=False,
               check=lambda answer: answer.model_stats[0].inference_stats.HasField("queue"),
               because="counters and times of another process")
    yield Call("all statistics", "ModelStatistics", pb.ModelStatisticsRequest(), same_body=False,
               check=lambda answer: [model.name for model in answer.model_stats] == ["m"],
               because="counters and times of another process")
    yield Call("statistics of an unknown model", "ModelStatistics", pb.ModelStatisticsRequest(name="nope"),
               code="NOT_FOUND", because="it isn't there, as its metadata say too")
    yield Call("index", "RepositoryIndex", pb.RepositoryIndexRequest())
    yield Call("index of what is ready", "RepositoryIndex", pb.RepositoryIndexRequest(ready=True))


def inference():
    yield infer("raw")
    yield infer("raw, by version", model_version="1")
    yield infer("an id", id="q 7")
    yield infer("an id of other letters", id="ключ\u2028")
    yield infer("three rows", raw=np.arange(12, dtype="f4").tobytes(), tensor={"shape": [3, 4]})
    yield infer("an output", outputs=["value"])
    mirror = dict(same_body=False, because="who asks in contents is answered in contents, as the other servers do")
    yield infer("contents", raw=None, contents={"fp32_contents": FLOATS}, **mirror,
                check=lambda answer: list(answer.outputs[0].contents.fp32_contents) == [3, -4, 6, 80]
                and not answer.raw_output_contents)
    yield infer("classes", change=classes(2))
    yield infer("all classes", change=classes(900))
    yield infer("classes in contents", raw=None, contents={"fp32_contents": FLOATS}, change=classes(2), **mirror,
                check=lambda answer: list(answer.outputs[0].contents.bytes_contents)
                == [b"80.000000:3", b"6.000000:2"])
    yield infer("a parameter", change=parameter("priority", "uint64_param", 1))
    yield infer("a timeout long enough", change=parameter("timeout", "int64_param", 20_000_000))
    yield infer("message in gzip", compression=grpc.Compression.Gzip)
    yield infer("message in deflate", compression=grpc.Compression.Deflate)
    yield infer("not a number", raw=np.array([np.nan, np.inf, -np.inf, 1], "f4").tobytes(), code="INVALID_ARGUMENT",
                because="a network computes nothing of them: a value that is missing is said by name")


def refused():
    yield infer("contents and raw", contents={"fp32_contents": FLOATS})
    yield infer("neither", raw=None)
    yield infer("a byte is missing", raw=RAW[:-1])
    yield infer("a byte more", raw=RAW + b"x")
    yield infer("no bytes", raw=b"")
    yield infer("an element is missing", raw=None, contents={"fp32_contents": FLOATS[:3]})
    yield infer("an element more", raw=None, contents={"fp32_contents": [*FLOATS, 1]})
    yield infer("contents of another type", raw=None, contents={"fp64_contents": FLOATS})
    yield infer("no batch", tensor={"shape": [4]})
    yield infer("a dimension more", tensor={"shape": [1, 1, 4]})
    yield infer("no shape", tensor={"shape": []})
    yield infer("another width", raw=RAW + RAW[:4], tensor={"shape": [1, 5]})
    yield infer("no rows", raw=b"", tensor={"shape": [0, 4]})
    yield infer("a negative dimension", tensor={"shape": [-1, 4]})
    yield infer("a shape that overflows", tensor={"shape": [1 << 62, 4]}, code="INVALID_ARGUMENT",
                because="there aren't so many rows; Triton's product overflows, and it answers one")
    yield infer("another type", tensor={"datatype": "FP64"})
    yield infer("a type that doesn't exist", tensor={"datatype": "FLOAT"})
    yield infer("no type", tensor={"datatype": ""})
    yield infer("unknown input", tensor={"name": "q"})
    yield infer("no input's name", tensor={"name": ""})
    yield infer("no inputs", raw=None, change=lambda request: request.ClearField("inputs"))
    yield infer("an input twice", raw=[RAW, RAW],
                change=lambda request: request.inputs.add(name="x", datatype="FP32", shape=[1, 4]))
    yield infer("two raw contents of one input", raw=[RAW, RAW], code="INVALID_ARGUMENT",
                because="nobody knows which of them is meant; Triton takes one")
    yield infer("unknown output", outputs=["q"])
    yield infer("unknown model", model_name="nope")
    yield infer("no model", model_name="")
    yield infer("unknown version", model_version="9")
    yield infer("version that is no number", model_version="abc")
    yield infer("classes of nothing", change=classes(0))
    yield infer("fewer classes than none", change=classes(-2))
    yield infer("a parameter that is reserved", change=parameter("triton_x", "int64_param", 1))


def repository():
    load = lambda name, model: Call(name, "RepositoryModelLoad", pb.RepositoryModelLoadRequest(model_name=model))
    yield Call("unload", "RepositoryModelUnload", pb.RepositoryModelUnloadRequest(model_name="m"))
    yield Call("unloaded", "ModelReady", pb.ModelReadyRequest(name="m"))
    yield infer("infer of what is unloaded", code="UNAVAILABLE", because="known, and not available")
    yield load("load", "m")
    yield infer("infer of what is loaded again")
    unknown = load("load of an unknown one", "nope")
    yield dataclasses.replace(unknown, code="NOT_FOUND", because="it isn't there; Triton calls it an error of its own")
    config = load("load with a configuration", "m")
    config.request.parameters["config"].string_param = "{}"
    yield dataclasses.replace(config, code="INVALID_ARGUMENT", because="files are not written by clients")


def health():
    check = lambda name, service, **more: Call(name, "Check", health_pb2.HealthCheckRequest(service=service), **more)
    yield check("health", "")
    yield check("health of a model", "m")
    yield check("health of a service", "inference.GRPCInferenceService")
    yield check("health of nobody", "nope", code="NOT_FOUND", because="the protocol wants it; Triton calls all of them fine")


CALLS = [*questions(), *inference(), *refused(), *repository(), *health()]


class Client:
    def __init__(self, port):
        options = [("grpc.enable_retries", 0)]
        self.channel = grpc.insecure_channel(f"127.0.0.1:{port}", options)
        self.stubs = [service_pb2_grpc.GRPCInferenceServiceStub(self.channel), health_pb2_grpc.HealthStub(self.channel)]

    def ask(self, call):
        """(code, message or text)"""
        stub = self.stubs[call.method == "Check"]
        try:
            answer = getattr(stub, call.method)(call.request, timeout=10, metadata=ADMIN, compression=call.compression)
            return "OK", answer
        except grpc.RpcError as error:
            return error.code().name, error.details()


def complaints(call, ours, theirs):
    code, said = ours
    wanted = call.code or theirs[0]
    if code != wanted:
        yield f"{code}, not {wanted}"
    elif call.code and call.code == theirs[0]:
        yield "Triton answers so too: it is no difference"
    if code != "OK":
        if not said:
            yield "an error without a text"
    elif theirs[0] == "OK" and call.same_body and MessageToDict(said) != MessageToDict(theirs[1]):
        yield f"says {MessageToDict(said)}, not {MessageToDict(theirs[1])}"
    elif call.check is not None:
        try:
            if not call.check(said):
                yield f"says {MessageToDict(said)}"
        except (IndexError, ValueError) as error:
            yield f"says {MessageToDict(said)}, where {error!r}"


def main():
    folder = tempfile.mkdtemp()
    model = os.path.join(folder, "double.nn")
    subprocess.run([os.path.join(BIN, "interop-serve-model"), model], check=True)
    ours_at = servers.repository(os.path.join(folder, "ours"), m=model)
    failed = 0
    with servers.triton(PEER, os.path.join(folder, "theirs")) as triton, servers.nn_serve(
        BIN, "--repository", ours_at, "--device", "cpu:0", *servers.admin_options(folder)
    ) as nn_serve:
        ours, theirs = Client(nn_serve.port), Client(triton.ports[1])
        for call in CALLS:
            answers = ours.ask(call), theirs.ask(call)
            for complaint in complaints(call, *answers):
                failed += 1
                print(f"FAILED {call.name} ({call.method}): {complaint}")
                for who, (code, said) in zip(("ours", "Triton"), answers):
                    print(f"   {who:6} {code} {str(said)[:300]!r}")
    listed = sum(bool(call.because) for call in CALLS)
    print(f"{len(CALLS)} calls, {listed} of them with a difference that is listed; {failed} complaints")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
