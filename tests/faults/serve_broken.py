"""Bodies that are wrong, of each protocol over HTTP: (path, fields, body). Each is to be answered with a 4xx."""
import json
import struct

V1, V2 = "/v1/models/digits:predict", "/v2/models/digits/infer"
ROW = [float(i % 16) for i in range(64)]
DEEP = 2000


def text(value):
    return value if isinstance(value, bytes) else json.dumps(value).encode()


def of_json():
    """What is wrong as JSON, or as an object."""
    yield from (b"", b" ", b"{", b"[", b'"', b"}", b"nul", b"truth", b"{]", b"[}", b'{"', b'{"a', b'{"a"', b'{"a":', b'{"a":1',
                b'{"a":1,', b'{"a":1,}', b"{,}", b"{1:2}", b"{'a':1}", b"{a:1}", b"\xff\xfe", b"\xef\xbb\xbf", b"\0", b"{}{}",
                b'{"\\ud800":1}', b'{"a":"\x01"}', b'{"a":"\xc3"}', b'{"a":01}', b'{"a":1.}', b'{"a":+1}', b'{"a":.5}',
                b'{"a":1e}', b'{"a":0x10}', b"// x\n{}", b"null", b"true", b"17", b'"text"', b"[]", b"[1]", b"{}",
                b'{"a":' * DEEP + b"1" + b"}" * DEEP, b"[" * DEEP + b"]" * DEEP, b"[" * 200000)


def v1():
    for body in of_json():
        yield V1, {}, body
    wrong = [
        {"instances": None}, {"instances": 1}, {"instances": "x"}, {"instances": {}}, {"instances": []}, {"inputs": None},
        {"instances": [ROW], "inputs": [ROW]}, {"instances": [ROW[:-1]]}, {"instances": [ROW + [1]]}, {"instances": ROW},
        {"instances": [ROW, ROW[:-1]]}, {"instances": [[ROW]]}, {"instances": [["a"] * 64]},
        {"instances": [[True] * 64]}, {"instances": [{"x": ROW}, ROW]}, {"instances": [{"z": ROW}]}, {"instances": [{}]},
        {"instances": [{"x": ROW, "z": 1}]}, {"instances": [ROW], "signature_name": 5},
        {"instances": [ROW], "signature_name": "nope"}, {"inputs": {"z": [ROW]}}, {"inputs": {}}, {"inputs": ROW},
        {"instances": [{"b64": "%%%"}]}, {"instances": [{"b64": 5}]}, {"instances": [ROW[:-1] + [1e999]]},
        {"instances": [ROW[:-1] + [[1]]]}, {"instances": [ROW[:-1] + [{}]]},
    ]
    for body in wrong:
        yield V1, {}, text(body)
    yield V1, {}, b'{"instances":[' + b"[" * 300 + b"]" * 300 + b"]}"
    yield V1, {}, b'{"instances":[' + text(ROW) + b'],"instances":[1]}'
    yield V1, {"Content-Encoding": "gzip"}, text({"instances": [ROW]})
    yield V1, {"Content-Encoding": "rot13"}, text({"instances": [ROW]})
    for body in ({}, {"examples": 1}, {"examples": []}, {"examples": [1]}, {"examples": [{"z": 1}]}, {"context": 1, "examples": [{}]}):
        yield "/v1/models/digits:classify", {}, text(body)
    for path in ("/v1/models/nope:predict", "/v1/models/digits/versions/9:predict", "/v1/models/digits/labels/nope:predict",
                 "/v1/models/digits/versions/99999999999999999999:predict", "/v1/models/digits/versions/-1:predict",
                 "/v1/models/digits:nothing", "/v1/models/%2F:predict", "/v1/models/..%2F..:predict", "/v1/models/%zz:predict"):
        yield path, {}, text({"instances": [ROW]})


def tensor(**more):
    x = {"name": "x", "shape": [1, 64], "datatype": "FP32", "data": ROW} | more
    return {key: value for key, value in x.items() if value != "absent"}


def v2():
    for body in of_json():
        yield V2, {}, body
    tensors = [
        1, [], None, {}, tensor(name="absent"), tensor(name=5), tensor(name="z"), tensor(shape="absent"), tensor(shape=5),
        tensor(shape=[]), tensor(shape=[64]), tensor(shape=[1, 63]), tensor(shape=[-1, 64]), tensor(shape=[1, "64"]),
        tensor(shape=[1.5, 64]), tensor(shape=[0, 64]), tensor(shape=[1 << 62, 64]), tensor(shape=[1 << 70, 64]),
        tensor(shape=[1] * 5000), tensor(datatype="absent"), tensor(datatype=1), tensor(datatype="FLOAT"),
        tensor(datatype="BYTES"), tensor(data="absent"), tensor(data=5), tensor(data="x"), tensor(data=ROW[:-1]),
        tensor(data=ROW + [1]), tensor(data=["1"] * 64), tensor(data=[{}] * 64),
        tensor(parameters=5), tensor(parameters={"binary_data_size": 256}),
        tensor(data="absent", parameters={"binary_data_size": 256}), tensor(data="absent", parameters={"binary_data_size": -1}),
        tensor(data="absent", parameters={"binary_data_size": "x"}),
        tensor(data="absent", parameters={"shared_memory_region": "r", "shared_memory_byte_size": 256}),
    ]
    for one in tensors:
        yield V2, {}, text({"inputs": [one]})
    for inputs in (None, 1, "x", {}, [], [tensor(), tensor()], [tensor(), tensor(name="z")]):
        yield V2, {}, text({"inputs": inputs})
    for more in ({"id": 5}, {"id": {}}, {"outputs": 5}, {"outputs": [5]}, {"outputs": [{}]}, {"outputs": [{"name": "z"}]},
                 {"outputs": [{"name": "proba", "parameters": {"classification": 0}}]}, {"parameters": 5},
                 {"outputs": [{"name": "proba", "parameters": {"classification": -5}}]},
                 {"outputs": [{"name": "proba", "parameters": {"classification": "all"}}]},
                 {"parameters": {"triton_x": 1}}, {"parameters": {"timeout": "soon"}}):
        yield V2, {}, text({"inputs": [tensor()]} | more)


def binary():
    raw = struct.pack("<64f", *ROW)
    header = text({"inputs": [tensor(data="absent", parameters={"binary_data_size": len(raw)})]})
    length = "Inference-Header-Content-Length"
    for size in ("-1", "x", "", " ", "1e2", "99999999999999999999999", str(len(header) + len(raw) + 1), "1", "5",
                 str(len(header) - 1), str(len(header) + 1), "0x10", "+5", "5,5"):
        yield V2, {length: size}, header + raw
    for data in (b"", raw[:-1], raw[:1], raw + b"x", raw + raw):
        yield V2, {length: str(len(header))}, header + data
    for size in (0, 1, 255, 257, -1, 1 << 31, 1 << 32, 1 << 63, 1 << 64, 1.5, "256", None, [256], {}):
        broken = text({"inputs": [tensor(data="absent", parameters={"binary_data_size": size})]})
        yield V2, {length: str(len(broken))}, broken + raw
    people = "/v2/models/people/infer"
    numbers = [{"name": name, "shape": [2], "datatype": "FP32", "data": [1, 2]} for name in ("age", "height")]
    texts = {
        "no length": b"", "half a length": b"\1\0", "a length and nothing": b"\3\0\0\0", "cut": b"\3\0\0\0Ul",
        "one of two": b"\3\0\0\0Ulm", "three of two": b"\3\0\0\0Ulm" * 3, "a byte more": b"\3\0\0\0Ulm" * 2 + b"x",
        "very long": b"\xff\xff\xff\xffUlm", "beyond": b"\3\0\0\0Ulm\xff\xff\xff\x7fUlm",
        "lengths that add up to less": b"\0\0\0\0" + b"\1\0\0\0",
    }
    for data in texts.values():
        for size in {len(data), len(data) + 1, max(len(data) - 1, 0)}:
            town = {"name": "town", "shape": [2], "datatype": "BYTES", "parameters": {"binary_data_size": size}}
            head = text({"inputs": [*numbers, town]})
            yield people, {length: str(len(head))}, head + data


BROKEN = {"v1": list(v1()), "v2": list(v2()), "binary": list(binary())}
