"""nn-serve by tritonclient: http, http.aio, grpc and grpc.aio. triton_clients.py BIN_FOLDER EXAMPLES KIND"""

import asyncio
import inspect
import os
import sys
import tempfile
import time

sys.dont_write_bytecode = True  # beside the sources
import servers
from models import Models

BIN, EXAMPLES, KIND = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2]), sys.argv[3]
try:
    import numpy as np

    if KIND.startswith("http"):
        import tritonclient.http as client_types
    else:
        import tritonclient.grpc as client_types
    if KIND == "http.aio":
        import tritonclient.http.aio as client_module
    elif KIND == "grpc.aio":
        import tritonclient.grpc.aio as client_module
    else:
        client_module = client_types
    from tritonclient.utils import InferenceServerException
except ImportError as error:
    servers.skip(error)
OVER_HTTP = KIND.startswith("http")


async def of(value):
    """The same for clients that wait and for those that don't."""
    return await value if inspect.isawaitable(value) else value


async def refused(call, status):
    try:
        await of(call())
    except InferenceServerException as error:
        assert error.message(), "a refusal without a text"
        assert str(error.status() or "").endswith(status) or status in str(error), (str(error), status)
        return
    raise AssertionError(f"not refused with {status}")


def tensor(name, array, datatype, **more):
    given = client_types.InferInput(name, list(array.shape), datatype)
    given.set_data_from_numpy(array, **more)
    return given


def wanted(name, **more):
    return client_types.InferRequestedOutput(name, **more)


class Judge:
    def __init__(self, client, models):
        self.client, self.models = client, models
        self.admin = servers.ADMIN if OVER_HTTP else {name.lower(): value for name, value in servers.ADMIN.items()}
        rows = models.rows("digits", 5)
        self.x = np.array([list(row.values()) for row in rows], "f4")
        said = models.predictions("digits", 5)
        self.proba = np.array([row["proba"] for row in said], "f4")
        self.labels = [int(row["label"]) for row in said]

    async def digits(self, inputs=None, **more):
        inputs = inputs or [tensor("x", self.x, "FP32")]
        return await of(self.client.infer("digits", inputs, **more))

    def check(self, result, proba=None):
        proba = self.proba if proba is None else proba
        given = result.as_numpy("proba")
        assert given.dtype == np.float32 and np.array_equal(given, proba), (given, proba)

    async def questions(self):
        client = self.client
        assert await of(client.is_server_live()) and await of(client.is_server_ready())
        assert await of(client.is_model_ready("digits")) and await of(client.is_model_ready("digits", "1"))
        assert not await of(client.is_model_ready("nope")) and not await of(client.is_model_ready("digits", "7"))
        as_json = {} if OVER_HTTP else {"as_json": True}
        server = await of(client.get_server_metadata(**as_json))
        assert "binary_tensor_data" in server["extensions"], server
        metadata = await of(client.get_model_metadata("digits", **as_json))
        assert [(i["name"], i["datatype"], [int(d) for d in i["shape"]]) for i in metadata["inputs"]] == [
            ("x", "FP32", [-1, 64])], metadata
        assert [(o["name"], o["datatype"], [int(d) for d in o["shape"]]) for o in metadata["outputs"]] == [
            ("proba", "FP32", [-1, 10]), ("label", "INT64", [-1])], metadata
        people = await of(client.get_model_metadata("people", **as_json))
        assert {i["name"]: i["datatype"] for i in people["inputs"]}["town"] == "BYTES", people
        config = await of(client.get_model_config("digits", **as_json))
        config = config if OVER_HTTP else config["config"]
        assert config["name"] == "digits" and config["max_batch_size"] >= 256, config
        index = await of(client.get_model_repository_index(**as_json))
        index = index if OVER_HTTP else index["models"]
        assert {(m["name"], m["state"]) for m in index} == {(name, "READY") for name in ("digits", "people", "length")}, index
        await refused(lambda: client.get_model_metadata("nope"), "404" if OVER_HTTP else "NOT_FOUND")

    async def inference(self):
        result = await self.digits()
        self.check(result)
        label = result.as_numpy("label")
        assert label.dtype == np.int64 and label.tolist() == self.labels, label
        response = result.get_response()
        name = response["model_name"] if OVER_HTTP else response.model_name
        version = response["model_version"] if OVER_HTTP else response.model_version
        assert (name, version) == ("digits", "1")
        self.check(await self.digits(model_version="1", request_id="q 7"))
        named = await self.digits(request_id="q 7")
        assert (named.get_response()["id"] if OVER_HTTP else named.get_response().id) == "q 7"
        only = await self.digits(outputs=[wanted("label")])
        assert only.as_numpy("proba") is None and only.as_numpy("label").tolist() == self.labels
        order = await self.digits(outputs=[wanted("label"), wanted("proba")])
        outputs = order.get_response()["outputs"] if OVER_HTTP else order.get_response().outputs
        assert [o["name"] if OVER_HTTP else o.name for o in outputs] == ["label", "proba"]
        self.check(order)
        for count in (1, 2, 3, 4):  # other batches, the same bits
            some = await self.digits([tensor("x", self.x[:count], "FP32")])
            self.check(some, self.proba[:count])
        await self.digits(timeout=20_000_000 if OVER_HTTP else None, priority=1)
        await self.digits(headers={"x-request-id": "a"})

    async def columns(self):
        rows = self.models.rows("digits", 5)
        inputs = [tensor(name, np.array([row[name] for row in rows], "f4"), "FP32") for name in rows[0]]
        self.check(await self.digits(inputs))
        people = self.models.rows("people", 4)
        said = self.models.predictions("people", 4)
        for numbers, text in (("FP32", object), ("FP64", object), ("INT32", object), ("INT64", np.bytes_)):
            types = {"FP32": "f4", "FP64": "f8", "INT32": "i4", "INT64": "i8"}
            town = np.array([row["town"].encode() for row in people], text)
            inputs = [
                tensor("town", town, "BYTES"),
                tensor("age", np.array([row["age"] for row in people], types[numbers]), numbers),
                tensor("height", np.array([row["height"] for row in people], "f4"), "FP32"),
            ]
            result = await of(self.client.infer("people", inputs))
            assert np.array_equal(result.as_numpy("proba"), np.array([row["proba"] for row in said], "f4")), numbers
            assert [label.decode() for label in result.as_numpy("label")] == [row["label"] for row in said]
        length = self.models.rows("length", 4)
        x = np.array([[row["a"], row["b"]] for row in length], "f4")
        value = (await of(self.client.infer("length", [tensor("x", x, "FP32")]))).as_numpy("value")
        assert np.array_equal(value.reshape(-1), np.array([row["value"] for row in self.models.predictions("length", 4)], "f4"))

    async def forms(self):
        """JSON and bytes in all mixes, and compressed both ways."""
        if OVER_HTTP:
            for binary_in in (True, False):
                given = [tensor("x", self.x, "FP32", binary_data=binary_in)]
                self.check(await self.digits(given))
                for proba in (True, False):
                    for label in (True, False):
                        outputs = [wanted("proba", binary_data=proba), wanted("label", binary_data=label)]
                        result = await self.digits(given, outputs=outputs)
                        self.check(result)
                        assert result.as_numpy("label").tolist() == self.labels
            people = self.models.rows("people", 3)
            for binary_in in (True, False):  # one in JSON, one in bytes
                inputs = [
                    tensor("town", np.array([row["town"] for row in people], object), "BYTES", binary_data=binary_in),
                    tensor("age", np.array([row["age"] for row in people], "f4"), "FP32", binary_data=not binary_in),
                    tensor("height", np.array([row["height"] for row in people], "f4"), "FP32", binary_data=True),
                ]
                result = await of(self.client.infer("people", inputs))
                said = [row["label"] for row in self.models.predictions("people", 3)]
                assert [label.decode() for label in result.as_numpy("label")] == said
            for algorithm in ("gzip", "deflate"):
                self.check(await self.digits(request_compression_algorithm=algorithm))
                self.check(await self.digits(response_compression_algorithm=algorithm))
                self.check(await self.digits(request_compression_algorithm=algorithm,
                                             response_compression_algorithm=algorithm))
        else:
            for algorithm in ("gzip", "deflate"):
                self.check(await self.digits(compression_algorithm=algorithm))

    async def classification(self):
        for more in ({"binary_data": True}, {"binary_data": False}) if OVER_HTTP else ({},):
            result = await self.digits(outputs=[wanted("proba", class_count=3, **more)])
            classes = result.as_numpy("proba")
            assert classes.shape == (5, 3), classes.shape
            for row, (given, label) in enumerate(zip(classes, self.labels)):
                score, index, *name = (given[0].decode() if isinstance(given[0], bytes) else given[0]).split(":")
                assert int(index) == label, (given, label)
                assert abs(float(score) - self.proba[row].max()) < 1e-6

    async def refusals(self):
        bad, missing = ("400", "404") if OVER_HTTP else ("INVALID_ARGUMENT", "NOT_FOUND")
        await refused(lambda: self.client.infer("nope", [tensor("x", self.x, "FP32")]), missing)
        await refused(lambda: self.digits(model_version="9"), missing)
        await refused(lambda: self.digits([tensor("x", self.x[:, :10].copy(), "FP32")]), bad)
        await refused(lambda: self.digits([tensor("z", self.x, "FP32")]), bad)
        await refused(lambda: self.digits([tensor("x", self.x.astype(bool), "BOOL")]), bad)
        await refused(lambda: self.digits(outputs=[wanted("z")]), bad)
        self.check(await self.digits())

    async def large(self):
        rows = np.tile(self.x, (2000, 1))
        result = await self.digits([tensor("x", rows, "FP32")])
        self.check(result, np.tile(self.proba, (2000, 1)))

    async def repository(self):
        as_json = {} if OVER_HTTP else {"as_json": True}
        statistics = await of(self.client.get_inference_statistics("digits", **as_json))
        one = statistics["model_stats"][0]
        assert int(one["inference_count"]) >= int(one["execution_count"]) > 0, one
        assert int(one["inference_stats"]["success"]["count"]) > 0 and int(one["inference_stats"]["queue"]["count"]) > 0
        assert len((await of(self.client.get_inference_statistics(**as_json)))["model_stats"]) == 3
        await of(self.client.unload_model("length", headers=self.admin))
        assert not await of(self.client.is_model_ready("length"))
        assert await of(self.client.is_server_ready()), "one model that is unloaded is no reason to take the server away"
        await of(self.client.load_model("length", headers=self.admin))
        assert await of(self.client.is_model_ready("length"))
        await refused(lambda: self.client.load_model("nope", headers=self.admin), "404" if OVER_HTTP else "NOT_FOUND")

    async def later(self):
        """Clients that ask without waiting."""
        if KIND == "http":
            asked = [self.client.async_infer("digits", [tensor("x", self.x, "FP32")]) for _ in range(20)]
            for one in asked:
                self.check(one.get_result())
        elif KIND == "grpc":
            came = []
            for _ in range(20):
                self.client.async_infer("digits", [tensor("x", self.x, "FP32")],
                                        callback=lambda result, error: came.append((result, error)))
            end = time.monotonic() + 20
            while len(came) < 20 and time.monotonic() < end:
                time.sleep(0.005)
            assert len(came) == 20
            for result, error in came:
                assert error is None, error
                self.check(result)
        else:
            for result in await asyncio.gather(*(self.digits() for _ in range(20))):
                self.check(result)

    async def stream(self):
        if KIND != "grpc":
            return
        came = []
        self.client.start_stream(callback=lambda result, error: came.append((result, error)))
        for i in range(10):
            width = 64 if i != 4 else 3  # one of them is wrong, and the stream goes on
            self.client.async_stream_infer("digits", [tensor("x", self.x[:, :width].copy(), "FP32")], request_id=str(i))
        self.client.stop_stream()
        assert len(came) == 10 and sum(error is not None for _, error in came) == 1, came
        for result, error in came:
            if error is None:
                self.check(result)


async def main():
    models = Models(BIN, EXAMPLES, tempfile.mkdtemp())
    failed = 0
    with servers.nn_serve(BIN, "--repository", models.repository, "--device", "cpu:0",
                          *servers.admin_options(models.folder)) as server:
        more = {"concurrency": 4} if KIND == "http" else {}
        client = client_module.InferenceServerClient(f"127.0.0.1:{server.port}", **more)
        judge = Judge(client, models)
        for part in ("questions", "inference", "columns", "forms", "classification", "refusals", "large", "later",
                     "stream", "repository"):
            try:
                await getattr(judge, part)()
            except Exception as error:  # the next part is tried as well
                failed += 1
                line = error.__traceback__
                while line.tb_next and line.tb_next.tb_frame.f_code.co_filename == __file__:
                    line = line.tb_next
                print(f"FAILED {KIND} {part} (line {line.tb_lineno}): {type(error).__name__}: {str(error)[:600]}")
        await of(client.close())
    print(f"{failed} parts failed")
    return failed > 0


sys.exit(asyncio.run(main()))
