"""Sends tables as pyarrow and pandas make them, and reads the answers with pyarrow: `arrow.py URL`, the token in `TOKEN`.

Each answer must be that in JSON to the same rows, value by value. The models are the small ones of the function's own tests.
"""

import os
import sys

import numpy as np
import pandas as pd
import pyarrow as pa
import requests

STREAM = "application/vnd.apache.arrow.stream"


class Gateway:
    def __init__(self, url):
        self.url = url
        self.session = requests.Session()
        self.session.headers["Authorization"] = f"Bearer {os.environ['TOKEN']}"

    def post(self, model, status=200, **request):
        reply = self.session.post(f"{self.url}/predict/{model}", **request)
        assert reply.status_code == status, f"{reply.status_code}: {reply.text}"
        return reply

    def answer(self, model, table, rows=None, **headers):
        """What is answered to a table in batches of so many rows."""
        reply = self.post(model, data=stream(table, rows), headers={"Content-Type": STREAM, **headers})
        assert reply.headers["Content-Type"] == STREAM, reply.headers
        return read(reply)

    def rows(self, model, table):
        """The answers in JSON to the rows of a table in JSON, and those to the table itself."""
        names = table.column_names
        frame = {"columns": names, "data": [[row[name] for name in names] for row in table.to_pylist()]}
        rows = self.post(model, json={"dataframe_split": frame}).json()["predictions"]
        headers = {"Content-Type": STREAM, "Accept": "application/json"}
        assert self.post(model, data=stream(table), headers=headers).json()["predictions"] == rows
        return rows

    def told(self, model, body):
        """The code and the message of a refusal."""
        error = self.post(model, 400, data=body, headers={"Content-Type": STREAM}).json()
        return error["code"], error["error"]


def stream(table, rows=None, **options):
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(table, max_chunksize=rows)
    return sink.getvalue().to_pybytes()


def read(reply):
    with pa.ipc.open_stream(reply.content) as reader:
        table = reader.read_all()
    table.validate(full=True)
    return table


def same(column, values):
    """Whether a column has exactly these values of JSON, whose digits are those of its own type."""
    if pa.types.is_floating(column.type):
        given = column.to_numpy()
        expected = np.array(values, "f8").astype(given.dtype)
        return np.array_equal(given.view(f"u{given.itemsize}"), expected.view(f"u{given.itemsize}"))
    return column.to_pylist() == values


def every(gateway):
    """Columns of every type, in another order than the model's, in batches whose dictionaries differ."""
    whole = {name: pa.array([0, np.iinfo(name).max, 7], name) for name in ["uint8", "uint16", "uint32", "uint64"]}
    signed = {name: pa.array([np.iinfo(name).min, 0, 7], name) for name in ["int8", "int16", "int32", "int64"]}
    texts = pa.chunked_array([pa.array(["é", "a"]).dictionary_encode(), pa.array(["b"]).dictionary_encode()])
    table = pa.table({
        "bytes": texts, **signed, **whole, "bool": [True, False, True], "fp32": [0.1, -2.5, 1e-50],
        "fp64": [0.1, -1e300, 5e-324], "fp16": pa.array(np.array([0.1, 65504, -2], "f2")),
    })
    rows = gateway.rows("every", table)
    for batch in [None, 1, 2]:
        answer = gateway.answer("every", table, batch)
        assert answer.num_rows == 3 and answer.num_columns == table.num_columns == 13, answer
        for name in answer.column_names:
            assert same(answer[name], [row[name] for row in rows]), f"{name}: {answer[name]} for {rows}"
    kinds = {field.name.rstrip("_"): str(field.type) for field in answer.schema}
    assert kinds == {
        **{name: name for name in [*whole, *signed]}, "bool": "bool", "bytes": "string",
        "fp16": "halffloat", "fp32": "float", "fp64": "double",
    }, kinds


def categories(gateway):
    """Categories and text of pandas; a column for each label of a map."""
    frame = pd.DataFrame({"city": ["Zürich", "Bern", "Zürich", "Genf"]}, index=["i", "j", "k", "l"])
    plain = pa.Table.from_pandas(frame, preserve_index=False)
    coded = pa.Table.from_pandas(frame.astype("category"), preserve_index=False)
    assert pa.types.is_dictionary(coded.schema.field("city").type)
    rows = gateway.rows("zipped", plain)
    maps = [name for name in rows[0] if isinstance(rows[0][name], dict)]
    assert len(maps) == 1, rows
    for table in [plain, coded]:
        answer = gateway.answer("zipped", table)
        assert answer.column_names == ["label", f"{maps[0]}.no", f"{maps[0]}.yes"], answer
        assert same(answer["label"], [row["label"] for row in rows]), answer
        for label in ["no", "yes"]:
            assert same(answer[f"{maps[0]}.{label}"], [row[maps[0]][label] for row in rows]), answer
    error = gateway.post("zipped", 422, data=stream(pa.Table.from_pandas(frame)), headers={"Content-Type": STREAM})
    assert "preserve_index=False" in error.json()["error"], error.text


def lists(gateway):
    """A row of several values is a list, in the question and in the answer; a missing value is not a number."""
    table = pa.table({"height": [1.5, None, 0.1], "age": pa.array([3, 4, 5], pa.int8())})
    rows = gateway.rows("columns", table)
    answer = gateway.answer("columns", table, 2)
    assert str(answer.schema.field("row").type) == "fixed_size_list<item: float not null>[2]", answer.schema
    flat = answer["row"].combine_chunks().flatten()
    values = [np.nan if value is None else value for row in rows for value in row]
    assert same(flat, values), f"{flat} for {rows}"
    body = gateway.post("columns", data="3,1.5\n", headers={"Content-Type": "text/csv", "Accept": STREAM})
    assert read(body)["row"].to_pylist() == [[3.0, 1.5]]
    packed = gateway.answer("columns", table, **{"Accept-Encoding": "gzip"})
    assert packed.slice(0, 1) == answer.slice(0, 1)


def refusals(gateway):
    """What is not read is told as such."""
    table = pa.table({"height": [1.5], "age": [3.0]})
    for codec in ["lz4", "zstd"]:
        code, message = gateway.told("columns", stream(table, compression=codec))
        assert code == "not_arrow" and "gzip" in message, message
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    code, message = gateway.told("columns", sink.getvalue().to_pybytes())
    assert code == "not_arrow" and "new_stream" in message, message


def main(url):
    gateway = Gateway(url)
    for ask in [every, categories, lists, refusals]:
        ask(gateway)


main(*sys.argv[1:])
