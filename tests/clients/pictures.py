"""Sends pictures of digits to a gateway as people's clients do: `pictures.py URL FOLDER`, the token in `TOKEN`. Ends with
an error at the first answer that is another digit.
"""

import asyncio
import base64
import os
import sys
from pathlib import Path

import numpy as np
import requests
import tritonclient.http as http
from kserve import InferenceRESTClient, InferInput, InferRequest, RESTConfig

HEADERS = {"Authorization": f"Bearer {os.environ['TOKEN']}"}
NAMES = {"two.png": "2", "two.jpg": "2", "two.webp": "2", "zero.png": "0"}


def triton(url, pictures):
    client = http.InferenceServerClient(url.removeprefix("http://"))
    given = http.InferInput("image", [len(pictures)], "BYTES")
    given.set_data_from_numpy(np.array(pictures, np.object_))
    # The client leaves what it adds to the headers in them.
    answer = client.infer("digits", [given], headers=dict(HEADERS), outputs=[http.InferRequestedOutput("label")])
    return [row[0].decode() for row in answer.as_numpy("label")]


async def kserve(url, pictures):
    client = InferenceRESTClient(RESTConfig(protocol="v2", retries=0))
    given = InferInput("image", [len(pictures)], "BYTES")
    given.set_data_from_numpy(np.array(pictures, np.object_), binary_data=True)
    request = InferRequest(model_name="digits", infer_inputs=[given])
    response = await client.infer(url, request, headers=dict(HEADERS), model_name="digits")
    (labels,) = [output.as_numpy() for output in response.outputs if output.name == "label"]
    return [row[0].decode() if isinstance(row[0], bytes) else row[0] for row in labels]


def serving(url, pictures):
    rows = [{"b64": base64.b64encode(picture).decode()} for picture in pictures]
    answer = requests.post(f"{url}/v1/models/digits:predict", json={"instances": rows}, headers=HEADERS, timeout=60)
    return best(answer)


def form(url, pictures):
    files = [("file", (f"{place}.png", picture)) for place, picture in enumerate(pictures)]
    return best(requests.post(f"{url}/predict/digits", files=files, headers=HEADERS, timeout=60))


def best(answer):
    answer.raise_for_status()
    return [row["label"][0] for row in answer.json()["predictions"]]


def main(url, folder):
    pictures = [(Path(folder) / name).read_bytes() for name in NAMES]
    expected = list(NAMES.values())
    for ask in [triton, serving, form, lambda *given: asyncio.run(kserve(*given))]:
        labels = ask(url, pictures)
        assert labels == expected, f"{labels} instead of {expected}"
    broken = requests.post(
        f"{url}/predict/digits", data=pictures[0][:40], headers={**HEADERS, "Content-Type": "image/png"}, timeout=60
    )
    assert broken.status_code == 422 and broken.json()["code"] == "picture_refused", broken.text


main(*sys.argv[1:])
