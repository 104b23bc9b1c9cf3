"""Looks for secrets in every file that git tracks: `secrets.py FOLDER [ACCEPTED]`.

Prints what nobody has accepted, one line a finding and never the secret itself, and what is accepted and no
longer there; nothing, where all is as it should be. `ACCEPTED` is a file such as tests/secrets.toml.
"""

import fnmatch
import hashlib
import os
import re
import subprocess
import sys
import tempfile
import tomllib
from multiprocessing import Pool

# Lines that no detector can match are passed over early: half of the time. To be set before the import.
os.environ["DETECT_SECRETS_PERF_PREGATE"] = "1"

from detect_secrets.core import scan
from detect_secrets.core.plugins.util import get_mapping_from_secret_type_to_class
from detect_secrets.settings import transient_settings

HEURISTICS = "detect_secrets.filters.heuristic."
# What a finding's own text says: names of places, templates, sequences. Not `is_indirect_reference`, which passes over
# every line with a call; nor comments that except a line, for ACCEPTED is the only list.
FILTERS = [
    "is_likely_id_string",
    "is_not_alphanumeric_string",
    "is_potential_uuid",
    "is_prefixed_with_dollar_sign",
    "is_sequential_string",
    "is_templated_secret",
]
# Which pass over lock files and others by their names.
BY_NAME = ["detect_secrets.filters.common.is_invalid_file", HEURISTICS + "is_non_text_file"]
# Texts in a binary file that are worth a look.
TEXT = re.compile(rb"[\x20-\x7e]{8,}")


def main(folder, accepted=None):
    os.chdir(folder)
    listed = subprocess.run(["git", "ls-files", "-z"], check=True, capture_output=True, text=True)
    files = [file for file in listed.stdout.split("\0") if os.path.isfile(file)]
    if not files:
        sys.exit("git tracks no file here")
    with Pool() as pool:
        found = [finding for several in pool.imap_unordered(findings, files, 16) for finding in several]
    entries = []
    if accepted:
        with open(accepted, "rb") as file:
            entries = [Entry(**entry) for entry in tomllib.load(file)["accepted"]]
    for finding in found:
        # Each is asked: two may accept the same.
        if not any([entry.accepts(*finding) for entry in entries]):
            file, kind, line, _ = finding
            print(f"{file}:{line}: {kind}")
    for entry in entries:
        for problem in entry.problems():
            print(f"accepted for `{entry.reason}`: {problem}")
    print(f"{len(files)} files, {len(found)} findings", file=sys.stderr)


def findings(file):
    """File, kind, line and secret of each."""
    try:
        with open(file, encoding="utf-8") as opened:
            opened.read()
    except UnicodeDecodeError:
        with open(file, "rb") as opened:
            texts = b"\n".join(TEXT.findall(opened.read()))
        with tempfile.NamedTemporaryFile(suffix=".txt") as copy:
            copy.write(texts)
            copy.flush()
            return [(file, *rest) for _, *rest in findings(copy.name)]
    kinds = get_mapping_from_secret_type_to_class().values()
    settings = {
        "plugins_used": [{"name": kind.__name__} for kind in kinds],
        "filters_used": [{"path": HEURISTICS + name} for name in FILTERS],
    }
    with transient_settings(settings) as applied:
        applied.disable_filters(*BY_NAME)
        return [(file, secret.type, secret.line_number, secret.secret_value) for secret in scan.scan_file(file)]


class Entry:
    """Findings of a kind in some files: those with certain values, or exactly those that a digest is of."""

    def __init__(self, reason, kind, files, values=None, digest=None):
        if (values is None) == (digest is None):
            sys.exit(f"accepted for `{reason}`: either `values` or `digest`")
        self.reason, self.kind, self.files, self.digest = reason, kind, files, digest
        self.values = [re.compile(value) for value in values or []]
        self.seen = set()
        self.hit_files, self.hit_values = set(), set()

    def accepts(self, file, kind, _, secret):
        globs = [glob for glob in self.files if fnmatch.fnmatchcase(file, glob)]
        if kind != self.kind or not globs:
            return False
        values = [value for value in self.values if value.fullmatch(secret)]
        if self.values and not values:
            return False
        self.hit_files.update(globs)
        self.hit_values.update(values)
        self.seen.add(secret)
        return True

    def problems(self):
        for glob in self.files:
            if glob not in self.hit_files:
                yield f"nothing of `{self.kind}` is found in `{glob}`"
        for value in self.values:
            if value not in self.hit_values:
                yield f"nothing found is `{value.pattern}`"
        digest = hashlib.sha256("\n".join(sorted(self.seen)).encode()).hexdigest()[:8]
        if self.digest is not None and digest != self.digest:
            yield f"the {len(self.seen)} findings in {self.files} are others than before; if they are no secrets, their digest is {digest}"


if __name__ == "__main__":
    main(*sys.argv[1:])
