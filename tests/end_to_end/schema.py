"""Sends a running service thousands of calls, good and bad, that its own description leads Schemathesis to, and checks
that no answer is a fault of the service's, that every answer is one that the description knows, and that none is much
longer than the request.

    python tests/end_to_end/schema.py --easel target/debug/easel [--examples 100] [--seed 1]
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import proportion

CHECKS = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "ignored_auth",
    "negative_data_rejection",
    proportion.answer_is_in_proportion.__name__,
]


# Lists that are far too long are refused for the length of the body.
REFUSALS = [400, 401, 403, 404, 405, 406, 409, 413, 415, 422, 428, 429, "5xx"]
CONFIGURATION = """
[auth.openapi.token]
bearer = "{token}"
[checks.negative_data_rejection]
expected-statuses = {refusals}
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--easel", type=Path, required=True, help="the program")
    parser.add_argument("--examples", default="150", help="calls of each kind for each operation, at most")
    parser.add_argument("--seed", default="1")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        serve = [given.easel, "serve", "--json", "--listen", "127.0.0.1:0", "--no-generate", "--data", folder]
        with subprocess.Popen(serve, stdout=subprocess.PIPE) as service:
            try:
                api = json.loads(service.stdout.readline())["api"]
                token = [given.easel, "token", "--role", "admin", "--data", folder]
                token = subprocess.run(token, check=True, capture_output=True, text=True).stdout.strip()
                schemathesis = [Path(sys.executable).parent / "schemathesis", "run", f"{api}/openapi.json"]
                options = ["--checks", ",".join(CHECKS), "--max-examples", given.examples, "--seed", given.seed]
                options += ["--continue-on-failure"]
                configuration = CONFIGURATION.format(token=token, refusals=json.dumps(REFUSALS))
                Path(folder, "schemathesis.toml").write_text(configuration)
                hooks = {"SCHEMATHESIS_HOOKS": proportion.__name__, "PYTHONPATH": str(Path(proportion.__file__).parent)}
                command = [*schemathesis, *options]
                return subprocess.run(command, cwd=folder, env=os.environ | hooks, check=False).returncode
            finally:
                service.terminate()


if __name__ == "__main__":
    sys.exit(main())
