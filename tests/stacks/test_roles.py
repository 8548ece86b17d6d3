"""Checks what programs asked of AWS against their roles in infra/: all of it is allowed, and nothing else is.

    PYTHONPATH=tests python -m stacks.test_roles target/emulators/needs-*.jsonl

`make test-emulators` records it.
"""

import json
import sys
import unittest
from dataclasses import dataclass
from pathlib import Path

from emulators.actions import Need
from stacks.policies import Right, fits, rights_of, roles
from stacks.templates import HOSTS, SERVICE, VARIANTS, Deployment, load
from stacks.transformed import transformed

QUEUES = "Lambda polls the queues that feed a function"
STREAM = "Lambda reads the stream that feeds a function"
# Rights that nobody's program uses: whose, which, and who does.
OF_OTHERS = [
    ("*", "logs:*", "*", "Lambda writes a function's log"),
    *(
        (program, f"sqs:{action}", "*", QUEUES)
        for program in ("generate", "housekeeping")
        for action in ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes")
    ),
    *(
        ("copyhistory", f"dynamodb:{action}", "*", STREAM)
        for action in ("DescribeStream", "GetRecords", "GetShardIterator", "ListStreams")
    ),
]
# Rights for what happens only when a service fails in the middle of a call, which no test makes happen here: whose, to
# do what, to rows of which partition.
SELDOM = [("*", "dynamodb:DeleteItem", "IDEMPOTENCY#*", "a request whose answer is not kept is forgotten")]
# Hosts draw, and images are public.
VALUES = VARIANTS["on hosts"] | {"PublicImages": "yes"}


def is_meant(excuse, program, right):
    return all(map(fits, excuse[:3], (program, right.action, right.resource)))


def is_of_others(program, right):
    return any(is_meant(excuse, program, right) for excuse in OF_OTHERS)


def is_seldom(program, right):
    return any(all(map(fits, excuse[:3], (program, right.action, right.key or ""))) for excuse in SELDOM)


@dataclass(frozen=True)
class Program:
    """A program with its role's rights and what it was seen to need."""

    name: str
    rights: frozenset
    needs: frozenset

    def complaints(self):
        """What it may not do and does, and what it may do and does not."""
        refused = {kind(need) for need in self.needs if not any(right.allows(need) for right in self.rights)}
        yield from (f"{self.name} may not do {need}, which it does" for need in sorted(refused))
        for right in sorted(self.rights, key=str):
            is_used = any(right.allows(need) for need in self.needs)
            if not is_used and not is_of_others(self.name, right) and not is_seldom(self.name, right):
                yield f"{self.name} may do {right}, which it does not"

    def with_rights(self, rights):
        return Program(self.name, frozenset(rights), self.needs)


def kind(need):
    """The need without what is different each time."""
    place = "/".join(need.resource.split("/")[:2])
    return f"{need.action} on {place}" + (f" of {need.key.split('#')[0]}" if need.key else "")


def recorded(paths):
    """What each program needed; a call that the recorder did not know ends this."""
    needs = {}
    for line in (line for path in paths for line in path.read_text().splitlines()):
        note = json.loads(line)
        caller = note.pop("caller")
        if "unknown" in note:
            sys.exit(f"{caller} does {note['unknown']}: say what it needs in tests/emulators/actions.py")
        needs.setdefault(caller, set()).add(Need(**note))
    return needs


def programs(templates, needs):
    """Every program of the deployment that has all roles: hosts draw, and the function keeps house."""
    deployment = Deployment(templates, VALUES)
    for name, stack, role in roles(deployment):
        yield Program(name, frozenset(rights_of(stack, role, deployment.service)), frozenset(needs.get(name, ())))


def templates():
    return {"service": transformed(load(SERVICE), VALUES), "hosts": load(HOSTS)}


class Roles(unittest.TestCase):
    """Roles as they are, and broken ones."""

    recordings = ()

    @classmethod
    def setUpClass(cls):
        cls.needs = recorded(cls.recordings)
        cls.templates = templates()
        cls.programs = list(programs(cls.templates, cls.needs))

    def test_what_programs_do_is_what_they_may_do(self):
        for program in self.programs:
            with self.subTest(program.name):
                self.assertEqual(list(program.complaints()), [])

    def test_everybody_who_was_recorded_has_a_role(self):
        # The desk asks AWS for nothing.
        self.assertEqual({program.name for program in self.programs} - {"desk"}, set(self.needs))

    def test_a_right_that_is_taken_is_missed(self):
        for program in self.programs:
            for right in program.rights:
                if not is_of_others(program.name, right) and not is_seldom(program.name, right):
                    with self.subTest(f"{program.name}: {right}"):
                        said = list(program.with_rights(program.rights - {right}).complaints())
                        self.assertTrue(any(f"may not do {right.action} on" in line for line in said), said)

    def test_a_right_that_is_added_is_noticed(self):
        more = [
            Right("dynamodb:Scan", "${Table.Arn}"),
            Right("dynamodb:PutItem", "${Table.Arn}", "OTHERS"),
            Right("s3:GetObject", "${Bucket.Arn}/secrets/*"),
            Right("sqs:SendMessage", "${Queue.Arn}"),
        ]
        for program in self.programs:
            for right in more:
                with self.subTest(f"{program.name}: {right}"):
                    said = list(program.with_rights(program.rights | {right}).complaints())
                    self.assertEqual(said, [f"{program.name} may do {right}, which it does not"])

    def test_the_templates_say_it(self):
        statements = self.templates["service"]["Resources"]["CreateRole"]["Properties"]["Policies"][0]
        statement = statements["PolicyDocument"]["Statement"][1]
        given = statement["Action"]
        self.addCleanup(statement.update, Action=given)
        statement["Action"] = ["dynamodb:UpdateItem"]
        (create,) = (program for program in programs(self.templates, self.needs) if program.name == "create")
        said = "\n".join(create.complaints())
        self.assertIn("create may not do dynamodb:PutItem on ${Table.Arn} of TASK", said)
        self.assertIn("create may do dynamodb:UpdateItem on ${Table.Arn} of INPUT#* in TransactWriteItems", said)

    def test_nothing_of_others_is_left_over(self):
        rights = [(program.name, right) for program in self.programs for right in program.rights]
        for excuse in OF_OTHERS:
            excused = [(name, right) for name, right in rights if is_meant(excuse, name, right)]
            self.assertTrue(excused, excuse)
            for name, right in excused:
                self.assertFalse(
                    any(right.allows(need) for need in self.needs.get(name, ())), f"{name} does {right} itself"
                )


if __name__ == "__main__":
    Roles.recordings = [Path(path) for path in sys.argv[1:]]
    if not Roles.recordings:
        sys.exit(__doc__)
    sys.exit(unittest.main(argv=sys.argv[:1]))
