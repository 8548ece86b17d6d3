"""Templates of CloudFormation as they are once parameters have values."""

import copy
import json
import re
from dataclasses import dataclass

import cfnlint.decode

from stacks.source import ROOT

SERVICE = ROOT / "infra" / "template.yaml"
HOSTS = ROOT / "infra" / "gpu.yaml"
# What stands for a value that is to be left out.
NOTHING = object()
# The service's values that make a difference, by what they make of it.
VARIANTS = {
    "on Lambda": {},
    "on hosts": {"Consumer": "ecs"},
    "with everything": {
        "PublicImages": "yes",
        "WebOrigin": "https://easel.example",
        "DeskUrl": "https://desk.example",
        "AlarmEmail": "somebody@easel.example",
        "Budget": 100,
        "UnapprovedDays": 90,
        "ApiConcurrency": 20,
        "GenerateConcurrency": 20,
        "ModelBucket": "models",
        "Architecture": "x86_64",
        "GenerateArchitecture": "arm64",
    },
    "with tokens of others": {
        "Issuer": "https://tokens.example",
        "Audience": "easel",
        "DeskClient": "desk",
        "HistoryCopy": "no",
    },
}


@dataclass(frozen=True)
class Resource:
    """A resource with all its values, written as text: `${Queue.Arn}` is the ARN of the resource `Queue`."""

    name: str
    kind: str
    properties: dict
    whole: dict


def load(path):
    """The template as plain values, its short functions written out."""
    template, errors = cfnlint.decode.decode(str(path))
    if errors:
        raise SystemExit(f"{path}: {errors}")
    return json.loads(json.dumps(template))


def sources():
    """Both templates, by name, to be broken by whoever likes."""
    return {"service": load(SERVICE), "hosts": load(HOSTS)}


class Stack:
    """What a template makes with these values."""

    def __init__(self, template, values):
        self.template = template
        defaults = {name: given.get("Default", f"${{{name}}}") for name, given in template["Parameters"].items()}
        self.values = defaults | values
        self.conditions = template.get("Conditions", {})
        whole = {name: self.resolved(given) for name, given in self.existing("Resources").items()}
        common = self.resolved(template.get("Globals", {})).get("Function", {})
        self.resources = []
        for name, given in whole.items():
            properties = given.get("Properties", {})
            if given["Type"] == "AWS::Serverless::Function":
                properties = merged(copy.deepcopy(common), properties)
            self.resources.append(Resource(name, given["Type"], properties, given))
        outputs = self.existing("Outputs").values()
        exported = [self.resolved(given) for given in outputs if "Export" in given]
        self.exports = {given["Export"]["Name"]: given["Value"] for given in exported}
        self.imports = set(re.findall(r"\$\{import ([^}]+)\}", json.dumps(whole)))

    def existing(self, section):
        """What is there under the conditions that hold."""
        entries = self.template.get(section, {})
        return {name: given for name, given in entries.items() if self.holds(given.get("Condition"))}

    def holds(self, condition):
        if condition is None:
            return True
        if isinstance(condition, str):
            return self.holds(self.conditions[condition])
        ((function, argument),) = condition.items()
        match function:
            case "Fn::Equals":
                one, other = (str(self.resolved(value)) for value in argument)
                return one == other
            case "Fn::Not":
                return not self.holds(argument[0])
            case "Fn::And":
                return all(self.holds(each) for each in argument)
            case "Condition":
                return self.holds(argument)
        raise ValueError(f"{function} is not known here")

    def resolved(self, value):
        """The value with parameters, conditions and functions worked out, as far as they can be."""
        if isinstance(value, list):
            items = [self.resolved(item) for item in value]
            return [item for item in items if item is not NOTHING]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            ((function, argument),) = value.items()
            match function:
                case "Ref" if argument == "AWS::NoValue":
                    return NOTHING
                case "Ref":
                    return self.values.get(argument, f"${{{argument}}}")
                case "Fn::GetAtt":
                    return f"${{{'.'.join(argument)}}}" if isinstance(argument, list) else f"${{{argument}}}"
                case "Fn::Sub":
                    return self.substituted(argument)
                case "Fn::If":
                    return self.resolved(argument[1] if self.holds(argument[0]) else argument[2])
                case "Fn::ImportValue":
                    return f"${{import {self.resolved(argument)}}}"
                case "Fn::Base64":
                    return self.resolved(argument)
        entries = {name: self.resolved(entry) for name, entry in value.items()}
        return {name: entry for name, entry in entries.items() if entry is not NOTHING}

    def substituted(self, argument):
        text, own = argument if isinstance(argument, list) else (argument, {})
        values = self.values | {name: self.resolved(value) for name, value in own.items()}
        return re.sub(r"\$\{([\w:]+)\}", lambda found: str(values.get(found[1], found[0])), text)

    def of(self, *kinds):
        return [resource for resource in self.resources if resource.kind in kinds]

    def named(self, reference):
        """The resource that `${Name}` or `${Name.Attribute}` stands for, if there is one."""
        found = re.fullmatch(r"\$\{(\w+)(\.\w+)*\}", str(reference))
        return next((resource for resource in self.resources if found and resource.name == found[1]), None)


class Deployment:
    """The service and, where it lets them, the hosts that draw for it."""

    def __init__(self, templates, values):
        self.service = Stack(templates["service"], values | {"AWS::StackName": "easel"})
        of_hosts = {"Service": "easel", "AWS::StackName": "easel-gpu", "HostDollarsPerHour": 2}
        self.hosts = Stack(templates["hosts"], of_hosts)
        # CloudFormation makes no stack that imports what nobody exports.
        self.has_hosts = self.hosts.imports <= self.service.exports.keys()
        self.stacks = [self.service, self.hosts] if self.has_hosts else [self.service]

    def of(self, *kinds):
        return [resource for stack in self.stacks for resource in stack.of(*kinds)]

    def containers(self):
        """The containers of all tasks of ECS."""
        definitions = self.of("AWS::ECS::TaskDefinition")
        return [container for definition in definitions for container in definition.properties["ContainerDefinitions"]]


def is_easels(function):
    """Whether a function is a program of this workspace; the code of others stands in the template."""
    return not {"InlineCode", "ZipFile"} & {*function.properties, *function.properties.get("Code", {})}


def lifecycle(bucket):
    """The rules by which objects go, as far as they are in force."""
    rules = bucket.properties.get("LifecycleConfiguration", {}).get("Rules", [])
    return [rule for rule in rules if rule["Status"] == "Enabled"]


def merged(into, more):
    for name, value in more.items():
        if isinstance(value, dict) and isinstance(into.get(name), dict):
            merged(into[name], value)
        else:
            into[name] = value
    return into


def listed(value):
    """A list of what may be a single value."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]
