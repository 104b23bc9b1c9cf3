"""Prints as JSON what AWS makes of a SAM template: `translate.py TEMPLATE [NAME=VALUE ...]`.

The translator is the one that AWS runs. It uploads nothing and asks nobody, so code that lies in
folders of this machine gets the place of an uploaded one. What CloudFormation then makes of parameters
and conditions is done below; references to resources and to what only AWS knows stay.
"""

import json
import re
import sys

from samtranslator.translator.translator import Translator
from samtranslator.parser.parser import Parser
from samtranslator.yaml_helper import yaml_parse

PLACES = {"AWS::Serverless::Function": "CodeUri", "AWS::Serverless::LayerVersion": "ContentUri"}
NO_VALUE = {"Ref": "AWS::NoValue"}


def main(path, *values):
    with open(path, encoding="utf-8") as file:
        template = yaml_parse(file)
    for resource in template["Resources"].values():
        if resource["Type"] in PLACES:
            resource["Properties"][PLACES[resource["Type"]]] = "s3://bucket/key"
    given = dict(value.split("=", 1) for value in values)
    translated = Translator({}, Parser()).translate(template, parameter_values=given)
    json.dump(Stack(translated, given).made(), sys.stdout, indent=1)


class Stack:
    """A template with values for its parameters."""

    def __init__(self, template, given):
        self.template = template
        self.values = {
            name: self.value(parameter, given.get(name, parameter.get("Default")))
            for name, parameter in template["Parameters"].items()
        }
        self.conditions = template.get("Conditions", {})

    @staticmethod
    def value(parameter, text):
        listed = parameter["Type"] == "CommaDelimitedList"
        return str(text).split(",") if listed else str(text)

    def made(self):
        """The template without what its conditions leave out."""
        broken = [name for name, rule in self.template.get("Rules", {}).items() if not self.kept(rule)]
        if broken:
            sys.exit(f"rules are broken: {', '.join(broken)}")
        for section in ("Resources", "Outputs"):
            entries = self.template[section].items()
            kept = {name: entry for name, entry in entries if self.holds({"Condition": entry.pop("Condition", None)})}
            self.template[section] = self.resolve(kept)
        return self.template

    def kept(self, rule):
        applies = self.holds(rule.get("RuleCondition"))
        return not applies or all(self.holds(entry["Assert"]) for entry in rule["Assertions"])

    def holds(self, condition):
        """Whether a condition holds; nothing is a condition that does."""
        if condition in (None, {"Condition": None}):
            return True
        ((function, argument),) = condition.items()
        if function == "Condition":
            return self.holds(self.conditions[argument])
        if function == "Fn::Equals":
            first, second = (self.resolve(side) for side in argument)
            return str(first) == str(second)
        parts = [self.holds(part) for part in argument]
        return {"Fn::Not": lambda: not parts[0], "Fn::And": lambda: all(parts), "Fn::Or": lambda: any(parts)}[function]()

    def resolve(self, node):
        if isinstance(node, list):
            return [part for part in map(self.resolve, node) if part != NO_VALUE]
        if not isinstance(node, dict):
            return node
        if len(node) == 1:
            ((function, argument),) = node.items()
            if function == "Fn::If":
                name, then, otherwise = argument
                return self.resolve(then if self.holds({"Condition": name}) else otherwise)
            if function == "Ref" and argument in self.values:
                return self.values[argument]
            if function == "Fn::Join" and all(isinstance(part, str) for part in self.resolve(argument[1])):
                return argument[0].join(self.resolve(argument[1]))
            if function == "Fn::Sub":
                return self.substituted(argument)
            if function in ("Fn::Select", "Fn::Split"):
                return self.picked(function, [self.resolve(part) for part in argument])
        resolved = {name: self.resolve(part) for name, part in node.items()}
        return {name: part for name, part in resolved.items() if part != NO_VALUE}

    @staticmethod
    def picked(function, argument):
        first, second = argument
        if function == "Fn::Split":
            return second.split(first)
        return second[int(first)]

    def substituted(self, argument):
        """Names that are known become their values; the others stay."""
        text, own = (argument, {}) if isinstance(argument, str) else (argument[0], self.resolve(argument[1]))
        known = {name: value for name, value in {**self.values, **own}.items() if isinstance(value, str)}
        text = re.sub(r"\$\{(\w+)\}", lambda match: known.get(match[1], match[0]), text)
        left = {name: value for name, value in own.items() if not isinstance(value, str)}
        if left:
            return {"Fn::Sub": [text, left]}
        return {"Fn::Sub": text} if "${" in text else text


if __name__ == "__main__":
    main(*sys.argv[1:])
