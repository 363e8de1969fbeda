"""Requests of the Open Inference Protocol over HTTP for a model `m` (x FP32 [n,4] to value FP32 [n,4], twice x), and in
which answers nn-serve differs from Triton on purpose, and why."""

import dataclasses
import gzip
import json
import struct
import zlib


@dataclasses.dataclass
class Probe:
    name: str
    method: str
    path: str
    body: bytes | None = None
    headers: dict = dataclasses.field(default_factory=dict)
    chunks: list | None = None  # instead of a body
    # Where the answers differ: what ours is, as far as it is said, and why.
    status: int | None = None
    same_body: bool = True
    check: object = None  # of our body, parsed
    because: str = ""


def request_of(**more):
    """The usual request as an object, with some of it changed; None takes a key away."""
    x = {"name": "x", "shape": [1, 4], "datatype": "FP32", "data": [1.5, -2, 3, 40]}
    top = {key: more.pop(key) for key in ("id", "parameters", "outputs", "extra", "model_name") if key in more}
    x |= more
    return top | {"inputs": [{key: value for key, value in x.items() if value is not None}]}


def text(value):
    return value if isinstance(value, bytes) else json.dumps(value).encode()


def infer(name, request, **more):
    return Probe(name, "POST", more.pop("path", "/v2/models/m/infer"), text(request), **more)


FLOATS = struct.pack("<4f", 1.5, -2, 3, 40)
BINARY = {"data": None, "parameters": {"binary_data_size": 16}}


def of_binary(**more):
    """The usual request whose x travels behind the JSON."""
    request = request_of(**{key: value for key, value in more.items() if key in ("id", "outputs")})
    request["inputs"][0].pop("data")
    request["inputs"][0]["parameters"] = {"binary_data_size": more.get("size", 16)}
    if "top" in more:
        request["parameters"] = more["top"]
    return json.dumps(request).encode()


def binary(name, header, raw, length=None, **more):
    length = len(header) if length is None else length
    return infer(name, header + raw, headers={"Inference-Header-Content-Length": str(length)}, **more)


BAD_REQUEST = "what the client sent is wrong, which is 400; Triton says 500"
OUTPUT = {"name": "value"}


def metadata():
    get = lambda name, path, **more: Probe(name, "GET", path, **more)
    own_server = dict(same_body=False, because="another server: its own name, version and extensions")
    own_model = dict(same_body=False, because="another platform and backend, and limits of its own")
    yield get("server", "/v2", check=lambda body: "binary_tensor_data" in body["extensions"], **own_server)
    yield get("server, slash", "/v2/", status=200, same_body=False, because="the published OpenAPI has this path only")
    yield get("live", "/v2/health/live", same_body=False, check=lambda body: body["live"] is True,
              because="KServe's SDK reads JSON here; Triton's body is empty")
    yield get("ready", "/v2/health/ready", same_body=False, check=lambda body: body["ready"] is True,
              because="KServe's SDK reads JSON here; Triton's body is empty")
    yield get("model", "/v2/models/m", check=lambda body: body["inputs"] == [
        {"name": "x", "datatype": "FP32", "shape": [-1, 4]}] and body["versions"] == ["1"], **own_model)
    yield get("model's version", "/v2/models/m/versions/1", check=lambda body: body["versions"] == ["1"], **own_model)
    yield get("model, query", "/v2/models/m?x=1", check=lambda body: body["name"] == "m", **own_model)
    yield get("version that isn't there", "/v2/models/m/versions/9")
    yield get("version 0", "/v2/models/m/versions/0", status=200, same_body=False, check=lambda body: body["name"] == "m",
              because="no version is 0; clients of TensorFlow Serving say so when they mean the latest")
    yield get("no number as a version", "/v2/models/m/versions/abc")
    yield get("version without digits", "/v2/models/m/versions/")
    yield get("model that isn't there", "/v2/models/nope")
    yield get("model's name, percent-encoded", "/v2/models/%6d", status=200, same_body=False,
              check=lambda body: body["name"] == "m", because="clients encode names")
    yield get("no model's name", "/v2/models/")
    yield get("model ready", "/v2/models/m/ready", same_body=False,
              check=lambda body: body["name"] == "m" and body["ready"] is True,
              because="KServe's SDK reads JSON here; Triton's body is empty")
    yield get("version ready", "/v2/models/m/versions/1/ready", same_body=False,
              check=lambda body: body["ready"] is True, because="KServe's SDK reads JSON here; Triton's body is empty")
    yield get("unknown model ready", "/v2/models/nope/ready", status=404,
              because="it isn't there, as its metadata say too; Triton says 400")
    yield get("unknown version ready", "/v2/models/m/versions/9/ready", status=404,
              because="it isn't there, as its metadata say too; Triton says 400")
    yield get("configuration", "/v2/models/m/config",
              check=lambda body: body["name"] == "m" and body["max_batch_size"] > 0
              and body["input"][0]["dims"] == [4] and body["input"][0]["data_type"] == "TYPE_FP32", **own_model)
    yield get("version's configuration", "/v2/models/m/versions/1/config",
              check=lambda body: body["name"] == "m", **own_model)
    yield get("unknown model's configuration", "/v2/models/nope/config")
    own_numbers = dict(same_body=False, because="counters and times of another process")
    statistics = lambda body: {"success", "fail", "queue", "compute_input", "compute_infer", "compute_output",
                               "cache_hit", "cache_miss"} <= body["model_stats"][0]["inference_stats"].keys()
    yield get("statistics", "/v2/models/m/stats", check=statistics, **own_numbers)
    yield get("version's statistics", "/v2/models/m/versions/1/stats", check=statistics, **own_numbers)
    yield get("all statistics", "/v2/models/stats", check=statistics, **own_numbers)
    yield get("unknown model's statistics", "/v2/models/nope/stats", status=404,
              because="it isn't there, as its metadata say too; Triton says 400")


def routes():
    yield Probe("unknown path", "GET", "/v2/foo")
    yield Probe("unknown path below a model", "GET", "/v2/models/m/foo")
    yield Probe("path of nobody", "GET", "/foo")
    yield Probe("trailing slash", "GET", "/v2/models/m/")
    yield Probe("DELETE of a model", "DELETE", "/v2/models/m")
    yield Probe("PUT of a model", "PUT", "/v2/models/m", b"{}")
    yield Probe("GET of infer", "GET", "/v2/models/m/infer")
    yield Probe("POST of a model", "POST", "/v2/models/m", b"")
    yield Probe("POST of live", "POST", "/v2/health/live", b"")
    yield Probe("GET of the index", "GET", "/v2/repository/index")
    yield Probe("OPTIONS of infer", "OPTIONS", "/v2/models/m/infer", status=204, same_body=False,
                because="it says what may be asked, as browsers want to know; Triton says 405")
    yield Probe("HEAD of live", "HEAD", "/v2/health/live", status=200, same_body=False,
                because="load balancers ask so; Triton says 405")
    index = dict(same_body=False, because="a key `reason`, empty where there is none, as Triton's own protocol has it")
    yield Probe("index", "POST", "/v2/repository/index", b"", **index,
                check=lambda body: [(m["name"], m["version"], m["state"]) for m in body] == [("m", "1", "READY")])
    yield Probe("index of what is ready", "POST", "/v2/repository/index", b'{"ready":true}', **index,
                check=lambda body: [m["name"] for m in body] == ["m"])
    yield Probe("index, broken body", "POST", "/v2/repository/index", b'{"ready":', status=400, because=BAD_REQUEST)


def inference():
    yield infer("flat data", request_of())
    yield infer("nested data", request_of(data=[[1.5, -2, 3, 40]]))
    yield infer("nested as the client likes", request_of(data=[[[1.5], [-2]], [[3], [40]]]))
    yield infer("three rows", request_of(shape=[3, 4], data=list(range(12))))
    yield infer("by version", request_of(), path="/v2/models/m/versions/1/infer")
    yield infer("query", request_of(), path="/v2/models/m/infer?a=b")
    yield infer("name percent-encoded", request_of(), path="/v2/models/%6D/infer", status=200, same_body=False,
                check=lambda body: body["outputs"][0]["data"] == [3, -4, 6, 80], because="clients encode names")
    yield infer("an id", request_of(id="q 7"))
    yield infer("an empty id", request_of(id=""))
    yield infer("an id of other letters", request_of(id="ключ \"\\\u2028\n"))
    yield infer("keys that nobody knows", request_of(extra={"a": [1, {"b": None}]}, model_name="z"))
    yield infer("one output", request_of(outputs=[OUTPUT]))
    yield infer("no outputs are all of them", request_of(outputs=[]))
    yield infer("numbers of all kinds", request_of(data=[1e3, -0.75, 1.25e-7, 16777217]))
    yield infer("largest and smallest", request_of(data=[3e37, -1e-36, 1.1754944e-38, 123456.789]))
    yield infer("white space", b'\n {"inputs" : [ {"name":"x","shape":[1 ,4],"datatype":"FP32",\t"data":[1,2,3,4]}]} \r\n')
    yield infer("escapes in names", b'{"inputs":[{"na\\u006de":"\\u0078","shape":[1,4],"datatype":"FP32","data":[1,2,3,4]}]}')
    yield infer("another content type", request_of(), headers={"Content-Type": "multipart/form-data"})
    yield infer("a timeout long enough", request_of(parameters={"timeout": 20_000_000}))
    yield infer("a priority", request_of(parameters={"priority": 1}))
    yield infer("chunks", None, chunks=[text(request_of())[:30], text(request_of())[30:]])
    yield infer("a byte a chunk", None, chunks=[bytes([byte]) for byte in text(request_of())])
    yield infer("gzip", gzip.compress(text(request_of())), headers={"Content-Encoding": "gzip"})
    yield infer("deflate", zlib.compress(text(request_of())), headers={"Content-Encoding": "deflate"})
    yield infer("identity", text(request_of()), headers={"Content-Encoding": "identity"})
    yield infer("an answer in gzip", request_of(shape=[2, 4], data=list(range(8))), headers={"Accept-Encoding": "gzip"})
    yield infer("classification", request_of(outputs=[OUTPUT | {"parameters": {"classification": 2}}]))
    yield infer("classification of ties", request_of(
        data=[1, 2, 2, 1], outputs=[OUTPUT | {"parameters": {"classification": 4}}]))
    yield infer("classification of more than there are", request_of(
        outputs=[OUTPUT | {"parameters": {"classification": 900}}]))
    yield infer("classification of two rows", request_of(
        shape=[2, 4], data=[1, 2, 3, 4, 9, 8, 7, 6], outputs=[OUTPUT | {"parameters": {"classification": 1}}]))
    yield infer("not a number", b'{"inputs":[{"name":"x","shape":[1,4],"datatype":"FP32","data":[NaN,Infinity,-Infinity,Inf]}]}',
                status=400, because="a network computes nothing of them: a value that is missing is said by name")


def inference_binary():
    yield binary("binary in", of_binary(), FLOATS)
    yield binary("binary in, out by output", of_binary(outputs=[OUTPUT | {"parameters": {"binary_data": True}}]), FLOATS)
    yield binary("binary in, JSON out by output",
                 of_binary(outputs=[OUTPUT | {"parameters": {"binary_data": False}}]), FLOATS)
    yield binary("binary in, out for all", of_binary(top={"binary_data_output": True}), FLOATS)
    yield binary("outputs given: out for all doesn't count", of_binary(top={"binary_data_output": True}, outputs=[OUTPUT]),
                 FLOATS)
    yield infer("JSON in, binary out", request_of(outputs=[OUTPUT | {"parameters": {"binary_data": True}}]))
    yield infer("JSON in, binary out for all", request_of() | {"parameters": {"binary_data_output": True}})
    yield binary("all JSON, its length said", text(request_of()), b"")
    yield binary("classes in binary", of_binary(
        outputs=[OUTPUT | {"parameters": {"binary_data": True, "classification": 3}}]), FLOATS)
    yield infer("the length is wrong: nothing", FLOATS, headers={"Inference-Header-Content-Length": "0"})
    yield binary("the length is wrong: too long", of_binary(), FLOATS, length=9999)
    yield binary("the length is wrong: beyond 64 bits", of_binary(), FLOATS, length=99999999999999999999999)
    yield binary("the length is wrong: negative", of_binary(), FLOATS, length=-1)
    yield binary("the length is no number", of_binary(), FLOATS, length="abc")
    yield binary("the length cuts the JSON", of_binary(), FLOATS, length=20, status=400, because=BAD_REQUEST)
    yield infer("binary data without the length", of_binary() + FLOATS)
    yield binary("a byte is missing", of_binary(), FLOATS[:-1])
    yield binary("all bytes are missing", of_binary(), b"")
    yield binary("a byte more", of_binary(), FLOATS + b"x")
    yield binary("another size than the shape's", of_binary(size=12), FLOATS[:12])
    yield binary("a negative size", of_binary(size=-16), FLOATS, status=400, because=BAD_REQUEST)
    yield binary("a size that is a text", of_binary(size="16"), FLOATS, status=400, because=BAD_REQUEST)
    yield binary("gzip around binary", b"", b"", length=len(of_binary()))
    both = json.loads(of_binary())
    both["inputs"][0]["data"] = [1, 2, 3, 4]
    yield binary("data and binary data", json.dumps(both).encode(), FLOATS)


def refused():
    yield infer("unknown model", request_of(), path="/v2/models/nope/infer")
    yield infer("unknown version", request_of(), path="/v2/models/m/versions/9/infer")
    yield infer("version that is no number", request_of(), path="/v2/models/m/versions/x/infer")
    yield infer("an id that is a number", request_of(id=7), status=400, because=BAD_REQUEST)
    yield infer("an element is missing", request_of(data=[1, 2, 3]), status=400, because=BAD_REQUEST)
    yield infer("an element more", request_of(data=[1, 2, 3, 4, 5]), status=400, because=BAD_REQUEST)
    yield infer("another width", request_of(shape=[1, 5], data=[1, 2, 3, 4, 5]))
    yield infer("no batch", request_of(shape=[4]))
    yield infer("a dimension more", request_of(shape=[1, 1, 4]))
    yield infer("no shape", request_of(shape=None), status=400, because=BAD_REQUEST)
    yield infer("shape is no list", request_of(shape=4), status=400, because=BAD_REQUEST)
    yield infer("shape with a text", request_of(shape=[1, "4"]), status=400, because=BAD_REQUEST)
    yield infer("shape with a fraction", request_of(shape=[1, 4.5]), status=400, because=BAD_REQUEST)
    yield infer("a negative dimension", request_of(shape=[-1, 4]), status=400, because=BAD_REQUEST)
    yield infer("a shape that overflows", request_of(shape=[4611686018427387904, 4]))
    yield infer("no rows", request_of(shape=[0, 4], data=[]))
    yield infer("another type", request_of(datatype="FP64"))
    yield infer("a type that doesn't exist", request_of(datatype="FLOAT"))
    yield infer("no type", request_of(datatype=None), status=400, because=BAD_REQUEST)
    yield infer("a type that is a number", request_of(datatype=32), status=400, because=BAD_REQUEST)
    yield infer("texts for numbers", request_of(data=["1", "2", "3", "4"]), status=400, because=BAD_REQUEST)
    yield infer("true for a number", request_of(data=[True, 2, 3, 4]), status=400, because=BAD_REQUEST)
    yield infer("null for a number", request_of(data=[None, 2, 3, 4]), status=400, because=BAD_REQUEST)
    yield infer("an object for a number", request_of(data=[{}, 2, 3, 4]), status=400, because=BAD_REQUEST)
    yield infer("data is a number", request_of(data=4), status=400, because=BAD_REQUEST)
    yield infer("no data", request_of(data=None))
    yield infer("no name", request_of(name=None), status=400, because=BAD_REQUEST)
    yield infer("a name that is a number", request_of(name=1), status=400, because=BAD_REQUEST)
    yield infer("unknown input", request_of(name="z"))
    yield infer("an input more", {"inputs": request_of()["inputs"] + request_of(name="z")["inputs"]})
    yield infer("an input twice", {"inputs": 2 * request_of()["inputs"]})
    yield infer("unknown output", request_of(outputs=[{"name": "nope"}]))
    yield infer("an output without a name", request_of(outputs=[{}]), status=400, because=BAD_REQUEST)
    yield infer("outputs are no list", request_of(outputs="value"), status=400, because=BAD_REQUEST)
    yield infer("classification of nothing", request_of(outputs=[OUTPUT | {"parameters": {"classification": 0}}]),
                status=400, because="no classes are no answer; Triton's gRPC says so as well")
    yield infer("classification of less", request_of(outputs=[OUTPUT | {"parameters": {"classification": -1}}]),
                status=400, because=BAD_REQUEST)
    yield infer("shared memory", request_of(data=None, parameters={"shared_memory_region": "r",
                                                                   "shared_memory_byte_size": 16}))
    yield infer("no inputs", {"inputs": []})
    yield infer("inputs is an object", {"inputs": {}}, status=400, because=BAD_REQUEST)
    yield infer("inputs of numbers", {"inputs": [1]})
    yield infer("nothing in it", {}, status=400, because=BAD_REQUEST)
    yield infer("a list", [], status=400, because=BAD_REQUEST)
    yield infer("a number", 5, status=400, because=BAD_REQUEST)
    yield infer("no body", b"")
    yield infer("it stops", b'{"inputs":', status=400, because=BAD_REQUEST)
    yield infer("it goes on", text(request_of()) + b"}", status=400, because=BAD_REQUEST)
    yield infer("single quotes", b"{'inputs':[]}", status=400, because=BAD_REQUEST)
    yield infer("bytes that are no UTF-8", b'{"id":"\xff","inputs":[]}')
    yield infer("too deep", b'{"a":' * 300 + b"1" + b"}" * 300, status=400, because=BAD_REQUEST)
    yield infer("a parameter that is reserved", request_of() | {"parameters": {"triton_x": 1}})
    yield infer("gzip that is none", text(request_of()), headers={"Content-Encoding": "gzip"})
    yield infer("gzip that stops", gzip.compress(text(request_of()))[:-12], headers={"Content-Encoding": "gzip"},
                status=400, because=BAD_REQUEST)
    yield infer("brotli", request_of(), headers={"Content-Encoding": "br"}, status=415,
                because="415 is what HTTP has for it; Triton says 501")


def repository():
    yield Probe("unload", "POST", "/v2/repository/models/m/unload", b"")
    yield Probe("unloaded", "GET", "/v2/models/m/ready", status=503, same_body=False,
                check=lambda body: body["ready"] is False, because="known, and not available; Triton says 400")
    yield infer("infer of what is unloaded", request_of(), status=503, because="known, and not available; Triton says 404")
    yield Probe("load", "POST", "/v2/repository/models/m/load", b"")
    yield infer("infer of what is loaded again", request_of())
    yield Probe("load of an unknown one", "POST", "/v2/repository/models/nope/load", b"", status=404,
                because="it isn't there; Triton says 500")
    yield Probe("load with a configuration", "POST", "/v2/repository/models/m/load",
                text({"parameters": {"config": "{}"}}), status=400,
                because="files are not written over HTTP")
    yield Probe("load with a file", "POST", "/v2/repository/models/m/load",
                text({"parameters": {"file:1/model.py": "aGk="}}), status=400,
                because="files are not written over HTTP")
    yield Probe("GET of load", "GET", "/v2/repository/models/m/load")


PROBES = [*metadata(), *routes(), *inference(), *inference_binary(), *refused(), *repository()]
