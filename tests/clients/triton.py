"""Asks a gateway through tritonclient: `triton.py HOST:PORT`, the token in `TOKEN`.

The gateway serves the models of `model-fn/tests/fixtures/served`. Ends with an error at the first answer that is not
what the model says.
"""

import os
import sys

import ml_dtypes
import numpy as np
import tritonclient.http as http
from tritonclient.utils import InferenceServerException

CLIENT = http.InferenceServerClient(sys.argv[1])
HEADERS = {"Authorization": f"Bearer {os.environ['TOKEN']}"}

# The datatypes of the model `every`, whose outputs are its inputs.
EVERY = {
    "BOOL": np.array([True, False]),
    "UINT8": np.array([0, 255], np.uint8),
    "UINT16": np.array([0, 65535], np.uint16),
    "UINT32": np.array([0, 2**32 - 1], np.uint32),
    "UINT64": np.array([0, 2**64 - 1], np.uint64),
    "INT8": np.array([-128, 127], np.int8),
    "INT16": np.array([-(2**15), 2**15 - 1], np.int16),
    "INT32": np.array([-(2**31), 2**31 - 1], np.int32),
    "INT64": np.array([-(2**63), 2**63 - 1], np.int64),
    "FP16": np.array([0.1, -65504], np.float16),
    "FP32": np.array([0.1, np.inf], np.float32),
    "FP64": np.array([0.1, np.nan]),
    "BYTES": np.array(["é\0".encode(), b""], np.object_),
}


def tensor(name, datatype, values, binary=True):
    given = http.InferInput(name, list(values.shape), datatype)
    given.set_data_from_numpy(values, binary_data=binary)
    return given


def infer(model, inputs, **more):
    # The client leaves what it adds to the headers in them.
    return CLIENT.infer(model, inputs, headers=dict(HEADERS), **more)


def refused(status, words, ask):
    try:
        ask()
    except InferenceServerException as error:
        assert error.status() == str(status), error
        assert words in error.message(), error
    else:
        raise AssertionError(f"{words}: not refused")


def health():
    assert CLIENT.is_server_live()
    assert CLIENT.is_server_ready()
    assert CLIENT.is_model_ready("pair", headers=HEADERS)
    assert CLIENT.is_model_ready("pair", "2", headers=HEADERS)
    assert not CLIENT.is_model_ready("nothing", headers=HEADERS)


def metadata():
    extensions = CLIENT.get_server_metadata(headers=HEADERS)["extensions"]
    assert {"binary_tensor_data", "classification", "statistics", "model_configuration"} <= set(extensions)
    pair = CLIENT.get_model_metadata("pair", headers=HEADERS)
    assert pair["inputs"][0] == {"name": "a", "datatype": "FP32", "shape": [-1, 2]}, pair
    config = CLIENT.get_model_config("pair", headers=HEADERS)
    assert config["max_batch_size"] > 0 and config["input"][0]["dims"] == [2], config
    index = CLIENT.get_model_repository_index(headers=HEADERS)
    assert {"name": "pair", "version": "2", "state": "READY", "reason": ""} in index, index
    refused(501, "not by requests", lambda: CLIENT.load_model("pair", headers=HEADERS))
    refused(501, "not by requests", lambda: CLIENT.unload_model("pair", headers=HEADERS))


def every_datatype():
    for binary_in in (True, False):
        # In JSON, the client refuses FP16, and nothing stands for what is not finite.
        def sent(name, array):
            return array if binary_in or name not in ("FP32", "FP64") else np.array([0.5, -2], array.dtype)

        values = {name: sent(name, array) for name, array in EVERY.items()}
        inputs = [tensor(name.lower(), name, array, binary_in or name == "FP16") for name, array in values.items()]
        for binary_out in (True, False):
            outputs = [
                http.InferRequestedOutput(name.lower() + "_", binary_data=binary_out or name == "FP16")
                for name in values
            ]
            result = infer("every", inputs, outputs=outputs, request_id="7")
            assert result.get_response()["id"] == "7"
            for name, expected in values.items():
                given = result.as_numpy(name.lower() + "_")
                if name == "FP32" and binary_in and not binary_out:
                    # Infinity has no word in JSON either: it comes as null.
                    expected = np.array([0.1, np.nan], np.float32)
                if name == "BYTES":
                    given = np.array([text if isinstance(text, bytes) else text.encode() for text in given], np.object_)
                    assert list(given) == list(expected), (given, expected)
                else:
                    np.testing.assert_array_equal(given, expected, name)


def bf16():
    x = tensor("x", "BF16", np.array([[1.5, 0.1]], ml_dtypes.bfloat16))
    mean = infer("total", [x]).as_numpy("mean")
    np.testing.assert_allclose(mean, (1.5 + 0.10009766) / 2, rtol=1e-6)


def compression():
    y = np.arange(1, 10_001, dtype=np.int64)
    for request in (None, "gzip", "deflate"):
        for response in (None, "gzip", "deflate"):
            for binary in (True, False):
                inputs = [tensor("x", "INT64", 3 * y, binary), tensor("y", "INT64", y, binary)]
                output = http.InferRequestedOutput("z", binary_data=binary)
                result = infer(
                    "quotient",
                    inputs,
                    outputs=[output],
                    request_compression_algorithm=request,
                    response_compression_algorithm=response,
                )
                np.testing.assert_array_equal(result.as_numpy("z"), np.full(10_000, 3))


def classification():
    city = tensor("city", "BYTES", np.array([[b"Bern"], ["Zürich".encode()]], np.object_))
    for binary in (True, False):
        output = http.InferRequestedOutput("map", class_count=1, binary_data=binary)
        classes = infer("zipped", [city], outputs=[output]).as_numpy("map")
        given = [text.decode() if isinstance(text, bytes) else text for text in classes.flatten()]
        assert classes.shape == (2, 1), classes
        assert given == ["0.880797:0:no", "0.880797:1:yes"], given


def statistics():
    def counted():
        (stats,) = CLIENT.get_inference_statistics("pair", "1", headers=HEADERS)["model_stats"]
        return stats["inference_count"], stats["inference_stats"]["fail"]["count"]

    rows, failed = counted()
    a = tensor("a", "FP32", np.ones((3, 2), np.float32))
    b = tensor("b", "FP32", np.ones((3, 2), np.float32))
    np.testing.assert_array_equal(infer("pair", [a, b]).as_numpy("both"), np.full((3, 2), 2))
    refused(422, "input `b` is missing", lambda: infer("pair", [a]))
    assert counted() == (rows + 3, failed + 1), counted()
    assert len(CLIENT.get_inference_statistics(headers=HEADERS)["model_stats"]) > 8


def without_a_token():
    refused(401, "token", lambda: CLIENT.infer("total", [tensor("x", "FP32", np.ones((1, 2), np.float32))]))


for check in (
    health, metadata, every_datatype, bf16, compression, classification, statistics, without_a_token,
):
    check()
    print(check.__name__)
