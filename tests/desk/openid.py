"""An OpenID provider: the code flow with PKCE.

Behind a gateway, tokens are signed with the service's own secret, as if an authorizer had checked them. A service that
checks them itself gets them signed with a key of the provider's own."""

import base64
import contextlib
import hashlib
import hmac
import json
import secrets
import subprocess
import tempfile
import time
import uuid
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qs, urlencode, urlsplit

from servers import serving

CLIENT = "desk-client"


class Provider:
    """Who signs in next, and what was requested."""

    def __init__(self, secret):
        self.secret = secret
        self.client = CLIENT
        self.issuer = None
        self.person = ("robin", "reviewer")
        self.lifetime = 3600
        # By code: what the page promised, and who it is for.
        self.codes = {}
        # What came to the authorization, the token and the logout endpoint.
        self.authorizations, self.exchanges, self.departures = [], [], []

    def authorize(self, query):
        """Where the browser goes next, with a code; a page would ask for a password here."""
        self.authorizations.append(query)
        code = secrets.token_urlsafe(16)
        self.codes[code] = query, self.person
        return f"{query['redirect_uri']}?{urlencode({'code': code, 'state': query['state']})}"

    def depart(self, query):
        """Where the browser goes after it has signed out."""
        self.departures.append(query)
        return query["post_logout_redirect_uri"]

    def exchange(self, form):
        """Tokens for a code, once, if the verifier matches the challenge."""
        self.exchanges.append(form)
        asked, person = self.codes.pop(form.get("code"), ({}, None))
        proof = base64url(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
        promised = (asked.get("redirect_uri"), asked.get("code_challenge"))
        given = (form.get("redirect_uri"), proof)
        if form.get("grant_type") != "authorization_code" or form.get("client_id") != self.client or promised != given:
            return 400, {"error": "invalid_grant"}
        token = self.token(*person)
        return 200, {"access_token": token, "id_token": token, "token_type": "Bearer", "expires_in": self.lifetime}

    def token(self, name, role):
        """A token (JWT, HS256) like the service's own."""
        now = int(time.time())
        claims = {"iss": "easel", "sub": name, "role": role, "iat": now, "exp": now + self.lifetime}
        claims["jti"] = str(uuid.uuid4())
        signed = ".".join(base64url(json.dumps(part).encode()) for part in ({"alg": "HS256", "typ": "JWT"}, claims))
        return f"{signed}.{base64url(hmac.digest(self.secret.encode(), signed.encode(), 'sha256'))}"

    def keys(self):
        """The keys that tokens are checked with."""
        return {"keys": []}

    def description(self):
        return {
            "issuer": self.issuer,
            "jwks_uri": f"{self.issuer}/keys",
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "end_session_endpoint": f"{self.issuer}/logout",
            "response_types_supported": ["code"],
            "code_challenge_methods_supported": ["S256"],
        }


class SigningProvider(Provider):
    """A provider with a key of its own (RS256), whose tokens name their bearer's groups."""

    def __init__(self):
        super().__init__(None)
        self.audience = CLIENT
        self.rotate()

    def rotate(self):
        """Takes another key."""
        self.key_id = secrets.token_hex(4)
        self.key = openssl("genpkey", "-quiet", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048")

    def token(self, name, role):
        now = int(time.time())
        claims = {"iss": self.issuer, "aud": self.audience, "sub": name, "groups": ["staff", role]}
        claims |= {"iat": now, "nbf": now, "exp": now + self.lifetime, "jti": str(uuid.uuid4())}
        head = {"alg": "RS256", "typ": "JWT", "kid": self.key_id}
        signed = ".".join(base64url(json.dumps(part).encode()) for part in (head, claims))
        with tempfile.NamedTemporaryFile() as key:
            key.write(self.key)
            key.flush()
            signature = openssl("dgst", "-sha256", "-sign", key.name, content=signed.encode())
        return f"{signed}.{base64url(signature)}"

    def keys(self):
        modulus = openssl("rsa", "-noout", "-modulus", content=self.key).decode().strip().removeprefix("Modulus=")
        key = {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": self.key_id, "e": "AQAB"}
        return {"keys": [key | {"n": base64url(bytes.fromhex(modulus))}]}


def openssl(*arguments, content=b""):
    return subprocess.run(["openssl", *arguments], input=content, check=True, capture_output=True).stdout


@contextlib.contextmanager
def issuing():
    """A provider that signs itself, as long as the block runs."""
    provider = SigningProvider()
    with serving(handler(provider)) as provider.issuer:
        yield provider


@contextlib.contextmanager
def providing(service):
    """A provider as long as the block runs."""
    provider = Provider(service.token_secret)
    with serving(handler(provider)) as provider.issuer:
        yield provider


def handler(provider):
    class Endpoint(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            address = urlsplit(self.path)
            if address.path == "/.well-known/openid-configuration":
                return self.respond(200, provider.description())
            if address.path == "/keys":
                return self.respond(200, provider.keys())
            query = {name: values[0] for name, values in parse_qs(address.query).items()}
            if address.path == "/authorize":
                return self.respond(302, {}, location=provider.authorize(query))
            if address.path == "/logout":
                return self.respond(302, {}, location=provider.depart(query))
            return self.respond(404, {})

        def do_POST(self):
            body = self.rfile.read(int(self.headers.get("content-length", 0))).decode()
            form = {name: values[0] for name, values in parse_qs(body).items()}
            self.respond(*provider.exchange(form))

        def do_OPTIONS(self):
            self.respond(204, None, access_control_allow_headers="content-type")

        def respond(self, status, answer, **headers):
            content = b"" if answer is None else json.dumps(answer).encode()
            self.send_response(status)
            for name, value in {"access-control-allow-origin": "*", "content-type": "application/json"}.items():
                self.send_header(name, value)
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_):
            """The tests report what goes wrong."""

    return Endpoint


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
