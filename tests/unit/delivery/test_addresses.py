"""Which addresses calls may go to."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from dangol.delivery.addresses import AddressGuard, ForbiddenAddress, Target, Unresolved, origin
from dangol.errors import UsageError


def guard(*addresses: str, allow: str = "") -> AddressGuard:
    return AddressGuard(allow, resolve=lambda _host, _port: list(addresses))


@pytest.mark.parametrize(
    "address",
    ["93.184.215.14", "1.1.1.1", "2606:2800:21f:cb07:6820:80da:af6b:8b2c", "64:ff9b::101:101", "2002:101:101::1"],
)
def test_public_addresses_may_be_called(address: str) -> None:
    target = guard(address).target("https://crm.example/hook?a=1")
    assert target == Target("https", "crm.example", 443, "/hook?a=1", (address,))


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",
        "10.0.0.1",
        "100.64.0.1",
        "127.0.0.1",
        "127.8.9.10",
        "169.254.169.254",
        "172.16.0.1",
        "192.0.0.1",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.1.1",
        "198.18.0.1",
        "198.51.100.1",
        "203.0.113.1",
        "224.0.0.1",
        "224.0.1.1",
        "239.1.1.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::7f00:1",
        "::ffff:10.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::a00:1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::1",
        "100::1",
        "2001::1",
        "2001:db8::1",
        "2002:a00:1::1",
        "2002:7f00:1::1",
        "3fff::1",
        "4000::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fe80::1%1",
        "fec0::1",
        "ff02::1",
        "ff0e::1",
    ],
)
def test_whatever_is_not_public_may_not(address: str) -> None:
    with pytest.raises(ForbiddenAddress, match="not a public address; see DANGOL_WEBHOOK_ALLOW"):
        guard(address).target("https://crm.example")


def test_one_address_that_is_not_public_forbids_the_host() -> None:
    with pytest.raises(ForbiddenAddress, match=r"crm\.example is at 10\.0\.0\.1"):
        guard("93.184.215.14", "10.0.0.1").target("https://crm.example")


@pytest.mark.parametrize(
    "url",
    [
        "http://0x7f000001/",
        "http://2130706433/",
        "http://0177.0.0.1/",
        "http://127.1/",
        "http://[::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://localhost/",
        "http://LOCALHOST./",
    ],
)
def test_odd_ways_to_write_this_machine_are_seen_through_by_the_system_that_resolves_them(url: str) -> None:
    with pytest.raises((ForbiddenAddress, Unresolved)):
        AddressGuard().target(url)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("ftp://crm.example/", "not http"),
        ("file:///etc/passwd", "not http"),
        ("gopher://crm.example/", "not http"),
        ("//crm.example/", "not http"),
        ("https:///path", "not http"),
        ("https://user:pass@crm.example/", "user name"),
        ("https://crm.example@10.0.0.1/", "user name"),
        ("https://crm.example:0/", "port is 0"),
        ("https://crm.example:99999/", "cannot be read"),
        ("https://[::1/", "cannot be read"),
        ("https://crm.example:8443/", "port 8443, not 80 or 443; see DANGOL_WEBHOOK_ALLOW"),
        ("http://crm.example:22/", "port 22"),
    ],
)
def test_what_is_no_plain_web_address_may_not(url: str, why: str) -> None:
    with pytest.raises(ForbiddenAddress, match=why) as refused:
        guard("93.184.215.14").target(url)
    assert "pass" not in str(refused.value).replace("passwd", "")


def test_a_label_that_is_too_long_is_no_host() -> None:
    with pytest.raises(ForbiddenAddress):
        AddressGuard().target(f"https://{'a' * 64}.example/")


def test_a_name_without_an_address_is_unresolved() -> None:
    with pytest.raises(Unresolved, match="no address"):
        guard().target("https://crm.example")


@pytest.mark.parametrize(
    ("allow", "address", "url", "allowed"),
    [
        ("10.1.0.0/16", "10.1.2.3", "http://crm.internal/", True),
        ("10.1.0.0/16", "10.1.2.3", "http://crm.internal:8080/", True),
        ("10.1.0.0/16", "10.2.2.3", "http://crm.internal/", False),
        ("10.1.0.0/16:8080", "10.1.2.3", "http://crm.internal:8080/", True),
        ("10.1.0.0/16:8080", "10.1.2.3", "http://crm.internal/", False),
        ("127.0.0.1", "127.0.0.1", "http://localhost:9000/", True),
        ("127.0.0.1", "127.0.0.2", "http://localhost:9000/", False),
        ("127.0.0.1", "::ffff:127.0.0.1", "http://localhost/", True),
        ("10.0.0.0/8", "64:ff9b::a00:1", "http://crm.internal/", True),
        ("::1", "::1", "http://localhost:9000/", True),
        ("[fd00::1]:8080", "fd00::1", "http://crm.internal:8080/", True),
        ("[fd00::1]:8080", "fd00::1", "http://crm.internal/", False),
        ("fd00::/8", "fd12::1", "http://crm.internal/", True),
        ("crm.internal", "10.0.0.1", "http://CRM.internal.:8080/", True),
        ("CRM.Internal.", "10.0.0.1", "http://crm.internal/", True),
        ("crm.internal:8080", "10.0.0.1", "http://crm.internal:8080/", True),
        ("crm.internal:8080", "10.0.0.1", "http://crm.internal/", False),
        ("crm.internal", "10.0.0.1", "http://sub.crm.internal/", False),
        ("crm.internal", "10.0.0.1", "http://evilcrm.internal/", False),
        ("hooks.example:8443", "93.184.215.14", "https://hooks.example:8443/", True),
        ("a.internal, 10.9.0.0/16  b.internal", "10.9.0.1", "http://crm.internal/", True),
        ("a.internal, 10.9.0.0/16  b.internal", "10.8.0.1", "http://b.internal/", True),
    ],
)
def test_the_operator_may_list_exceptions(allow: str, address: str, url: str, allowed: bool) -> None:
    guarded = guard(address, allow=allow)
    if allowed:
        assert guarded.target(url).addresses == (str(ip_address(address)),)
    else:
        with pytest.raises(ForbiddenAddress):
            guarded.target(url)


@pytest.mark.parametrize(
    "allow",
    [
        "10.1.2.3/16",
        "10.1.2",
        "crm.internal:0",
        "crm.internal:99999",
        "http://crm.internal",
        "*.internal",
        "-a",
        "a..b",
    ],
)
def test_an_exception_that_cannot_be_read_is_told(allow: str) -> None:
    with pytest.raises(UsageError, match="DANGOL_WEBHOOK_ALLOW: found"):
        AddressGuard(f"10.0.0.0/8 {allow}")


def test_the_origin_holds_no_path_query_or_password() -> None:
    assert origin("https://crm.example:8443/hook/s3cret?token=1#x") == "https://crm.example:8443"
    assert origin("http://[::1]:80/") == "http://[::1]:80"
    assert origin("https://user:pass@crm.example/") == ""
    assert origin("nonsense") == ""
