"""A proxy that opens tunnels, as companies have them."""

import asyncio

from tests.support.scripted import LoopbackServer


class TunnelProxy(LoopbackServer):
    """Answers CONNECT with a status, and if that is 200 leads to a port of this machine.

    ``heads`` are the requests as they came; ``carried`` is all that went through.
    """

    def __init__(self, port: int = 0, status: int = 200) -> None:
        super().__init__()
        self._target = port
        self._status = status
        self.heads: list[str] = []
        self.carried = b""

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.heads.append((await reader.readuntil(b"\r\n\r\n")).decode())
        writer.write(f"HTTP/1.1 {self._status} [red]\x1b[2J\r\n\r\n".encode())
        if self._status == 200:
            onward_reader, onward_writer = await asyncio.open_connection("127.0.0.1", self._target)
            await asyncio.gather(
                self._carry(reader, onward_writer), self._carry(onward_reader, writer)
            )
        writer.close()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                self.carried += data
                writer.write(data)
        finally:
            writer.close()
