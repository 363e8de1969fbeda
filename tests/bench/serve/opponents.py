"""What nn-serve is compared with, made of our model: opponents.py onnx MODEL.npz OUT.onnx, or opponents.py fastapi
MODEL.onnx PORT. It runs in an environment that has onnx, or fastapi, uvicorn and onnxruntime."""

import sys


def make_onnx(archive, path):
    """Of a dense network with relu, by the archive that nn-model convert makes."""
    import numpy as np
    from onnx import TensorProto, checker, helper, numpy_helper, save

    arrays = np.load(archive)
    layers = sorted({name.split("/")[0] for name in arrays if name.startswith("dense_")}, key=lambda n: int(n[6:]))
    nodes, weights, at = [], [], "x"
    for i, layer in enumerate(layers):
        for part in ("kernel", "bias"):
            weights.append(numpy_helper.from_array(arrays[f"{layer}/{part}"].astype("f4"), f"{layer}.{part}"))
        nodes.append(helper.make_node("Gemm", [at, f"{layer}.kernel", f"{layer}.bias"], [layer]))
        at = layer
        if i + 1 < len(layers):
            nodes.append(helper.make_node("Relu", [at], [layer + ".relu"]))
            at = layer + ".relu"
    nodes.append(helper.make_node("Softmax", [at], ["proba"], axis=1))
    inputs, outputs = (arrays[f"{layers[i]}/kernel"].shape[axis] for i, axis in ((0, 0), (-1, 1)))
    value = lambda name, width: helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", int(width)])
    graph = helper.make_graph(nodes, "model", [value("x", inputs)], [value("proba", outputs)], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 8
    checker.check_model(model)
    save(model, path)


def session_of(path):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def serve_fastapi(path, port):
    import numpy as np
    import uvicorn
    from fastapi import FastAPI, Request

    session = session_of(path)
    app = FastAPI()

    @app.get("/ready")
    def ready():
        return {"ready": True}

    @app.post("/v1/models/digits:predict")
    async def predict(request: Request):
        x = np.asarray((await request.json())["instances"], "f4")
        return {"predictions": session.run(["proba"], {"x": x})[0].tolist()}

    uvicorn.run(app, host="127.0.0.1", port=int(port), log_level="error", access_log=False)


if __name__ == "__main__":
    {"onnx": make_onnx, "fastapi": serve_fastapi}[sys.argv[1]](*sys.argv[2:])
