"""A gateway before a server that breaks as gateways do: refuses, asks for a login, or loses answers."""

import http.client
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Literal

Fate = Literal["forward", "refuse", "login", "lose"]  # lose: it is carried out, and answered as if it were not
Rule = Callable[[str, str], Fate]  # of a request's method and path
HOP = {"connection", "transfer-encoding", "content-length", "date", "server"}  # headers that are of one connection


class Listener(ThreadingHTTPServer):
    """Ends with the program, and takes it as it is when whoever asked has gone."""

    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Keep quiet."""


class Gateway:
    """Forwards what it is asked to a server of this machine, as far as its rule lets it; a context manager."""

    def __init__(self, target: int, rule: Rule) -> None:
        """Take the port of the server and the rule, which may be exchanged at any time."""
        self.target, self.rule = target, rule
        self.asked: list[str] = []  # method and path of each request, without what follows a question mark
        self._server = Listener(("127.0.0.1", 0), self._handler())

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> "Gateway":
        """Listen."""
        Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        gateway = self

        class Handler(BaseHTTPRequestHandler):
            def _handle(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                body = self.rfile.read(length)
                path = self.path.partition("?")[0]
                gateway.asked.append(f"{self.command} {path}")
                fate = gateway.rule(self.command, path)
                if fate == "login":
                    return self._answer(401, {"WWW-Authenticate": "Basic"}, b"You are not authenticated.")
                answer = self._forward(body) if fate != "refuse" else None
                if answer is None or fate == "lose":
                    return self._answer(500, {}, b"the gateway is broken")
                return self._answer(*answer)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _handle  # the names that http.server looks for

            def _forward(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
                connection = http.client.HTTPConnection("127.0.0.1", gateway.target, timeout=60)
                headers = {name: value for name, value in self.headers.items() if name.lower() not in HOP}
                connection.request(self.command, self.path, body, headers)
                answer = connection.getresponse()
                kept = {name: value for name, value in answer.getheaders() if name.lower() not in HOP}
                content = answer.read()
                connection.close()
                return answer.status, kept, content

            def _answer(self, status: int, headers: dict[str, str], content: bytes) -> None:
                self.send_response(status)
                for name, value in (headers | {"Content-Length": str(len(content))}).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *values: object) -> None:
                """Keep quiet."""

        return Handler


def always(fate: Fate) -> Rule:
    """Return the rule of one fate for all."""
    return lambda method, path: fate
