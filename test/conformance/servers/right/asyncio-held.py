"""A POE server on bare asyncio streams: whoever comes second is held until the first is decided.

Written from draft-nottingham-http-poe-00 with Python's standard library alone. It says its port.
"""
import asyncio
import json
import secrets

links = {}  # path -> [lock, answer or None]
orders = []


def respond(status, content="", **fields):
    lines = ["HTTP/1.1 %d X" % status, "Cache-Control: no-store", "Connection: close"]
    lines += ["%s: %s" % (name.replace("_", "-"), value) for name, value in fields.items()]
    if content:
        lines.append("Content-Type: application/json")
    lines.append("Content-Length: %d" % len(content))
    return ("\r\n".join(lines) + "\r\n\r\n" + content).encode()


async def read(reader):
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    fields = {}
    for line in head[1:]:
        name, _, value = line.partition(":")
        fields[name.lower()] = value.strip()
    body = b""
    if fields.get("transfer-encoding", "").lower() == "chunked":
        while size := int((await reader.readline()).split(b";")[0], 16):
            body += await reader.readexactly(size)
            await reader.readline()
    elif fields.get("content-length", "0").isdigit():
        length = int(fields.get("content-length", "0"))
        if length > 100_000:
            return head[0].split(" "), fields, None
        body = await reader.readexactly(length)
    return head[0].split(" "), fields, body


async def use(once, fields, body):
    async with once[0]:
        if once[1] is not None:
            return respond(405, Allow="GET, HEAD")
        try:
            amount = json.loads(body)["amount"]
        except (ValueError, TypeError, KeyError):
            return respond(400)
        if not isinstance(amount, int) or amount < 1:
            return respond(422)
        await asyncio.sleep(float(fields.get("x-slow", "0")))
        if "x-refuse" in fields:
            return respond(402)
        orders.append(amount)
        once[1] = json.dumps({"payment": len(orders), "amount": amount})
        return respond(200, once[1])


async def answer(line, fields, body):
    method, path = line[0], line[1]
    if path == "/count":
        return respond(200, json.dumps({"payments": orders}))
    if path == "/pay":
        path = "/pay/" + secrets.token_urlsafe(18)
        links[path] = [asyncio.Lock(), None]
        return respond(201, json.dumps({"href": path}), Location=path)
    once = links.get(path)
    if once is None:
        return respond(404)
    if method == "POST":
        return respond(413) if body is None else await use(once, fields, body)
    if method not in ("GET", "HEAD") or once[1] is None:
        return respond(405, Allow="GET, HEAD" if once[1] else "POST")
    return respond(200, once[1])


async def serve(reader, writer):
    try:
        line, fields, body = await read(reader)
        data = await answer(line, fields, body)
        writer.write(data.split(b"\r\n\r\n")[0] + b"\r\n\r\n" if line[0] == "HEAD" else data)
        await writer.drain()
    except (ValueError, asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


asyncio.run(main())
