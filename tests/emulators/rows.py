"""The table as workers write it."""

from boto3.dynamodb.types import TypeDeserializer

from emulators.emulator import NAME
from stacks import source


class Rows:
    """Reads tasks, their progress and their history."""

    def __init__(self, emulator):
        self.client = emulator.client("dynamodb")

    def standing(self, status):
        """The tasks that stand here."""
        index = "tasks_by_status"
        attribute, _ = source.table()["indexes"][index]
        shards = (f"{status}#{shard}" for shard in range(source.shards()))
        return [row for value in shards for row in self.found(f"{attribute} = :value", value, IndexName=index)]

    def history(self, task):
        """What happened to a task, in order."""
        rows = self.found("PK = :value", f"TASK#{task}", ConsistentRead=True)
        return [row for row in rows if row["SK"].startswith("EVENT#")]

    def step(self, task, fence):
        """How many steps are done by the worker whose claim this is the fence of; none before its first news."""
        key = {"PK": {"S": f"TASK#{task}"}, "SK": {"S": "PROGRESS"}}
        asked = {"TableName": NAME, "ConsistentRead": True, "ProjectionExpression": "fence, step"}
        row = plain(self.client.get_item(Key=key, **asked).get("Item", {}))
        return int(row["step"]) if row.get("fence") == fence else None

    def found(self, condition, value, **more):
        pages = self.client.get_paginator("query").paginate(
            TableName=NAME,
            KeyConditionExpression=condition,
            ExpressionAttributeValues={":value": {"S": value}},
            **more,
        )
        return [plain(row) for page in pages for row in page["Items"]]


def plain(row):
    read = TypeDeserializer().deserialize
    return {name: read(value) for name, value in row.items()}
