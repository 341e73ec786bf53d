"""A proxy that opens tunnels, as companies have them."""

import asyncio
import threading
from typing import Self


class TunnelProxy:
    """Answers CONNECT with a status, and if that is 200 leads to a port of this machine.

    ``heads`` are the requests as they came; ``carried`` is all that went through.
    """

    def __init__(self, port: int = 0, status: int = 200) -> None:
        self._target = port
        self._status = status
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self.heads: list[str] = []
        self.carried = b""
        self.port = 0

    def __enter__(self) -> Self:
        self._thread.start()
        start = asyncio.start_server(self._serve, "127.0.0.1", 0)
        self._server = asyncio.run_coroutine_threadsafe(start, self._loop).result()
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _stop(self) -> None:
        self._server.close()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

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
