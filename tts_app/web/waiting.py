"""Wait for a job in an async endpoint, and give it up when the client goes away."""

import asyncio
from typing import Any

from fastapi import Request

from tts_app.errors import Cancelled
from tts_app.jobs import Job


async def result_or_gone(job: Job, request: Request) -> Any:
    """Return the job's result. Raises what the job raised; Cancelled when the client disconnected."""
    result = asyncio.wrap_future(job)
    gone = asyncio.create_task(_gone(request))
    try:
        await asyncio.wait({result, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not result.done():
            raise Cancelled("the client went away", "客户端已断开")
        return result.result()
    except asyncio.CancelledError:
        if job.cancelled():
            raise Cancelled from None
        raise
    finally:
        if not job.done():
            job.cancel()
            result.add_done_callback(_look_at_result)
        gone.cancel()


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _look_at_result(result: "asyncio.Future[Any]") -> None:
    """Fetch the late outcome of work nobody waits for, or asyncio would report it as forgotten."""
    if not result.cancelled():
        result.exception()
