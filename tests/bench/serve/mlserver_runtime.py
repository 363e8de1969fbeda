"""The model for MLServer: what its own runtimes do, with ONNX Runtime below."""

import os

import numpy as np
from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceRequest, InferenceResponse
from opponents import session_of


class OnnxModel(MLModel):
    async def load(self) -> bool:
        self.session = session_of(os.environ["NN_BENCH_ONNX"])
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        x = NumpyCodec.decode_input(payload.inputs[0]).astype(np.float32)
        proba = self.session.run(["proba"], {"x": x})[0]
        return InferenceResponse(model_name=self.name, outputs=[NumpyCodec.encode_output("proba", proba)])
