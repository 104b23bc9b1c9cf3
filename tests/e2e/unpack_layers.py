"""Unpacks the layers of an emulated function: `unpack_layers.py ENDPOINT FUNCTION FOLDER`.

Lambda unpacks them into /opt, the emulator leaves them packed.
"""

import io
import json
import sys
import urllib.request
import zipfile


def get(url):
    with urllib.request.urlopen(url, timeout=60) as answer:
        return answer.read()


def main(endpoint, function, folder):
    configuration = json.loads(get(f"{endpoint}/2015-03-31/functions/{function}"))["Configuration"]
    for layer in configuration["Layers"]:
        name, version = layer["Arn"].split(":")[-2:]
        published = json.loads(get(f"{endpoint}/2018-10-31/layers/{name}/versions/{version}"))
        # The place names the emulator by a host that need not be an address it listens on.
        path = published["Content"]["Location"].split("/", 3)[3]
        zipfile.ZipFile(io.BytesIO(get(f"{endpoint}/{path}"))).extractall(folder)


if __name__ == "__main__":
    main(*sys.argv[1:])
