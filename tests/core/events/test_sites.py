import pytest
from hypothesis import given
from hypothesis import strategies as st

from segd.core.events.sites import from_another_site, registrable


@pytest.mark.parametrize(
    ("host", "domain"),
    [
        ("shop.example.com", "example.com"),
        ("EXAMPLE.com.", "example.com"),
        ("www.example.co.uk", "example.co.uk"),
        ("alice.github.io", "alice.github.io"),  # the private section
        ("www.alice.github.io", "alice.github.io"),
        ("a.city.kawasaki.jp", "city.kawasaki.jp"),  # an exception rule
        ("com.google.android.gm", "android.gm"),
        ("www.bücher.example", "xn--bcher-kva.example"),
        ("www.xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("shop.食狮.公司.cn", "xn--85x722f.xn--55qx5d.cn"),  # an encoded public suffix
        ("straße.de", "xn--strae-oqa.de"),
        ("127.0.0.1", "127.0.0.1"),
        ("2001:db8::1", "2001:db8::1"),
        ("localhost", "localhost"),
        ("co.uk", "co.uk"),
        ("github.io", "github.io"),
        ("a..com", "a..com"),
        ("", ""),
    ],
)
def test_registrable_domain(host, domain):
    assert registrable(host) == domain


@pytest.mark.parametrize(
    ("host", "referrer_host", "another"),
    [
        ("shop.example.com", "www.example.com", False),
        ("bücher.example", "www.xn--bcher-kva.example", False),
        ("example.com", "google.com", True),
        ("alice.github.io", "bob.github.io", True),
        ("127.0.0.1", "127.0.0.2", True),
        ("localhost", "localhost", False),
        ("example.com", None, False),
        (None, "google.com", False),
        ("example.com", "", False),
        ("example.com", 5, False),
    ],
)
def test_another_site(host, referrer_host, another):
    assert from_another_site(host, referrer_host) is another


@given(st.text())
def test_any_text_has_a_site(host):
    assert not from_another_site(host, host)
