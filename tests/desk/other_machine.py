"""Another machine: a network namespace with an address of its own, which does not reach this machine's loopback."""

import contextlib
import os
import subprocess
from pathlib import Path

import pytest

import chromium
from packages import program

NAME = "studio.test"
PORT = 8443


class OtherMachine:
    """A namespace, this machine's address as it is seen from there, and a browser in it."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.namespace = f"easel{os.getpid()}"
        network = f"10.231.{os.getpid() % 250}"
        self.host, self.guest = f"{network}.1", f"{network}.2"
        self.link = f"ea{os.getpid() % 100000}"

    def __enter__(self):
        ip = program("ip", "iproute2")
        if os.geteuid() != 0 or not ip:
            pytest.skip("a network namespace needs root and the program `ip`")
        made = subprocess.run(["ip", "netns", "add", self.namespace], capture_output=True, text=True, check=False)
        if made.returncode != 0:
            pytest.skip(f"no network namespace can be made here: {made.stderr.strip()}")
        try:
            for command in (
                f"link add {self.link}h type veth peer name {self.link}g netns {self.namespace}",
                f"addr add {self.host}/24 dev {self.link}h",
                f"link set {self.link}h up",
                f"-n {self.namespace} addr add {self.guest}/24 dev {self.link}g",
                f"-n {self.namespace} link set {self.link}g up",
            ):
                subprocess.run(["ip", *command.split()], check=True)
        except subprocess.CalledProcessError:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        # The namespace lasts as long as a process in it, and the link with it, of whose name the next test makes one.
        subprocess.run(["ip", "link", "delete", f"{self.link}h"], capture_output=True, check=False)
        subprocess.run(["ip", "netns", "delete", self.namespace], check=False)

    def browser(self, playwright):
        """A browser there, which knows this machine by a name."""
        script = self.folder / "chromium-elsewhere"
        script.write_text(f'#!/bin/sh\nexec ip netns exec {self.namespace} {chromium.find()} "$@"\n')
        script.chmod(0o700)
        flags = [flag for flag in chromium.FLAGS if not flag.startswith("--host-resolver-rules")]
        rules = f"--host-resolver-rules=MAP {NAME} {self.host} , MAP * ~NOTFOUND , EXCLUDE {self.host}"
        return playwright.chromium.launch(executable_path=str(script), args=[*flags, rules])


SITE = """
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/nginx.log warn;
worker_processes 1;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen {listen} ssl;
        server_name {name};
        ssl_certificate {folder}/certificate.pem;
        ssl_certificate_key {folder}/key.pem;
        location = /studio {{ return 301 /studio/; }}
        location /studio/ {{
            proxy_pass {api}/;
            proxy_http_version 1.1;
            proxy_set_header Host $http_host;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            client_max_body_size 24m;
            proxy_request_buffering off;
            proxy_buffering off;
        }}
        location / {{ return 404; }}
    }}
}}
"""


@contextlib.contextmanager
def nginx(folder, host, api):
    """The address below which nginx shows the service to others, with TLS and a path."""
    found = program("nginx", "nginx-light")
    if not found:
        pytest.skip("nginx is missing and cannot be installed")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={NAME}"]
        + ["-addext", f"subjectAltName=DNS:{NAME}", "-keyout", folder / "key.pem", "-out", folder / "certificate.pem"],
        check=True,
        capture_output=True,
    )
    site = folder / "nginx.conf"
    site.write_text(SITE.format(folder=folder, listen=f"{host}:{PORT}", name=NAME, api=api))
    with subprocess.Popen([found, "-c", site, "-p", folder, "-e", folder / "nginx.log"]) as server:
        try:
            yield f"https://{NAME}:{PORT}/studio"
        finally:
            server.terminate()
