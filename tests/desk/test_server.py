"""The files in infra/server, as the programs that read them see them."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from packages import program

SERVER = Path(__file__).parents[2] / "infra/server"


def run(command):
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_nginx_takes_its_site(tmp_path):
    nginx = program("nginx", "nginx-light") or pytest.skip("nginx is missing and cannot be installed")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    made = ["-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=easel.example", "-keyout", key, "-out", certificate]
    subprocess.run(["openssl", "req", *made], check=True, capture_output=True)
    site = (SERVER / "nginx.conf").read_text()
    site = re.sub(r"ssl_certificate .*;", f"ssl_certificate {certificate};", site)
    site = re.sub(r"ssl_certificate_key .*;", f"ssl_certificate_key {key};", site)
    whole = tmp_path / "nginx.conf"
    whole.write_text(f"pid {tmp_path}/pid;\nerror_log stderr;\nevents {{}}\nhttp {{\n{site}\n}}\n")
    checked = run([nginx, "-t", "-q", "-c", whole, "-p", tmp_path, "-e", "stderr"])
    assert checked.returncode == 0, checked.stderr


def test_caddy_takes_its_file():
    caddy = program("caddy", "caddy") or pytest.skip("Caddy is missing and cannot be installed")
    checked = run([caddy, "validate", "--adapter", "caddyfile", "--config", SERVER / "Caddyfile"])
    assert checked.returncode == 0, checked.stderr


def test_systemd_takes_its_unit(tmp_path):
    analyze = shutil.which("systemd-analyze") or pytest.skip("this machine has no systemd")
    # Neither the program nor the user has to be here.
    unit = (SERVER / "easel.service").read_text().replace("/usr/local/bin/easel serve", "/bin/true serve")
    copy = tmp_path / "easel.service"
    copy.write_text(re.sub(r"^(User|Group)=.*$", "", unit, flags=re.MULTILINE))
    checked = run([analyze, "verify", copy])
    assert checked.returncode == 0 and not checked.stderr, checked.stderr
    exposure = run([analyze, "security", "--offline=true", "--threshold=25", copy])
    assert exposure.returncode == 0, exposure.stdout


def test_the_containers_know_what_the_program_reads():
    names = re.findall(r"\bEASEL_[A-Z_]+", (SERVER / "compose.yaml").read_text() + (SERVER / "environment").read_text())
    source = (SERVER.parents[1] / "functions/system/src/environment.rs").read_text()
    own = {"EASEL_HOST", "EASEL_ALONE", "EASEL_MODELS_FOLDER"}
    assert {name for name in names if f'"{name}"' not in source} <= own
