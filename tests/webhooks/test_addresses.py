"""Where webhooks may be sent: URLs that are no URL of an endpoint, and addresses inside in every spelling."""

from ipaddress import ip_address, ip_network

import pytest

from app.webhooks.addresses import (
    AddressKind,
    AddressPolicy,
    UrlFault,
    UrlRefused,
    address_kind,
    demand_all_outside,
    parse_endpoint_url,
)

PUBLIC = AddressPolicy()
DEVELOPMENT = AddressPolicy(allow_private=True)


def fault(url: str, policy: AddressPolicy = PUBLIC) -> UrlFault:
    with pytest.raises(UrlRefused) as refused:
        parse_endpoint_url(url, policy)
    return refused.value.fault


@pytest.mark.parametrize(
    ("url", "written"),
    [
        ("https://hooks.example.com", "https://hooks.example.com/"),
        ("HTTPS://Hooks.Example.COM:443/A", "https://hooks.example.com/A"),
        ("https://hooks.example.com./in?x=1&y=%20", "https://hooks.example.com/in?x=1&y=%20"),
        ("https://hooks.example.com?x=http://127.0.0.1/@", "https://hooks.example.com/?x=http://127.0.0.1/@"),
        ("https://xn--bcher-kva.example.com/@a:b", "https://xn--bcher-kva.example.com/@a:b"),
        ("https://93.184.216.34/", "https://93.184.216.34/"),
        ("https://[2606:4700:0:0::1111]/", "https://[2606:4700::1111]/"),
        ("https://127.0.0.1.example.com/", "https://127.0.0.1.example.com/"),
        ("https://10.example.com/", "https://10.example.com/"),
    ],
)
def test_a_url_of_an_endpoint_outside_is_taken_in_one_form(url: str, written: str) -> None:
    assert str(parse_endpoint_url(url, PUBLIC)) == written
    assert str(parse_endpoint_url(written, PUBLIC)) == written


@pytest.mark.parametrize(
    "url",
    [
        "",
        "hooks.example.com",
        "//hooks.example.com",
        "https:/hooks.example.com",
        "https:hooks.example.com",
        "https:///hooks.example.com",
        "https://",
        "https:///",
        "https://?x",
        "https://hooks.example.com\\@127.0.0.1/",
        "https://127.0.0.1\\.example.com/",
        "https://hooks.example.com#@127.0.0.1/",
        "https://hooks.example.com/#part",
        "https://hooks.example.com/a b",
        " https://hooks.example.com/",
        "https://hooks.example.com/\n",
        "https://hooks.example.com/\r\nHost: inside",
        "https://hooks.example.com\t/",
        "https://hooks.example.com/\0",
        "https://hooks.example.com/%zz",
        "https://hooks.example.com/é",
        "https://hooks%2eexample.com/",
        "https://bücher.example/",
        "https://１２７.0.0.1/",
        "https://127。0。0。1/",
        "https://ⓛocalhost/",
        "httpſ://hooks.example.com/",
        "https://[fe80::1%25eth0]/",
        "https://[fe80::1%eth0]/",
        "https://[::1/",
        "https://[::g]/",
        "https://::1/",
        "https://hooks.example.com:/",
        "https://hooks.example.com:443:443/",
        "https://hooks.example.com:+443/",
        "https://hooks.example.com:４４３/",
        "https://hooks.example.com/" + "a" * 2048,
    ],
)
def test_what_two_parsers_could_read_in_two_ways_is_no_url(url: str) -> None:
    assert fault(url) is UrlFault.MALFORMED
    assert fault(url, DEVELOPMENT) is UrlFault.MALFORMED


@pytest.mark.parametrize("scheme", ["http", "HTTP"])
def test_plain_http_is_for_development(scheme: str) -> None:
    assert fault(f"{scheme}://hooks.example.com/") is UrlFault.SCHEME
    assert parse_endpoint_url(f"{scheme}://hooks.example.com/", DEVELOPMENT).port == 80


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "ftp://hooks.example.com/", "gopher:x", "javascript:1", "ws://a.b"]
)
def test_another_scheme_is_refused(url: str) -> None:
    assert fault(url, DEVELOPMENT) is UrlFault.SCHEME


@pytest.mark.parametrize(
    "url",
    [
        "https://u:p@hooks.example.com/",
        "https://u@hooks.example.com/",
        "https://hooks.example.com@127.0.0.1/",
        "https:u@h",
    ],
)
def test_credentials_in_a_url_are_refused(url: str) -> None:
    assert fault(url) is UrlFault.CREDENTIALS


@pytest.mark.parametrize("port", [0, 80, 22, 8443, 65_536, 99_999])
def test_another_port_than_those_of_the_settings_is_refused(port: int) -> None:
    url = f"https://hooks.example.com:{port}/"

    assert fault(url) is UrlFault.PORT
    if 0 < port < 65_536:
        assert parse_endpoint_url(url, AddressPolicy(ports=frozenset({port}))).port == port


@pytest.mark.parametrize(
    "host",
    [
        "2130706433",
        "0x7f000001",
        "0X7F000001",
        "017700000001",
        "0177.0.0.1",
        "0x7f.0.0.1",
        "127.1",
        "127.0.1",
        "127.0.0.01",
        "127.0.0.1.1",
        "1.2.3.256",
        "0",
        "0x",
        "00000000000000000000000000000000000000000177.0.0.1",
        "4294967296",
        "3639550989",
        "example.0x1",
        "hooks..example.com",
        ".example.com",
        "hooks.example.com..",
        "-a.example.com",
        "a-.example.com",
        f"{'a' * 64}.example.com",
        ".".join(["a" * 60] * 5),
        "[1.2.3.4]",
        "[::ffff:1.2.3]",
        "[1::2::3]",
    ],
)
def test_another_spelling_of_an_address_and_what_is_no_name_is_refused(host: str) -> None:
    assert fault(f"https://{host}/") is UrlFault.HOST
    assert fault(f"https://{host}/", DEVELOPMENT) is UrlFault.HOST


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LOCALHOST.",
        "a.localhost",
        "intranet",
        "metadata",
        "metadata.google.internal",
        "printer.local",
        "nas.home.arpa",
        "db.localdomain",
    ],
)
def test_a_name_that_is_answered_inside_alone_is_refused(host: str) -> None:
    assert fault(f"https://{host}/") is UrlFault.INSIDE
    assert parse_endpoint_url(f"https://{host}/", DEVELOPMENT).address is None


INSIDE = {
    "0.0.0.0": AddressKind.UNSPECIFIED,
    "0.255.255.255": AddressKind.UNSPECIFIED,
    "10.0.0.0": AddressKind.PRIVATE,
    "10.255.255.255": AddressKind.PRIVATE,
    "100.64.0.0": AddressKind.SHARED,
    "100.127.255.255": AddressKind.SHARED,
    "100.100.100.200": AddressKind.METADATA,
    "127.0.0.1": AddressKind.LOOPBACK,
    "127.255.255.254": AddressKind.LOOPBACK,
    "168.63.129.16": AddressKind.METADATA,
    "169.254.0.1": AddressKind.LINK_LOCAL,
    "169.254.169.254": AddressKind.METADATA,
    "169.254.170.2": AddressKind.LINK_LOCAL,
    "172.16.0.1": AddressKind.PRIVATE,
    "172.31.255.255": AddressKind.PRIVATE,
    "192.0.0.1": AddressKind.RESERVED,
    "192.0.0.192": AddressKind.METADATA,
    "192.0.2.1": AddressKind.RESERVED,
    "192.88.99.1": AddressKind.RESERVED,
    "192.168.1.1": AddressKind.PRIVATE,
    "198.18.0.1": AddressKind.RESERVED,
    "198.19.255.255": AddressKind.RESERVED,
    "198.51.100.7": AddressKind.RESERVED,
    "203.0.113.7": AddressKind.RESERVED,
    "224.0.0.1": AddressKind.MULTICAST,
    "239.255.255.255": AddressKind.MULTICAST,
    "240.0.0.1": AddressKind.RESERVED,
    "255.255.255.255": AddressKind.BROADCAST,
    "::": AddressKind.UNSPECIFIED,
    "::1": AddressKind.LOOPBACK,
    "0:0:0:0:0:0:0:1": AddressKind.LOOPBACK,
    "::ffff:127.0.0.1": AddressKind.EMBEDDED,
    "::ffff:7f00:1": AddressKind.EMBEDDED,
    "::ffff:93.184.216.34": AddressKind.EMBEDDED,
    "::ffff:0:127.0.0.1": AddressKind.EMBEDDED,
    "::127.0.0.1": AddressKind.EMBEDDED,
    "::a00:1": AddressKind.EMBEDDED,
    "64:ff9b::127.0.0.1": AddressKind.EMBEDDED,
    "64:ff9b::5db8:d822": AddressKind.EMBEDDED,
    "64:ff9b:1::a00:1": AddressKind.EMBEDDED,
    "2001:0:53aa:64c:0:0:f5ff:fffe": AddressKind.EMBEDDED,
    "2002:7f00:1::": AddressKind.EMBEDDED,
    "2002:a00:1::1": AddressKind.EMBEDDED,
    "2606:4700::5efe:10.0.0.1": AddressKind.EMBEDDED,
    "2606:4700::200:5efe:10.0.0.1": AddressKind.EMBEDDED,
    "100::1": AddressKind.RESERVED,
    "2001:2::1": AddressKind.RESERVED,
    "2001:10::1": AddressKind.RESERVED,
    "2001:20::1": AddressKind.RESERVED,
    "2001:db8::1": AddressKind.RESERVED,
    "3fff::1": AddressKind.RESERVED,
    "4000::1": AddressKind.RESERVED,
    "5f00::1": AddressKind.RESERVED,
    "fc00::1": AddressKind.UNIQUE_LOCAL,
    "fd12:3456::1": AddressKind.UNIQUE_LOCAL,
    "fd00:ec2::254": AddressKind.METADATA,
    "fd20:ce::254": AddressKind.METADATA,
    "fe80::1": AddressKind.LINK_LOCAL,
    "febf::1": AddressKind.LINK_LOCAL,
    "fec0::1": AddressKind.LINK_LOCAL,
    "ff02::1": AddressKind.MULTICAST,
    "ff0e::1": AddressKind.MULTICAST,
}
OUTSIDE = [
    "1.1.1.1",
    "9.255.255.255",
    "11.0.0.0",
    "93.184.216.34",
    "100.63.255.255",
    "100.128.0.0",
    "126.255.255.255",
    "128.0.0.0",
    "169.253.255.255",
    "169.255.0.0",
    "172.15.255.255",
    "172.32.0.0",
    "192.0.1.0",
    "192.167.255.255",
    "192.169.0.0",
    "223.255.255.255",
    "2001:200::1",
    "2001:4860:4860::8888",
    "2003::1",
    "2606:4700::1111",
    "2a00:1450::1",
]
ALLOWED_FOR_DEVELOPMENT = {
    AddressKind.LOOPBACK,
    AddressKind.PRIVATE,
    AddressKind.SHARED,
    AddressKind.UNIQUE_LOCAL,
}


@pytest.mark.parametrize("address", INSIDE)
def test_an_address_inside_is_refused_as_host_and_as_answer_of_a_name_server(address: str) -> None:
    host = f"[{address}]" if ":" in address else address

    assert address_kind(ip_address(address)) is INSIDE[address]
    assert fault(f"https://{host}/") is UrlFault.INSIDE
    with pytest.raises(UrlRefused, match=r"INSIDE: a\.example"):
        demand_all_outside("a.example", [address], PUBLIC)
    if INSIDE[address] in ALLOWED_FOR_DEVELOPMENT:
        assert demand_all_outside("a.example", [address], DEVELOPMENT)
    else:
        assert fault(f"https://{host}/", DEVELOPMENT) is UrlFault.INSIDE


@pytest.mark.parametrize("address", OUTSIDE)
def test_an_address_outside_is_taken(address: str) -> None:
    host = f"[{address}]" if ":" in address else address

    assert parse_endpoint_url(f"https://{host}/", PUBLIC).address == ip_address(address)
    assert demand_all_outside("a.example", [address], PUBLIC) == (ip_address(address),)


def test_no_address_that_the_standard_library_knows_as_not_global_is_taken() -> None:
    edges = [
        address
        for network in ("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12")
        for address in (ip_network(network)[0], ip_network(network)[-1])
    ]
    spread = [ip_address(number * 0x0101_0307 % 2**32) for number in range(4096)]

    taken = [address for address in (*edges, *spread) if address_kind(address) is None]

    assert taken
    assert all(address.is_global for address in taken)


@pytest.mark.parametrize(
    "found", [["93.184.216.34", "10.0.0.1"], ["2606:4700::1111", "::1"], ["1.1.1.1", "no address"]]
)
def test_a_name_that_leads_inside_by_one_of_its_addresses_is_refused_and_none_is_shown(found: list[str]) -> None:
    with pytest.raises(UrlRefused) as refused:
        demand_all_outside("a.example", found, PUBLIC)

    assert str(refused.value) == "INSIDE: a.example"


@pytest.mark.parametrize("address", ["fe80::1%eth0", "2606:4700::1111%2", "::1%lo"])
@pytest.mark.parametrize("policy", [PUBLIC, DEVELOPMENT])
def test_an_address_of_one_link_is_refused(address: str, policy: AddressPolicy) -> None:
    with pytest.raises(UrlRefused):
        demand_all_outside("a.example", [address], policy)


def test_hosts_outside_the_list_are_refused() -> None:
    policy = AddressPolicy(hosts=("hooks.example.com", "*.partner.example"))

    assert parse_endpoint_url("https://HOOKS.example.com/", policy).host == "hooks.example.com"
    assert parse_endpoint_url("https://a.b.partner.example./", policy).host == "a.b.partner.example"
    for host in (
        "partner.example",
        "notpartner.example",
        "a.hooks.example.com",
        "hooks.example.com.evil.example",
        "1.1.1.1",
    ):
        assert fault(f"https://{host}/", policy) is UrlFault.NOT_LISTED


def test_public_networks_that_are_used_inside_can_be_denied() -> None:
    policy = AddressPolicy(denied=(ip_network("93.184.0.0/16"), ip_network("2606:4700:64::/96")))

    assert fault("https://93.184.216.34/", policy) is UrlFault.INSIDE
    assert fault("https://[2606:4700:64::10.0.0.1]/", policy) is UrlFault.INSIDE
    assert parse_endpoint_url("https://93.185.0.1/", policy).host == "93.185.0.1"
