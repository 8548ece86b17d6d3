"""Whether `make smoke` can make the people whom it tries a stack as."""

import base64
import json
import os
import unittest
from types import SimpleNamespace
from unittest import mock

import boto3

from stacks import smoke
from stacks.templates import SERVICE, VARIANTS, load
from stacks.transformed import REGION, transformed


class People(unittest.TestCase):
    """People in a user pool as the template describes it: moto's CloudFormation makes none."""

    endpoint = None

    def setUp(self):
        session = boto3.Session("easel", "easel", region_name=REGION)
        self.session = SimpleNamespace(client=lambda service: session.client(service, endpoint_url=self.endpoint))
        self.cognito = self.session.client("cognito-idp")
        resources = transformed(load(SERVICE), VARIANTS["on Lambda"])["Resources"].values()
        kinds = {}
        for resource in resources:
            kinds.setdefault(resource["Type"], []).append(resource.get("Properties", {}))
        (pool,), (client,) = kinds["AWS::Cognito::UserPool"], kinds["AWS::Cognito::UserPoolClient"]
        made = self.cognito.create_user_pool(
            PoolName="easel", Policies=pool["Policies"], UsernameAttributes=pool["UsernameAttributes"]
        )
        self.pool = made["UserPool"]["Id"]
        made = self.cognito.create_user_pool_client(
            UserPoolId=self.pool, ClientName="easel", ExplicitAuthFlows=client["ExplicitAuthFlows"]
        )
        self.outputs = {"UserPoolId": self.pool, "UserPoolClientId": made["UserPoolClient"]["ClientId"]}
        for group in kinds["AWS::Cognito::UserPoolGroup"]:
            self.cognito.create_group(UserPoolId=self.pool, GroupName=group["GroupName"])

    def test_each_has_a_token_with_their_role_and_goes_again(self):
        with smoke.people(self.session, self.outputs) as tokens:
            roles = {who: claims(token)["cognito:groups"] for who, token in tokens.items()}
            self.assertEqual(len({claims(token)["sub"] for token in tokens.values()}), 4)
        self.assertEqual(roles, {who: [role] for who, role in smoke.ROLES.items()})
        self.assertEqual(self.cognito.list_users(UserPoolId=self.pool)["Users"], [])

    def test_tokens_that_are_given_are_used_and_nobody_is_made(self):
        given = {f"{who.upper()}_TOKEN": who for who in smoke.ROLES}
        with mock.patch.dict(os.environ, given), smoke.people(self.session, self.outputs) as tokens:
            self.assertEqual(tokens, {who: who for who in smoke.ROLES})
            self.assertEqual(self.cognito.list_users(UserPoolId=self.pool)["Users"], [])

    def test_a_pool_that_wants_more_than_a_password_is_told_of(self):
        challenged = SimpleNamespace(admin_initiate_auth=lambda **_: {"ChallengeName": "MFA_SETUP"})
        with self.assertRaisesRegex(SystemExit, r"MFA_SETUP.*CREATOR_TOKEN"):
            smoke.access_token(challenged, self.outputs, "somebody", "password")

    def test_they_go_when_something_fails(self):
        with self.assertRaises(ZeroDivisionError), smoke.people(self.session, self.outputs):
            raise ZeroDivisionError
        self.assertEqual(self.cognito.list_users(UserPoolId=self.pool)["Users"], [])


def claims(token):
    part = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
