"""Where spans go to be forgotten, so that a gateway that is traced has somebody to send them to.

Served by `uvicorn --factory scripts.benchmarks.sink:application`.
"""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route


def application() -> Starlette:
    async def take(request: Request) -> Response:
        await request.body()
        return Response(media_type="application/x-protobuf")

    return Starlette(routes=[Route("/v1/traces", take, methods=["POST"])])
