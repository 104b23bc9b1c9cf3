"""Asks a gateway as data scientists do, and prints the answers as JSON: `scoring.py URL EXAMPLE`, the token in `TOKEN`.

MLflow's client has no place for a token: a session of `requests` that carries one stands in for the module.
"""

import io
import json
import os
import sys

import numpy as np
import pandas as pd
import requests
from mlflow.pyfunc.scoring_server import client


def main(url, example):
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {os.environ['TOKEN']}"
    client.requests = session
    scoring = client.ScoringServerClient("127.0.0.1", 80)
    # It has no place for a path either, which stages of an API have.
    scoring.url_prefix = url
    scoring.ping()

    with open(example, encoding="utf-8") as file:
        rows = json.load(file)["instances"]
    names = session.get(f"{url}/v2/models/wine").json()["columns"]
    frame = pd.DataFrame(rows, columns=names, index=[f"row {place}" for place, _ in enumerate(rows)])
    backwards = frame[names[::-1]]
    table = backwards.to_csv(index=False)

    def predictions(data):
        return list(scoring.invoke(data)["predictions"])

    def told(data, **more):
        try:
            scoring.invoke(data, **more)
        except Exception as error:
            return str(error)
        return "answered"

    def posted(body, **headers):
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        reply = session.post(f"{url}/invocations", data=body, headers=headers)
        reply.raise_for_status()
        return reply

    saved = io.BytesIO()
    np.save(saved, np.asfortranarray(np.array(rows, dtype=">f4")))
    one = {"Content_Type": "application/x-npy", "Accept": "application/x-npy; output=probabilities"}
    array = np.load(io.BytesIO(posted(saved.getvalue(), **one).content), allow_pickle=False)
    csv = posted(table, Content_Type="text/csv", Accept="text/csv; header=present").text
    lines = posted(backwards.to_json(orient="records", lines=True), Content_Type="application/x-ndjson").text
    print(json.dumps({
        "frame": predictions(frame),
        "backwards": predictions(backwards),
        "records": predictions(json.dumps({"dataframe_records": backwards.to_dict(orient="records")})),
        "bare": predictions(pd.DataFrame(rows)),
        "numbers": scoring.invoke(np.array(rows, dtype="float32"))["predictions"],
        "csv": posted(table, Content_Type="text/csv").json()["predictions"],
        "csv as csv": pd.read_csv(io.StringIO(csv)).to_dict(orient="list"),
        "lines": [json.loads(line) for line in lines.splitlines()],
        "array": array.tolist(),
        "array type": str(array.dtype),
        "missing": told(frame.assign(**{names[0]: np.nan})),
        "unknown": told(frame.rename(columns={names[0]: "cork"})),
        "params": told(frame, params={"top_k": 1}),
    }))


main(*sys.argv[1:])
