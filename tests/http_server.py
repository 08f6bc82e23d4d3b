"""A loopback server of files: honest, and in each of the ways in which servers go wrong."""

import threading
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

PASSWORD = "s3cret"
_AUTHORIZATION = f"Basic {b64encode(f'me:{PASSWORD}'.encode()).decode()}"


class FileServer(ThreadingHTTPServer):
    """Serves one file at any name; the first part of the path says how."""

    daemon_threads = True

    def __init__(self, data: bytes) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.data = data
        self.closing = threading.Event()
        self.paths: list[str] = []

    def url(self, how: str, rest: str = "ost.gsdd", user: str = "") -> str:
        return f"http://{user}127.0.0.1:{self.server_port}/{how}/{rest}"

    def handle_error(self, *_: object) -> None:  # who asked is gone
        pass


@contextmanager
def serving(file: Path) -> Iterator[FileServer]:
    """Start a server of a file."""
    with FileServer(file.read_bytes()) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.closing.set()
            server.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    server: FileServer

    def do_GET(self) -> None:
        self.server.paths.append(self.path)
        getattr(self, urlsplit(self.path).path.split("/")[1])()

    def log_message(self, *_: object) -> None:
        pass

    def begin(self, code: int = 200, length: int | None = None, **more: str) -> None:
        self.send_response(code)
        if length is not None:
            more["Content_Length"] = str(length)
        for name, value in more.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def good(self) -> None:
        self.begin(length=len(self.server.data))
        self.wfile.write(self.server.data)

    def no_length(self) -> None:
        self.begin()
        self.wfile.write(self.server.data)

    def chunked(self) -> None:
        self.protocol_version = "HTTP/1.1"
        self.begin(Transfer_Encoding="chunked", Connection="close")
        for start in range(0, len(self.server.data), 1000):
            part = self.server.data[start : start + 1000]
            self.wfile.write(f"{len(part):x}\r\n".encode() + part + b"\r\n")
        self.wfile.write(b"0\r\n\r\n")

    def slow(self) -> None:
        """A line that goes on, in pieces."""
        self.begin(length=len(self.server.data))
        for start in range(0, len(self.server.data), 200):
            self.wfile.write(self.server.data[start : start + 200])
            time.sleep(0.1)

    def private(self) -> None:
        if self.headers.get("Authorization") != _AUTHORIZATION:
            self.send_error(401)
            return
        self.good()

    def moved(self) -> None:
        self.begin(302, Location=self.path.replace("/moved/", "/good/"))

    def moved_private(self) -> None:
        self.begin(302, Location=self.path.replace("/moved_private/", "/private/"))

    def moved_to_file(self) -> None:
        self.begin(302, Location="file:///etc/hostname")

    def moved_to_ftp(self) -> None:
        self.begin(302, Location="ftp://127.0.0.1/ost.gsdd")

    def circle(self) -> None:
        self.begin(302, Location=self.path)

    def missing(self) -> None:
        self.send_error(404)

    def broken(self) -> None:
        self.send_error(500, "Internal\tServer Error")

    def truncating(self) -> None:
        self.begin(length=len(self.server.data))
        self.wfile.write(self.server.data[:-1])

    def truncating_chunks(self) -> None:
        self.protocol_version = "HTTP/1.1"
        self.begin(Transfer_Encoding="chunked", Connection="close")
        self.wfile.write(b"fff\r\n" + self.server.data[:1000])

    def truncating_silently(self) -> None:
        self.begin()
        self.wfile.write(self.server.data[:-1])

    def changing(self) -> None:
        """The first bytes of one file and the last ones of another of the same size."""
        self.begin(length=len(self.server.data))
        self.wfile.write(self.server.data[:-20] + bytes(255 - byte for byte in self.server.data[-20:]))

    def replaced(self) -> None:
        """Whole once, and then something else."""
        self.begin()
        self.wfile.write(self.server.data if self.server.paths.count(self.path) == 1 else b"another file" * 100)

    def zipped(self) -> None:
        self.begin(length=len(self.server.data), Content_Encoding="gzip")
        self.wfile.write(self.server.data)

    def page(self) -> None:
        self.begin(Content_Type="text/html")
        self.wfile.write(b"<!doctype html><title>Please sign in</title>" * 100)

    def huge(self) -> None:
        self.begin(length=1 << 40)

    def endless(self) -> None:
        self.begin()
        self.wfile.write(self.server.data[:1000])
        while not self.server.closing.is_set():
            self.wfile.write(bytes(1 << 16))

    def going_on(self) -> None:
        """The whole file, and then more without an end."""
        self.begin()
        self.wfile.write(self.server.data)
        while not self.server.closing.is_set():
            self.wfile.write(bytes(1 << 20))

    def silent(self) -> None:
        self.server.closing.wait()

    def silent_after_headers(self) -> None:
        self.begin(length=len(self.server.data))
        self.server.closing.wait()

    def silent_in_the_middle(self) -> None:
        self.begin(length=len(self.server.data))
        self.wfile.write(self.server.data[:1000])
        self.server.closing.wait()

    def dribbling(self) -> None:
        self.begin(length=len(self.server.data))
        self._dribble(self.server.data)

    def dribbling_headers(self) -> None:
        self._dribble(b"HTTP/1.0 200 OK\r\nX-Long: " + b"x" * 10000)

    def _dribble(self, data: bytes) -> None:
        for place in range(len(data)):
            if self.server.closing.wait(0.05):
                return
            self.wfile.write(data[place : place + 1])
