"""serve_proto.py PROGRAM triton|tensorflow: our messages of gRPC's inference protocols are those of protobuf's library.

Random requests of the published classes go through interop-serve-proto, whose models answer with what they get; broken
ones are refused as the library refuses them. Plain asserts; a missing package is said, and skips.
"""

import os
import random
import struct
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "serve"))
import protobuf_wire as wire  # noqa: E402

PROGRAM, KIND = sys.argv[1], sys.argv[2]
INVALID_ARGUMENT, NOT_FOUND = 3, 5
try:
    import numpy as np
    from google.protobuf import descriptor_pb2, descriptor_pool
    from google.protobuf.message import DecodeError

    if KIND == "triton":
        from grpc_health.v1 import health_pb2
        from tritonclient.grpc import model_config_pb2, service_pb2
    else:
        import ovmsclient

        sys.path.insert(0, os.path.join(os.path.dirname(ovmsclient.__file__), "tfs_compat", "protos"))
        from tensorflow_serving.apis import (
            classification_pb2,
            get_model_metadata_pb2,
            get_model_status_pb2,
            predict_pb2,
            regression_pb2,
        )
except ImportError as error:
    print(f"skipped: {error}")
    sys.exit(77)

process = subprocess.Popen([PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
rng = random.Random(17)


def call(letter, message):
    """The status, and the answer's bytes or why there is none."""
    message = message if isinstance(message, bytes) else message.SerializeToString()
    process.stdin.write(letter.encode() + struct.pack("<I", len(message)) + message)
    process.stdin.flush()
    status, size = process.stdout.read(1)[0], struct.unpack("<I", process.stdout.read(4))[0]
    return status, process.stdout.read(size)


def answer(letter, message, into, knows_all=True):
    """The answer of that class, for which the library would take as many bytes."""
    status, text = call(letter, message)
    assert status == 0, (letter, status, text, message)
    read = into.FromString(text)
    assert len(read.SerializeToString()) == len(text), (letter, read)
    assert into.FromString(read.SerializeToString()) == read
    known = into()
    known.CopyFrom(read)
    known.DiscardUnknownFields()
    assert known.ByteSize() == len(text) or not knows_all, ("fields that nobody knows", letter, read)
    return read


def refused(letter, message, status, text):
    got, why = call(letter, message)
    assert got == status and text in why.decode(), (got, why, message)


def scrambled(message):
    """The same message with its fields in another order, in parts, and among others that nobody knows."""
    parts = []
    for field, value in message.ListFields():
        alone = type(message)()
        values = [value]
        if field.is_repeated if hasattr(field, "is_repeated") else field.label == field.LABEL_REPEATED:
            target = getattr(alone, field.name)
            if hasattr(target, "MergeFrom"):
                target.MergeFrom(value)
            parts.append(alone.SerializeToString())
            continue
        if field.message_type:
            getattr(alone, field.name).CopyFrom(value)
        else:
            setattr(alone, field.name, value)
        del values
        parts.append(alone.SerializeToString())
    unknown = [wire.varint(8 * 900) + b"\x07", wire.varint(8 * 901 + 2) + b"\x02ab", wire.varint(8 * 902 + 5) + b"abcd",
               wire.varint(8 * 903 + 1) + b"abcdefgh"]
    parts += rng.sample(unknown, rng.randrange(len(unknown)))
    rng.shuffle(parts)
    return b"".join(parts)


def damaged(message):
    """Bytes of a message, some of them changed, left out or put in."""
    data = bytearray(message)
    for _ in range(rng.choice([1, 1, 1, 2, 5])):
        if not data:
            break
        at = rng.randrange(len(data))
        kind = rng.randrange(4)
        if kind == 0:
            data[at] = rng.choice([0, 1, 2, 127, 128, 255, rng.randrange(256), data[at] ^ 1 << rng.randrange(8)])
        elif kind == 1:
            del data[at]
        elif kind == 2:
            data.insert(at, rng.randrange(256))
        else:
            del data[at:]
    return bytes(data)


def floats(shape):
    return np.array([rng.choice([0, -1.5, 3.25, 1e30, 7]) for _ in range(int(np.prod(shape)))], "f4").reshape(shape)


class Counts:
    accepted = refused = lenient = 0


def compare_damaged(letter, request, into):
    """What the library can't read is refused here, too, but for a few that are said."""
    data = damaged(request)
    try:
        into.FromString(data)
        readable = True
    except DecodeError:
        readable = False
    status, text = call(letter, data)
    assert status in (0, INVALID_ARGUMENT, NOT_FOUND), (status, text, data)
    Counts.accepted += status == 0
    Counts.refused += status != 0
    if not readable and status == 0:
        # What has no effect on the answer isn't looked at: the feature of a context where the example has its own.
        Counts.lenient += 1
        print("accepted what protobuf refuses:", letter, data)


def infer_triton():
    raw_types = {"BOOL": "?", "INT8": "i1", "INT16": "<i2", "INT32": "<i4", "INT64": "<i8", "UINT8": "u1",
                 "UINT16": "<u2", "UINT32": "<u4", "UINT64": "<u8", "FP16": "<f2", "FP32": "<f4", "FP64": "<f8"}
    lists = {"BOOL": "bool_contents", "INT8": "int_contents", "INT16": "int_contents", "INT32": "int_contents",
             "INT64": "int64_contents", "UINT8": "uint_contents", "UINT16": "uint_contents",
             "UINT32": "uint_contents", "UINT64": "uint64_contents", "FP32": "fp32_contents",
             "FP64": "fp64_contents"}

    def put(request, name, datatype, values, raw):
        tensor = request.inputs.add(name=name, datatype=datatype, shape=values.shape)
        if datatype == "BYTES" and raw:
            data = b"".join(struct.pack("<I", len(v)) + v for v in values.ravel())
            request.raw_input_contents.append(data)
        elif datatype == "BYTES":
            tensor.contents.bytes_contents.extend(values.ravel())
        elif raw:
            request.raw_input_contents.append(values.astype(raw_types[datatype]).tobytes())
        else:
            getattr(tensor.contents, lists[datatype]).extend(values.astype(raw_types[datatype]).ravel().tolist())

    def output_of(response, name):
        at = [o.name for o in response.outputs].index(name)
        tensor = response.outputs[at]
        shape = tuple(tensor.shape)
        if response.raw_output_contents:
            assert len(response.raw_output_contents) == len(response.outputs)
            data = response.raw_output_contents[at]
            if tensor.datatype == "BYTES":
                texts = []
                while data:
                    size = struct.unpack("<I", data[:4])[0]
                    texts.append(data[4:4 + size])
                    data = data[4 + size:]
                return np.array(texts, object).reshape(shape)
            return np.frombuffer(data, raw_types[tensor.datatype]).reshape(shape)
        if tensor.datatype == "BYTES":
            return np.array(list(tensor.contents.bytes_contents), object).reshape(shape)
        return np.array(list(getattr(tensor.contents, lists[tensor.datatype])),
                        raw_types[tensor.datatype]).reshape(shape)

    def matrix_request(name, width, raw):
        values = floats((rng.randrange(1, 5), width))
        request = service_pb2.ModelInferRequest(model_name=name, model_version=rng.choice(["", "3"]),
                                                id=rng.choice(["", "q7", "Größe"]))
        if rng.random() < 0.5:
            request.parameters["timeout"].int64_param = rng.randrange(1 << 40)
        if rng.random() < 0.5:
            request.parameters["priority"].uint64_param = rng.randrange(9)
        if rng.random() < 0.5:
            request.parameters["other"].double_param = 0.5
        put(request, "x", "FP32", values, raw)
        return request, values

    def ask(request):
        message = scrambled(request) if rng.random() < 0.7 else request.SerializeToString()
        if rng.random() < 0.3:
            response = answer("S", message, service_pb2.ModelStreamInferResponse)
            assert not response.error_message
            response = response.infer_response
        else:
            response = answer("I", message, service_pb2.ModelInferResponse)
        assert response.model_name == request.model_name and response.model_version == "3"
        assert response.id == request.id
        assert response.parameters["label"].string_param == "canary"
        compare_damaged("I", message, service_pb2.ModelInferRequest)
        return response

    for _ in range(400):
        raw = rng.random() < 0.5
        request, values = matrix_request("echo", 4, raw)
        response = ask(request)
        assert bool(response.raw_output_contents) == raw
        assert np.array_equal(output_of(response, "value"), values)

        name = rng.choice(["digits", "named"])
        request, values = matrix_request(name, 3, raw)
        names = rng.sample(["proba", "label"], rng.randrange(3))
        for wanted in names:
            request.outputs.add(name=wanted)
        classes = rng.randrange(1, 5) if "proba" in names and rng.random() < 0.5 else 0
        if classes:
            request.outputs[names.index("proba")].parameters["classification"].int64_param = classes
        response = ask(request)
        assert [o.name for o in response.outputs] == (names or ["proba", "label"])
        words = [b"0", b"1", b"2"] if name == "digits" else [b"no", b"yes", b"perhaps"]
        if not names or "label" in names:
            best = values.argmax(1)
            expected = best if name == "digits" else np.array([words[i] for i in best], object)
            assert np.array_equal(output_of(response, "label"), expected)
        if classes:
            texts = output_of(response, "proba")
            assert texts.shape == (len(values), min(classes, 3))
            for row, row_texts in zip(values, texts):
                order = sorted(range(3), key=lambda i: (-row[i], i))[:classes]
                assert list(row_texts) == [b"%f:%d:%s" % (row[i], i, words[i]) for i in order]
        elif not names or "proba" in names:
            assert np.array_equal(output_of(response, "proba"), values)

        rows = rng.randrange(1, 5)
        datatype = rng.choice(sorted(raw_types if raw else lists))
        if datatype == "BOOL":
            numbers = np.array([rng.random() < 0.5 for _ in range(rows)])
        elif datatype.startswith("FP"):
            numbers = np.array([rng.choice([0, -1.5, 3.25]) for _ in range(rows)])
        else:
            limits = np.iinfo(raw_types[datatype])
            numbers = np.array([rng.choice([limits.min, limits.max, 7]) for _ in range(rows)], raw_types[datatype])
        texts = np.array([rng.choice([b"", b"a", "Köln".encode()]) for _ in range(rows)], object)
        request = service_pb2.ModelInferRequest(model_name="people")
        inputs = [("age", datatype, numbers), ("work", "BYTES", texts), ("hours", "FP32", floats((rows, 1)))]
        rng.shuffle(inputs)
        for one in inputs:
            put(request, *one, raw)
        response = ask(request)
        hours = dict((i[0], i[2]) for i in inputs)["hours"].ravel()
        expected = np.stack([numbers.astype("f8").astype("f4"), [len(t) for t in texts], hours], 1).astype("f4")
        assert np.array_equal(output_of(response, "value"), expected), (request, response)

        pixels = np.array([rng.randrange(256) for _ in range(8)], "u1").reshape(2, 2, 2)
        request = service_pb2.ModelInferRequest(model_name="image")
        put(request, "image", rng.choice(["UINT8", "FP32"]), pixels, raw)
        assert np.array_equal(output_of(ask(request), "value"), pixels.astype("f4"))
    refused("I", service_pb2.ModelInferRequest(model_name="q"), NOT_FOUND, "unknown model: 'q' is not found")


def describe_triton():
    query = service_pb2.ModelMetadataRequest(name="digits", version="")
    # Triton's class lacks the field properties.
    response = answer("M", query, service_pb2.ModelMetadataResponse, knows_all=False)
    assert response.name == "digits" and list(response.versions) == ["2", "3"] and response.platform == "nn"
    assert [(t.name, t.datatype, list(t.shape)) for t in response.inputs] == [("x", "FP32", [-1, 3])]
    assert [(t.name, t.datatype, list(t.shape)) for t in response.outputs] == [
        ("proba", "FP32", [-1, 3]), ("label", "INT64", [-1])]

    config = answer("G", service_pb2.ModelConfigRequest(name="people"), service_pb2.ModelConfigResponse).config
    assert config.name == "people" and config.platform == "nn" and config.backend == "nn"
    assert config.max_batch_size == 256 and config.version_policy.latest.num_versions == 2
    assert [(i.name, model_config_pb2.DataType.Name(i.data_type), list(i.dims)) for i in config.input] == [
        ("age", "TYPE_FP64", []), ("work", "TYPE_STRING", []), ("hours", "TYPE_FP64", [])]
    assert [(o.name, list(o.dims)) for o in config.output] == [("value", [3])]
    assert [(g.name, g.count, model_config_pb2.ModelInstanceGroup.Kind.Name(g.kind), list(g.gpus))
            for g in config.instance_group] == [("cpu:0", 1, "KIND_CPU", []), ("cuda:1", 1, "KIND_GPU", [1])]
    assert config.HasField("dynamic_batching") and not config.HasField("ensemble_scheduling")
    config = answer("G", service_pb2.ModelConfigRequest(name="image", version="0"),
                    service_pb2.ModelConfigResponse).config
    assert config.platform == "ensemble" and config.version_policy.HasField("all") and config.max_batch_size == 0
    assert [(s.model_name, s.model_version) for s in config.ensemble_scheduling.step] == [("a", -1), ("b", 7)]
    assert [list(i.dims) for i in config.input] == [[-1, 2, 2]]

    models = answer("X", service_pb2.ModelStatisticsRequest(), service_pb2.ModelStatisticsResponse).model_stats
    first = models[0]
    assert (first.name, first.version, first.last_inference) == ("m", "3", 1764343522000)
    assert (first.inference_count, first.execution_count) == (123, 17)
    durations = first.inference_stats
    assert [(getattr(durations, n).count, getattr(durations, n).ns) for n in
            ("success", "fail", "queue", "compute_input", "compute_infer", "compute_output")] == [
                (i, 10 * i) for i in range(1, 7)]
    assert durations.HasField("cache_hit") and durations.HasField("cache_miss")
    assert [(b.batch_size, b.compute_infer.ns) for b in first.batch_stats] == [(8, 4), (16, 1 << 40)]
    assert models[1].name == "n" and models[1].inference_stats.HasField("queue")

    index = answer("N", service_pb2.RepositoryIndexRequest(), service_pb2.RepositoryIndexResponse).models
    assert [(m.name, m.version, m.state, m.reason) for m in index] == [
        ("m", "3", "READY", ""), ("m", "2", "UNAVAILABLE", "no such file"), ("n", "", "", "")]
    assert len(answer("N", service_pb2.RepositoryIndexRequest(ready=True),
                      service_pb2.RepositoryIndexResponse).models) == 1

    load = service_pb2.RepositoryModelLoadRequest(model_name="m")
    assert call("L", load) == (0, b"m")
    assert call("L", service_pb2.RepositoryModelLoadRequest(repository_name="m")) == (0, b"m")  # KServe's
    unload = service_pb2.RepositoryModelUnloadRequest(model_name="m")
    unload.parameters["unload_dependents"].bool_param = True
    assert call("L", unload) == (0, b"m")
    refused("L", service_pb2.RepositoryModelLoadRequest(), INVALID_ARGUMENT, "names no model")
    load.parameters["file:1/model.nn"].bytes_param = b"\xff\x00"
    refused("L", load, INVALID_ARGUMENT, "published in their repository")

    response = answer("E", service_pb2.ServerMetadataRequest(), service_pb2.ServerMetadataResponse)
    assert (response.name, response.version) == ("nn-serve", "1.2.3") and "statistics" in response.extensions
    assert answer("Q", service_pb2.ModelReadyRequest(name="echo"), service_pb2.ModelReadyResponse).ready
    assert not answer("Q", service_pb2.ModelReadyRequest(name="q"), service_pb2.ModelReadyResponse).ready
    serving = health_pb2.HealthCheckResponse
    assert answer("H", health_pb2.HealthCheckRequest(), serving).status == serving.SERVING
    assert answer("H", health_pb2.HealthCheckRequest(service="q"), serving).status == serving.SERVICE_UNKNOWN
    for _ in range(300):
        compare_damaged("M", query.SerializeToString(), service_pb2.ModelMetadataRequest)
        compare_damaged("L", unload.SerializeToString(), service_pb2.RepositoryModelUnloadRequest)
        compare_damaged("H", health_pb2.HealthCheckRequest(service="q").SerializeToString(),
                        health_pb2.HealthCheckRequest)


TYPES = {1: ("<f4", "float_val"), 2: ("<f8", "double_val"), 3: ("<i4", "int_val"), 4: ("u1", "int_val"),
         5: ("<i2", "int_val"), 6: ("i1", "int_val"), 9: ("<i8", "int64_val"), 10: ("?", "bool_val"),
         17: ("<u2", "int_val"), 19: ("<f2", "half_val"), 22: ("<u4", "uint32_val"), 23: ("<u8", "uint64_val")}


def put_tensor(tensor, dtype, values, as_list):
    tensor.dtype = dtype
    for size in values.shape:
        tensor.tensor_shape.dim.add(size=size)
    if dtype == 7:
        tensor.string_val.extend(values.ravel())
        return
    kind, name = TYPES[dtype]
    values = values.astype(kind)
    if not as_list:
        tensor.tensor_content = values.tobytes()
        return
    flat = values.ravel()
    flat = flat.view("<u2") if dtype == 19 else flat
    count = len(flat)
    while count > 1 and flat[count - 1] == flat[count - 2]:  # as TensorFlow shortens lists
        count -= 1
    getattr(tensor, name).extend(flat[:count].tolist())


def array_of(tensor):
    shape = tuple(d.size for d in tensor.tensor_shape.dim)
    if tensor.dtype == 7:
        return np.array(list(tensor.string_val), object).reshape(shape)
    return np.frombuffer(tensor.tensor_content, TYPES[tensor.dtype][0]).reshape(shape)


def ask_tensorflow(letter, request, into):
    message = scrambled(request) if rng.random() < 0.7 else request.SerializeToString()
    compare_damaged(letter, message, type(request))
    response = answer(letter, message, into)
    assert response.model_spec.name == request.model_spec.name and response.model_spec.version.value == 3
    return response


def predict_tensorflow():
    for _ in range(400):
        as_list = rng.random() < 0.5
        request = predict_pb2.PredictRequest()
        request.model_spec.name = rng.choice(["digits", "named"])
        if rng.random() < 0.5:
            request.model_spec.version.value = 3
        values = floats((rng.randrange(1, 5), 3))
        put_tensor(request.inputs["x"], 1, values, as_list)
        signature = request.model_spec.signature_name = rng.choice(["", "serving_default", "all"])
        if rng.random() < 0.3:
            request.output_filter.extend(["label"])
        response = ask_tensorflow("P", request, predict_pb2.PredictResponse)
        names = ["label"] if request.output_filter else ["proba", "label"] if signature == "all" else ["proba"]
        assert sorted(response.outputs) == sorted(names)
        if "proba" in names:
            assert np.array_equal(array_of(response.outputs["proba"]), values)
        if "label" in names:
            best = values.argmax(1)
            words = np.array([b"no", b"yes", b"perhaps"], object)
            expected = best if request.model_spec.name == "digits" else words[best]
            assert np.array_equal(array_of(response.outputs["label"]), expected)

        rows = rng.randrange(1, 5)
        dtype = rng.choice(sorted(TYPES))
        kind = np.dtype(TYPES[dtype][0])
        choices = [0, 1] if kind.kind == "b" else [0, -1.5, 3.25] if kind.kind == "f" else [
            np.iinfo(kind).min, np.iinfo(kind).max, 7]
        numbers = np.array([rng.choice(choices) for _ in range(rows)], kind)
        texts = np.array([rng.choice([b"", b"a", "Köln".encode()]) for _ in range(rows)], object)
        hours = floats((rows, 1))
        request = predict_pb2.PredictRequest()
        request.model_spec.name = "people"
        put_tensor(request.inputs["age"], dtype, numbers, as_list)
        put_tensor(request.inputs["work"], 7, texts, as_list)
        put_tensor(request.inputs["hours"], 1, hours, as_list)
        response = ask_tensorflow("P", request, predict_pb2.PredictResponse)
        expected = np.stack([numbers.astype("f8").astype("f4"), [len(t) for t in texts], hours.ravel()], 1)
        assert np.array_equal(array_of(response.outputs["value"]), expected.astype("f4")), (request, response)

        pixels = np.array([rng.randrange(256) for _ in range(8)], "u1").reshape(2, 2, 2)
        request = predict_pb2.PredictRequest()
        request.model_spec.name = "image"
        put_tensor(request.inputs["image"], rng.choice([1, 4]), pixels, as_list)
        response = ask_tensorflow("P", request, predict_pb2.PredictResponse)
        assert np.array_equal(array_of(response.outputs["value"]), pixels.astype("f4"))


def examples_tensorflow():
    for _ in range(300):
        request = classification_pb2.ClassificationRequest()
        request.model_spec.name = "voters"
        rows = rng.randrange(1, 4)
        in_context = rng.random() < 0.5
        examples = request.input.example_list_with_context if in_context else request.input.example_list
        expected = []
        for _ in range(rows):
            feature = examples.examples.add().features.feature
            age, work, hours = rng.randrange(100), rng.choice(["", "abc"]), float(rng.randrange(9))
            feature["age"].int64_list.value.append(age)
            feature["work"].bytes_list.value.append(work.encode())
            if in_context:
                hours = 4.0
            else:
                feature["hours"].float_list.value.append(hours)
            expected.append([age, len(work), hours])
        if in_context:
            examples.context.features.feature["hours"].float_list.value.append(4)
            examples.context.features.feature["age"].float_list.value.append(-1)
        response = ask_tensorflow("C", request, classification_pb2.ClassificationResponse)
        for row, scored in zip(expected, response.result.classifications, strict=True):
            order = sorted(range(3), key=lambda i: (-row[i], i))
            assert [(c.label, c.score) for c in scored.classes] == [("abc"[i], row[i]) for i in order]

        request = regression_pb2.RegressionRequest()
        request.model_spec.name = "price"
        values = [float(rng.randrange(-5, 5)) for _ in range(rows)]
        for value in values:
            feature = request.input.example_list.examples.add().features.feature
            feature[rng.choice(["x"])].float_list.value.append(value)
        response = ask_tensorflow("R", request, regression_pb2.RegressionResponse)
        assert [r.value for r in response.result.regressions] == values


def describe_tensorflow():
    request = get_model_status_pb2.GetModelStatusRequest()
    request.model_spec.name = "m"
    states = get_model_status_pb2.ModelVersionStatus.State
    response = answer("T", request, get_model_status_pb2.GetModelStatusResponse)
    assert [(s.version, states.Name(s.state), s.status.error_code, s.status.error_message)
            for s in response.model_version_status] == [(3, "AVAILABLE", 0, ""), (2, "END", 3, "no such file")]
    request.model_spec.version.value = 2
    assert len(answer("T", request, get_model_status_pb2.GetModelStatusResponse).model_version_status) == 1

    request = get_model_metadata_pb2.GetModelMetadataRequest()
    request.model_spec.name = "digits"
    request.metadata_field.append("signature_def")
    response = answer("D", request, get_model_metadata_pb2.GetModelMetadataResponse)
    assert response.model_spec.name == "digits" and response.model_spec.version.value == 3
    packed = response.metadata["signature_def"]
    assert packed.type_url == "type.googleapis.com/tensorflow.serving.SignatureDefMap"
    signatures = get_model_metadata_pb2.SignatureDefMap.FromString(packed.value).signature_def

    def tensors(infos):
        return {n: (i.name, i.dtype, [d.size for d in i.tensor_shape.dim]) for n, i in infos.items()}

    assert sorted(signatures) == ["all", "classify", "serving_default"]
    assert tensors(signatures["all"].inputs) == {"x": ("x:0", 1, [-1, 3])}
    assert tensors(signatures["all"].outputs) == {"proba": ("proba:0", 1, [-1, 3]), "label": ("label:0", 9, [-1])}
    assert tensors(signatures["serving_default"].outputs) == {"proba": ("proba:0", 1, [-1, 3])}
    assert signatures["serving_default"].method_name == "tensorflow/serving/predict"
    assert signatures["classify"].method_name == "tensorflow/serving/classify"
    for _ in range(300):
        compare_damaged("D", request.SerializeToString(), get_model_metadata_pb2.GetModelMetadataRequest)


def reflected(field, text):
    """What the server's reflection answers: the number of what it is, and its fields."""
    status, answered = call("F", wire.varint(8 * field + 2) + wire.varint(len(text)) + text.encode())
    assert status == 0, answered
    return [(n, list(wire.fields(value))) for n, value in wire.fields(answered) if n > 2]


def pool_with(symbol):
    ((number_of_files, files),) = reflected(4, symbol)
    assert number_of_files == 4, (symbol, files)
    pool = descriptor_pool.DescriptorPool()
    for _, file in reversed(files):  # those that others depend on come behind them
        descriptor = descriptor_pb2.FileDescriptorProto.FromString(file)
        assert len(descriptor.SerializeToString()) == len(file)
        pool.Add(descriptor)
    return pool


def same_message(ours, theirs, seen):
    if ours.full_name in seen:
        return
    seen.add(ours.full_name)
    for field in ours.fields:
        if field.name == "properties":  # of ModelMetadataResponse, not of Triton's
            continue
        other = theirs.fields_by_name[field.name]
        assert (field.number, field.type, field.has_presence) == (
            other.number, other.type, other.has_presence), (ours.full_name, field.name)
        # GetModelStatusResponse has a field whose name in JSON is its own.
        assert other.json_name in (field.json_name, field.name), (ours.full_name, field.name)
        assert (field.containing_oneof is None) == (other.containing_oneof is None), (ours.full_name, field.name)
        if field.message_type:
            same_message(field.message_type, other.message_type, seen)
        if field.enum_type:
            for value in field.enum_type.values:
                assert other.enum_type.values_by_name[value.name].number == value.number, value.name


def reflect(services, classes, prefix):
    ((kind, listed),) = reflected(7, "")
    assert kind == 6 and {dict(wire.fields(s))[1].decode() for _, s in listed} >= set(services)
    seen = set()
    for name in services:
        service = pool_with(name).FindServiceByName(name)
        assert service.methods
        for method in service.methods:
            for ours in (method.input_type, method.output_type):
                if ours.name in classes:
                    same_message(ours, classes[ours.name].DESCRIPTOR, seen)
    assert len(seen) > 15, seen
    assert pool_with(prefix).FindMessageTypeByName(prefix)
    ((kind, fields),) = reflected(4, "no.such.Symbol")
    assert kind == 7 and dict(fields)[1] == NOT_FOUND
    ((kind, _),) = reflected(3, "no_such.proto")
    assert kind == 7


def reflect_triton():
    classes = {n: getattr(service_pb2, n) for n in dir(service_pb2) if n.startswith(("Model", "Server", "Repository"))}
    classes |= {n: getattr(health_pb2, n) for n in ("HealthCheckRequest", "HealthCheckResponse")}
    reflect(["inference.GRPCInferenceService", "grpc.health.v1.Health"], classes, "inference.ModelInferRequest")


def reflect_tensorflow():
    modules = (predict_pb2, classification_pb2, regression_pb2, get_model_metadata_pb2, get_model_status_pb2)
    classes = {n: getattr(m, n) for m in modules for n in dir(m) if n.endswith(("Request", "Response"))}
    reflect(["tensorflow.serving.PredictionService", "tensorflow.serving.ModelService"], classes,
            "tensorflow.serving.PredictRequest")


tests = [infer_triton, describe_triton, reflect_triton] if KIND == "triton" else [
    predict_tensorflow, examples_tensorflow, describe_tensorflow, reflect_tensorflow]
for test in tests:
    print(f"-- {test.__name__}", flush=True)
    test()
print(f"{Counts.accepted} damaged messages accepted, {Counts.refused} refused")
assert Counts.lenient < 0.01 * Counts.refused
process.stdin.close()
assert process.wait() == 0
