"""A POE server for browsers over HTTP/1.0: each form has a hidden field that belongs to a cookie.

Written from draft-nottingham-http-poe-00 with Python's standard library alone. It says its port.
"""
import hmac
import html
import secrets
import threading
import urllib.parse
from http.cookies import SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

KEY = secrets.token_bytes(32)
LIMIT_BYTES = 10_000
links = {}  # token -> (session, number of its order or None)
orders = []
lock = threading.Lock()


def csrf(session):
    return hmac.new(KEY, session.encode(), "sha256").hexdigest()


class Shop(BaseHTTPRequestHandler):
    def do_GET(self):
        session = self.session()
        if self.path == "/":
            return self.page(302, "Come in.", Location="/form", **self.cookie(session))
        if self.path == "/form":
            return self.form(session or secrets.token_hex(12))
        token = self.path.removeprefix("/once/")
        owner, number = links.get(token, (None, None))
        if owner is None or owner != session:
            return self.page(404, "There is nothing here.")
        if number is None:
            return self.page(405, "This form waits to be sent.", Allow="POST")
        self.page(200, orders[number])

    def do_POST(self):
        session, text = self.session(), self.content()
        token = self.path.removeprefix("/once/")
        fields = dict(urllib.parse.parse_qsl(text or ""))
        with lock:
            owner, number = links.get(token, (None, None))
            if owner is None or owner != session:
                return self.page(404, "There is no such form.")
            if not hmac.compare_digest(fields.get("csrf", ""), csrf(session)):
                return self.page(403, "This form was not made by us.")
            if number is not None:
                return self.page(405, "This was sent before: %s" % orders[number], Allow="GET")
            qty = fields.get("qty", "")
            if not fields.get("item") or not qty.isdigit() or not 2 <= int(qty) <= 9:
                return self.page(422, "What, and how many of it?")
            orders.append("%s times %s, order %d" % (qty, fields["item"], len(orders)))
            links[token] = (owner, len(orders) - 1)
            self.page(200, orders[-1])

    def form(self, session):
        token = secrets.token_urlsafe(16)
        links[token] = (session, None)
        self.answer(
            200,
            '<!doctype html><form method="post" action="/once/%s">'
            '<input type="hidden" name="csrf" value="%s"><input name="item" maxlength="40">'
            '<input name="qty" type="number" min="2" max="9"><button>Order</button></form>'
            % (token, csrf(session)),
            self.cookie(session),
        )

    def cookie(self, session):
        value = "session=%s; Path=/; HttpOnly; SameSite=Lax" % (session or secrets.token_hex(12))
        return {"Set-Cookie": value}

    def session(self):
        morsel = SimpleCookie(self.headers.get("Cookie", "")).get("session")
        return morsel.value if morsel else ""

    def content(self):
        length = self.headers.get("Content-Length", "")
        if not length.isdigit() or int(length) > LIMIT_BYTES:
            return None
        data = self.rfile.read(int(length))
        return data.decode("latin-1") if len(data) == int(length) else None

    def page(self, status, words, **fields):
        self.answer(status, "<!doctype html><p>%s</p>" % html.escape(words), fields)

    def answer(self, status, text, fields):
        data = text.encode()
        self.send_response(status)
        for field, value in fields.items():
            self.send_header(field, value)
        self.send_header("Cache-Control", "no-store")
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Shop)
print(server.server_address[1], flush=True)
server.serve_forever()
