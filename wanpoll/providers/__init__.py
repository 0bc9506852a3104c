"""The systems that wanpoll can wait for. One file each: words, codes and paths as data, and a pure decoder.

To add one, subclass `Provider` (see `base.py`, and `dashscope.py` for an example).
"""

from wanpoll.providers.base import Provider, Reply, Request
from wanpoll.providers.dashscope import DashScope

__all__ = ["DashScope", "Provider", "Reply", "Request"]

for _public in (DashScope, Provider, Reply, Request):
    _public.__module__ = "wanpoll.providers"
