"""Whether the file of this name is an OpenAPI 3.1 document, schemas and references included."""

import json
import sys

from openapi_spec_validator import OpenAPIV31SpecValidator, validate

with open(sys.argv[1], encoding="utf-8") as file:
    document = json.load(file)
validate(document, cls=OpenAPIV31SpecValidator)
print(f"{len(document['paths'])} paths")
