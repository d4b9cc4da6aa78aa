"""What schemathesis cannot know of the API: how requests prove whose they are, and what is a picture."""

import base64
import hashlib
import hmac
import os
import re
import struct
import time
import uuid
import zlib
from urllib.parse import urlsplit

import requests
import schemathesis
from hypothesis import strategies as st


class Bearer(requests.auth.AuthBase):
    """A user's key."""

    def __call__(self, request):
        request.headers["Authorization"] = "Bearer " + os.environ["ORFEAS_API_KEY"]
        return request


class Signed(requests.auth.AuthBase):
    """An agent's signature, over the request as it is about to be sent."""

    COVERED = ("cache-control", "content-encoding", "content-type", "idempotency-key", "x-test-scenario")

    def __call__(self, request):
        key, secret = os.environ["ORFEAS_API_KEY"], os.environ["ORFEAS_SIGNING_SECRET"]
        timestamp, nonce = str(int(time.time())), uuid.uuid4().hex
        url, body = urlsplit(request.url), request.body or b""
        body = body.encode() if isinstance(body, str) else body
        target = url.path + ("?" + url.query if url.query else "")
        lines = ["ORFEAS-HMAC-SHA256", key, request.method, target, timestamp, nonce]
        for name in self.COVERED:
            value = request.headers.get(name)
            if value is not None:
                value = value.decode("latin-1") if isinstance(value, bytes) else value
                lines.append(f"{name}:{value.strip()}")
        lines.append(hashlib.sha256(body).hexdigest())
        text = "\n".join(lines).encode("latin-1", "replace")
        request.headers["X-Agent-API-Key"] = key
        request.headers["X-Agent-Timestamp"] = timestamp
        request.headers["X-Agent-Nonce"] = nonce
        request.headers["X-Agent-Signature"] = hmac.new(secret.encode(), text, hashlib.sha256).hexdigest()
        return request


# Networks in CIDR notation; one of the host bits is as good as another.
NETWORKS = st.builds("{}/{}".format, st.ip_addresses(v=4), st.integers(0, 32)) | st.builds(
    "{}/{}".format, st.ip_addresses(v=6), st.integers(0, 128)
)
schemathesis.openapi.format("ip-network", NETWORKS)
if os.environ.get("ORFEAS_API_KEY"):
    schemathesis.auth.set_from_requests(Signed() if os.environ.get("ORFEAS_SIGNING_SECRET") else Bearer())


def picture(side=32):
    """A PNG of coloured squares: any string is a file to a schema, but few are pictures."""
    rows = b"".join(
        b"\0" + b"".join(bytes((x * 8, y * 8, (x ^ y) * 8)) for x in range(side)) for y in range(side)
    )

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


NAME = re.compile(r"^[A-Za-z0-9._:~-]{1,128}$")
JOBS = {"success", "slow", "retry", "never"}
URL = re.compile(r"^https?://")
PNG = picture()
BASE64 = base64.b64encode(PNG).decode()


def with_pictures(value):
    """Whatever stands for a picture or a URL becomes one; the rest stays as it is, right or wrong."""
    if not isinstance(value, dict):
        return value
    value = dict(value)
    if value.get("image"):
        value["image"] = in_place_of(value["image"])
    if isinstance(value.get("overrides"), str):
        value["overrides"] = "[]"  # JSON in a form, of which a schema sees only the text
    if isinstance(value.get("images"), list):
        # How many are taken at once is each tenant's own limit, and told by /limits.
        value["images"] = [in_place_of(item) if item else item for item in value["images"][:16]]
    views = value.get("images")
    if isinstance(views, dict) and all(isinstance(view, (str, dict)) for view in views.values()):
        value["images"] = {"front": BASE64}
    for name in [name for name in value if str(name).startswith("images[")]:
        del value[name]
        value["image"] = PNG
    for name in ("url", "image_url"):
        if URL.match(str(value.get(name, ""))):
            value[name] = os.environ["ORFEAS_OUTSIDE"] + "/" + uuid.uuid4().hex
    return value


def in_place_of(item):
    """A picture in the form in which something else was sent as one."""
    if isinstance(item, str):
        return BASE64
    return PNG if isinstance(item, bytes) else with_pictures(item)


@schemathesis.hook
def before_load_schema(context, raw_schema):
    # A header that asks for a problem gets it. Other tests try that for each code; here it would hide the answer.
    scenario = raw_schema["components"]["parameters"]["TestScenario"]["schema"]
    scenario["enum"] = [name for name in scenario["enum"] if name in JOBS or name.startswith("fail:")]


@schemathesis.hook
def before_call(context, case, kwargs):
    case.body = with_pictures(case.body)
    # A name or a key that was used for another request is rightly refused.
    parameters = case.path_parameters or {}
    if case.method == "PUT" and NAME.match(str(parameters.get("job_id", ""))):
        parameters["job_id"] = uuid.uuid4().hex
    headers = case.headers or {}
    if headers.get("Idempotency-Key"):
        headers["Idempotency-Key"] = uuid.uuid4().hex
    # A tenant that revokes or changes itself rightly loses its access, or some of it.
    if case.method != "GET" and parameters.get("agent") in (os.environ["ORFEAS_TENANT"], "tried"):
        parameters["agent"] = "unknown"


@schemathesis.hook
def filter_headers(context, headers):
    # Unknown headers may be meant for an intermediary, so they are no reason to refuse a request.
    return not any(name.lower().startswith("x-schemathesis") for name in headers or {})
