"""Whole programs that run against the simulator: `python -m wanpoll.examples.<name>`.

`service` is a web service in 25 lines; `studio` adds a page that shows the progress of submitted tasks.
"""

from wanpoll.exceptions import MissingExtra

try:
    import fastapi as _fastapi  # noqa: F401 - asked for here, as the service itself begins with what users write
except ImportError:
    raise MissingExtra("the examples need FastAPI and a server: pip install 'wanpoll[fastapi]' uvicorn") from None
