"""Where webhooks may be sent: the form of an endpoint's URL, and which addresses of the network lie outside.

It resolves no name and connects to nothing: `client` checks each address here that it is about to connect to.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

IPAddress = IPv4Address | IPv6Address
IPNetwork = IPv4Network | IPv6Network

URL_MAX = 2048
_SHOWN = 100
HTTPS_PORT = 443
_PORTS = {"https": HTTPS_PORT, "http": 80}


class UrlFault(StrEnum):
    """Why nothing is sent to a URL."""

    MALFORMED = "MALFORMED"
    SCHEME = "SCHEME"
    CREDENTIALS = "CREDENTIALS"
    HOST = "HOST"
    PORT = "PORT"
    NOT_LISTED = "NOT_LISTED"
    INSIDE = "INSIDE"


class UrlRefused(Exception):
    """Nothing is sent to this URL. `found` is the part of it, or the address, that is the reason."""

    def __init__(self, fault: UrlFault, found: str) -> None:
        super().__init__(f"{fault}: {found}")
        self.fault = fault
        self.found = found


class AddressKind(StrEnum):
    """The kinds of addresses that are not on the public internet, or lead to one that is not."""

    LOOPBACK = "loopback"
    PRIVATE = "private"
    SHARED = "shared"
    UNIQUE_LOCAL = "unique local"
    LINK_LOCAL = "link-local"
    METADATA = "metadata service"
    UNSPECIFIED = "unspecified"
    MULTICAST = "multicast"
    BROADCAST = "broadcast"
    EMBEDDED = "IPv4 within IPv6"
    RESERVED = "reserved"
    DENIED = "denied"


DEVELOPMENT = frozenset({AddressKind.LOOPBACK, AddressKind.PRIVATE, AddressKind.SHARED, AddressKind.UNIQUE_LOCAL})
"""The kinds that `AddressPolicy.allow_private` allows."""

# IANA's registries of special-purpose addresses (RFC 6890), and the metadata services of clouds that have an address
# elsewhere. The first network that holds an address says its kind.
_IPV4 = {
    "168.63.129.16/32": AddressKind.METADATA,  # Azure; a public address, which is answered inside
    "169.254.169.254/32": AddressKind.METADATA,
    "100.100.100.200/32": AddressKind.METADATA,  # Alibaba Cloud
    "192.0.0.192/32": AddressKind.METADATA,  # Oracle Cloud
    "0.0.0.0/8": AddressKind.UNSPECIFIED,
    "10.0.0.0/8": AddressKind.PRIVATE,
    "100.64.0.0/10": AddressKind.SHARED,
    "127.0.0.0/8": AddressKind.LOOPBACK,
    "169.254.0.0/16": AddressKind.LINK_LOCAL,
    "172.16.0.0/12": AddressKind.PRIVATE,
    "192.0.0.0/24": AddressKind.RESERVED,
    "192.0.2.0/24": AddressKind.RESERVED,
    "192.31.196.0/24": AddressKind.RESERVED,
    "192.52.193.0/24": AddressKind.RESERVED,
    "192.88.99.0/24": AddressKind.RESERVED,
    "192.168.0.0/16": AddressKind.PRIVATE,
    "192.175.48.0/24": AddressKind.RESERVED,
    "198.18.0.0/15": AddressKind.RESERVED,
    "198.51.100.0/24": AddressKind.RESERVED,
    "203.0.113.0/24": AddressKind.RESERVED,
    "224.0.0.0/4": AddressKind.MULTICAST,
    "255.255.255.255/32": AddressKind.BROADCAST,
    "240.0.0.0/4": AddressKind.RESERVED,
}
_IPV6 = {
    "fd00:ec2::254/128": AddressKind.METADATA,  # AWS
    "fd20:ce::254/128": AddressKind.METADATA,  # Google Cloud
    "fd00:42::42/128": AddressKind.METADATA,  # Scaleway
    "::/128": AddressKind.UNSPECIFIED,
    "::1/128": AddressKind.LOOPBACK,
    "::ffff:0:0/96": AddressKind.EMBEDDED,  # mapped
    "::ffff:0:0:0/96": AddressKind.EMBEDDED,  # translated (RFC 2765)
    "::/96": AddressKind.EMBEDDED,  # compatible
    "64:ff9b::/96": AddressKind.EMBEDDED,  # NAT64
    "64:ff9b:1::/48": AddressKind.EMBEDDED,  # NAT64 of one network (RFC 8215)
    "2001::/32": AddressKind.EMBEDDED,  # Teredo
    "2002::/16": AddressKind.EMBEDDED,  # 6to4
    "2001::/23": AddressKind.RESERVED,
    "2001:db8::/32": AddressKind.RESERVED,
    "2620:4f:8000::/48": AddressKind.RESERVED,
    "3fff::/20": AddressKind.RESERVED,
    "fc00::/7": AddressKind.UNIQUE_LOCAL,
    "fe80::/10": AddressKind.LINK_LOCAL,
    "fec0::/10": AddressKind.LINK_LOCAL,  # site-local (RFC 3879)
    "ff00::/8": AddressKind.MULTICAST,
}
_KINDS: dict[int, tuple[tuple[IPNetwork, AddressKind], ...]] = {
    4: tuple((ip_network(text), kind) for text, kind in _IPV4.items()),
    6: tuple((ip_network(text), kind) for text, kind in _IPV6.items()),
}
_GLOBAL_UNICAST = IPv6Network("2000::/3")
_ISATAP = (b"\x00\x00\x5e\xfe", b"\x02\x00\x5e\xfe")
"""How the last half of an address begins that has an IPv4 address in its end (RFC 5214, section 6.1)."""

_INSIDE_NAMES = ("localhost", "local", "internal", "home.arpa", "localdomain", "invalid", "onion")
"""Names that no public server answers for, and all below them (RFC 6761, 6762, 7686, 8375)."""

_CREDENTIALS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:/*[^/?#\\]*@")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_URL = re.compile(
    r"(?P<scheme>[Hh][Tt][Tt][Pp][Ss]?)://(?:\[(?P<ipv6>[0-9A-Fa-f:.]+)\]|(?P<name>[A-Za-z0-9._-]+))(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<path>(?:/(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})*)?)"
    r"(?P<query>(?:\?(?:[A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})*)?)"
)
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
"""A last label by which resolvers take a name for an IPv4 address: 2130706433, 0x7f.1 and 0177.0.0.1 are 127.0.0.1."""


@dataclass(frozen=True, slots=True)
class AddressPolicy:
    """Where an operator lets webhooks be sent.

    `hosts` are names, or `*.` and a name for all below it; none of them allows any. `denied` are networks that are
    public and used inside all the same. `allow_private` is for development: private addresses, HTTP, and any port.
    """

    ports: frozenset[int] = frozenset({HTTPS_PORT})
    hosts: tuple[str, ...] = ()
    denied: tuple[IPNetwork, ...] = ()
    allow_private: bool = False

    def allows_host(self, host: str) -> bool:
        """Tell whether the list of hosts has this one."""
        if not self.hosts:
            return True
        return any(host.endswith(entry[1:]) if entry.startswith("*.") else host == entry for entry in self.hosts)


@dataclass(frozen=True, slots=True)
class EndpointUrl:
    """A URL that something may be sent to, in its parts. `address` is the host, where that is no name."""

    scheme: str
    host: str
    port: int
    target: str
    address: IPAddress | None

    @property
    def authority(self) -> str:
        """The host as it stands in a URL, with the port where it is not the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}{self.target}"


def parse_endpoint_url(url: str, policy: AddressPolicy) -> EndpointUrl:
    """Return where *url* leads. The parts are to be used, not the text: no two parsers read all texts alike.

    Raises: UrlRefused.
    """
    found = _URL.fullmatch(url) if len(url) <= URL_MAX else None
    if found is None:
        raise _malformed(url)
    scheme = found["scheme"].lower()
    if scheme != "https" and not policy.allow_private:
        raise UrlRefused(UrlFault.SCHEME, scheme)
    port = int(found["port"]) if found["port"] else _PORTS[scheme]
    if not 0 < port < 65_536 or not (policy.allow_private or port in policy.ports):
        raise UrlRefused(UrlFault.PORT, str(port))
    host, address = _literal(found["ipv6"]) if found["ipv6"] else _name(found["name"], policy)
    if not policy.allows_host(host):
        raise UrlRefused(UrlFault.NOT_LISTED, host)
    if address is not None:
        demand_outside(address, policy)
    return EndpointUrl(scheme, host, port, (found["path"] or "/") + found["query"], address)


def _malformed(url: str) -> UrlRefused:
    """Return what is wrong with a URL that is not of the form."""
    if len(url) > URL_MAX:
        return UrlRefused(UrlFault.MALFORMED, f"{len(url)} characters")
    if _CREDENTIALS.match(url):
        return UrlRefused(UrlFault.CREDENTIALS, "@")
    scheme = _SCHEME.match(url)
    if scheme is not None and scheme[1].lower() not in _PORTS:
        return UrlRefused(UrlFault.SCHEME, scheme[1].lower())
    return UrlRefused(UrlFault.MALFORMED, url[:_SHOWN])


def _literal(text: str) -> tuple[str, IPAddress]:
    try:
        address = IPv6Address(text)
    except ValueError:
        raise UrlRefused(UrlFault.HOST, text) from None
    return str(address), address


def _name(text: str, policy: AddressPolicy) -> tuple[str, IPAddress | None]:
    """Return the host that *text* names, and the address where it is one in dotted decimal form."""
    host = text.lower().removesuffix(".")
    labels = host.split(".")
    if len(host) > 253 or not all(map(_LABEL.fullmatch, labels)):
        raise UrlRefused(UrlFault.HOST, text)
    if _NUMBER.fullmatch(labels[-1]):
        try:
            return host, IPv4Address(host)
        except ValueError:  # another spelling of an address
            raise UrlRefused(UrlFault.HOST, text) from None
    is_inside = len(labels) == 1 or any(host == name or host.endswith(f".{name}") for name in _INSIDE_NAMES)
    if is_inside and not policy.allow_private:
        raise UrlRefused(UrlFault.INSIDE, host)
    return host, None


def address_kind(address: IPAddress, denied: Iterable[IPNetwork] = ()) -> AddressKind | None:
    """Return what kind of address it is that is not public, None for a public one."""
    for network, kind in _KINDS[address.version]:
        if address in network:
            return kind
    if isinstance(address, IPv6Address):
        if address not in _GLOBAL_UNICAST:
            return AddressKind.RESERVED
        if address.packed[8:12] in _ISATAP:
            return AddressKind.EMBEDDED
    return AddressKind.DENIED if any(address in network for network in denied) else None


def demand_outside(address: IPAddress, policy: AddressPolicy) -> None:
    """Refuse an address that is not public. Raises: UrlRefused."""
    kind = address_kind(address, policy.denied)
    is_scoped = isinstance(address, IPv6Address) and address.scope_id is not None
    if is_scoped or not (kind is None or (policy.allow_private and kind in DEVELOPMENT)):
        raise UrlRefused(UrlFault.INSIDE, str(address))


def demand_all_outside(host: str, found: Iterable[str], policy: AddressPolicy) -> tuple[IPAddress, ...]:
    """Return the addresses of *host*, if all of them are outside: a name that leads inside by one is not trusted.

    Raises: UrlRefused, which names the host alone, so that nobody is shown what a name stands for inside.
    """
    try:
        addresses = tuple(map(ip_address, found))
        for address in addresses:
            demand_outside(address, policy)
    except (UrlRefused, ValueError):
        raise UrlRefused(UrlFault.INSIDE, host) from None
    return addresses
