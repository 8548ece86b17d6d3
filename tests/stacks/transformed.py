"""The service's template as CloudFormation gets it, once SAM has written it out."""

import copy

import boto3
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator

REGION = "us-east-1"
# Where `sam deploy` would have put the packages.
PACKAGES = "s3://packages/"
CONTAINER_IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/easel:1"


def transformed(template, values):
    """The template with these parameters, in plain CloudFormation."""
    template = copy.deepcopy(template)
    for name, resource in template["Resources"].items():
        if "CodeUri" in resource.get("Properties", {}):
            resource["Properties"]["CodeUri"] = f"{PACKAGES}{name}.zip"
    defaults = {name: given["Default"] for name, given in template["Parameters"].items() if "Default" in given}
    translator = Translator({}, Parser(), boto_session=boto3.Session(region_name=REGION))
    return translator.translate(template, defaults | {"Image": CONTAINER_IMAGE} | values)
