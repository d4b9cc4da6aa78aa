"""Requests signed by two client libraries that know nothing of ORFEAS, as JSON, one list.

`requests-http-signature` signs as a plug-in of `requests`; `http-message-signatures` signs by hand.
"""

import base64
import datetime
import json

import requests
from http_message_signatures import HTTPMessageSigner, MappingKeyResolver, algorithms
from http_message_signatures.digests import ContentDigest
from requests_http_signature import HTTPSignatureAuth

SECRET = b"orf_secret_of_the_interop_test"
KEY_ID = "key_interop"
BASE = "http://127.0.0.1:8080"


class Sha512(ContentDigest):
    algorithm = "sha-512"


class Sha512Signer(HTTPMessageSigner):
    content_digest_class = Sha512


class Sha512Auth(HTTPSignatureAuth):
    signer_class = Sha512Signer


def plugin(request, auth=HTTPSignatureAuth, **options):
    options.setdefault("use_nonce", True)
    options.setdefault("covered_component_ids", ("@method", "@authority", "@target-uri"))
    request.auth = auth(
        key=SECRET, key_id=KEY_ID, signature_algorithm=options.pop("algorithm", algorithms.HMAC_SHA256), **options
    )
    return request.prepare()


def by_hand(request, components, **options):
    prepared = request.prepare()
    keys = {KEY_ID: SECRET}
    HTTPMessageSigner(
        signature_algorithm=algorithms.HMAC_SHA256,
        key_resolver=MappingKeyResolver(private_keys=keys, public_keys=keys),
    ).sign(
        prepared,
        key_id=KEY_ID,
        created=datetime.datetime.fromtimestamp(1_750_000_000),
        nonce="0123456789abcdefghij",
        covered_component_ids=components,
        **options,
    )
    return prepared


def cases():
    get, post = "GET", "POST"
    path = f"{BASE}/api/agent/jobs"
    yield "plain", plugin(requests.Request(get, path))
    yield "query", plugin(requests.Request(get, path + "?state=queued&after=a%2Fb&flag"))
    yield "no-path", plugin(requests.Request(get, BASE))
    default_port = requests.Request(get, "http://Example.COM:80/api/agent/jobs")
    yield "default-port", plugin(default_port, covered_component_ids=("@method", "@authority", "@path"))
    yield "https", plugin(requests.Request(get, "https://example.com/api/agent/jobs"))
    yield "tagged", plugin(requests.Request(get, path), tag="orfeas", label="mine")
    yield "without-alg", plugin(requests.Request(get, path), include_alg=False)
    yield "expires", plugin(requests.Request(get, path), expires_in=datetime.timedelta(seconds=60))

    body = {"image": "aGVsbG8=", "steps": 20}
    covered = ("@method", "@authority", "@path", "content-type", "idempotency-key", "x-test-scenario")
    headers = {"Idempotency-Key": "mug-17", "X-Test-Scenario": "gpu_lost"}
    request = requests.Request(post, f"{BASE}/api/agent/generate-3d", json=body, headers=headers)
    yield "json", plugin(request, covered_component_ids=covered)
    yield "sha-512", plugin(request, auth=Sha512Auth, covered_component_ids=covered)

    form = requests.Request(post, f"{BASE}/api/v1/generate-3d", files={"image": ("a.png", b"\x89PNG\r\n\x00\xff")})
    yield "multipart", plugin(form, covered_component_ids=("@method", "@target-uri", "content-type"))

    query = requests.Request("DELETE", path + "/17?now=true")
    yield "by-hand", by_hand(query, ("@method", "@authority", "@path", "@query"), body=b"")
    yield "request-target", by_hand(query, ("@method", "@authority", "@request-target", "@scheme"))

    # What must be refused.
    yield "!without-nonce", plugin(requests.Request(get, path), use_nonce=False)
    yield "!another-tag", plugin(requests.Request(get, path), tag="another-service")
    yield "!query-open", by_hand(query, ("@method", "@authority", "@path"))
    yield "!type-open", plugin(request, covered_component_ids=("@method", "@target-uri"))
    yield "!parameter", by_hand(query, ("@method", "@target-uri", '"@query-param";name="now"'))


def as_json(name, request):
    headers = {k: v if isinstance(v, str) else v.decode() for k, v in request.headers.items()}
    body = request.body or b""
    body = body.encode() if isinstance(body, str) else body
    return {
        "name": name,
        "method": request.method,
        "url": request.url,
        "headers": headers,
        "body": base64.b64encode(body).decode(),
    }


print(json.dumps([as_json(*case) for case in cases()]))
