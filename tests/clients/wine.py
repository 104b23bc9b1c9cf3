"""Asks a gateway for wines through tritonclient and KServe's client: `wine.py URL EXAMPLE FORM…`, the token in `TOKEN`;
prints the labels that each form brings, as JSON.
"""

import asyncio
import json
import os
import sys

import numpy as np
import tritonclient.http as http
from kserve import InferenceRESTClient, InferInput, InferRequest, RESTConfig

HEADERS = {"Authorization": f"Bearer {os.environ['TOKEN']}"}


def triton(url, rows, binary, **more):
    client = http.InferenceServerClient(url.removeprefix("http://"))
    given = http.InferInput("X", list(rows.shape), "FP32")
    given.set_data_from_numpy(rows, binary_data=binary)
    output = http.InferRequestedOutput("label", binary_data=binary)
    # The client leaves what it adds to the headers in them.
    result = client.infer("wine", [given], outputs=[output], headers=dict(HEADERS), **more)
    return result.as_numpy("label").ravel().tolist()


async def kserve(url, rows):
    client = InferenceRESTClient(RESTConfig(protocol="v2", retries=0))
    given = InferInput("X", list(rows.shape), "FP32")
    given.set_data_from_numpy(rows, binary_data=False)
    request = InferRequest(model_name="wine", infer_inputs=[given])
    response = await client.infer(url, request, headers=HEADERS, model_name="wine")
    (labels,) = [output.as_numpy() for output in response.outputs if output.name == "label"]
    return labels.ravel().tolist()


def main(url, example, *forms):
    with open(example, encoding="utf-8") as file:
        rows = np.array(json.load(file)["instances"], np.float32)
    compressed = {"request_compression_algorithm": "gzip", "response_compression_algorithm": "gzip"}
    ask = {
        "bytes": lambda: triton(url, rows, True),
        "JSON": lambda: triton(url, rows, False),
        "compressed": lambda: triton(url, rows, True, **compressed),
        "KServe": lambda: asyncio.run(kserve(url, rows)),
    }
    print(json.dumps({form: ask[form]() for form in forms}))


main(*sys.argv[1:])
