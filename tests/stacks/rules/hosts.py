"""Hosts with GPUs, and how many there are."""

from stacks.rules.watching import series

STOPPING_SECONDS = 120


def containers(deployment):
    """A worker has one GPU, few rights, and the time to hand its image on."""
    for container in deployment.containers():
        name = container["Name"]
        if container.get("ResourceRequirements") != [{"Type": "GPU", "Value": "1"}]:
            yield f"{name} has not one GPU"
        if not container.get("ReadonlyRootFilesystem"):
            yield f"{name} can write to its root"
        if str(container.get("User", "0")).split(":")[0] in ("0", "root"):
            yield f"{name} runs as root"
        dropped = container["LinuxParameters"].get("Capabilities", {}).get("Drop", [])
        if container.get("Privileged") or "ALL" not in dropped:
            yield f"{name} has rights on its host"
        if container.get("StopTimeout") != STOPPING_SECONDS:
            yield f"{name} has {container.get('StopTimeout', 30)} s to hand its image on, not {STOPPING_SECONDS}"


def models(deployment):
    """Models that are fetched lie on the host's disk, where all its workers find them and may write."""
    for definition in deployment.of("AWS::ECS::TaskDefinition"):
        volumes = {volume["Name"]: volume["Host"]["SourcePath"] for volume in definition.properties.get("Volumes", [])}
        for container in definition.properties["ContainerDefinitions"]:
            variables = {variable["Name"]: variable["Value"] for variable in container["Environment"]}
            mounts = {mount["ContainerPath"]: mount for mount in container.get("MountPoints", [])}
            mount = mounts.get(variables.get("EASEL_CACHE"))
            if mount is None or mount.get("ReadOnly"):
                yield f"{container['Name']} has no disk for models"
                continue
            user, group = container["User"].split(":")
            line = f"install -d -o {user} -g {group} {volumes.get(mount['SourceVolume'])}\n"
            if not all(
                line in template.properties["LaunchTemplateData"]["UserData"]
                for template in deployment.of("AWS::EC2::LaunchTemplate")
            ):
                yield f"{container['Name']} may not write to {variables['EASEL_CACHE']}: hosts do not `{line.strip()}`"


def machines(deployment):
    """Hosts guard their credentials, and are drained before they go."""
    for template in deployment.of("AWS::EC2::LaunchTemplate"):
        given = template.properties["LaunchTemplateData"]
        metadata = given.get("MetadataOptions", {})
        if metadata.get("HttpTokens") != "required" or metadata.get("HttpPutResponseHopLimit") != 1:
            yield f"{template.name} gives its credentials to whoever asks"
        if "ECS_ENABLE_SPOT_INSTANCE_DRAINING=true" not in given.get("UserData", ""):
            yield f"{template.name} does not drain when spot ends"
    for provider in deployment.of("AWS::ECS::CapacityProvider"):
        given = provider.properties["AutoScalingGroupProvider"]
        if given.get("ManagedDraining") != "ENABLED":
            yield f"{provider.name} does not drain hosts"
        scaling = given.get("ManagedScaling", {})
        if scaling.get("Status") != "ENABLED":
            yield f"{provider.name} does not start hosts"
        if scaling.get("MaximumScalingStepSize") != scaling.get("MinimumScalingStepSize"):
            yield f"{provider.name} has two steps: of several types, ECS takes the smallest"
    for group in deployment.of("AWS::AutoScaling::AutoScalingGroup"):
        if int(group.properties["MinSize"]) != 0:
            yield f"{group.name} keeps hosts that nobody needs"


def scaling(deployment):
    """Workers come when messages wait, from none too, and go when there is nothing to do, down to none."""
    if not deployment.has_hosts:
        return
    hosts = deployment.hosts
    for target in hosts.of("AWS::ApplicationAutoScaling::ScalableTarget"):
        if target.properties["MinCapacity"] != 0:
            yield f"{target.name} keeps workers that nobody needs"
    ways = {}
    for alarm in hosts.of("AWS::CloudWatch::Alarm"):
        for action in alarm.properties.get("AlarmActions", []):
            policy = hosts.named(action)
            if policy is not None:
                steps = policy.properties["StepScalingPolicyConfiguration"]["StepAdjustments"]
                grows = all(step["ScalingAdjustment"] > 0 for step in steps)
                ways[policy.name] = ({name for _, name, _ in series(alarm)}, grows, alarm)
    for policy in hosts.of("AWS::ApplicationAutoScaling::ScalingPolicy"):
        if policy.name not in ways:
            yield f"no alarm calls {policy.name}"
    growing = [(names, alarm) for names, grows, alarm in ways.values() if grows]
    depth = [alarm for names, alarm in growing if names == {"ApproximateNumberOfMessagesVisible"}]
    # Where no worker runs, only messages can tell that one is wanted: the metrics of workers are not there.
    if not any(alarm.properties["Threshold"] <= 1 for alarm in depth):
        yield "nothing starts the first worker"
    if not any("ApproximateAgeOfOldestMessage" in names for names, _ in growing):
        yield "nothing starts workers when messages wait for long"
    if not any("CPUUtilization" in names for names, grows, _ in ways.values() if not grows):
        yield "nothing stops workers that have nothing to do"
