"""The built dashboard. It finds its own way by the path, so every unknown path gets its one page."""

from pathlib import Path
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.types import Receive, Scope, Send

STATIC: Final = Path(__file__).with_name("static")
YEAR_S: Final = 31_536_000

NOT_BUILT: Final = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Hjemvakt</title>
<h1>The dashboard is not built</h1>
<p>The server runs. Build its pages with <code>python3 deploy/bootstrap.py run</code> and load this page again.</p>
</html>
"""


class Pages:
    def __init__(self, static: Path) -> None:
        self._static = static.resolve()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise HTTPException(404)
        await self._answer(Request(scope))(scope, receive, send)

    def _answer(self, request: Request) -> Response:
        path = request.url.path
        if path == "/api" or path.startswith("/api/"):
            raise HTTPException(404)
        if request.method not in ("GET", "HEAD"):
            raise HTTPException(405, headers={"Allow": "GET, HEAD"})
        file = self._find(path)
        if file is not None and file.name != "index.html":
            return _file(file, forever=path.startswith("/assets/"))  # their names contain a hash
        if path.startswith("/assets/"):
            raise HTTPException(404)
        index = self._static / "index.html"
        if not index.is_file():
            return HTMLResponse(NOT_BUILT, status_code=503)
        return _file(index, forever=False)

    def _find(self, path: str) -> Path | None:
        try:
            file = (self._static / path.lstrip("/")).resolve()
            return file if file.is_relative_to(self._static) and file.is_file() else None
        except (OSError, ValueError):  # too long for a file system, or with a null byte
            return None


def _file(file: Path, *, forever: bool) -> Response:
    caching = f"public, max-age={YEAR_S}, immutable" if forever else "no-cache"
    return FileResponse(file, headers={"Cache-Control": caching})
