"""What roles allow, right by right."""

import re
from dataclasses import dataclass

from stacks.templates import listed

KEYS = "dynamodb:LeadingKeys"
INSIDE = "dynamodb:EnclosingOperation"


@dataclass(frozen=True)
class Right:
    """To do this to whatever the pattern fits; of rows, to those whose partition key fits the other pattern.

    `inside` names an operation that it has to be a part of.
    """

    action: str
    resource: str
    key: str | None = None
    inside: str | None = None

    def allows(self, need):
        if (need.action, bool(fits(self.resource, need.resource))) != (self.action, True):
            return False
        if self.inside not in (None, need.inside):
            return False
        return self.key is None or (need.key is not None and fits(self.key, need.key))

    def __str__(self):
        whole = f"{self.action} on {self.resource}" + (f" of {self.key}" if self.key else "")
        return whole + (f" in {self.inside}" if self.inside else "")


def fits(pattern, text):
    """Whether IAM takes the text for one of the pattern's."""
    return re.fullmatch(".*".join(re.escape(part) for part in pattern.split("*")), text) is not None


def rights_of(stack, role, service=None):
    """All rights of a role, its managed policies' included. `service` is the stack that it imports from."""
    found = []
    for document in documents(stack, role, service):
        for statement in document["Statement"]:
            found += in_statement(statement, service)
    return found


def documents(stack, role, service):
    yield from (policy["PolicyDocument"] for policy in role.properties.get("Policies", []))
    for reference in role.properties.get("ManagedPolicyArns", []):
        policy = stack.named(reference) or service.named(imported(service, reference))
        yield policy.properties["PolicyDocument"]


def in_statement(statement, service):
    if statement["Effect"] != "Allow" or {"NotAction", "NotResource"} & set(statement):
        raise ValueError(f"{statement}: only what is allowed is known here")
    keys, inside = [None], [None]
    for test, condition in statement.get("Condition", {}).items():
        if (test, set(condition)) == ("ForAnyValue:StringEquals", {INSIDE}):
            inside = listed(condition[INSIDE])
            continue
        if test not in ("ForAllValues:StringLike", "ForAllValues:StringEquals") or set(condition) != {KEYS}:
            raise ValueError(f"{test} {condition}: this condition is not known here")
        keys = listed(condition[KEYS])
        if test.endswith("Equals") and any("*" in key for key in keys):
            raise ValueError(f"{keys}: StringEquals takes * for a star")
    for action in listed(statement["Action"]):
        for resource in listed(statement["Resource"]):
            yield from (Right(action, imported(service, resource), key, part) for key in keys for part in inside)


def imported(service, text):
    """The text with what it imports from the service."""
    return re.sub(r"\$\{import ([^}]+)\}", lambda found: service.exports[found[1]], text)


def roles(deployment):
    """Each program's name as in recordings, the stack that it is in, and its role."""
    for stack in deployment.stacks:
        for program in stack.of("AWS::Lambda::Function", "AWS::ECS::TaskDefinition"):
            given = program.properties
            yield program.name.lower(), stack, stack.named(given.get("Role") or given["TaskRoleArn"])
