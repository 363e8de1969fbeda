"""nn-serve by KServe's SDK: kserve_clients.py BIN_FOLDER EXAMPLES"""

import asyncio
import os
import sys
import tempfile

sys.dont_write_bytecode = True  # beside the sources
import servers
from models import Models

BIN, EXAMPLES = (os.path.abspath(path) for path in sys.argv[1:3])
try:
    import numpy as np
    from kserve import InferenceGRPCClient, InferenceRESTClient, InferInput, InferRequest, RESTConfig
except ImportError as error:
    servers.skip(error)


def request_of(x, binary=None):
    given = InferInput("x", list(x.shape), "FP32")
    if binary is None:
        given.set_data_from_numpy(x)
    else:
        given.set_data_from_numpy(x, binary_data=binary)
    return InferRequest(model_name="digits", infer_inputs=[given])


async def main():
    models = Models(BIN, EXAMPLES, tempfile.mkdtemp())
    x = np.array([list(row.values()) for row in models.rows("digits", 4)], "f4")
    proba = np.array([row["proba"] for row in models.predictions("digits", 4)], "f4")
    with servers.nn_serve(BIN, "--repository", models.repository, "--device", "cpu:0") as server:
        url = f"http://127.0.0.1:{server.port}"
        v2 = InferenceRESTClient(RESTConfig(protocol="v2"))
        assert await v2.is_server_live(url) is True and await v2.is_server_ready(url) is True
        assert await v2.is_model_ready(url, "digits") is True
        for binary in (True, False):
            answer = await v2.infer(url, request_of(x, binary), model_name="digits")
            outputs = {output.name: output for output in answer.outputs}
            assert np.array_equal(outputs["proba"].as_numpy(), proba), binary
        v1 = InferenceRESTClient(RESTConfig(protocol="v1"))
        assert await v1.is_server_live(url) is True
        assert await v1.is_model_ready(url, "digits")  # what it returns is what is said: a text
        answer = await v1.infer(url, {"instances": x.tolist()}, model_name="digits")
        assert np.array_equal(np.array(answer["predictions"], "f4"), proba)
        try:
            await v1.explain(url, "digits", {"instances": x.tolist()})
            raise AssertionError("explained")
        except Exception as error:
            assert "501" in str(error), error
        grpc = InferenceGRPCClient(f"127.0.0.1:{server.port}")
        assert await grpc.is_server_live() and await grpc.is_server_ready() and await grpc.is_model_ready("digits")
        answer = await grpc.infer(request_of(x))
        outputs = {output.name: output for output in answer.outputs}
        assert np.array_equal(outputs["proba"].as_numpy(), proba)
        await grpc.close()
    print("ok")


asyncio.run(main())
