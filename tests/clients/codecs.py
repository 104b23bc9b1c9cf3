"""Asks a gateway by MLServer's codecs: `codecs.py URL EXAMPLE`, the token in `TOKEN`; prints the answers as JSON.

The gateway serves the project's models.
"""

import json
import os
import sys
from urllib.request import Request, urlopen

import pandas as pd
from mlserver.codecs import NumpyCodec, NumpyRequestCodec, PandasCodec
from mlserver.types import InferenceRequest, InferenceResponse, MetadataModelResponse, RequestOutput


def main(url, example):
    headers = {"Authorization": f"Bearer {os.environ['TOKEN']}", "Content-Type": "application/json"}
    model = f"{url}/v2/models/wine"

    def ask(path, body=None):
        with urlopen(Request(path, data=body, headers=headers)) as reply:
            return json.load(reply)

    def infer(request: InferenceRequest) -> InferenceResponse:
        answer = ask(f"{model}/infer", request.model_dump_json().encode())
        return InferenceResponse.model_validate(answer)

    about = ask(model)
    metadata = MetadataModelResponse.model_validate(about)
    [given] = metadata.inputs
    with open(example, encoding="utf-8") as file:
        rows = json.load(file)["instances"]
    frame = pd.DataFrame(rows, columns=about["columns"])

    def labels(response):
        label, probabilities = response.outputs
        assert NumpyCodec.decode_output(probabilities).shape == (len(rows), 3), probabilities
        return NumpyCodec.decode_output(label).ravel().tolist()

    array = InferenceRequest(inputs=[NumpyCodec.encode_input(given.name, frame.to_numpy("float32"))])
    whole = labels(infer(array))
    backwards = PandasCodec.encode_request(frame[frame.columns[::-1]])
    backwards.id = "backwards"
    answer = infer(backwards)
    # This codec is for answers of one output.
    array.outputs = [RequestOutput(name="label")]
    first = NumpyRequestCodec.decode_response(infer(array))
    print(json.dumps({
        "array": whole,
        "frame": labels(infer(PandasCodec.encode_request(frame))),
        "backwards": labels(answer),
        "first": first.ravel().tolist(),
        "id": answer.id,
    }))


main(*sys.argv[1:])
