"""A POE server of Python's standard library: JSON, a thread for each request, SQLite.

Order and record are one row of one transaction, so that whoever comes meanwhile waits for its end,
and a crash leaves the link unspent. Links are signed: minting stores nothing. They are bound to
nobody. Run it with a port and a folder for its files."""
import hmac, json, os, re, secrets, sqlite3, sys, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

LIFE_S, HORIZON_S, MOST_BYTES = 3_600, 86_400, 100_000
PORT, FOLDER = int(sys.argv[1]), sys.argv[2]
STATES = {  # the status of a refusal, its title, and Allow
    "unspent": (405, "Nothing has been sent here yet", "POST, OPTIONS"),
    "used": (405, "This was already sent", "GET, HEAD, OPTIONS"),
    "expired": (410, "This address has expired", "OPTIONS"),
    "forgotten": (410, "This cannot be told any more", "OPTIONS"),
    "unverifiable": (404, "No such address", None),
    "store-down": (503, "Not possible right now", None),
}


def database():
    db = sqlite3.connect(os.path.join(FOLDER, "shop.db"), timeout=5, isolation_level=None)
    db.execute("PRAGMA synchronous = FULL")
    db.execute("CREATE TABLE IF NOT EXISTS orders (id INTEGER PRIMARY KEY, link TEXT UNIQUE, item TEXT)")
    return db


def sign(name):
    return hmac.new(SECRET, name.encode(), "sha256").hexdigest()


class Shop(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        path, db = urlsplit(self.path).path, database()
        if path == "/basket":
            name = "%d.%s" % (time.time() + LIFE_S, secrets.token_hex(16))
            link = "/orders/once/%s.%s" % (name, sign(name))
            return self.send(200, {"link": link}, POE_Links='"%s"' % link, Cache_Control="private, no-cache")
        if path == "/count":
            return self.send(200, {"orders": db.execute("SELECT count(*) FROM orders").fetchone()[0]})
        number = re.fullmatch(r"/orders/(\d+)", path)
        row = number and db.execute("SELECT id, item FROM orders WHERE id = ?", number.groups()).fetchone()
        state, row = ("order", row) if row else self.look(db)
        if state in ("order", "used"):
            return self.send(200, {"id": row[0], "item": row[1]}, **(self.spent(row) if state == "used" else {}))
        self.refuse(state)

    do_HEAD = do_GET

    def do_OPTIONS(self):
        allow = STATES[self.look(database())[0]][2]
        self.send(204, None, Allow=allow) if allow else self.refuse("unverifiable")

    def do_POST(self):
        length = self.headers.get("Content-Length", "")
        if not length.isdigit() or int(length) > MOST_BYTES:
            self.close_connection = True
            return self.send(413 if length else 411, {"title": "Send less, and say how much"})
        content, db = self.rfile.read(int(length)), database()
        try:
            db.execute("BEGIN IMMEDIATE")  # from here on nobody else is let through
            state, row = self.look(db)
            if state != "unspent" or len(content) < int(length):
                return self.refuse(state, row)
            try:
                order = json.loads(content) if "json" in self.headers.get("Content-Type", "") else None
            except ValueError:
                order = None
            if not isinstance(order, dict) or not order.get("item"):
                return self.send(422, {"title": "JSON with an item is needed"}, Allow=STATES["unspent"][2])
            time.sleep(min(float(order.get("takes_s", 0)), 2))
            if order.get("declined"):
                return self.send(402, {"title": "Your card was declined"}, Allow=STATES["unspent"][2])
            made = db.execute("INSERT INTO orders (link, item) VALUES (?, ?)", (self.name, order["item"]))
            db.execute("COMMIT")  # spent, whatever becomes of the answer
        except sqlite3.Error:
            return self.refuse("store-down")
        finally:
            db.close()
        row = (made.lastrowid, order["item"])
        self.send(201, {"id": row[0], "item": row[1]}, Location="/orders/%d" % row[0], **self.spent(row))

    def other(self):
        self.close_connection = True  # its content is not read
        self.refuse(self.look(database())[0])

    do_PUT = do_PATCH = do_DELETE = other

    def look(self, db):
        """The state of the link, and its order where it is spent."""
        form = r"/orders/once/((\d+)\.[0-9a-f]{32})\.([0-9a-f]{64})"
        match = re.fullmatch(form, urlsplit(self.path).path)
        if not match or not hmac.compare_digest(sign(match[1]), match[3]):
            return "unverifiable", None
        self.name, over_s = match[1], time.time() - int(match[2])
        row = db.execute("SELECT id, item FROM orders WHERE link = ?", (self.name,)).fetchone()
        if row:
            return "used", row
        return "unspent" if over_s < 0 else "expired" if over_s < HORIZON_S else "forgotten", None

    def spent(self, row):
        link = '</orders/%d>; rel="related urn:post-once-exactly:rel:result"; anchor="%s"'
        return {"Allow": STATES["used"][2], "Link": link % (row[0], self.path)}

    def refuse(self, state, row=None):
        status, title, allow = STATES[state]
        more = self.spent(row) if row else {"Allow": allow} if allow else {}
        again = {"Retry_After": "1"} if status == 503 else {}
        problem = {"type": "urn:post-once-exactly:problem:" + state, "status": status, "title": title}
        self.send(status, problem, Content_Type="application/problem+json", **more, **again)

    def send(self, status, data, **fields):
        given = {"Content_Type": "application/json", "Cache_Control": "no-store",
                 "Referrer_Policy": "no-referrer", **fields}
        content = json.dumps(data).encode() if data else b""
        self.send_response(status)
        for name, value in given.items():
            self.send_header(name.replace("_", "-"), value)
        if status != 204:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(b"" if self.command == "HEAD" else content)

    def log_message(self, *_):
        pass


KEY = os.path.join(FOLDER, "secret")
if not os.path.exists(KEY):
    with open(KEY, "wb") as file:
        file.write(secrets.token_bytes(32))
SECRET = open(KEY, "rb").read()
ThreadingHTTPServer(("127.0.0.1", PORT), Shop).serve_forever()
