"""What runs, and what it is told."""

import re

from stacks import source
from stacks.rules.queues import variables_of
from stacks.templates import ROOT, SERVICE, is_easels

RUNTIMES = {"provided.al2023"}
# Of functions whose code stands in the template.
RUNTIMES_OF_TEXT = {"python3.13"}
ARCHITECTURES = {"arm64", "x86_64"}
# Who leaves a variable out that its program reads, and why.
LEFT_OUT = [
    ("the API", "EASEL_TOKEN_SECRET", "API Gateway checks tokens; with a secret, functions would take others too"),
    ("everybody", "AWS_ENDPOINT_URL_S3", "for emulators"),
    ("workers", "AWS_ENDPOINT_URL", "for emulators"),
    ("workers", "AWS_ENDPOINT_URL_DYNAMODB", "for emulators"),
    ("everybody", "AWS_LAMBDA_FUNCTION_NAME", "Lambda sets it"),
    ("functions", "EASEL_METRICS", "metrics are on where Lambda is"),
    ("workers", "AWS_LAMBDA_RUNTIME_API", "Lambda sets it"),
    ("workers", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "Lambda sets it"),
    ("workers", "AWS_LAMBDA_LOG_STREAM_NAME", "Lambda sets it"),
    ("workers", "EASEL_WORKER", "names follow from log streams and hosts: no two workers may have the same"),
    ("workers", "EASEL_CHECKPOINT_EVERY", "the program's own choice does"),
    ("workers", "EASEL_TIME_SLICE", "the program's own choice does, and on Lambda the end of a call"),
    ("workers", "EASEL_CACHE_SIZE", "the program's own choice does"),
    ("workers", "EASEL_INSTRUCTIONS", "for tests and comparisons"),
    ("workers", "EASEL_DEAD_LETTER_URL", "the function takes dead letters by its event source, for hosts too"),
    ("Generate", "EASEL_DOLLARS_PER_HOUR", "it follows from the function's memory"),
]
# Functions that are another's program with a role of their own.
OWN_ROLES = {"Erase": "review"}
# The desk is no part of the API's description.
DESK = {("GET", path, "desk", False) for path in ("/", "/desk/{proxy+}", "/docs", "/favicon.ico")}
# What the SDK and libraries read for themselves.
OF_OTHERS = {"AWS_REGION", "HOME"}


def programs(deployment):
    """Name, folder of the crate, variables and groups of everything that runs."""
    functions = deployment.of("AWS::Serverless::Function", "AWS::Lambda::Function")
    for function in filter(is_easels, functions):
        variables = function.properties.get("Environment", {}).get("Variables", {})
        kinds = {"Generate": "workers", "Housekeeping": "housekeeping"}
        groups = {"everybody", "functions", function.name, kinds.get(function.name, "the API")}
        if function.name == "Desk":
            # It has nothing in common with the others.
            groups = {function.name}
        yield function.name, f"functions/{program(function)}", set(variables), groups
    for container in deployment.containers():
        variables = set(variables_of(container)) - OF_OTHERS
        yield container["Name"], f"functions/{container['Name']}", variables, {"everybody", "workers", "hosts"}


def program(function):
    """The folder of a function's crate: two functions may have one program, and roles of their own."""
    return OWN_ROLES.get(function.name, function.name.lower())


def variables(deployment):
    """Programs are told all they read and nothing else."""
    for name, folder, told, groups in programs(deployment):
        read = source.variables(folder)
        left_out = {variable for group, variable, _ in LEFT_OUT if group in groups}
        for variable in sorted(read - told - left_out):
            yield f"{name} reads {variable}, which is neither set nor left out on purpose"
        for variable in sorted(told - read):
            yield f"{name} is told {variable}, which it does not read"
        for variable in sorted(left_out & told):
            yield f"{name} is told {variable}, which is left out on purpose"
        for variable in sorted(left_out - read):
            yield f"{variable} is left out of {name}, which does not read it any more"


def runtimes(deployment):
    """Functions can be built, start, and end before whoever waits for them."""
    if "Architectures" in deployment.service.template.get("Globals", {}).get("Function", {}):
        yield "Architectures in Globals comes out twice: give it to each function"
    for function in deployment.of("AWS::Serverless::Function"):
        given, name = function.properties, function.name
        architectures = given.get("Architectures", [])
        if len(architectures) != 1 or not set(architectures) <= ARCHITECTURES:
            yield f"{name} is for {architectures}: say one of {sorted(ARCHITECTURES)}"
        if given.get("Timeout", 3) > 900 or given.get("MemorySize", 128) > 10_240:
            yield f"{name} wants more than Lambda has"
        called = [event for event in given.get("Events", {}).values() if event["Type"] == "HttpApi"]
        if called and given.get("Timeout", 3) >= 30:
            yield f"{name} works for {given['Timeout']} s, the API waits for 30"
        if given.get("PackageType") == "Image":
            continue
        known = RUNTIMES if is_easels(function) else RUNTIMES_OF_TEXT
        if given.get("Runtime") not in known:
            yield f"{name} runs on {given.get('Runtime')}: say one of {sorted(known)}"
        if not is_easels(function):
            continue
        built = function.whole.get("Metadata", {})
        folder = (SERVICE.parent / given["CodeUri"]).resolve()
        if built.get("BuildMethod") != "rust-cargolambda" or not (folder / "Cargo.toml").is_file():
            yield f"{name} cannot be built with cargo-lambda from {given['CodeUri']}"
        elif built["BuildProperties"]["Binary"] != source.binary(folder.relative_to(ROOT)):
            yield f"{name} is built from {built['BuildProperties']['Binary']}, no program of {given['CodeUri']}"


def schedules(deployment):
    """What runs by the clock never runs again by itself, beside the next call."""
    for function in deployment.of("AWS::Serverless::Function"):
        events = function.properties.get("Events", {}).values()
        repeated = function.properties.get("EventInvokeConfig", {}).get("MaximumRetryAttempts", 2)
        if any(event["Type"] == "Schedule" for event in events) and repeated:
            yield f"{function.name} runs by the clock, and up to {repeated} times more when a call fails"


def pinned(deployment):
    """Two workers never generate with two versions of a model: of the hub, a commit is named."""
    commit = "0123456789abcdef" * 2 + "01234567"
    for stack in deployment.stacks:
        offered = ("Loras", "Embeddings", "Controls", "ImageAdapters", "ImageEncoders", "Upscalers")
        for name in ("Model", "Refiner", "Vae", "TinyVae", *offered):
            pattern = stack.template["Parameters"][name].get("AllowedPattern", "")
            for value, is_meant in (
                ("", True),
                ("/model", True),
                ("s3://models/base-int8", True),
                (f"hf://owner/name@{commit}", True),
                (f"hf://owner/name@{commit}/one.safetensors?variant=fp16", True),
                ("hf://owner/name", False),
                ("hf://owner/name@main", False),
                (f"hf://owner/name@{commit[1:]}", False),
                ("owner/name", False),
            ):
                if bool(re.fullmatch(pattern, value)) != is_meant:
                    yield f"{name} {'does not take' if is_meant else 'takes'} {value or 'nothing'}"
        pattern = stack.template["Parameters"]["Models"].get("AllowedPattern", "")
        for value, is_meant in (
            ("", True),
            (f"base=/model,turbo=hf://owner/name@{commit}?variant=fp16,own=s3://models/own", True),
            ("base=/model,turbo=hf://owner/name", False),
            ("/model", False),
            ("base=/model,", False),
        ):
            if bool(re.fullmatch(pattern, value)) != is_meant:
                yield f"Models {'does not take' if is_meant else 'takes'} {value or 'nothing'}"


def routes(deployment):
    """The API has the described routes and the desk's, each with its function, and asks for tokens where they do."""
    (api,) = deployment.of("AWS::Serverless::HttpApi")
    guarded = bool(api.properties.get("Auth", {}).get("DefaultAuthorizer"))
    found = set()
    for function in deployment.of("AWS::Serverless::Function"):
        for event in function.properties.get("Events", {}).values():
            if event["Type"] == "HttpApi":
                given = event["Properties"]
                token = guarded and given.get("Auth", {}).get("Authorizer") != "NONE"
                found.add((given["Method"].upper(), given["Path"], program(function), token))
    described = source.routes() | DESK
    for method, path, function, token in sorted(described - found):
        yield f"{method} {path} is missing: {function}, {'with' if token else 'without'} a token"
    for method, path, function, token in sorted(found - described):
        yield f"{method} {path} is not described: {function}, {'with' if token else 'without'} a token"
