"""Prints as JSON, for each function of a SAM template, which parameters its versions depend on and which are listed.

`parameters.py TEMPLATE`. Needed is what a property of the function names, itself or by conditions; listed is what stands in the
branch of its description that makes SAM publish a version.
"""

import copy
import json
import re
import sys

from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse

PLACE = "s3://bucket/key"
# Neither is part of a version: the list itself, and what is set aside for the function as a whole.
APART = {"Description", "ReservedConcurrentExecutions"}


def main(path):
    with open(path, encoding="utf-8") as file:
        template = yaml_parse(file)
    lists = {}
    for name, resource in template["Resources"].items():
        properties = resource["Properties"]
        if resource["Type"] == "AWS::Serverless::Function":
            properties["CodeUri"] = PLACE
            # The translator puts values there.
            _, lists[name], _ = copy.deepcopy(properties["Description"]["Fn::If"])
        elif resource["Type"] == "AWS::Serverless::LayerVersion":
            properties["ContentUri"] = PLACE
    translated = Translator({}, Parser()).translate(template, parameter_values={})
    found = {}
    for name, listed in lists.items():
        properties = translated["Resources"][name]["Properties"]
        needed = [part for key, part in properties.items() if key not in APART]
        found[name] = {"needed": sorted(names(needed, translated)), "listed": sorted(names(listed, translated))}
    json.dump(found, sys.stdout)


def names(node, template):
    """Parameters that a part of the template names, conditions followed."""
    if isinstance(node, list):
        return set().union(*(names(part, template) for part in node))
    if not isinstance(node, dict):
        return set()
    found = set()
    for key, part in node.items():
        found |= names(part, template)
        if key == "Ref":
            found.add(part)
        elif key == "Fn::Sub":
            found |= set(re.findall(r"\$\{(\w+)\}", part if isinstance(part, str) else part[0]))
        elif key == "Fn::If":
            found |= names(template["Conditions"][part[0]], template)
        elif key == "Condition" and isinstance(part, str):
            found |= names(template["Conditions"][part], template)
    return found & set(template["Parameters"])


if __name__ == "__main__":
    main(*sys.argv[1:])
