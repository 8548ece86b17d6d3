"""Checks the templates in infra/ for what linters miss, and that each check finds what it looks for."""

import copy
import sys
import unittest

from stacks.rules import functions, guide, hosts, people, queues, rights, storage, watching
from stacks.templates import VARIANTS, Deployment, sources

CHECKS = [
    queues.visibility,
    queues.dead_letters,
    queues.consumers,
    queues.triggers,
    functions.variables,
    functions.runtimes,
    functions.schedules,
    functions.pinned,
    functions.routes,
    people.roles,
    storage.table,
    storage.kept,
    storage.recorded,
    storage.encrypted,
    storage.public,
    rights.wildcards,
    rights.roles,
    rights.actions,
    rights.history,
    rights.models,
    watching.alarms,
    watching.dashboards,
    watching.logs,
    hosts.containers,
    hosts.models,
    hosts.machines,
    hosts.scaling,
    guide.guide,
]


def entry(template, path):
    """The list or table at the path, and the last part of the path."""
    *way, last = path.split("/")
    place = template["Resources"]
    for part in way:
        place = place[int(part)] if isinstance(place, list) else place[part]
    return place, int(last) if isinstance(place, list) else last


def put(template, path, value):
    """A break: the value at the path is another."""

    def apply(templates):
        place, last = entry(templates[template], path)
        place[last] = value

    return apply


def drop(template, path):
    """A break: there is nothing at the path."""

    def apply(templates):
        place, last = entry(templates[template], path)
        del place[last]

    return apply


def add(template, path, value):
    """A break: the list at the path has one more."""

    def apply(templates):
        place, last = entry(templates[template], path)
        place[last].append(value)

    return apply


def pattern(template, parameter, value):
    """A break: the parameter takes other values."""

    def apply(templates):
        templates[template]["Parameters"][parameter]["AllowedPattern"] = value

    return apply


ANYBODY = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": {"Fn::GetAtt": ["Bucket", "Arn"]}}
READS = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::others/*"}
WHOLE_BUCKET = {"Fn::Sub": "${Bucket.Arn}/*"}
UPLOADS = {"Fn::Sub": "${Bucket.Arn}/uploads/*"}
OTHERS = ["arn:aws:iam::aws:policy/ReadOnlyAccess"]
HEART = {"Name": "EASEL_HEART", "Value": "red"}
READ = "Read/Properties/Environment/Variables"
DESK = "Desk/Properties/Environment/Variables"
OWN = "Generate/Properties/Environment/Variables"
INDEXES = "Table/Properties/GlobalSecondaryIndexes"
POLICY = "BucketPolicy/Properties/PolicyDocument/Statement"
CDN = "Distribution/Properties/DistributionConfig"
DRAINING = "Capacity/Properties/AutoScalingGroupProvider/ManagedDraining"
LARGEST_STEP = "Capacity/Properties/AutoScalingGroupProvider/ManagedScaling/MaximumScalingStepSize"
HOST = "HostRole/Properties/Policies/0/PolicyDocument/Statement"
CREATE = "CreateRole/Properties/Policies/0/PolicyDocument/Statement"
WORKER = "WorkerPolicy/Properties/PolicyDocument/Statement"
READ_ROLE = "ReadRole/Properties/Policies/0/PolicyDocument/Statement"
HOUSEKEEPING = "HousekeepingRole/Properties/Policies/0/PolicyDocument/Statement"
COPIER = "CopyHistoryRole/Properties/Policies/0/PolicyDocument/Statement"
LOCK = "HistoryBucket/Properties/ObjectLockConfiguration"
CONTAINER = "Worker/Properties/ContainerDefinitions/0"
LAUNCH = "HostTemplate/Properties/LaunchTemplateData"
RULES = "Bucket/Properties/LifecycleConfiguration/Rules"
BLOCK = "Bucket/Properties/PublicAccessBlockConfiguration"
WATCHED = "Bucket/Properties/NotificationConfiguration/QueueConfigurations"
# A check, a break of a template, and a word of the complaint that comes of it.
BREAKS = [
    (queues.visibility, put("service", "Queue/Properties/VisibilityTimeout", 899), "for 900 s"),
    (queues.visibility, put("service", "DeadLetters/Properties/VisibilityTimeout", 30), "DeadLetters hides"),
    (queues.visibility, put("service", "Queue/Properties/VisibilityTimeout", 5400), "waits that long"),
    (queues.visibility, put("service", "Drawing/Properties/BatchSize", 10), "several messages"),
    (queues.visibility, drop("service", "Drawing/Properties/FunctionResponseTypes"), "which messages failed"),
    (queues.dead_letters, drop("service", "Queue/Properties/RedrivePolicy"), "no dead letters"),
    (queues.dead_letters, drop("service", "GivingUp"), "nobody takes messages"),
    (queues.dead_letters, put("service", "DeadLetters/Properties/MessageRetentionPeriod", 604800), "bring their age"),
    (queues.dead_letters, put("service", "GivingUp/Properties/FunctionName", {"Ref": "Generate"}), "given up"),
    (queues.dead_letters, drop("service", "Withdrawing"), "nobody takes messages from Withdrawals"),
    (queues.dead_letters, put("service", "Queue/Properties/RedrivePolicy/maxReceiveCount", 7), "after 7 deliveries"),
    (queues.consumers, drop("service", "Drawing/Condition"), "2 consumers"),
    (queues.consumers, drop("service", "Drawing"), "0 consumers"),
    (queues.triggers, put("service", f"{WATCHED}/0/Filter/S3Key/Rules/0/Value", "images/"), "writes under images/"),
    (queues.triggers, drop("service", f"{WATCHED}/0/Filter"), "writes under"),
    (queues.triggers, drop("service", f"{WATCHED}/1"), "which look after"),
    (queues.triggers, drop("service", f"{WATCHED}/2"), "what CloudFront's caches keep"),
    (queues.triggers, add("service", f"{WORKER}/7/Resource", UPLOADS), "set off by uploads/"),
    (queues.triggers, put("service", f"{RULES}/0/ExpirationInDays", 7), "before messages about it do"),
    (functions.variables, drop("service", f"{READ}/EASEL_TABLE"), "Read reads EASEL_TABLE"),
    (functions.variables, drop("service", f"{DESK}/EASEL_IMAGES_ORIGIN"), "Desk reads EASEL_IMAGES_ORIGIN"),
    (functions.variables, put("service", f"{DESK}/EASEL_TABLE", "easel"), "Desk is told EASEL_TABLE"),
    (functions.variables, put("service", f"{READ}/EASEL_HEART", "red"), "told EASEL_HEART"),
    (functions.variables, drop("service", f"{OWN}/EASEL_MODEL"), "reads EASEL_MODEL"),
    (functions.variables, drop("hosts", f"{CONTAINER}/Environment/3"), "generate reads EASEL_BUCKET"),
    (functions.variables, add("hosts", f"{CONTAINER}/Environment", HEART), "EASEL_HEART"),
    (functions.variables, put("service", f"{READ}/EASEL_TOKEN_SECRET", "x"), "on purpose"),
    (functions.runtimes, put("service", "Create/Properties/Runtime", "provided.al2"), "provided.al2:"),
    (functions.runtimes, put("service", "Create/Properties/Architectures", ["arm65"]), "arm65"),
    (functions.runtimes, drop("service", "Generate/Properties/Architectures"), "Generate is for"),
    (functions.runtimes, put("service", "Globals/Function", {"Architectures": ["arm64"]}), "comes out twice"),
    (functions.runtimes, put("service", "Read/Properties/Timeout", 60), "the API waits for 30"),
    (functions.runtimes, put("service", "Generate/Properties/Timeout", 901), "more than Lambda has"),
    (functions.runtimes, drop("service", "Read/Metadata"), "cannot be built"),
    (functions.runtimes, put("service", "CopyHistory/Properties/Runtime", "python3.9"), "python3.9:"),
    (functions.runtimes, put("service", "Read/Metadata/BuildProperties/Binary", "create"), "no program"),
    (functions.schedules, drop("service", "Housekeeping/Properties/EventInvokeConfig"), "up to 2 times more"),
    (functions.pinned, pattern("service", "Model", "^.*$"), "takes hf://owner/name"),
    (functions.pinned, pattern("hosts", "Refiner", "^hf://.*$"), "does not take /model"),
    (people.roles, drop("service", "UserPoolClient/Properties/WriteAttributes"), "every attribute of themselves"),
    (people.roles, put("service", "UserPoolClient/Properties/WriteAttributes", ["custom:role"]), "custom:role"),
    (people.roles, drop("service", "UserPool/Properties/AdminCreateUserConfig"), "sign up by themselves"),
    (people.roles, put("service", f"{READ}/EASEL_ROLE_CLAIM", "custom:role"), "roles from custom:role"),
    (functions.routes, drop("service", "Review/Properties/Events/PauseTask"), "/v1/tasks/{id}/pause is missing"),
    (
        functions.routes,
        put("service", "Read/Properties/Events/GetTask/Properties/Path", "/v2"),
        "GET /v2 is not described",
    ),
    (functions.routes, drop("service", "Read/Properties/Events/Health/Properties/Auth"), "/health is missing"),
    (functions.routes, drop("service", "Api/Properties/Auth/DefaultAuthorizer"), "with a token"),
    (functions.routes, drop("service", "Desk/Properties/Events/Files"), "/desk/{proxy+} is missing"),
    (functions.routes, drop("service", "Desk/Properties/Events/Page/Properties/Auth"), "GET / is missing"),
    (storage.table, put("service", "Table/Properties/KeySchema/1/AttributeName", "id"), "the table's key"),
    (storage.table, drop("service", f"{INDEXES}/1"), "the table's indexes"),
    (storage.table, put("service", f"{INDEXES}/0/IndexName", "by_state"), "by_state"),
    (storage.table, put("service", f"{INDEXES}/0/Projection/ProjectionType", "KEYS_ONLY"), "lists"),
    (
        storage.table,
        put("service", "Table/Properties/TimeToLiveSpecification/AttributeName", "ttl"),
        "do not go by expires",
    ),
    (storage.table, drop("service", "Table/Properties/PointInTimeRecoverySpecification"), "restored"),
    (storage.table, drop("service", "Table/Properties/DeletionProtectionEnabled"), "deleted"),
    (storage.table, drop("service", "Table/Properties/BillingMode"), "paid for by use"),
    (storage.kept, drop("service", "Bucket/DeletionPolicy"), "Bucket goes with the stack"),
    (storage.kept, drop("service", "Bucket/Properties/VersioningConfiguration"), "overwritten"),
    (storage.kept, put("service", f"{RULES}/1/Status", "Disabled"), "keeps checkpoints/ for ever"),
    (storage.kept, put("service", f"{RULES}/3/Prefix", "published/"), "loses what is published"),
    (storage.kept, drop("service", f"{RULES}/4/AbortIncompleteMultipartUpload"), "uploads that were given up"),
    (storage.kept, drop("service", f"{RULES}/4/NoncurrentVersionExpiration"), "old versions"),
    (storage.recorded, drop("service", "Table/Properties/StreamSpecification"), "the table's stream is"),
    (storage.recorded, drop("service", f"{LOCK}/Rule"), "gives back what it took"),
    (storage.recorded, drop("service", "HistoryBucket/Properties/LifecycleConfiguration"), "keeps copies"),
    (storage.recorded, drop("service", "CopyingHistory"), "is told of []"),
    (storage.recorded, put("service", "CopyingHistory/Properties/MaximumRetryAttempts", 3), "gives a row up"),
    (storage.recorded, put("service", f"{COPIER}/3/Action", ["s3:PutObject", "s3:DeleteObject"]), "may do"),
    (storage.recorded, drop("service", "HistoryBucket/Condition"), "though nobody wants copies"),
    (storage.encrypted, drop("service", "HistoryBucketPolicy"), "HistoryBucket can be used without TLS"),
    (storage.encrypted, drop("service", "Table/Properties/SSESpecification"), "Table is not encrypted"),
    (storage.encrypted, drop("service", "Bucket/Properties/BucketEncryption"), "Bucket is not encrypted"),
    (storage.encrypted, drop("service", "DeadLetters/Properties/SqsManagedSseEnabled"), "DeadLetters is not encrypted"),
    (storage.encrypted, drop("service", "AlarmTopic/Properties/KmsMasterKeyId"), "AlarmTopic is not encrypted"),
    (storage.encrypted, put("hosts", f"{LAUNCH}/BlockDeviceMappings/0/Ebs/Encrypted", False), "a disk"),
    (storage.encrypted, drop("service", "DeadLettersPolicy"), "DeadLetters can be used without TLS"),
    (storage.encrypted, drop("service", f"{POLICY}/0"), "Bucket can be used without"),
    (
        storage.encrypted,
        put("service", f"{CDN}/DefaultCacheBehavior/ViewerProtocolPolicy", "allow-all"),
        "answers without TLS",
    ),
    (storage.public, put("service", f"{BLOCK}/BlockPublicPolicy", False), "BlockPublicPolicy"),
    (storage.public, drop("service", BLOCK), "can be public"),
    (storage.public, add("service", POLICY, ANYBODY), "lets in *"),
    (storage.public, drop("service", "QueuePolicy/Properties/PolicyDocument/Statement/0/Condition"), "every account"),
    (storage.public, put("service", f"{POLICY}/1/Fn::If/1/Resource", WHOLE_BUCKET), "lets CloudFront"),
    (storage.public, put("service", "Read/Properties/FunctionUrlConfig", {"AuthType": "NONE"}), "a way past the API"),
    (
        storage.public,
        put("hosts", "HostSecurity/Properties/SecurityGroupIngress", [{"IpProtocol": "-1"}]),
        "lets others in",
    ),
    (
        storage.public,
        put("hosts", f"{LAUNCH}/NetworkInterfaces", [{"AssociatePublicIpAddress": True}]),
        "a public address",
    ),
    (storage.public, drop("service", f"{CDN}/Origins/0/OriginAccessControlId"), "signing"),
    (rights.wildcards, put("service", f"{CREATE}/1/Action", "dynamodb:*"), "may do dynamodb:*"),
    (rights.wildcards, put("service", f"{CREATE}/1/Action", "dynamodb:Put*"), "may do dynamodb:Put*"),
    (rights.wildcards, put("service", f"{WORKER}/8/Resource", "*"), "to everything"),
    (rights.wildcards, put("service", f"{WORKER}/8/Resource", WHOLE_BUCKET), "to all of"),
    (rights.wildcards, put("hosts", f"{HOST}/0/Resource", "*"), "to everything"),
    (rights.wildcards, put("service", "ReadRole/Properties/ManagedPolicyArns", OTHERS), "others change"),
    (rights.wildcards, drop("service", "Read/Properties/Role"), "SAM makes up"),
    (rights.roles, put("service", "Read/Properties/Role", {"Fn::GetAtt": ["CreateRole", "Arn"]}), "role of several"),
    (rights.actions, add("service", f"{CREATE}/3/Action", "dynamodb:Scan"), "dynamodb:Scan, which the code does not"),
    (
        rights.actions,
        put("service", f"{READ_ROLE}/2/Action", "dynamodb:GetItem"),
        "nobody may do dynamodb:BatchGetItem",
    ),
    (rights.history, put("service", f"{CREATE}/2/Action", "dynamodb:UpdateItem"), "change rows of tasks in place"),
    (
        rights.history,
        put("service", f"{WORKER}/0/Action", "dynamodb:DeleteItem"),
        "GenerateRole may do dynamodb:DeleteItem",
    ),
    (rights.history, drop("service", f"{CREATE}/1/Condition/ForAnyValue:StringEquals"), "outside a transaction"),
    (rights.models, drop("service", f"{WORKER}/11"), "may not do s3:GetObject to models/*"),
    (rights.models, put("service", f"{WORKER}/12/Fn::If/1/Action", "s3:DeleteBucket"), "s3:DeleteBucket to models,"),
    (rights.models, put("service", f"{WORKER}/11", {"Fn::If": ["OnLambda", READS, READS]}), "which is not ours"),
    (watching.alarms, drop("service", "TasksFailed"), "tasks fail"),
    (watching.alarms, drop("service", "QueueAge"), "messages wait"),
    (watching.alarms, drop("service", "NobodyReconciles"), "what is always written is not"),
    (watching.alarms, put("service", "NobodyReconciles/Properties/TreatMissingData", "missing"), "stays silent"),
    (watching.alarms, drop("service", "WithdrawalsWait"), "withdrawn images stay in caches"),
    (watching.alarms, drop("service", "HistoryWaits"), "the history is not copied"),
    (watching.alarms, drop("service", "HousekeepingErrors/Properties/Metrics/1"), "Housekeeping: Errors"),
    (watching.alarms, drop("service", "MessagesGivenUp"), "messages are given up"),
    (watching.alarms, drop("service", "FunctionThrottles/Properties/Metrics/2"), "Review: Throttles"),
    (watching.alarms, drop("service", "CostPerHour"), "Generate: Duration"),
    (watching.alarms, put("service", "TasksFailed/Properties/MetricName", "TasksMooved"), "which nobody writes"),
    (watching.alarms, put("service", "ColdStarts/Properties/Dimensions/0/Name", "gadget"), "which nobody writes"),
    (watching.alarms, drop("service", "QueueAge/Properties/AlarmActions"), "QueueAge tells nobody"),
    (watching.alarms, put("service", "QueueAge/Properties/TreatMissingData", "breaching"), "where nothing happens"),
    (watching.alarms, drop("hosts", "ColdStarts"), "a host takes long"),
    (watching.alarms, drop("hosts", "DrawsOnCpu"), "draws on the CPU"),
    (watching.dashboards, put("service", "Dashboard/Properties/DashboardBody", '{"widgets": ['), "not JSON"),
    (watching.dashboards, put("service", "Dashboard/Properties/DashboardBody", '{"widgets": []}'), "QueueWait"),
    (watching.logs, drop("service", "CreateLog/Properties/RetentionInDays"), "CreateLog is kept for ever"),
    (watching.logs, drop("service", "Create/Properties/LoggingConfig"), "kept for ever"),
    (watching.logs, drop("service", "Api/Properties/AccessLogSettings"), "who called"),
    (watching.logs, drop("hosts", f"{CONTAINER}/LogConfiguration"), "no log"),
    (hosts.containers, put("hosts", f"{CONTAINER}/ResourceRequirements/0/Value", "2"), "one GPU"),
    (hosts.containers, drop("hosts", f"{CONTAINER}/ReadonlyRootFilesystem"), "write to its root"),
    (hosts.containers, drop("hosts", f"{CONTAINER}/User"), "runs as root"),
    (hosts.containers, put("hosts", f"{CONTAINER}/Privileged", True), "rights on its host"),
    (hosts.containers, drop("hosts", f"{CONTAINER}/StopTimeout"), "has 30 s"),
    (hosts.models, drop("hosts", f"{CONTAINER}/MountPoints"), "no disk for models"),
    (hosts.models, put("hosts", f"{CONTAINER}/MountPoints/0/ReadOnly", True), "no disk for models"),
    (hosts.models, put("hosts", f"{LAUNCH}/UserData", ""), "may not write"),
    (hosts.machines, put("hosts", f"{LAUNCH}/MetadataOptions/HttpTokens", "optional"), "credentials"),
    (hosts.machines, put("hosts", f"{LAUNCH}/UserData", ""), "when spot ends"),
    (hosts.machines, drop("hosts", DRAINING), "does not drain"),
    (hosts.machines, put("hosts", LARGEST_STEP, 8), "two steps"),
    (hosts.machines, put("hosts", "Hosts/Properties/MinSize", "1"), "nobody needs"),
    (hosts.scaling, put("hosts", "WorkerCount/Properties/MinCapacity", 1), "nobody needs"),
    (hosts.scaling, put("hosts", "Depth/Properties/Threshold", 5), "the first worker"),
    (hosts.scaling, drop("hosts", "Depth"), "no alarm calls MoreForDepth"),
    (hosts.scaling, drop("hosts", "Age"), "wait for long"),
    (hosts.scaling, drop("hosts", "Idle"), "nothing to do"),
    (guide.guide, put("service", "Wail", {"Type": "AWS::CloudWatch::Alarm", "Properties": {}}), "Wail"),
]


def complaints(check, templates):
    """What a check says of the templates, whatever values they are given."""
    found = {}
    for variant, values in VARIANTS.items():
        for complaint in check(Deployment(templates, values)):
            found.setdefault(complaint, variant)
    return [f"{complaint} ({variant})" for complaint, variant in found.items()]


class Templates(unittest.TestCase):
    maxDiff = None
    """The templates as they are."""

    templates = sources()

    def test_nothing_is_complained_of(self):
        for check in CHECKS:
            with self.subTest(check.__doc__):
                self.assertEqual(complaints(check, self.templates), [])

    def test_the_parameter_says_who_draws(self):
        drawn = {name: Deployment(self.templates, values).has_hosts for name, values in VARIANTS.items()}
        self.assertEqual([name for name, has_hosts in drawn.items() if has_hosts], ["on hosts"])


class Breaks(unittest.TestCase):
    """Templates that are broken in memory."""

    templates = sources()

    def test_every_check_complains_of_what_it_looks_for(self):
        for check, apply, word in BREAKS:
            with self.subTest(word):
                broken = copy.deepcopy(self.templates)
                for template in broken.values():
                    # So that paths lead there too.
                    template["Resources"]["Globals"] = template.get("Globals", {})
                apply(broken)
                for template in broken.values():
                    template["Globals"] = template["Resources"].pop("Globals")
                said = complaints(check, broken)
                self.assertTrue(any(word in complaint for complaint in said), f"{check.__name__} said {said}")

    def test_every_check_is_broken(self):
        self.assertEqual({check for check, _, _ in BREAKS}, set(CHECKS))


if __name__ == "__main__":
    sys.exit(unittest.main())
