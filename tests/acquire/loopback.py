"""A server on this machine that answers as OSF's file API and fails on request."""

import hashlib
import json
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote


@dataclass
class Site:
    """What the server holds, how it fails, and the requests that it got.

    `faults` maps a path to a list of faults, one of which is used up by each
    request: an int is a status, "cut" ends the body half-way, "wrong" sends
    other bytes, "no-range" ignores a Range header, "slow" trickles.
    """

    files: dict = field(default_factory=dict)
    pages: dict = field(default_factory=dict)
    faults: dict = field(default_factory=dict)
    retry_after: str | None = "7"
    asked: Counter = field(default_factory=Counter)
    ranges: list = field(default_factory=list)
    sent: int = 0
    address: str = ""

    def digest(self, path):
        return hashlib.sha256(self.files[path]).hexdigest()

    def add_folder(self, path, entries, following=None):
        """Add a listing; an entry is (name, path of a folder listing or of a file)."""
        data = [self._entry(name, target) for name, target in entries]
        self.pages[path] = {"data": data, "links": {"next": following}}

    def _entry(self, name, target):
        if target in self.files:
            content = self.files[target]
            return {
                "id": target.strip("/").replace("/", "-"),
                "attributes": {
                    "kind": "file",
                    "name": name,
                    "size": len(content),
                    "extra": {"hashes": {"md5": "", "sha256": self.digest(target)}},
                },
                "links": {"download": self.address + target},
            }
        link = {"files": {"links": {"related": {"href": self.address + target}}}}
        return {
            "id": name,
            "attributes": {"kind": "folder", "name": name, "size": None},
            "relationships": link,
        }


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    site: Site

    def log_message(self, *arguments):
        """Stay silent."""

    def do_GET(self):
        site, path = self.site, unquote(self.path)
        site.asked[path] += 1
        queue = site.faults.get(path, [])
        fault = queue.pop(0) if queue else None
        if isinstance(fault, int):
            self._empty(fault)
        elif path in site.pages:
            self._send(200, json.dumps(site.pages[path]).encode())
        elif path in site.files:
            self._file(site.files[path], fault)
        else:
            self._empty(404)

    def _empty(self, status):
        self.send_response(status)
        if self.site.retry_after is not None:
            self.send_header("Retry-After", self.site.retry_after)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _file(self, content, fault):
        wanted = self.headers.get("Range")
        self.site.ranges.append(wanted)
        if fault == "wrong":
            content = bytes(len(content))
        if wanted and fault != "no-range":
            first = int(wanted.removeprefix("bytes=").rstrip("-"))
            if first >= len(content):
                self._empty(416)
                return
            span = f"bytes {first}-{len(content) - 1}/{len(content)}"
            self._send(206, content[first:], {"Content-Range": span}, fault)
        else:
            self._send(200, content, {}, fault)

    def _send(self, status, body, headers=None, fault=None):
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if fault == "cut":
            body = body[: len(body) // 2]
            self.close_connection = True
        step = 65536
        for start in range(0, len(body), step):
            # Counted first: once it is written, the test may look.
            self.site.sent += len(body[start : start + step])
            self.wfile.write(body[start : start + step])
            if fault == "slow":
                self.wfile.flush()
                time.sleep(0.02)


class Server(ThreadingHTTPServer):
    def handle_error(self, request, client_address):
        """Stay silent when a client is killed."""


def serve():
    """Yield a `Site` behind a running server."""
    site = Site()
    handler = type("SiteHandler", (Handler,), {"site": site})
    server = Server(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    site.address = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield site
    server.shutdown()
    server.server_close()
