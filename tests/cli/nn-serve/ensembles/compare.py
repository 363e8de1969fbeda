"""compare.py URL MODEL VERSION…: asks versions of a model for the rows of MODEL.rows, over each protocol, and compares
their answers with the lines of MODEL.VERSION, to the last bit."""
import json
import struct
import subprocess
import sys
import urllib.request

from protobuf_wire import field, fields, varint

url, model = sys.argv[1:3]
rows = [list(json.loads(line).values()) for line in open(f"{model}.rows")]
count, width = len(rows), len(rows[0])
raw = struct.pack(f"<{count * width}f", *(value for row in rows for value in row))


def post(path, body, headers=None):
    request = urllib.request.Request(url + path, data=body, headers=headers or {})
    with urllib.request.urlopen(request, timeout=60) as response:
        return response.headers, response.read()


def floats(values):
    return struct.pack(f"<{len(values)}f", *values)


def flat(values):
    return [one for value in values for one in flat(value)] if isinstance(values, list) else [values]


def over_v1(version):
    path = f"/v1/models/{model}/versions/{version}:predict"
    headers, body = post(path, json.dumps({"signature_name": "all", "instances": rows}).encode())
    said = json.loads(body)["predictions"]
    names = headers["x-nn-members"], headers["x-nn-missing"]
    if isinstance(said[0], dict):
        return floats(flat([one["proba"] for one in said])), [one["label"] for one in said], names
    return floats(flat(said)), None, names


def over_v2(version):
    tensor = {"name": "x", "datatype": "FP32", "shape": [count, width], "data": flat(rows)}
    _, body = post(f"/v2/models/{model}/versions/{version}/infer", json.dumps({"inputs": [tensor]}).encode())
    said = json.loads(body)
    outputs = {one["name"]: one["data"] for one in said["outputs"]}
    names = said["parameters"]["members"], said["parameters"].get("missing")
    return floats(outputs.get("proba") or outputs["value"]), outputs.get("label"), names


def over_binary(version):
    tensor = {"name": "x", "datatype": "FP32", "shape": [count, width], "parameters": {"binary_data_size": len(raw)}}
    head = json.dumps({"inputs": [tensor], "parameters": {"binary_data_output": True}}).encode()
    headers, body = post(f"/v2/models/{model}/versions/{version}/infer", head + raw,
                         {"Inference-Header-Content-Length": str(len(head))})
    length = int(headers["Inference-Header-Content-Length"])
    said, at, outputs = json.loads(body[:length]), length, {}
    for one in said["outputs"]:
        size = one["parameters"]["binary_data_size"]
        outputs[one["name"]] = body[at:at + size]
        at += size
    label = outputs.get("label")
    names = said["parameters"]["members"], said["parameters"].get("missing")
    return outputs.get("proba") or outputs["value"], label and list(struct.unpack(f"<{count}q", label)), names


def over_grpc(version):
    message = field(1, model.encode()) + field(2, str(version).encode())
    message += field(5, field(1, b"x") + field(2, b"FP32") + field(3, varint(count) + varint(width))) + field(7, raw)
    with open("request", "wb") as file:
        file.write(b"\0" + struct.pack(">I", len(message)) + message)
    subprocess.run(["curl", "-s", "--max-time", "60", "--http2-prior-knowledge", "-H", "content-type: application/grpc",
                    "-H", "te: trailers", "--data-binary", "@request", "-o", "reply",
                    f"{url}/inference.GRPCInferenceService/ModelInfer"], check=True)
    with open("reply", "rb") as file:
        said = list(fields(file.read()[5:]))
    outputs = [content for number, content in said if number == 6]
    parameters = {}
    for entry in (dict(fields(content)) for number, content in said if number == 4):
        parameters[entry[1].decode()] = dict(fields(entry[2]))[3].decode()
    label = list(struct.unpack(f"<{count}q", outputs[1])) if len(outputs) > 1 else None
    return outputs[0], label, (parameters["members"], parameters.get("missing"))


for version in sys.argv[3:]:
    expected = [json.loads(line) for line in open(f"{model}.{version}")]
    values = floats(flat([one.get("proba") or one["value"] for one in expected]))
    labels = [one["label"] for one in expected] if "label" in expected[0] else None
    for ask in over_v1, over_v2, over_binary, over_grpc:
        got, label, names = ask(version)
        assert got == values, (version, ask.__name__, "values")
        assert label == labels, (version, ask.__name__, "labels")
    print(f"{model}/{version} is the same, of {names[0]}")
