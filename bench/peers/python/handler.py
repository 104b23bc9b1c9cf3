"""What people write who serve an ONNX model from a Lambda function in Python: JSON to arrays, one run, arrays to JSON."""

import json
import os

import numpy as np
import onnxruntime

OPTIONS = onnxruntime.SessionOptions()
OPTIONS.intra_op_num_threads = 1
OPTIONS.inter_op_num_threads = 1
SESSION = onnxruntime.InferenceSession(os.environ["MODEL"], OPTIONS, providers=["CPUExecutionProvider"])
INPUT = SESSION.get_inputs()[0].name
OUTPUTS = [output.name for output in SESSION.get_outputs()]


def handler(event, context):
    body = json.loads(event["body"])
    rows = np.asarray(body["inputs"], dtype=np.float32)
    answers = [answer.tolist() for answer in SESSION.run(OUTPUTS, {INPUT: rows})]
    outputs = answers[0] if len(answers) == 1 else dict(zip(OUTPUTS, answers))
    headers = {"content-type": "application/json"}
    return {"statusCode": 200, "headers": headers, "body": json.dumps({"outputs": outputs}), "isBase64Encoded": False}
