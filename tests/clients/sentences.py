"""Asks a gateway for vectors of texts through the clients that people have: `sentences.py URL GOLDEN`, the token in
`TOKEN`. Ends with an error at the first answer that is not what the reference stack has recorded.
"""

import base64
import json
import os
import sys

import numpy as np
import openai
import tritonclient.http as http

TOKEN = os.environ["TOKEN"]


def of_openai(url, texts, expected, counts, cut):
    client = openai.OpenAI(base_url=f"{url}/v1", api_key=TOKEN, max_retries=0)
    listed = list(client.models.list())
    assert "minilm" in [model.id for model in listed], listed
    assert all(model.object == "model" and model.created > 1_700_000_000 for model in listed), listed
    for form in ["float", "base64", openai.omit]:
        # Where nothing is said, the client asks for base64 and decodes it.
        answer = client.embeddings.create(model="minilm", input=texts, encoding_format=form)
        vectors = [entry.embedding for entry in answer.data]
        if form == "base64":
            vectors = [np.frombuffer(base64.b64decode(one), "<f4") for one in vectors]
        close(vectors, expected)
        assert [entry.index for entry in answer.data] == list(range(len(texts)))
        assert answer.usage.total_tokens == answer.usage.prompt_tokens == sum(counts), answer.usage
        assert answer.model == "minilm"
        assert getattr(answer, "truncated_rows", []) == cut, answer.truncated_rows
    shorter = client.embeddings.create(model="minilm", input=texts[0], dimensions=64)
    first = np.array(expected[0][:64])
    close([shorter.data[0].embedding], [first / np.linalg.norm(first)])
    refused(lambda: client.embeddings.create(model="nobody", input="a"), openai.NotFoundError, "nobody")
    refused(lambda: client.embeddings.create(model="minilm", input=[[1, 2]]), openai.BadRequestError, "not tokens")
    nobody = openai.OpenAI(base_url=f"{url}/v1", api_key="nobody's", max_retries=0)
    refused(lambda: nobody.embeddings.create(model="minilm", input="a"), openai.AuthenticationError, "")


def of_triton(url, texts, expected):
    client = http.InferenceServerClient(url.removeprefix("http://"))
    for is_binary in [True, False]:
        values = np.array([text.encode() for text in texts], np.object_)
        given = http.InferInput("text", [len(texts)], "BYTES")
        given.set_data_from_numpy(values, binary_data=is_binary)
        output = http.InferRequestedOutput("embedding", binary_data=is_binary)
        headers = {"Authorization": f"Bearer {TOKEN}"}
        answer = client.infer("minilm", [given], outputs=[output], headers=headers)
        close(answer.as_numpy("embedding"), expected)


def close(given, expected):
    given, expected = np.array(given), np.array(expected)
    assert given.shape == expected.shape, (given.shape, expected.shape)
    assert np.abs(given - expected).max() < 1e-3, np.abs(given - expected).max()


def refused(ask, kind, words):
    try:
        ask()
    except kind as error:
        assert words in str(error), error
    else:
        raise AssertionError(f"{kind.__name__}: not refused")


def main(url, golden):
    with open(golden, encoding="utf-8") as file:
        golden = json.load(file)
    for places in golden["batches"][:5]:
        texts, expected, ids = [[golden[name][place] for place in places] for name in ["texts", "embeddings", "ids"]]
        cut = [row for row, place in enumerate(places) if place in golden["truncated"]]
        of_openai(url, texts, expected, [len(row) for row in ids], cut)
        of_triton(url, texts, expected)


main(*sys.argv[1:])
