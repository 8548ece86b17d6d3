"""What runs beside the API and the workers on ministack: the housekeeping function, and the copier of the history."""

import contextlib
import io
import re
import textwrap
import threading
import zipfile

from emulators.emulator import DEAD_LETTERS, HISTORY, NAME, REGION, ROOT, WITHDRAWALS

HOUSEKEEPING = "housekeeping"
COPIER = "copyhistory"
# Schedules are the harness's here, and minutes are long.
EVERY_SECONDS = 3


def make_housekeeping(emulator, package):
    """The function, which hears of dead letters and of withdrawn images; the distribution that showed them."""
    origin = {"Id": "bucket", "DomainName": f"{NAME}.example", "S3OriginConfig": {"OriginAccessIdentity": ""}}
    made = emulator.client("cloudfront").create_distribution(
        DistributionConfig={
            "CallerReference": NAME,
            "Comment": "published images",
            "Enabled": True,
            "Origins": {"Quantity": 1, "Items": [origin]},
            "DefaultCacheBehavior": {"TargetOriginId": "bucket", "ViewerProtocolPolicy": "redirect-to-https"},
        }
    )
    distribution = made["Distribution"]["Id"]
    own = {"EASEL_DISTRIBUTION": distribution}
    own["AWS_ENDPOINT_URL_CLOUDFRONT"] = emulator.environment(HOUSEKEEPING)["AWS_ENDPOINT_URL_S3"]
    function = emulator.make_function(HOUSEKEEPING, package, own)
    emulator.feed(function, DEAD_LETTERS)
    emulator.feed(function, WITHDRAWALS)
    return distribution


def make_copier(emulator):
    """The function that copies the history to a locked bucket, with the code and the filter of the template."""
    s3, functions = emulator.client("s3"), emulator.client("lambda")
    s3.create_bucket(Bucket=HISTORY, ObjectLockEnabledForBucket=True)
    retention = {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 1}}
    s3.put_object_lock_configuration(
        Bucket=HISTORY, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": retention}
    )
    template = (ROOT / "infra" / "template.yaml").read_text()
    code = textwrap.dedent(re.search(r"      InlineCode: \|\n((?: {8}.*\n|\n)+)", template)[1])
    pattern = re.search(r"- Pattern: '(.*)'", template)[1]
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("index.py", code)
    own = {"BUCKET": HISTORY, "AWS_DEFAULT_REGION": REGION}
    function = emulator.make_function(COPIER, buffer.getvalue(), own, runtime="python3.13", handler="index.handler")
    functions.create_event_source_mapping(
        FunctionName=function,
        EventSourceArn=emulator.client("dynamodb").describe_table(TableName=NAME)["Table"]["LatestStreamArn"],
        StartingPosition="TRIM_HORIZON",
        BatchSize=100,
        FilterCriteria={"Filters": [{"Pattern": pattern}]},
    )


def call(emulator, event):
    """Calls the housekeeping function as a schedule does."""
    called = emulator.client("lambda").invoke(FunctionName=HOUSEKEEPING, Payload=event)
    answer = called["Payload"].read()
    assert "FunctionError" not in called, answer
    return answer


@contextlib.contextmanager
def reconciling(emulator):
    """Has it look for forgotten tasks, again and again, as long as the block runs; each call has to succeed."""
    stop, failures = threading.Event(), []

    def reconcile():
        while not stop.wait(EVERY_SECONDS):
            try:
                call(emulator, b'{"reconcile": true}')
            except Exception as failure:
                failures.append(failure)

    thread = threading.Thread(target=reconcile, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
    assert not failures, failures[0]


def invalidated(emulator, distribution):
    """The paths that caches were told to forget."""
    cloudfront = emulator.client("cloudfront")
    told = cloudfront.list_invalidations(DistributionId=distribution)["InvalidationList"].get("Items", [])
    found = (cloudfront.get_invalidation(DistributionId=distribution, Id=one["Id"])["Invalidation"] for one in told)
    return {path for one in found for path in one["InvalidationBatch"]["Paths"]["Items"]}
