"""Asks a gateway through KServe's REST client: `kserve_rest.py URL`, the token in `TOKEN`.

The gateway serves the models of `model-fn/tests/fixtures/served`.
"""

import asyncio
import os
import sys

import numpy as np
from httpx import HTTPStatusError
from kserve import InferenceRESTClient, InferInput, InferRequest, RESTConfig

URL = sys.argv[1]
HEADERS = {"Authorization": f"Bearer {os.environ['TOKEN']}"}


def request(binary):
    tensors = []
    for name, values in (("a", [[1, 2]]), ("b", [[3, 4]])):
        given = InferInput(name, [1, 2], "FP32")
        given.set_data_from_numpy(np.array(values, np.float32), binary_data=binary)
        tensors.append(given)
    return InferRequest(model_name="pair", infer_inputs=tensors, request_id="7")


async def infer(client, binary, model="pair"):
    return await client.infer(URL, request(binary), headers=HEADERS, model_name=model)


async def main():
    client = InferenceRESTClient(RESTConfig(protocol="v2", retries=0))
    assert await client.is_server_live(URL)
    assert await client.is_server_ready(URL)
    assert await client.is_model_ready(URL, "pair", headers=HEADERS)
    for binary in (False, True):
        response = await infer(client, binary)
        assert response.id == "7" and response.model_name == "pair", response
        outputs = {output.name: output.as_numpy() for output in response.outputs}
        np.testing.assert_array_equal(outputs["both"], [[4, 6]])
        np.testing.assert_array_equal(outputs["mean"], [5])
    try:
        await infer(client, False, "nothing")
    except HTTPStatusError as error:
        assert error.response.status_code == 404 and "no model `nothing`" in str(error), error
    else:
        raise AssertionError("a model that is not there answers")


asyncio.run(main())
print("asked")
