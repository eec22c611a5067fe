"""Of whom a request is made: its Host, and the authority of a target in absolute form (RFC 9112, section 3.2)."""

import re
from typing import Any

import httptools

from app.web.middleware.cors import Pairs

_REG_NAME = rb"(?:[\w.~!$&'()*+,;=-]|%[0-9A-Fa-f]{2})*"
_IP_LITERAL = rb"\[(?:[0-9A-Fa-f:.]+|v[0-9A-Fa-f]+\.[\w.~!$&'()*+,;=:-]+)\]"
_HOST = re.compile(rb"(?:%s|%s)(?::[0-9]*)?" % (_REG_NAME, _IP_LITERAL))
"""A host with a port or without (RFC 3986, section 3.2); empty is a Host too (RFC 9110, section 7.2)."""


def origin_target(target: bytes, headers: Pairs, version: str) -> bytes | None:
    """Return the target as a path with its query; None where it is not said of which host, or in two ways.

    The authority of an absolute target takes the place of the Host in *headers*.
    """
    hosts = [value for name, value in headers if name == b"host"]
    if len(hosts) != 1 and (hosts or version != "1.0"):
        return None
    if hosts and _HOST.fullmatch(hosts[0]) is None:
        return None
    if target.startswith(b"/"):  # as nearly always
        return target
    found: Any = httptools.parse_url(target)  # whose declaration says that all parts are there
    authority = re.split(rb"[/?#]", target.partition(b"://")[2], maxsplit=1)[0]
    is_web = found.schema is not None and found.schema.lower() in (b"http", b"https")
    if not is_web or not found.host or b"@" in authority or _HOST.fullmatch(authority) is None:
        return None
    headers[:] = [pair for pair in headers if pair[0] != b"host"] + [(b"host", authority)]
    query = b"" if found.query is None else b"?" + found.query
    return (found.path or b"/") + query
