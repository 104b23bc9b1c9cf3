"""What Schemathesis must know beyond `/openapi.json`: what no schema can say, and nothing else.

- Open axes are equally long, and a tensor has as many values as its shape says: `agree` makes valid questions so.
- Bodies of text and bytes have a grammar of their own: their examples are sent as well, and whatever else is
  generated for them may be refused, but not with a server error.
"""

import atexit
import itertools
import json
import math
import re
import sys
from collections import Counter

import schemathesis
from schemathesis.core.failures import AcceptedNegativeData
from schemathesis.core.parameters import ParameterLocation
from schemathesis.openapi.checks import RejectedPositiveData

LENGTH = "Inference-Header-Content-Length"
JSON = "application/json"
OPEN = 2
MOST_ROWS = 20

DOCUMENT = {}
ANSWERED = Counter()


@schemathesis.hook
def before_load_schema(context, raw_schema):
    """`ignored_auth` knows bearer tokens, and not that those of OpenID Connect are sent so too."""
    schemes = raw_schema["components"]["securitySchemes"]
    assert schemes["token"]["openIdConnectUrl"].endswith("/.well-known/openid-configuration"), schemes
    schemes["token"] = {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
    DOCUMENT.update(json.loads(json.dumps(raw_schema)))


@schemathesis.serializer("application/jsonlines", "text/csv", "application/x-npy", "application/vnd.apache.arrow.stream")
def as_it_is(context, value):
    """Text and bytes as they are; whatever else is no body of these types."""
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")


@schemathesis.hook
def before_call(context, case, kwargs):
    version = version_of(case) if case.meta is not None and case.method.upper() == "POST" else None
    if version is None:
        return
    if case.meta.generation.mode.is_positive:
        if case.media_type == JSON:
            agree(case.body, axes_of(version))
        elif case.media_type == "application/octet-stream":
            case.body = json.dumps(DOCUMENT["components"]["examples"][f"{version}.tensors"]["value"]).encode()
            case.headers[LENGTH] = str(len(case.body))
    # All of a body of JSON is JSON; any other length makes bytes of it, which may well be values of a tensor.
    is_json = case.media_type == JSON and not isinstance(case.body, bytes)
    if is_json and LENGTH in case.headers and not case.meta.is_negative_at(ParameterLocation.HEADER):
        case.headers[LENGTH] = str(len(json.dumps(case.body).encode()))


@schemathesis.hook
def after_call(context, case, response):
    if response.status_code == 200 and case.media_type == JSON:
        ANSWERED[case.operation.label] += 1


@schemathesis.hook
def filter_failure(context, failure, case, response):
    """Whether text is a good body, its schema does not say."""
    is_text = case.media_type is not None and case.media_type != JSON
    return not (is_text and isinstance(failure, (AcceptedNegativeData, RejectedPositiveData)))


def version_of(case):
    """The name of the components that the operation refers to."""
    operation = DOCUMENT["paths"][case.path].get("post")
    if operation is None:
        return None
    content = operation["requestBody"]["content"][JSON]["schema"]
    first = content.get("oneOf", [content])[0]
    name = re.fullmatch(r"#/components/schemas/(.+\.[0-9]+)\.[a-z]+", first["$ref"])
    return name[1] if name else None


def axes_of(version):
    """The name and the axes of each input, nothing for an open one."""
    inputs = DOCUMENT["components"]["schemas"][f"{version}.tensors"]["properties"]["inputs"]["prefixItems"]
    inputs = [(one["properties"]["name"]["const"], one["properties"]["shape"]) for one in inputs]
    return {name: [axis.get("const") for axis in shape.get("prefixItems", [])] for name, shape in inputs}


def agree(body, axes):
    """Makes a valid body one whose open axes are equally long, and whose rows are nested alike."""
    for key in ("instances", "dataframe_records"):
        if isinstance(body.get(key), list):
            depths = {}
            body[key] = [row(one, axes, depths) for one in body[key][:MOST_ROWS]]
    frame = body.get("dataframe_split")
    if isinstance(frame, dict):
        depths = {}
        frame["data"] = [cells(one, axes, depths) for one in frame["data"][:MOST_ROWS]]
    inputs = body.get("inputs")
    if isinstance(inputs, list) and isinstance(inputs[0], dict) and "datatype" in inputs[0]:
        for one in inputs:
            tensor(one, axes[one["name"]])
    elif isinstance(inputs, dict):
        body["inputs"] = {name: filled(axes[name], value, depth(value)) for name, value in inputs.items()}
    elif inputs is not None:
        body["inputs"] = filled(only(axes), inputs, depth(inputs))


def only(axes):
    (single,) = axes.values()
    return single


def tensor(one, axes):
    one["shape"] = [OPEN if axis is None else axis for axis in axes]
    is_nested = depth(one["data"]) == len(axes)
    one["data"] = filled(axes if is_nested else [math.prod(one["shape"])], one["data"], len(axes) if is_nested else 1)


def row(value, axes, depths):
    if not isinstance(value, dict):
        (name,) = axes
        return inner(name, value, axes, depths)
    if set(value) != set(axes):
        return value
    return {name: inner(name, one, axes, depths) for name, one in value.items()}


def cells(value, axes, depths):
    if len(axes) > 1:
        return [inner(name, cell, axes, depths) for name, cell in zip(axes, value)]
    (name,) = axes
    if len(only(axes)) == 1 or only(axes)[1:] == [1]:
        return [inner(name, value[0], axes, depths)]
    return value if depth(value) == 1 and None not in only(axes)[1:] else inner(name, value, axes, depths)


def inner(name, value, axes, depths):
    """A value in a row: as deep as in the first row."""
    return filled(axes[name][1:], value, depths.setdefault(name, depth(value)))


def depth(value):
    if not isinstance(value, list):
        return 0
    return 1 + depth(value[0]) if value else 1


def scalars(value):
    return [scalar for one in value for scalar in scalars(one)] if isinstance(value, list) else [value]


def filled(axes, value, deep):
    """Lists as long as the axes are, so deep, of the values of another list."""
    values = itertools.cycle(scalars(value))

    def nested(axes):
        return [nested(axes[1:]) for _ in range(axes[0] or OPEN)] if axes else next(values)

    return nested(axes[:deep])


@atexit.register
def report():
    """Questions that are refused show nothing of answers: the test looks for routes that have given none."""
    routes = DOCUMENT.get("paths", {}).items()
    silent = [path for path, methods in routes if "post" in methods and not ANSWERED[f"POST {path}"]]
    print(f"answered: {sum(ANSWERED.values())} questions, none by {len(silent)} routes {silent}")
