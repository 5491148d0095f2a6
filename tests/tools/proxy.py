#!/usr/bin/python3
"""A TCP proxy that misbehaves when told to.

    proxy.py --listen 127.0.0.1:0 --to 127.0.0.1:3260 --control SOCKET

prints "listening HOST:PORT" and forwards. Commands (control.py SOCKET ...):

    cut [rst|fin]               end all connections (default rst)
    every SECONDS|off [rst|fin] do that again and again
    stall [up|down|both]        keep connections, forward nothing ("up" is to the target)
    resume                      forward again, what was held first
    delay MS                    every byte arrives so much later (0: at once)
    refuse                      new connections are refused
    accept                      ... and taken again
    to HOST:PORT                where new connections go from now on
    status                      connections, accepted, cut, bytes up and down
"""

import argparse
import asyncio
import socket
import struct
import sys

import control

CHUNK = 256 * 1024
HELD_CHUNKS = 64  # in one direction of one connection, under a delay


def address(text):
    host, _, port = text.rpartition(":")
    return host.strip("[]"), int(port)


class Pair:
    """One client connection and its twin to the target."""

    def __init__(self, proxy, client, target):
        self.proxy = proxy
        self.writers = (client[1], target[1])
        self.tasks = [
            asyncio.create_task(self.pump(client[0], target[1], "up")),
            asyncio.create_task(self.pump(target[0], client[1], "down")),
        ]

    async def pump(self, reader, writer, direction):
        held = asyncio.Queue(HELD_CHUNKS)
        sender = asyncio.create_task(self.send(held, writer, direction))
        self.tasks.append(sender)
        try:
            while data := await reader.read(CHUNK):
                due = asyncio.get_running_loop().time() + self.proxy.delay
                await held.put((due, data))
            await held.put((0, None))
            await sender
        except (OSError, asyncio.CancelledError):
            self.end(rst=True)

    async def send(self, held, writer, direction):
        try:
            while True:
                due, data = await held.get()
                wait = due - asyncio.get_running_loop().time()
                if wait > 0:
                    await asyncio.sleep(wait)
                await self.proxy.may_flow[direction].wait()
                if data is None:
                    break
                writer.write(data)
                await writer.drain()
                self.proxy.bytes[direction] += len(data)
        except (OSError, asyncio.CancelledError):
            self.end(rst=True)
            return
        self.end(rst=False)

    def end(self, rst):
        if self not in self.proxy.pairs:
            return
        self.proxy.pairs.remove(self)
        for writer in self.writers:
            sock = writer.get_extra_info("socket")
            if rst and sock is not None and sock.fileno() >= 0:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            if rst:
                writer.transport.abort()
            else:
                writer.close()
        for task in self.tasks:
            if task is not asyncio.current_task():
                task.cancel()


class Proxy:
    def __init__(self, listen, target):
        self.listen = listen
        self.target = target
        self.pairs = set()
        self.may_flow = {"up": asyncio.Event(), "down": asyncio.Event()}
        for event in self.may_flow.values():
            event.set()
        self.bytes = {"up": 0, "down": 0}
        self.delay = 0.0
        self.accepted = 0
        self.cuts = 0
        self.server = None
        self.cutter = None

    async def open(self):
        self.server = await asyncio.start_server(self.connected, *self.listen, limit=CHUNK)
        self.listen = self.server.sockets[0].getsockname()[:2]

    async def connected(self, reader, writer):
        try:
            target = await asyncio.open_connection(*self.target, limit=CHUNK)
        except OSError:
            # The client sees what it would see without us, as near as we can: a reset.
            writer.transport.abort()
            return
        for w in (writer, target[1]):
            w.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.accepted += 1
        self.pairs.add(Pair(self, (reader, writer), target))

    def cut(self, how="rst"):
        if how not in ("rst", "fin"):
            raise control.Refused(f"{how}: rst or fin")
        for pair in list(self.pairs):
            pair.end(rst=how == "rst")
            self.cuts += 1

    async def cut_every(self, seconds, how):
        while True:
            await asyncio.sleep(seconds)
            self.cut(how)

    # The commands, in the order of the text above; they run in the loop.
    async def do_cut(self, how="rst"):
        self.cut(how)

    async def do_every(self, seconds, how="rst"):
        if self.cutter is not None:
            self.cutter.cancel()
            self.cutter = None
        if seconds != "off":
            self.cutter = asyncio.create_task(self.cut_every(float(seconds), how))

    async def do_stall(self, direction="both"):
        for name, event in self.may_flow.items():
            if direction in (name, "both"):
                event.clear()

    async def do_resume(self):
        for event in self.may_flow.values():
            event.set()

    async def do_delay(self, milliseconds):
        self.delay = float(milliseconds) / 1000

    async def do_refuse(self):
        if self.server is not None:
            self.server.close()
            self.server = None

    async def do_accept(self):
        if self.server is None:
            await self.open()

    async def do_to(self, target):
        self.target = address(target)

    async def do_status(self):
        return (f"connections={len(self.pairs)} accepted={self.accepted} cuts={self.cuts} "
                f"up={self.bytes['up']} down={self.bytes['down']}")


async def run(options):
    proxy = Proxy(address(options.listen), address(options.to))
    await proxy.open()
    loop = asyncio.get_running_loop()

    def command(words):
        verb = getattr(proxy, "do_" + words[0], None) if words else None
        if verb is None:
            raise control.Refused(f"unknown command {words[:1]}")
        try:
            coroutine = verb(*words[1:])
        except TypeError as e:
            raise control.Refused(str(e)) from e
        return asyncio.run_coroutine_threadsafe(coroutine, loop).result(20)

    control.serve(options.control, command)
    host, port = proxy.listen
    print(f"listening {host}:{port}", flush=True)
    await asyncio.Event().wait()


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--listen", default="127.0.0.1:0", metavar="HOST:PORT")
    parser.add_argument("--to", required=True, metavar="HOST:PORT")
    parser.add_argument("--control", required=True, metavar="SOCKET")
    try:
        asyncio.run(run(parser.parse_args()))
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    sys.exit(main())
