"""nn-serve by ovmsclient, which speaks TensorFlow Serving's REST and gRPC: ovms_clients.py BIN_FOLDER EXAMPLES KIND"""

import os
import sys
import tempfile

sys.dont_write_bytecode = True  # beside the sources
import servers
from models import Models

BIN, EXAMPLES, KIND = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2]), sys.argv[3]
try:
    import numpy as np
    from ovmsclient import make_grpc_client, make_http_client
    from ovmsclient.tfs_compat.base.errors import InvalidInputError, ModelNotFoundError
except ImportError as error:
    servers.skip(error)


def refused(kind, call):
    try:
        call()
    except kind as error:
        assert str(error)
        return
    raise AssertionError(f"no {kind.__name__}")


def main():
    models = Models(BIN, EXAMPLES, tempfile.mkdtemp())
    models.publish("digits", 2, "digits-2")
    x = np.array([list(row.values()) for row in models.rows("digits", 4)], "f4")
    said = {version: np.array([row["proba"] for row in models.predictions("digits", 4, file)], "f4")
            for version, file in ((1, "digits"), (2, "digits-2"))}
    with servers.nn_serve(BIN, "--repository", models.repository, "--policy", "latest:2", "--device", "cpu:0") as server:
        make = make_http_client if KIND == "http" else make_grpc_client
        client = make(f"127.0.0.1:{server.port}")
        status = client.get_model_status("digits")
        assert {version: one["state"] for version, one in status.items()} == {1: "AVAILABLE", 2: "AVAILABLE"}, status
        assert all(one["error_code"] == 0 for one in status.values()), status
        one = client.get_model_status("digits", 1)
        assert list(one) == [1], one
        refused(ModelNotFoundError, lambda: client.get_model_status("nope"))
        refused(ModelNotFoundError, lambda: client.get_model_status("digits", 9))

        metadata = client.get_model_metadata("digits")
        if KIND == "grpc":
            assert metadata["model_version"] == 2, metadata
            assert metadata["inputs"]["x"] == {"shape": [-1, 64], "dtype": "DT_FLOAT"}, metadata
            assert metadata["outputs"]["proba"] == {"shape": [-1, 10], "dtype": "DT_FLOAT"}, metadata
        else:  # it takes apart only what its own server writes, and hands over the rest
            inputs = metadata["metadata"]["signature_def"]["signature_def"]["serving_default"]["inputs"]
            assert inputs["x"]["dtype"] == "DT_FLOAT", metadata
            assert [d["size"] for d in inputs["x"]["tensor_shape"]["dim"]] == ["-1", "64"], metadata
        refused(ModelNotFoundError, lambda: client.get_model_metadata("nope"))

        for version in (0, 1, 2):  # 0 is the latest
            given = client.predict({"x": x}, "digits", version)
            given = given["proba"] if isinstance(given, dict) else given
            assert np.array_equal(np.asarray(given, "f4"), said[version or 2]), (version, given)
        given = client.predict({"x": x.tolist()}, "digits")  # numbers of 64 bits
        given = given["proba"] if isinstance(given, dict) else given
        assert np.array_equal(np.asarray(given, "f4"), said[2])
        people = models.rows("people", 3)
        columns = {name: np.array([row[name] for row in people], "f4") for name in ("age", "height")}
        columns["town"] = [row["town"] for row in people]
        given = client.predict(columns, "people")
        given = given["proba"] if isinstance(given, dict) else given
        wanted = np.array([row["proba"] for row in models.predictions("people", 3)], "f4")
        assert np.array_equal(np.asarray(given, "f4"), wanted), given
        refused(ModelNotFoundError, lambda: client.predict({"x": x}, "nope"))
        refused(ModelNotFoundError, lambda: client.predict({"x": x}, "digits", 9))
        refused(InvalidInputError, lambda: client.predict({"x": x[:, :5]}, "digits"))
        refused(InvalidInputError, lambda: client.predict({"z": x}, "digits"))
    print("ok")


main()
