"""The template as plain values: intrinsic functions are dictionaries of one key, as in JSON."""

from functools import cache
from pathlib import Path

import yaml

PATH = Path(__file__).parents[2] / "template.yaml"
ECS = PATH.parent / "deploy" / "ecs.yaml"


class _Loader(yaml.SafeLoader):
    pass


def _intrinsic(loader, suffix, node):
    name = suffix if suffix in {"Ref", "Condition"} else f"Fn::{suffix}"
    if isinstance(node, yaml.ScalarNode):
        return {name: loader.construct_scalar(node)}
    if isinstance(node, yaml.SequenceNode):
        return {name: loader.construct_sequence(node, deep=True)}
    return {name: loader.construct_mapping(node, deep=True)}


_Loader.add_multi_constructor("!", _intrinsic)


@cache
def template(path=PATH):
    return yaml.load(path.read_text(), _Loader)


def resources(kind, path=PATH):
    """The properties of all resources of a kind, by logical id."""
    found = template(path)["Resources"].items()
    return {name: each["Properties"] for name, each in found if each["Type"] == kind}


def statements(role, path=PATH):
    """The statements of a role's own policies, those under a condition as well."""
    for policy in resources("AWS::IAM::Role", path)[role]["Policies"]:
        for each in policy["PolicyDocument"]["Statement"]:
            if "Fn::If" in each:
                yield next(e for e in each["Fn::If"][1:] if e != {"Ref": "AWS::NoValue"})
            else:
                yield each


def listed(value):
    return value if isinstance(value, list) else [value]
