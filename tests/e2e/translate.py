"""Prints as JSON what AWS makes of a SAM template: `translate.py TEMPLATE [NAME=VALUE ...]`.

The translator is the one that AWS runs. It uploads nothing and asks nobody, so code that lies in
folders of this machine gets the place of an uploaded one.
"""

import json
import sys

from samtranslator.translator.translator import Translator
from samtranslator.parser.parser import Parser
from samtranslator.yaml_helper import yaml_parse

PLACES = {"AWS::Serverless::Function": "CodeUri", "AWS::Serverless::LayerVersion": "ContentUri"}


def main(path, *values):
    with open(path, encoding="utf-8") as file:
        template = yaml_parse(file)
    for resource in template["Resources"].values():
        if resource["Type"] in PLACES:
            resource["Properties"][PLACES[resource["Type"]]] = "s3://bucket/key"
    given = dict(value.split("=", 1) for value in values)
    translated = Translator({}, Parser()).translate(template, parameter_values=given)
    json.dump(translated, sys.stdout, indent=1)


if __name__ == "__main__":
    main(*sys.argv[1:])
