"""A proxy that makes a server far away: far.py PORT TARGET_PORT DELAY_MS [MEGABYTES_PER_SECOND]

Each request waits DELAY_MS before it is passed on, and all connections together get so many megabytes a second. On SIGUSR1 it
prints how many requests there were since the last one.
"""

import asyncio
import signal
import sys

LARGEST_HEAD = 1 << 20


class Link:
    """What all connections share: the bandwidth, and the count of requests."""

    def __init__(self, delay, rate):
        self.delay = delay
        self.rate = rate
        self.free_at = 0.0
        self.requests = 0

    async def pass_on(self, data, writer):
        if self.rate:
            now = asyncio.get_running_loop().time()
            self.free_at = max(self.free_at, now) + len(data) / self.rate
            if self.free_at - now > 0.001:
                await asyncio.sleep(self.free_at - now)
        writer.write(data)
        await writer.drain()

    def tell(self):
        print(self.requests, flush=True)
        self.requests = 0


def length(head):
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
        if name.lower() == b"transfer-encoding" and value.strip().lower() == b"chunked":
            return None
    return 0


async def body(head, reader, link, writer):
    left = length(head)
    while left is None:  # chunk by chunk
        line = await reader.readuntil(b"\r\n")
        size = int(line, 16)
        await link.pass_on(line + await reader.readexactly(size + 2), writer)
        if size == 0:
            return
    while left > 0:
        data = await reader.read(min(left, 1 << 16))
        if not data:
            raise asyncio.IncompleteReadError(b"", left)
        left -= len(data)
        await link.pass_on(data, writer)


async def answers(reader, writer, link):
    try:
        while data := await reader.read(1 << 16):
            await link.pass_on(data, writer)
    except (ConnectionError, asyncio.CancelledError):
        pass
    finally:
        writer.close()


async def serve(reader, writer, link, target):
    there = None
    try:
        back, there = await asyncio.open_connection("127.0.0.1", target, limit=LARGEST_HEAD)
        returning = asyncio.create_task(answers(back, writer, link))
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            link.requests += 1
            await asyncio.sleep(link.delay)
            await link.pass_on(head, there)
            await body(head, reader, link, there)
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        if there:
            there.close()
            await asyncio.wait([returning])
        writer.close()


async def main(port, target, delay_ms, megabytes=0):
    link = Link(int(delay_ms) / 1000, float(megabytes) * 1e6)
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, link.tell)
    server = await asyncio.start_server(
        lambda r, w: serve(r, w, link, int(target)), "127.0.0.1", int(port), limit=LARGEST_HEAD, backlog=200
    )
    async with server:
        await server.serve_forever()


asyncio.run(main(*sys.argv[1:]))
