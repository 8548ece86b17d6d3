r"""Tries a deployed stack as its users do, and leaves nothing behind but tasks that are deleted or that its tests made.

    PYTHONPATH=tests python -m stacks.smoke --stack easel --easel target/debug/easel -- \
        cargo test --workspace --test end_to_end

In turn: the generate function checks itself with its own rights, the housekeeping function looks for forgotten tasks,
`easel validate` checks the API from outside, and the command runs against the stack, whose addresses and tokens it
finds in the file that EASEL_TEST_DEPLOYMENT names. With the stack's own user pool, people for the time of the test
are made and removed, unless there are access tokens already; of another issuer, or where the pool demands a second
factor, give them as CREATOR_TOKEN, OTHER_CREATOR_TOKEN, REVIEWER_TOKEN and ADMIN_TOKEN.
"""

import argparse
import contextlib
import json
import os
import secrets
import subprocess
import sys
import tempfile
from pathlib import Path

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

# Who the end-to-end tests are played by.
ROLES = {"creator": "creator", "other_creator": "creator", "reviewer": "reviewer", "admin": "admin"}
# As long as the function may take, and its cold start.
FUNCTION_SECONDS = 960


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stack", default="easel", help="the service's stack")
    parser.add_argument("--easel", type=Path, required=True, help="the command")
    parser.add_argument("command", nargs="*", help="what to run against the stack, after --")
    arguments = parser.parse_args()
    session = boto3.Session()
    try:
        outputs = outputs_of(session, arguments.stack)
        with people(session, outputs) as tokens:
            failed = [name for name, passed in trials(session, outputs, tokens, arguments) if not passed]
    except (BotoCoreError, ClientError) as error:
        sys.exit(f"smoke: AWS says: {error}")
    if failed:
        sys.exit(f"smoke: failed: {', '.join(failed)}; what is above says why")
    print("smoke: everything passed")


def trials(session, outputs, tokens, arguments):
    """What is tried, and whether it went well."""
    yield "the function's own checks", function_is_ready(session, outputs["GenerateFunction"])
    yield "housekeeping", housekeeping_works(session, outputs["HousekeepingFunction"])
    line = [arguments.easel, "validate", "--endpoint", outputs["ApiUrl"]]
    environment = os.environ | {"EASEL_TOKEN": tokens["creator"]}
    yield "easel validate", subprocess.run(line, env=environment, check=False).returncode == 0
    if arguments.command:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "deployment.json"
            file.touch(mode=0o600)
            file.write_text(json.dumps(deployment(session, outputs, tokens)))
            environment = os.environ | {"EASEL_TEST_DEPLOYMENT": str(file)}
            yield "the tests", subprocess.run(arguments.command, env=environment, check=False).returncode == 0


def outputs_of(session, stack):
    described = session.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in described.get("Outputs", [])}
    if missing := {"ApiUrl", "BucketName", "TableName", "GenerateFunction", "HousekeepingFunction"} - outputs.keys():
        sys.exit(f"smoke: the stack {stack} is not Easel's: it has no {', '.join(sorted(missing))}")
    return outputs


def function_is_ready(session, function):
    """Whether the generate function finds itself ready; what it finds is printed."""
    report, failed = called(session, function, {"validate": True})
    if failed:
        return False
    for check in report["checks"]:
        parts = (check["outcome"], check["subject"], f"{check['what']}: {check['found']}", check.get("advice"))
        print("  ".join(filter(None, parts)))
    return report["ready"]


def housekeeping_works(session, function):
    """Whether the housekeeping function can look for forgotten tasks; what it finds is printed."""
    found, failed = called(session, function, {"reconcile": True})
    if not failed:
        print(f"{function}: {found}")
    return not failed


def called(session, function, event):
    """What a function answers, and whether it failed, which is printed."""
    client = session.client("lambda", config=Config(read_timeout=FUNCTION_SECONDS, retries={"total_max_attempts": 1}))
    answer = client.invoke(FunctionName=function, Payload=json.dumps(event).encode())
    content = json.loads(answer["Payload"].read())
    if "FunctionError" in answer:
        print(f"{function}: {content}")
    return content, "FunctionError" in answer


def deployment(session, outputs, tokens):
    """What the end-to-end tests need to know."""
    region = session.region_name
    credentials = session.get_credentials().get_frozen_credentials()
    return {
        "api": outputs["ApiUrl"],
        "s3_endpoint": session.client("s3").meta.endpoint_url,
        "bucket": outputs["BucketName"],
        "dynamodb_endpoint": session.client("dynamodb").meta.endpoint_url,
        "table": outputs["TableName"],
        "region": region,
        "access_key_id": credentials.access_key,
        "secret_access_key": credentials.secret_key,
        "session_token": credentials.token,
        "tokens": tokens,
    }


@contextlib.contextmanager
def people(session, outputs):
    """Access tokens by who is meant."""
    names = {who: f"{who.upper()}_TOKEN" for who in ROLES}
    missing = [name for name in names.values() if not os.environ.get(name)]
    if "UserPoolId" not in outputs and missing:
        sys.exit(f"smoke: the tokens are another issuer's: set {', '.join(missing)}")
    if not missing:
        yield {who: os.environ[name] for who, name in names.items()}
        return
    cognito, pool = session.client("cognito-idp"), outputs["UserPoolId"]
    run = secrets.token_hex(4)
    # The domain is nobody's, for ever.
    names = {who: f"smoke-{who}-{run}@example.com" for who in ROLES}
    made, tokens = [], {}
    try:
        for who, name in names.items():
            cognito.admin_create_user(UserPoolId=pool, Username=name, MessageAction="SUPPRESS")
            made.append(name)
            password = secrets.token_urlsafe(24)
            cognito.admin_set_user_password(UserPoolId=pool, Username=name, Password=password, Permanent=True)
            cognito.admin_add_user_to_group(UserPoolId=pool, Username=name, GroupName=ROLES[who])
            tokens[who] = access_token(cognito, outputs, name, password)
        yield tokens
    finally:
        for name in made:
            cognito.admin_delete_user(UserPoolId=pool, Username=name)


def access_token(cognito, outputs, name, password):
    answer = cognito.admin_initiate_auth(
        UserPoolId=outputs["UserPoolId"],
        ClientId=outputs["UserPoolClientId"],
        AuthFlow="ADMIN_USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": name, "PASSWORD": password},
    )
    if "AuthenticationResult" not in answer:
        names = ", ".join(f"{who.upper()}_TOKEN" for who in ROLES)
        sys.exit(f"smoke: the pool wants more than a password ({answer.get('ChallengeName')}): set {names}")
    return answer["AuthenticationResult"]["AccessToken"]


if __name__ == "__main__":
    main()
