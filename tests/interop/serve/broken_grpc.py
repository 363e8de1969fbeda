"""Messages that are wrong, over gRPC: broken_grpc.py BIN_FOLDER EXAMPLES. Each is refused as what it is, a mistake of the
client's, and the server goes on."""

import os
import random
import struct
import sys
import tempfile

sys.dont_write_bytecode = True  # beside the sources
import servers
from models import Models

BIN, EXAMPLES = (os.path.abspath(path) for path in sys.argv[1:3])
try:
    import grpc
    from google.protobuf.message import DecodeError
    from tritonclient.grpc import service_pb2 as pb
except ImportError as error:
    servers.skip(error)
SERVICE = "/inference.GRPCInferenceService/"
INFER = SERVICE + "ModelInfer"
CLIENTS_FAULT = {"INVALID_ARGUMENT", "NOT_FOUND", "UNIMPLEMENTED", "RESOURCE_EXHAUSTED", "OUT_OF_RANGE"}


def request_of(**more):
    request = pb.ModelInferRequest(model_name=more.pop("model_name", "digits"))
    request.inputs.add(**({"name": "x", "datatype": "FP32", "shape": [1, 64]} | more))
    request.raw_input_contents.append(struct.pack("<64f", *(i % 16 for i in range(64))))
    return request


def is_message(data):
    try:
        pb.ModelInferRequest.FromString(data)
        return True
    except DecodeError:
        return False


def no_messages():
    """Bytes that are no message at all, as the protobuf library says."""
    good = request_of().SerializeToString()
    chance = random.Random(1)
    yield from (good[:cut] for cut in range(1, len(good), 7))
    yield from (b"\xff" * 11, b"\x0a", b"\x0a\xff", b"\x0a\xff\xff\xff\xff\x0f", b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
                b"\x00\x00", b"\x07", b"\x0b", b"\x0c", b"\x0e\x01", b"\x0f", b"\x80" * 11 + b"\x01", b"\x0d\x01", b"\x09\x01\x02",
                b"\x0a\x02\xff\xfe", b"\x2a\x05\x0a\x01x\x1a\x7f", good + b"\x0a", good + b"\x80", good + b"\x2a\x03abc")
    for _ in range(300):
        data = bytearray(good)
        for _ in range(chance.randint(1, 4)):
            data[chance.randrange(min(len(data), 40))] = chance.randrange(256)
        yield bytes(data)


def wrong_messages():
    """Messages that say what can't be."""
    tensors = [
        {"name": ""}, {"name": "z"}, {"name": "x" * 100000}, {"name": "x\n"}, {"datatype": ""}, {"datatype": "FLOAT"},
        {"datatype": "BYTES"}, {"datatype": "FP16"}, {"datatype": "INT64"}, {"datatype": "fp32"}, {"shape": []}, {"shape": [64]},
        {"shape": [64, 1]}, {"shape": [1, 63]}, {"shape": [1, 65]}, {"shape": [2, 64]}, {"shape": [0, 64]}, {"shape": [-1, 64]},
        {"shape": [1, -64]}, {"shape": [1 << 62, 64]}, {"shape": [(1 << 63) - 1, 64]}, {"shape": [-(1 << 63), 64]},
        {"shape": [1, 1, 64]}, {"shape": [1] * 10000},
    ]
    for tensor in tensors:
        yield request_of(**tensor)
    for name in ("", "nope", "digits/1", "../digits", "digits\0", "d" * 5000):
        yield request_of(model_name=name)
    for version in ("9", "-1", "x", "1.0", " 1", "99999999999999999999", "latest\n"):
        request = request_of()
        request.model_version = version
        yield request
    for contents in ({"fp32_contents": [1] * 63}, {"fp32_contents": [1] * 65}, {"fp64_contents": [1] * 64},
                     {"int_contents": [1] * 64}, {"bytes_contents": [b"x"] * 64}, {"bool_contents": [True] * 64},
                     {"fp32_contents": [1] * 64, "fp64_contents": [1] * 64}, {}):
        request = request_of()
        del request.raw_input_contents[:]
        for kind, values in contents.items():
            getattr(request.inputs[0].contents, kind).extend(values)
        yield request
    for count in (0, 2, 3, 1000):
        request = request_of()
        raw = request.raw_input_contents[0]
        del request.raw_input_contents[:]
        request.raw_input_contents.extend([raw] * count)
        yield request
    for size in (0, 1, 255, 257, 512):
        request = request_of()
        request.raw_input_contents[0] = bytes(size)
        yield request
    for outputs in (["z"], [""], ["proba", "z"]):
        request = request_of()
        for output in outputs:
            request.outputs.add(name=output)
        yield request
    for count in (0, -1, -(1 << 63)):
        request = request_of()
        request.outputs.add(name="proba").parameters["classification"].int64_param = count
        yield request
    request = request_of()
    del request.inputs[:]
    yield request
    request = request_of()
    request.inputs.add(name="x", datatype="FP32", shape=[1, 64])
    yield request


def main():
    models = Models(BIN, EXAMPLES, tempfile.mkdtemp())
    broken = [data for data in no_messages() if not is_message(data)]
    cases = [(INFER, data) for data in broken]
    cases += [(INFER, message.SerializeToString()) for message in wrong_messages()]
    cases += [(path, b"") for path in (SERVICE + "Nothing", "/nothing/Infer", "/", "/a", SERVICE)]
    for method in ("ModelReady", "ModelMetadata", "ModelConfig", "ModelStatistics", "RepositoryIndex", "RepositoryModelLoad"):
        cases += [(SERVICE + method, data) for data in (b"\x0a", b"\x0a\xff\xff\xff\xff\x0f", b"\xff" * 11, b"\x0b")]
    cases += [("/tensorflow.serving.PredictionService/Predict", data) for data in broken[:40]]
    cases += [("/grpc.health.v1.Health/Check", data) for data in (b"\x0a", b"\x0a\x05ab", b"\xff" * 11)]
    assert len(broken) >= 60 and len(cases) >= 200, (len(broken), len(cases))
    failed = 0
    with servers.nn_serve(BIN, "--repository", models.repository, "--device", "cpu:0",
                          *servers.admin_options(models.folder)) as server:
        channel = grpc.insecure_channel(f"127.0.0.1:{server.port}", [("grpc.enable_retries", 0)])
        same = lambda data: data
        admin = [(name.lower(), value) for name, value in servers.ADMIN.items()]
        for path, data in cases:
            try:
                channel.unary_unary(path, request_serializer=same, response_deserializer=same)(data, timeout=10, metadata=admin)
                code, text = "OK", "?"
            except grpc.RpcError as error:
                code, text = error.code().name, error.details()
            if code not in CLIENTS_FAULT or not text:
                failed += 1
                print(f"FAILED {path} {data[:100]!r} ({len(data)} bytes): {code} {text[:200]!r}")
        good = channel.unary_unary(INFER, request_serializer=same, response_deserializer=same)
        assert good(request_of().SerializeToString(), timeout=10)
    assert server.process.returncode == 0, server.said()
    print(f"{len(cases)} messages, {failed} complaints")
    return failed > 0


sys.exit(main())
