"""Signs requests as SolarNetwork's wiki describes it, in the straightest way: the tests' own second writing of it."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Generator
from datetime import datetime

import httpx


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


class Snws2(httpx.Auth):
    """Signs each request of an httpx client; simple paths and query strings only."""

    requires_request_body = True

    def __init__(self, token: str, now: datetime, *, signed: str = "host;x-sn-date") -> None:
        self.token_id, _, self.secret = token.partition(".")
        self.now = now
        self.signed = signed

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Is called by httpx with each request."""
        request.headers["X-SN-Date"] = self.now.strftime("%a, %d %b %Y %H:%M:%S GMT")
        names = sorted({*self.signed.split(";"), *({"content-type"} & set(request.headers))})
        headers = "".join(f"{name}:{request.headers[name]}\n" for name in names)
        path, _, query = request.url.raw_path.decode().partition("?")
        fields = "&".join(sorted(query.split("&")))
        canonical = (
            f"{request.method}\n{path}\n{fields}\n{headers}{';'.join(names)}\n"
            f"{hashlib.sha256(request.content).hexdigest()}"
        )
        key = _hmac(_hmac(f"SNWS2{self.secret}".encode(), self.now.strftime("%Y%m%d")), "snws2_request")
        digest = hashlib.sha256(canonical.encode()).hexdigest()
        signature = _hmac(key, f"SNWS2-HMAC-SHA256\n{self.now:%Y%m%dT%H%M%SZ}\n{digest}").hex()
        request.headers["Authorization"] = (
            f"SNWS2 Credential={self.token_id},SignedHeaders={';'.join(names)},Signature={signature}"
        )
        yield request
