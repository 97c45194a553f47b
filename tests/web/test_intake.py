import base64
import gzip
import json
import zlib

import pytest
import trio
import trio.testing
from serving import KEY, NOON, RememberingJournal, open_site, unavailable

from segd.core.events.refused_ids import RefusedIds, hash_of
from segd.core.time.instants import SECOND
from segd.web.intake import Intake
from segd.web.rejected import Rejected

TRACK = {"type": "track", "event": "Charged", "userId": "u", "messageId": "m"}
SUCCESS = b'{"success":true}'


def basic(credentials: str) -> dict[str, str]:
    return {"authorization": "Basic " + base64.b64encode(credentials.encode()).decode()}


def raw_deflate(body: bytes) -> bytes:
    compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return compressor.compress(body) + compressor.flush()


def refusals(response):
    return [(error["index"], error["code"]) for error in response.json()["errors"]]


# Paths


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/v1/track", "Charged"),
        ("/v1/t", "Charged"),
        ("/v1/identify", "$identify"),
        ("/v1/i", "$identify"),
        ("/v1/page", "$page"),
        ("/v1/p", "$page"),
        ("/v1/screen", "$screen"),
        ("/v1/s", "$screen"),
        ("/v1/group", "$group"),
        ("/v1/g", "$group"),
        ("/v1/alias", "$alias"),
        ("/v1/a", "$alias"),
    ],
)
async def test_the_path_says_the_type(path, name):
    body = {"event": "Charged", "userId": "u", "previousId": "a", "messageId": "m"}
    async with open_site() as site:
        response = await site.post(path, body)
        assert (response.status_code, response.content) == (200, SUCCESS)
        [event] = site.journal.events
        assert (event.name, event.user_id, event.message_id, event.received_at) == (name, "u", "m", NOON)


@pytest.mark.parametrize("path", ["/v1/batch", "/v1/b"])
async def test_a_batch_is_one_append_in_order(path):
    messages = [TRACK | {"messageId": str(number)} for number in range(1200)]
    async with open_site() as site:
        response = await site.post(path, {"batch": messages})
        assert (response.status_code, response.content) == (200, SUCCESS)
        [request] = site.journal.committed
        assert [event.message_id for event in request] == [str(number) for number in range(1200)]


async def test_an_empty_batch_is_fine():
    async with open_site() as site:
        assert (await site.post("/v1/batch", {"batch": []})).content == SUCCESS
        assert site.journal.committed == []


async def test_figures_of_the_browser_library_are_dropped():
    async with open_site() as site:
        response = await site.post("/v1/m", b"anything", auth=None)
        assert (response.status_code, response.content) == (200, SUCCESS)
        assert site.journal.committed == []


async def test_settings_lead_the_browser_library_back_here():
    async with open_site() as site:
        response = await site.client.get(f"/v1/projects/{KEY}/settings")
        host = site.url.removeprefix("http://")
        assert response.json()["integrations"]["Segment.io"] == {
            "apiKey": KEY, "apiHost": f"{host}/v1", "protocol": "http",
        }  # fmt: skip
        behind = {"host": "segd.example", "x-forwarded-proto": "https"}
        integration = (await site.client.get(f"/v1/projects/{KEY}/settings", headers=behind)).json()["integrations"]
        assert integration["Segment.io"]["apiHost"] == "segd.example/v1"
        assert integration["Segment.io"]["protocol"] == "https"
        assert (await site.client.get("/v1/projects/nobody/settings")).status_code == 401
        assert (await site.client.get("/v1/projects/settings")).status_code == 401


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/v1/track", 405, "bad_method"),
        ("PUT", "/v1/batch", 405, "bad_method"),
        ("GET", "/v1/m", 405, "bad_method"),
        ("POST", f"/v1/projects/{KEY}/settings", 405, "bad_method"),
        ("POST", "/v1/trak", 404, "not_found"),
        ("POST", "/v1/", 404, "not_found"),
        ("GET", "/", 404, "not_found"),
        ("POST", "/healthz", 405, "bad_method"),
    ],
)
async def test_other_paths_and_methods(method, path, status, code):
    async with open_site() as site:
        response = await site.client.request(method, path, content=b"x" * 100_000 if method == "POST" else None)
        assert (response.status_code, response.json()["code"]) == (status, code)
        assert ("allow" in response.headers) == (status == 405)
        assert (await site.client.get("/healthz")).status_code == 200  # on the same connection


# Write keys


@pytest.mark.parametrize("headers", [basic(KEY), basic(KEY + ":"), basic(KEY + ":x"), basic("other:")])
async def test_a_write_key_as_basic_user(headers):
    async with open_site() as site:
        assert (await site.post("/v1/track", TRACK, auth=None, headers=headers)).status_code == 200


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/track", TRACK | {"writeKey": KEY}),
        ("/v1/batch", {"batch": [TRACK], "writeKey": KEY}),
        ("/v1/batch", {"batch": [TRACK | {"writeKey": KEY}]}),
        ("/v1/batch", {"batch": [TRACK | {"writeKey": "nobody's"}], "writeKey": KEY}),
    ],
)
@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer abc"}])
async def test_a_write_key_in_the_body(path, body, headers):
    async with open_site() as site:
        response = await site.post(path, body, auth=None, headers=headers)
        assert (response.status_code, response.content) == (200, SUCCESS)


@pytest.mark.parametrize(
    ("path", "body", "headers"),
    [
        ("/v1/track", TRACK, {}),
        ("/v1/track", TRACK | {"writeKey": "nobody's"}, {}),
        ("/v1/track", TRACK | {"writeKey": 5}, {}),
        ("/v1/track", TRACK | {"writeKey": KEY}, basic("nobody's")),
        ("/v1/track", TRACK | {"writeKey": KEY}, {"authorization": "Basic ???"}),
        ("/v1/track", TRACK, {"authorization": "Basic"}),
        ("/v1/track", TRACK, basic(":")),
        ("/v1/batch", {"batch": [TRACK]}, {}),
        ("/v1/batch", {"batch": []}, {}),
        ("/v1/batch", {"batch": [TRACK | {"writeKey": KEY}], "writeKey": "nobody's"}, {}),
    ],
)
async def test_a_wrong_write_key_is_401(path, body, headers):
    async with open_site() as site:
        response = await site.post(path, body, auth=None, headers=headers)
        assert (response.status_code, response.json()["code"]) == (401, "bad_write_key")
        assert site.journal.committed == []
        assert site.rejected.count == 0


async def test_where_messages_have_keys_of_their_own_each_needs_a_good_one():
    messages = [TRACK | {"writeKey": KEY}, TRACK, TRACK | {"writeKey": "nobody's"}, TRACK | {"writeKey": "other"}]
    async with open_site() as site:
        response = await site.post("/v1/batch", {"batch": messages}, auth=None)
        assert refusals(response) == [(1, "bad_write_key"), (2, "bad_write_key")]
        assert len(site.journal.events) == 2


# Bodies


@pytest.mark.parametrize(
    ("encoding", "encode"),
    [
        ("gzip", gzip.compress),
        ("GZIP", gzip.compress),
        ("x-gzip", gzip.compress),
        ("gzip", lambda body: gzip.compress(body[:20], mtime=0) + gzip.compress(body[20:], mtime=0)),
        ("deflate", zlib.compress),
        ("deflate", raw_deflate),
        ("identity", lambda body: body),
    ],
)
@pytest.mark.parametrize("content_type", ["application/json", "text/plain", "application/x-www-form-urlencoded", None])
async def test_encodings_count_and_content_types_do_not(encoding, encode, content_type):
    headers = {"content-encoding": encoding} | ({"content-type": content_type} if content_type else {})
    async with open_site() as site:
        response = await site.post("/v1/track", encode(json.dumps(TRACK).encode()), headers=headers)
        assert (response.status_code, response.content) == (200, SUCCESS)


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("br", b"x"),
        ("gzip, gzip", b"x"),
        ("gzip", b""),
        ("gzip", b"{}"),
        ("gzip", gzip.compress(b"{}", mtime=0)[:-3]),
        ("gzip", gzip.compress(b"{}", mtime=0) + b"x"),
        ("gzip", gzip.compress(b"", mtime=0) * 150_000),
        ("deflate", b""),
        ("deflate", b"\xff\xff"),
    ],
)
async def test_what_cannot_be_inflated_is_400(encoding, body):
    async with open_site() as site:
        response = await site.post("/v1/track", body, headers={"content-encoding": encoding})
        assert (response.status_code, response.json()["code"]) == (400, "bad_encoding")


async def test_four_million_bytes_are_accepted():
    big = TRACK | {"properties": {"note": "x" * 295}}
    messages = [big | {"messageId": str(number)} for number in range(10_000)]
    body = json.dumps({"batch": messages}).encode()
    assert 3_900_000 < len(body) < 4_000_000
    async with open_site() as site:
        assert (await site.post("/v1/batch", body)).content == SUCCESS
        assert len(site.journal.events) == 10_000


@pytest.mark.parametrize("path", ["/v1/batch", "/v1/track"])
@pytest.mark.parametrize("encoding", ["identity", "gzip", "deflate"])
async def test_too_much_is_413_also_when_it_only_grows(path, encoding):
    body = b'{"batch": []}' + b" " * 20_000_000
    encode = {"identity": bytes, "gzip": gzip.compress, "deflate": zlib.compress}[encoding]
    async with open_site() as site:
        response = await site.post(path, encode(body), headers={"content-encoding": encoding})
        assert (response.status_code, response.json()["code"]) == (413, "too_large")
        assert (await site.post("/v1/track", TRACK)).status_code == 200


async def test_a_chunked_body_of_unknown_length():
    async def chunks():
        for byte in json.dumps(TRACK).encode():
            yield bytes([byte])

    async with open_site() as site:
        response = await site.client.post("/v1/track", content=chunks(), auth=(KEY, ""))
        assert response.content == SUCCESS


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        ("/v1/track", b"", "bad_json"),
        ("/v1/track", b"[1]", "bad_json"),
        ("/v1/track", b'{"event":', "bad_json"),
        ("/v1/track", b"\xff", "bad_text"),
        ("/v1/track", b'{"userId": true}', "bad_field"),
        ("/v1/track", b'{"userId": "u"}', "bad_event"),
        ("/v1/track", b'{"properties":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "too_deep"),
        ("/v1/batch", b"", "bad_json"),
        ("/v1/batch", b"null", "bad_json"),
        ("/v1/batch", b"[]", "bad_json"),
        ("/v1/batch", b'{"batch": [}', "bad_json"),
        ("/v1/batch", b"\xff", "bad_json"),
        ("/v1/batch", b"{}", "bad_field"),
        ("/v1/batch", b'{"batch": {}}', "bad_field"),
        ("/v1/batch", b'{"batch": [], "sentAt": 5}', "bad_field"),
        ("/v1/batch", b'{"batch": [], "sentAt": "\xff"}', "bad_field"),
        ("/v1/batch", b'{"batch": [], "writeKey": 5}', "bad_field"),
        ("/v1/batch", b'{"batch": [], "context": 5}', "bad_field"),
        ("/v1/batch", b'{"batch": [], "context": {"traits": {"a": "\xff"}}}', "bad_text"),
        ("/v1/batch", b'{"batch": [], "context": {"traits": {"a": "\\u0000"}}}', "bad_text"),
        ("/v1/batch", b'{"batch": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "bad_json"),
    ],
)
async def test_what_cannot_be_read_is_400_and_kept_for_inspection(path, body, code):
    async with open_site() as site:
        response = await site.post(path, body)
        assert (response.status_code, response.json()["code"]) == (400, code)
        assert set(response.json()) == {"code", "message"}
        assert site.journal.committed == []
        [rejection] = site.rejected.latest()
        assert (rejection.code, rejection.at) == (code, NOON)


# Messages


async def test_a_bad_message_does_not_fail_its_neighbours():
    messages = [
        TRACK | {"messageId": "0"},
        {"type": "track", "userId": "u"},
        5,
        TRACK | {"messageId": "3", "userId": ["u"]},
        TRACK | {"messageId": "4"},
    ]
    async with open_site() as site:
        response = await site.post("/v1/batch", {"batch": messages})
        assert response.status_code == 200
        assert response.json()["success"] is True
        assert refusals(response) == [(1, "bad_event"), (2, "bad_json"), (3, "bad_field")]
        assert [event.message_id for event in site.journal.events] == ["0", "4"]
        assert site.rejected.count == 3
        assert [rejection.code for rejection in site.rejected.latest(2)] == ["bad_field", "bad_json"]
        assert json.loads(site.rejected.latest(1)[0].content) == messages[3]


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        (b'{"event":"\\ud83d"}', "bad_text"),
        (b'{"x":"\\\\ \\ud83d\\ude00 \\udc00"}', "bad_text"),
        (b'{"x":"\\u0000"}', "bad_text"),
        (b'{"x":"\xff"}', "bad_text"),
        (b'{"properties":' + b"[" * 200 + b"]" * 200 + b',"type":"track","event":"e","userId":"u"}', "bad_field"),
        (b'{"properties":{"a":' + b"[" * 99 + b"]" * 99 + b'},"type":"track","event":"e","userId":"u"}', "too_deep"),
        (b'{"x":"' + b"x" * 1_000_000 + b'"}', "too_large"),
    ],
)
async def test_a_message_that_could_spoil_the_whole_body_is_refused_by_itself(bad, code):
    good = b'{"type":"track","event":"\\ud83d\\ude00 \\\\ud800","userId":"u"}'
    async with open_site() as site:
        response = await site.post("/v1/batch", b'{"batch":[' + good + b", " + bad + b" ,\n" + good + b"]}")
        assert refusals(response) == [(1, code)]
        assert [event.name for event in site.journal.events] == ["😀 \\ud800"] * 2
        assert site.rejected.latest()[0].content == bad[:2048].decode(errors="replace")


async def test_the_ring_of_rejected_messages_is_bounded():
    async with open_site() as site:
        await site.post("/v1/batch", {"batch": [{"n": number, "x": "é" * 5000} for number in range(25)]})
        assert site.rejected.count == 25
        latest = site.rejected.latest()
        assert len(latest) == 10
        assert latest[0].content.startswith('{"n":24,')
        assert len(latest[0].content.encode()) <= 2_050


async def test_sent_at_corrects_the_clock_of_the_client():
    timestamp = {"timestamp": "2025-02-23T10:00:00Z"}
    messages = [TRACK | timestamp, TRACK | timestamp | {"sentAt": "2025-02-23T10:00:30Z"}, TRACK]
    async with open_site() as site:
        await site.post("/v1/batch", {"batch": messages, "sentAt": "2025-02-23T10:00:10Z"})
        await site.post("/v1/track", TRACK | timestamp | {"sentAt": "2025-02-23T10:00:20Z"})
        ago = [(NOON - event.timestamp) // SECOND for event in site.journal.events]
        assert ago == [10, 30, 0, 20]


async def test_the_context_of_a_batch_is_under_that_of_its_messages():
    batch = {"traits": {"plan": "a", "seats": 3}, "page": {"url": "https://shop.example/?a=1"}}
    own = {"traits": {"plan": "b"}, "page": None}
    messages = [TRACK, TRACK | {"context": None}, TRACK | {"context": own}, TRACK | {"context": 5}]
    page = {"type": "page", "userId": "u"}
    async with open_site() as site:
        response = await site.post("/v1/batch", {"batch": [*messages, page], "context": batch})
        assert refusals(response) == [(3, "bad_field")]
        traits = [event.traits for event in site.journal.events]
        assert traits == [batch["traits"], batch["traits"], own["traits"], batch["traits"]]
        assert site.journal.events[-1].properties()["host"] == "shop.example"


async def test_a_large_context_for_many_messages_is_413():
    async with open_site() as site:
        response = await site.post("/v1/batch", {"batch": [TRACK] * 200, "context": {"x": "x" * 100_000}})
        assert response.status_code == 413
        assert (await site.post("/v1/batch", b'{"batch":[' + b"0," * 50_000 + b"0]}")).status_code == 413


async def test_two_equal_messages_without_an_id_are_both_kept():
    message = {"type": "track", "event": "Charged", "userId": "u"}
    async with open_site() as site:
        await site.post("/v1/batch", {"batch": [message, message]})
        await site.post("/v1/track", message)
        assert len({event.message_id for event in site.journal.events}) == 3


# Answers


async def test_browsers_may_ask_from_anywhere():
    ask = {
        "origin": "https://shop.example",
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization,x-retry-count",
    }
    async with open_site() as site:
        for path, method in [("/v1/t", "POST"), ("/v1/batch", "POST"), (f"/v1/projects/{KEY}/settings", "GET")]:
            response = await site.client.options(path, headers=ask)
            assert response.status_code == 204
            assert response.headers["access-control-allow-origin"] == "*"
            assert response.headers["access-control-allow-methods"] == method
            assert response.headers["access-control-allow-headers"] == "authorization,x-retry-count"
        for response in [await site.post("/v1/t", TRACK), await site.post("/v1/t", b"")]:
            assert response.headers["access-control-allow-origin"] == "*"


@pytest.mark.parametrize(("code", "status"), [("overloaded", 429), ("unavailable", 503)])
async def test_what_the_journal_cannot_take_is_to_be_sent_again(code, status):
    async with open_site() as site:
        site.journal.error = unavailable(code, 7)
        response = await site.post("/v1/batch", {"batch": [TRACK, {}]})
        assert (response.status_code, response.json()) == (status, {"code": code, "message": "not now"})
        assert response.headers["retry-after"] == "7"
        assert site.rejected.count == 0
        site.journal.error = None
        assert refusals(await site.post("/v1/batch", {"batch": [TRACK, {}]})) == [(1, "bad_type")]
        assert site.rejected.count == 1


async def test_what_nobody_expected_is_logged_and_told_as_internal(caplog):
    async with open_site() as site:
        site.journal.error = KeyError("secret")
        response = await site.post("/v1/track", TRACK)
        assert (response.status_code, response.json()["code"]) == (500, "internal")
        assert "secret" not in response.text
        assert "secret" in caplog.text


async def test_of_whoever_is_forgotten_while_a_batch_is_looked_at_nothing_is_taken():
    looking, refused_ids, journal, sent = trio.Event(), RefusedIds(), RememberingJournal(), []

    def now():
        looking.set()
        return NOON

    async def forget():
        await looking.wait()
        refused_ids.refuse(False, hash_of("u"), NOON + SECOND)

    async def receive():
        body = json.dumps({"writeKey": KEY, "batch": [TRACK | {"messageId": str(n)} for n in range(1200)]})
        return {"type": "http.request", "body": body.encode()}

    async def send(message):
        sent.append(message)

    intake = Intake(journal, write_keys={KEY}, now=now, rejected=Rejected(kept=10), refused_ids=refused_ids)
    scope = {"type": "http", "path": "/v1/batch", "method": "POST", "headers": []}
    async with trio.open_nursery() as nursery:
        nursery.start_soon(forget)
        await trio.testing.wait_all_tasks_blocked()
        await intake(scope, receive, send)
    assert len(json.loads(sent[-1]["body"])["errors"]) == 1200
    assert journal.events == []
