import json
import re
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segd.core.errors import MessageError
from segd.core.events.messages import Event, accept, decode, read_line
from segd.core.events.plain import read_lines
from segd.core.time.instants import MINUTE, SECOND, parse_timestamp

NOON = parse_timestamp("2025-02-23T12:00:00Z")


def line(**fields):
    """A good track call, changed by `fields`; None takes one out."""
    good = {"type": "track", "event": "Charged", "userId": "u", "messageId": "m", "timestamp": "2025-02-23T12:00:00Z"}
    return json.dumps({name: value for name, value in (good | fields).items() if value is not None}).encode()


def raw(name, value):
    """A good track call with a field of bytes as they are."""
    return line()[:-1] + b',"' + name.encode() + b'":' + value + b"}"


def refusal(content):
    with pytest.raises(MessageError) as caught:
        read_line(content)
    return caught.value


def page(properties=None, context=None, **fields):
    return read_line(line(type="page", event=None, properties=properties, context=context, **fields)).properties()


# Types, names and ids


@pytest.mark.parametrize(
    ("fields", "kind", "name"),
    [
        ({}, "track", "Charged"),
        ({"type": "page"}, "page", "$page"),
        ({"type": "screen"}, "screen", "$screen"),
        ({"type": "identify"}, "identify", "$identify"),
        ({"type": "group"}, "group", "$group"),
        ({"type": "alias", "previousId": "a"}, "alias", "$alias"),
    ],
)
def test_kinds(fields, kind, name):
    event = read_line(line(**fields))
    assert (event.kind, event.name, event.user_id, event.timestamp) == (kind, name, "u", NOON)
    assert event.previous_id == ("a" if kind == "alias" else None)


@pytest.mark.parametrize(
    ("fields", "code", "words"),
    [
        ({"type": "trak"}, "bad_type", "type: expected track, identify, page, screen, group or alias, found 'trak'"),
        ({"type": 5}, "bad_type", "found int"),
        ({"type": None}, "bad_type", "type: expected"),
        ({"event": None}, "bad_event", "event: expected the name"),
        ({"event": " \t"}, "bad_event", "event: expected the name"),
        ({"event": "$page"}, "bad_event", r"event: names that begin with \$"),
        ({"event": "x" * 201}, "bad_event", "200"),
        ({"event": ["x"]}, "bad_field", "event: expected text, found array"),
        ({"userId": None}, "missing_id", "userId or anonymousId"),
        ({"userId": True}, "bad_field", "userId: expected text or a whole number, found bool"),
        ({"userId": 1.5}, "bad_field", "userId"),
        ({"userId": "x" * 257}, "bad_id", "userId: expected at most 256"),
        ({"anonymousId": "x" * 257}, "bad_id", "anonymousId"),
        ({"userId": None, "anonymousId": "NULL"}, "junk_id", 'anonymousId: .*"NULL"'),
        ({"type": "alias"}, "missing_id", "previousId"),
        ({"type": "alias", "previousId": "a", "userId": None, "anonymousId": "b"}, "missing_id", "userId"),
        ({"messageId": " "}, "bad_message_id", "messageId"),
        ({"messageId": "x" * 257}, "bad_message_id", "messageId"),
        ({"messageId": {}}, "bad_field", "messageId: expected text or a whole number, found object"),
        ({"timestamp": "yesterday"}, "bad_timestamp", 'timestamp: expected an ISO 8601 .*"yesterday"'),
        ({"timestamp": 1740312000}, "bad_field", "timestamp: expected text, found int"),
        ({"timestamp": "1969-12-31T23:59:59Z"}, "bad_timestamp", "timestamp: .*1970"),
        ({"timestamp": None}, "missing_timestamp", "timestamp"),
        ({"timestamp": None, "originalTimestamp": "x"}, "bad_timestamp", "originalTimestamp"),
        ({"receivedAt": "x"}, "bad_timestamp", "receivedAt"),
        ({"sentAt": "x"}, "bad_timestamp", "sentAt"),
        ({"properties": [1]}, "bad_field", "properties: expected a JSON object"),
        ({"properties": "x"}, "bad_field", "properties"),
        ({"type": "identify", "traits": [1]}, "bad_field", "traits"),
        ({"context": "x"}, "bad_field", "context: expected a JSON object"),
        ({"context": {"traits": 1}}, "bad_field", "context.traits"),
        ({"properties": {"x": "y" * 1_000_000}}, "too_large", "1,000,000"),
    ],
)
def test_refusals_name_the_field(fields, code, words):
    error = refusal(line(**fields))
    assert error.code == code
    assert re.search(words, error.message)


@pytest.mark.parametrize(
    "junk",
    ["null", "Undefined", "0", "000", "00000000-0000-0000-0000-000000000000", "ANONYMOUS", "-1", "", "  ", 0, -1],
)
def test_junk_ids_drop_beside_a_good_one_and_refuse_alone(junk):
    event = read_line(line(userId=junk, anonymousId="a"))
    assert (event.user_id, event.anonymous_id, event.junk) == (None, "a", 1)
    event = read_line(line(anonymousId=junk))
    assert (event.user_id, event.anonymous_id, event.junk) == ("u", None, 1)
    error = refusal(line(userId=junk))
    assert error.code == "junk_id"
    assert json.dumps(junk) in error.message


@pytest.mark.parametrize(("given", "kept"), [(" a b ", "a b"), (42, "42"), (10**30, "1" + "0" * 30), ("none", "none")])
def test_ids_are_stripped_text(given, kept):
    event = read_line(line(userId=given))
    assert (event.user_id, event.junk) == (kept, 0)


def test_a_missing_message_id_is_made_from_the_content():
    content = line(messageId=None)
    made = read_line(content).message_id
    assert made == read_line(content + b" \r\n").message_id
    assert made.startswith("segd-")
    assert made != read_line(line(messageId=None, event="Other")).message_id
    assert read_line(line(messageId=7)).message_id == "7"


# Instants


@pytest.mark.parametrize(
    ("fields", "timestamp", "claimed"),
    [
        ({"timestamp": None}, NOON, None),
        ({"timestamp": None, "sentAt": "2020-01-01T00:00:00Z"}, NOON, None),
        ({"timestamp": None, "originalTimestamp": "2025-02-23T11:00:00"}, NOON - 60 * MINUTE, None),
        ({"timestamp": "2025-02-23T13:01:00+01:00"}, NOON + MINUTE, None),
        ({"timestamp": "2025-02-23T12:02:00Z"}, NOON + 2 * MINUTE, None),
        ({"timestamp": "2025-02-23T12:02:00.000001Z"}, NOON, NOON + 2 * MINUTE + 1),
        ({"timestamp": "2020-01-01T00:00:00Z", "sentAt": "2020-01-01T00:00:30Z"}, NOON - 30 * SECOND, None),
        ({"timestamp": "2030-01-01T00:00:00Z", "sentAt": "2030-01-01T00:00:30Z"}, NOON - 30 * SECOND, None),
        ({"timestamp": "2025-02-23T11:59:59.1234567Z"}, NOON - 876_544, None),
    ],
)
def test_timestamps(fields, timestamp, claimed):
    event = read_line(line(receivedAt="2025-02-23T12:00:00Z", **fields))
    assert (event.timestamp, event.claimed, event.received_at) == (timestamp, claimed, NOON)
    message = decode(line(receivedAt="1999-01-01T00:00:00Z", **fields))
    live = accept(message, received_at=NOON, content=b"")
    assert (live.timestamp, live.claimed, live.received_at) == (timestamp, claimed, NOON)


def test_without_a_receipt_the_timestamp_stands():
    event = read_line(line(timestamp="2999-01-01T00:00:00Z", sentAt="2020-01-01T00:00:00Z"))
    assert (event.timestamp, event.received_at, event.claimed) == (parse_timestamp("2999-01-01T00:00:00Z"), None, None)


def test_a_corrected_timestamp_before_1970_is_refused():
    content = line(timestamp="1971-01-01T00:00:00Z", sentAt="2071-01-01T00:00:00Z", receivedAt="2025-01-01T00:00:00Z")
    assert refusal(content).code == "bad_timestamp"


# Text, numbers and nesting


@pytest.mark.parametrize("field", ["properties", "context", "unknown", "userId"])
@pytest.mark.parametrize(
    ("text", "code"),
    [
        (rb"\u0000", "bad_text"),
        (rb"\\\u0000", "bad_text"),
        (rb"\ud800", "bad_text"),
        (rb"\uDE00", "bad_text"),
        (rb"\ud83d\ud83d\ude00", "bad_text"),
        (rb"\ude00\ud83d", "bad_text"),
        (b"\xff", "bad_text"),
        (b"\xed\xa0\x80", "bad_text"),
        (b"\0", "bad_text"),
        (rb"\x", "bad_json"),
    ],
)
def test_bad_text_is_refused_wherever_it_stands(field, text, code):
    value = b'"' + text + b'"'
    if field in ("properties", "context"):
        value = b'{"x":[' + value + b"]}"
    assert refusal(raw(field, value)).code == code


@pytest.mark.parametrize("text", [rb"\\u0000", rb"\\\\u0000", rb"\ud83d\ude00", rb"\\ud800", rb"\u00e9", "ü".encode()])
def test_harmless_text_is_taken(text):
    value = b'{"x":"' + text + b'"}'
    assert read_line(raw("properties", value)).properties() == json.loads(value)


@pytest.mark.parametrize(
    "number", ["1e301", "1E+301", "-1e-301", "0e99999999999999999999", "1" * 301, "1." + "1" * 300, "1" * 5000, "1e999"]
)
def test_absurd_numbers_are_refused(number):
    properties = f'{{"id":"5e123-5e777","list":[{number}]}}'.encode()
    assert refusal(raw("properties", properties)).code == "bad_number"
    assert refusal(raw("context", b'{"traits":' + properties + b"}")).code == "bad_number"


def test_numbers_are_exact():
    properties = f'{{"a":0.1,"b":1E5,"c":1,"d":-1e-300,"e":1e0300,"f":{"9" * 300},"g":"9e999"}}'.encode()
    event = read_line(raw("properties", properties))
    assert event.properties() == {
        "a": Decimal("0.1"), "b": Decimal(100000), "c": 1, "d": Decimal("-1e-300"), "e": Decimal("1e300"),
        "f": int("9" * 300), "g": "9e999",
    }  # fmt: skip
    assert event.properties_json() == properties


@pytest.mark.parametrize(("levels", "taken"), [(60, True), (61, False), (500, False), (100_000, False)])
def test_nesting(levels, taken):
    properties = b'{"[":"[[","x":' + b"[" * (levels - 1) + b"]" * (levels - 1) + b"}"
    if taken:
        assert "x" in read_line(raw("properties", properties)).properties()
    else:
        assert refusal(raw("properties", properties)).code == "too_deep"


def test_siblings_are_no_levels():
    assert len(read_line(raw("properties", b'{"x":[' + b"{}," * 500 + b"{}]}")).properties()["x"]) == 501


@pytest.mark.parametrize("content", [b"", b"[]", b"5", b'"x"', b"null", b"{", b"{]", b"{}{}", b'{"type":"track",}'])
def test_what_is_no_object_is_refused(content):
    assert refusal(content).code in ("bad_json", "bad_type")


# Traits


@pytest.mark.parametrize(
    ("fields", "traits"),
    [
        ({}, None),
        ({"context": {"traits": {"a": 1}}}, {"a": 1}),
        ({"traits": {"a": 1}}, None),  # of a track call
        ({"type": "identify"}, None),
        ({"type": "identify", "traits": {}}, None),
        ({"type": "identify", "traits": {"a": 1, "b": "x"}}, {"a": 1, "b": "x"}),
        (
            {"type": "identify", "traits": {"a": 1, "b": 2}, "context": {"traits": {"b": 3, "c": 4}}},
            {"a": 1, "b": 2, "c": 4},
        ),
        ({"type": "group", "traits": {"plan": "x"}, "context": {"traits": {"c": 4}}}, {"c": 4}),
        ({"context": {"device": {"token": "t"}}}, {"$device_token": "t"}),
        ({"context": {"device": {"token": ""}}}, None),
        ({"context": {"device": {"token": 5}}}, None),
    ],
)
def test_traits(fields, traits):
    assert read_line(line(**fields)).traits == traits


def test_null_deletes_a_trait_and_is_absent_elsewhere():
    event = read_line(raw("context", b'{"traits":{"a":null},"device":null,"page":null}'))
    assert event.traits == {"a": None}
    for name in ("context", "properties", "traits"):
        event = read_line(raw(name, b"null"))
        assert (event.traits, event.properties(), event.properties_json()) == (None, {}, b"{}")


# Pages

URL = "https://u:p@Shop.Example.COM.:8443/a/b?utm_source=x+y&utm_source=z&utm_term=%C3%BC&q=1#f?g"


@pytest.mark.parametrize(
    ("properties", "context", "expected"),
    [
        ({}, None, {}),
        (
            {"url": URL, "referrer": "android-app://com.Google.android.gm/"},
            None,
            {
                "url": URL, "path": "/a/b", "host": "shop.example.com", "utm_source": "x y", "utm_term": "ü",
                "search": "?utm_source=x+y&utm_source=z&utm_term=%C3%BC&q=1",
                "referrer": "android-app://com.Google.android.gm/", "referrer_host": "com.google.android.gm",
            },
        ),
        (
            {"url": URL, "path": "/mine", "host": "Mine.example.:80", "search": "?m", "utm_source": ""},
            {"page": {"path": "/page", "title": "T", "utm_term": "pt", "other": 1},
             "campaign": {"name": "n", "source": "cs", "term": "ct", "medium": ""}},
            {"url": URL, "path": "/mine", "host": "mine.example", "search": "?m", "title": "T",
             "utm_source": "cs", "utm_term": "pt", "utm_campaign": "n"},
        ),
        ({"title": "", "url": None, "x": ""}, {"page": {"title": ""}}, {"x": ""}),
        ({"x": 1.5}, {"page": {"url": "//h/p?"}}, {"x": Decimal("1.5"), "url": "//h/p?", "host": "h", "path": "/p"}),
        ({"url": 5, "title": ["x"]}, None, {"url": 5, "title": ["x"]}),
    ],
)  # fmt: skip
def test_page_properties(properties, context, expected):
    assert page(properties, context) == expected
    event = read_line(line(type="screen", properties=properties, context=context))
    assert event.properties() == expected
    assert json.loads(event.properties_json(), parse_float=Decimal) == expected


@pytest.mark.parametrize(
    ("url", "path", "host", "search"),
    [
        ("https://example.com", "/", "example.com", None),
        ("HTTPS://EXAMPLE.com?a=b", "/", "example.com", "?a=b"),
        ("http://[2001:DB8::1]:80/x", "/x", "2001:db8::1", None),
        ("http://[::1/x", "/x", "::1", None),
        ("http://h:port/x", "/x", "h", None),
        ("/only/path?x#y", "/only/path", None, "?x"),
        ("about:blank", "blank", None, None),
        ("mailto:a@b.example", "a@b.example", None, None),
        ("https:///x", "/x", None, None),
        ("https://bad host/x", "/x", None, None),
        ("https://BÜCHER.example/x", "/x", "bücher.example", None),
        ("myapp://open/x?y=1", "/x", "open", "?y=1"),
        ("#", None, None, None),
        ("https://" + "x" * 300 + "/x", "/x", None, None),
    ],
)
def test_urls(url, path, host, search):
    told = page({"url": url})
    assert (told.get("path"), told.get("host"), told.get("search")) == (path, host, search)
    assert page({"referrer": url}).get("referrer_host") == host


@pytest.mark.parametrize(
    ("query", "source"),
    [
        ("utm_source=&utm_source=b", "b"),
        ("utm_source=a%26b&x", "a&b"),
        ("utm_source=%00x", "\N{REPLACEMENT CHARACTER}x"),
        ("utm_source=%ff%ED%A0%80", "\N{REPLACEMENT CHARACTER}" * 4),
        ("utm%5Fsource=a", "a"),
        ("utm_source", None),
        ("UTM_SOURCE=a", None),
        ("utm_source=a=b", "a=b"),
    ],
)
def test_utm(query, source):
    assert page({"url": "https://h/?" + query}).get("utm_source") == source


def test_name_and_category_of_the_call():
    told = page({"category": "mine"}, name="Home", category="Main")
    assert told == {"name": "Home", "category": "mine"}
    assert read_line(line(name="Home")).properties() == {}


# Many lines


def test_lines_keep_their_numbers():
    lines = [line(messageId="a"), b"", b" \r", line(messageId="b") + b"\r", b"{}{}", b"{", b"}", line(userId="0")]
    found = read_lines(b"\n".join(lines))
    told = {number: got.message_id if isinstance(got, Event) else got.code for number, got in found}
    assert told == {0: "a", 3: "b", 4: "bad_json", 5: "bad_json", 6: "bad_json", 7: "junk_id"}


@pytest.mark.parametrize("bad", [raw("x", b'"\xff"'), raw("x", rb'"\u0000"'), raw("x", rb'"\ud800"')])
def test_bad_text_refuses_its_line_alone(bad):
    good = raw("properties", '{"x":"ü"}'.encode())
    found = [got for _, got in read_lines(b"\n".join([good, bad, good]))]
    assert [got.code if isinstance(got, MessageError) else None for got in found] == [None, "bad_text", None]
    assert list(read_lines(b"")) == []


# Anything at all

TEXTS = st.text(st.characters(exclude_categories=()), max_size=8)  # lone surrogates, too
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS | st.sampled_from([URL, "0", "2025-02-23"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)
KNOWN = st.sampled_from(["url", "referrer", "host", "title", "source", "token"])
PARTS = st.dictionaries(KNOWN | TEXTS, VALUES, max_size=4)
CONTEXTS = st.fixed_dictionaries({}, optional=dict.fromkeys(["page", "campaign", "traits", "device"], PARTS))
MESSAGES = st.fixed_dictionaries(
    {"type": st.sampled_from(["track", "page", "identify", "alias"]) | VALUES},
    optional={
        "event": TEXTS | VALUES, "userId": TEXTS | VALUES, "anonymousId": st.just("a") | VALUES, "previousId": TEXTS,
        "timestamp": st.just("2025-02-23T12:00:00Z") | VALUES, "sentAt": VALUES, "messageId": VALUES, "name": TEXTS,
        "properties": PARTS | VALUES, "traits": PARTS | VALUES, "context": CONTEXTS | VALUES,
    },
)  # fmt: skip


def takes_or_refuses(content):
    try:
        event = read_line(content)
    except MessageError:
        return
    told = [event.name, event.user_id, event.anonymous_id, event.message_id, event.traits, event.properties()]
    assert b"\\u0000" not in json.dumps(told, default=str).replace("\\\\", "").encode()
    json.dumps(told, default=str, ensure_ascii=False).encode()  # fails on half a surrogate pair
    json.loads(event.properties_json())


@given(st.binary() | st.text().map(str.encode))
def test_any_bytes_are_taken_or_refused(content):
    takes_or_refuses(content)
    for got in read_lines(content):
        assert isinstance(got[1], Event | MessageError)


@given(MESSAGES, st.booleans())
def test_any_json_is_taken_or_refused(message, ascii_only):
    takes_or_refuses(json.dumps(message, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass"))


def test_a_junk_previous_id_is_dropped_beside_the_good_one():
    ids = b'"userId":"u","previousId":"undefined","messageId":"m"'
    event = read_line(b'{"type":"alias",%b,"timestamp":"2025-01-01"}' % ids)
    assert (event.user_id, event.previous_id, event.junk) == ("u", None, 1)
