"""Asks a gateway by MLServer's codecs: `codecs.py URL EXAMPLE`, the token in `TOKEN`; prints the answers as JSON.

The gateway serves the project's models.
"""

import json
import os
import sys

import pandas as pd
import requests
from mlserver.codecs import NumpyCodec, NumpyRequestCodec, PandasCodec
from mlserver.types import InferenceRequest, InferenceResponse, MetadataModelResponse


def main(url, example):
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {os.environ['TOKEN']}"
    model = f"{url}/v2/models/wine"

    def infer(request: InferenceRequest) -> InferenceResponse:
        reply = session.post(f"{model}/infer", data=request.model_dump_json(), headers={"Content-Type": "application/json"})
        reply.raise_for_status()
        return InferenceResponse.model_validate(reply.json())

    about = session.get(model)
    metadata = MetadataModelResponse.model_validate(about.json())
    [given] = metadata.inputs
    with open(example, encoding="utf-8") as file:
        rows = json.load(file)["instances"]
    frame = pd.DataFrame(rows, columns=about.json()["columns"])

    def labels(response):
        label, probabilities = response.outputs
        assert NumpyCodec.decode_output(probabilities).shape == (len(rows), 3), probabilities
        return NumpyCodec.decode_output(label).ravel().tolist()

    array = InferenceRequest(inputs=[NumpyCodec.encode_input(given.name, frame.to_numpy("float32"))])
    backwards = PandasCodec.encode_request(frame[frame.columns[::-1]])
    backwards.id = "backwards"
    answer = infer(backwards)
    first = NumpyRequestCodec.decode_response(answer)
    print(json.dumps({
        "array": labels(infer(array)),
        "frame": labels(infer(PandasCodec.encode_request(frame))),
        "backwards": labels(answer),
        "first": first.ravel().tolist(),
        "id": answer.id,
    }))


main(*sys.argv[1:])
