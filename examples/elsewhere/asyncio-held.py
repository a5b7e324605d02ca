"""A POE server with asyncio: forms and plain text, and whoever comes while a POST runs is held.

Each order is one line of a file, written and flushed before it is told: effect and record are the
same bytes, so that a crash leaves the link unspent. Run it with a port and a folder for its file."""
import asyncio, hmac, os, secrets, sys, time
from urllib.parse import parse_qs, urlsplit

LIFE_S, HORIZON_S, HOLD_S, MOST_BYTES = 3_600, 86_400, 8, 100_000
PORT, FILE, KEY = int(sys.argv[1]), *(os.path.join(sys.argv[2], name) for name in ("orders", "key"))
PHRASES = {200: "OK", 201: "Created", 204: "No Content", 400: "Bad Request", 402: "Payment Required",
           404: "Not Found", 405: "Method Not Allowed", 409: "Conflict", 410: "Gone",
           411: "Length Required", 413: "Content Too Large", 415: "Unsupported Media Type",
           422: "Unprocessable Content"}
running, orders = {}, []  # link -> what is waited for; (link, item)


def number_of(name):
    return next((at + 1 for at, (link, _) in enumerate(orders) if link == name), None)


def state_of(name):
    if number_of(name):
        return "spent"
    over, _, tag = name.partition("-")
    if not hmac.compare_digest(name.encode(), signed(over, tag[:32]).encode()):
        return None
    over_s = time.time() - int(over)
    return "running" if name in running else "unspent" if over_s < 0 else "expired" if over_s < HORIZON_S else "forgotten"


def signed(over, nonce):
    return "%s-%s%s" % (over, nonce, hmac.new(SECRET, ("%s %s" % (over, nonce)).encode(), "sha256").hexdigest())


def append(name, item):
    with open(FILE, "a") as file:
        file.write("%s %s\n" % (name, item.encode().hex()))
        file.flush()
        os.fsync(file.fileno())
    orders.append((name, item))


def spent(name, status, words, **more):
    link = '</orders/%d>; rel="related urn:post-once-exactly:rel:result"; anchor="/o/%s"'
    return status, words, {"Allow": "GET, HEAD, OPTIONS", "Link": link % (number_of(name), name), **more}


def told(name):
    """What is said of a link where nothing is run."""
    state = state_of(name)
    if state == "spent":
        return spent(name, 405, "This was already sent, and is order %d." % number_of(name))
    if state == "unspent":
        return 405, "Nothing has been sent here yet.", {"Allow": "POST, OPTIONS"}
    if state == "running":
        return 409, "Still being carried out.", {"Allow": "OPTIONS", "Retry-After": "2"}
    if state == "expired":
        return 410, "This address has expired, and nothing was done.", {"Allow": "OPTIONS"}
    if state == "forgotten":
        return 410, "This cannot be told any more.", {"Allow": "OPTIONS"}
    return 404, "No such address.", {}


async def post(name, kind, content):
    while name in running:  # held; whoever waits longest is let through after a failure
        try:
            await asyncio.wait_for(asyncio.shield(running[name]), HOLD_S)
        except asyncio.TimeoutError:
            return told(name)
    if state_of(name) != "unspent":
        return told(name)
    still = {"Allow": "POST, OPTIONS"}
    if kind != "application/x-www-form-urlencoded":
        return 415, "Send a form.", still
    form = {key: values[0] for key, values in parse_qs(content.decode("latin-1")).items()}
    if not form.get("item"):
        return 422, "Say which item.", still
    running[name] = asyncio.get_running_loop().create_future()  # no await stands between
    try:
        await asyncio.sleep(min(float(form.get("takes_s", "0")), 2))
        if "declined" in form:
            return 402, "Your card was declined. Nothing was done.", still
        append(name, form["item"])
    finally:
        running.pop(name).set_result(None)
    return spent(name, 201, form["item"], Location="/orders/%d" % number_of(name))


async def answer(method, path, kind, content):
    if path == "/desk" and method in ("GET", "HEAD"):
        name = signed(int(time.time() + LIFE_S), secrets.token_hex(16))
        more = {"POE-Links": '"/o/%s"' % name, "Cache-Control": "private, no-cache"}
        return 200, "Send the form to /o/%s" % name, more
    if path == "/count":
        return 200, '{"orders": %d}' % len(orders), {"Content-Type": "application/json"}
    if path.startswith("/orders/") and path[8:].isdigit() and 0 < int(path[8:]) <= len(orders):
        return 200, orders[int(path[8:]) - 1][1], {}
    name = path[3:] if path.startswith("/o/") else ""
    if method == "POST":
        return await asyncio.shield(post(name, kind, content))  # whoever leaves undoes nothing
    status, words, fields = told(name)
    if method == "OPTIONS" and "Allow" in fields:
        return 204, "", {"Allow": fields["Allow"]}
    if method in ("GET", "HEAD") and number_of(name):
        return spent(name, 200, orders[number_of(name) - 1][1])
    return (405 if "Allow" in fields and method not in ("GET", "HEAD") else status), words, fields


async def serve(reader, writer):
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, target, _ = head[0].split(" ")
        fields = {key.lower(): value.strip() for key, _, value in (line.partition(":") for line in head[1:])}
        length = fields.get("content-length", "0" if method != "POST" else "")
        if not length.isdigit() or int(length) > MOST_BYTES:
            status, words, more = (413 if length else 411), "Send less, and say how much.", {}
        else:
            content = await reader.readexactly(int(length))
            kind = fields.get("content-type", "").split(";")[0]
            status, words, more = await answer(method, urlsplit(target).path, kind, content)
        body = words.encode()
        given = {"Content-Type": "text/plain; charset=utf-8", "Cache-Control": "no-store",
                 "Referrer-Policy": "no-referrer", "Connection": "close", **more}
        if status != 204:
            given["Content-Length"] = str(len(body))
        lines = "".join("%s: %s\r\n" % field for field in given.items())
        writer.write(("HTTP/1.1 %d %s\r\n%s\r\n" % (status, PHRASES[status], lines)).encode())
        writer.write(b"" if method == "HEAD" else body)
        await writer.drain()
    except (OSError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        pass
    writer.close()


if not os.path.exists(KEY):
    with open(KEY, "wb") as file:
        file.write(secrets.token_bytes(32))
SECRET = open(KEY, "rb").read()


async def main():
    if os.path.exists(FILE):
        for line in open(FILE).read().split("\n")[:-1]:
            link, item = line.split(" ")
            orders.append((link, bytes.fromhex(item).decode()))
    server = await asyncio.start_server(serve, "127.0.0.1", PORT)
    await server.serve_forever()


asyncio.run(main())
