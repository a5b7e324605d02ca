"""A POE server for browsers alone: HTTP/1.0, forms, pages and redirects; no script, no JSON.

Written from draft-nottingham-http-poe-00. It says its port on the first line that it prints.
"""
import html
import json
import secrets
import threading
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

LIMIT_BYTES = 10_000
FORM = "application/x-www-form-urlencoded"
links = {}  # name -> None, or the number of its order
orders = []
busy = threading.Lock()  # one order at a time: whoever comes meanwhile waits


class Shop(BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/order":
            return self.hand_out()
        if self.path == "/count":
            return self.answer(200, json.dumps({"orders": len(orders)}), "application/json")
        if self.path.startswith("/orders/") and self.path[8:].isdigit():
            if 0 < int(self.path[8:]) <= len(orders):
                return self.page(200, "Order %s: %s" % (self.path[8:], orders[int(self.path[8:]) - 1]))
        name = self.name()
        if name is None:
            return self.page(404, "There is nothing here.")
        if links[name] is None:
            return self.page(405, "This takes one order.", Allow="POST")
        self.page(303, "Your order is placed.", Location="/orders/%d" % links[name])

    do_HEAD = do_GET

    def do_POST(self):
        text = self.content()
        name = self.name()
        if name is None:
            return self.page(404, "There is no such form.")
        with busy:
            if links[name] is not None:
                return self.spent(links[name])
            if text is None:
                return self.page(400, "The form did not arrive.")
            if self.headers.get("Content-Type", "").split(";")[0] != FORM:
                return self.page(415, "Send the form.")
            fields = dict(urllib.parse.parse_qsl(text))
            if not fields.get("sku") or not fields.get("qty", "").isdigit():
                return self.page(400, "What is ordered, and how much of it?")
            time.sleep(min(float(fields.get("slow", "0")), 2))
            if "refuse" in fields:
                return self.page(403, "Your card was declined.")
            orders.append(fields["sku"])
            links[name] = len(orders)
            self.page(303, "Your order is placed.", Location="/orders/%d" % len(orders))

    def hand_out(self):
        name = secrets.token_urlsafe(16)
        links[name] = None
        form = '<form method="post" action="/once/%s"><input name="sku"><input name="qty"></form>' % name
        self.answer(200, form, fields={"POE-Links": '"/once/%s"' % name})

    def spent(self, number):
        words = 'This was ordered before: <a href="/orders/%d">see here</a>' % number
        self.answer(405, words, fields={"Allow": "GET, HEAD"})

    def name(self):
        name = self.path[6:] if self.path.startswith("/once/") else None
        return name if name in links else None

    def content(self):
        length = self.headers.get("Content-Length", "")
        if not length.isdigit() or int(length) > LIMIT_BYTES:
            return None
        data = self.rfile.read(int(length))
        return data.decode("latin-1") if len(data) == int(length) else None

    def page(self, status, words, **fields):
        self.answer(status, "<p>%s</p>" % html.escape(words), fields=fields)

    def answer(self, status, text, media_type="text/html; charset=utf-8", fields=None):
        data = text.encode()
        self.send_response(status)
        for field, value in (fields or {}).items():
            self.send_header(field, value)
        self.send_header("Cache-Control", "no-store")
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Shop)
print(server.server_address[1], flush=True)
server.serve_forever()
