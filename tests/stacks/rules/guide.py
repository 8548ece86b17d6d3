"""What operators read."""

from stacks.templates import ROOT


def guide(deployment):
    """The guide knows every parameter and every alarm."""
    text = (ROOT / "infra" / "README.md").read_text()
    for stack in deployment.stacks:
        alarms = [alarm.name for alarm in stack.of("AWS::CloudWatch::Alarm")]
        for name in [*stack.template["Parameters"], *alarms]:
            if f"`{name}`" not in text:
                yield f"infra/README.md says nothing of {name}"
