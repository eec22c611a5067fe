"""A way to PostgreSQL that cuts connections as they commit: before the server learns of it, or before it is answered.

It deliberately understands no more of the protocol than how a driver spells COMMIT, or whatever else is told to commit.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from random import Random

COMMIT = b"COMMIT;"
CHUNK = 65_536


class Fixed(Random):
    """Chance that has always the same to say: below a half, the proxy cuts before the commit is done, else after."""

    def __init__(self, value: float) -> None:
        super().__init__(0)
        self.value = value

    def random(self) -> float:
        return self.value


@dataclass(slots=True)
class Proxy:
    """Passes bytes on between its clients and a port; cuts the *share* of commits that is set."""

    target: int
    chance: Random
    share: float = 0.0
    commits: tuple[bytes, ...] = (COMMIT,)
    cuts: Counter[str] = field(default_factory=Counter)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[int]:
        """Yield the port that it listens on."""
        server = await asyncio.start_server(self._pass_on, "127.0.0.1", 0)
        port: int = server.sockets[0].getsockname()[1]
        try:
            yield port
        finally:
            server.close()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            server_reader, server_writer = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            writer.close()
            return
        muted = asyncio.Event()
        ways = [
            asyncio.create_task(self._there(reader, server_writer, muted)),
            asyncio.create_task(self._back(server_reader, writer, muted)),
        ]
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)
        for end in (writer, server_writer):
            end.close()

    async def _there(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, muted: asyncio.Event) -> None:
        while data := await reader.read(CHUNK):
            if any(commit in data for commit in self.commits) and self.chance.random() < self.share:
                if self.chance.random() < 0.5:
                    self.cuts["before"] += 1
                    return
                self.cuts["after"] += 1
                muted.set()
            writer.write(data)
            await writer.drain()

    async def _back(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, muted: asyncio.Event) -> None:
        while data := await reader.read(CHUNK):
            if muted.is_set():
                return  # the server has done it, and has said so to nobody
            writer.write(data)
            await writer.drain()
