"""Whatever is posted, the answer is one of those that clients understand, and what is taken can be stored."""

import gzip
import json
import zlib

import msgspec
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from serving import KEY, NOON, RememberingJournal

from segd.core.events.refused_ids import RefusedIds
from segd.web.intake import Intake
from segd.web.rejected import Rejected

PATHS = ["/v1/batch", "/v1/b", "/v1/track", "/v1/i", "/v1/p", "/v1/alias"]

texts = st.text(max_size=5) | st.sampled_from(["u", "Charged", "track", "page", "null", "2025", "\0", "\ud83d"])
numbers = st.integers() | st.floats(allow_nan=False) | st.sampled_from([10**400, 1e308, -1])
values = st.recursive(
    texts | numbers | st.none() | st.booleans(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
contexts = st.fixed_dictionaries(
    {}, optional={"traits": values, "page": values, "campaign": values, "device": values | st.just({"token": "t"})}
)
instants = values | st.sampled_from(
    ["2025-02-23T10:00:00Z", "1970-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"]
)
FIELDS = {
    "type": st.sampled_from(["track", "page", "identify", "alias", "screen", "trak"]) | values,
    "event": texts | values,
    "name": texts,
    "messageId": texts | values,
    "userId": texts | values,
    "anonymousId": texts | values,
    "previousId": texts | values,
    "timestamp": instants,
    "originalTimestamp": instants,
    "sentAt": instants,
    "properties": st.dictionaries(texts, values, max_size=3) | values,
    "traits": st.dictionaries(texts, values, max_size=3) | values,
    "context": contexts | values,
    "writeKey": st.just(KEY) | values,
}
messages = st.fixed_dictionaries({}, optional=FIELDS)
batches = st.fixed_dictionaries(
    {"batch": st.lists(messages | values, max_size=4)},
    optional={"sentAt": FIELDS["sentAt"], "context": FIELDS["context"], "writeKey": FIELDS["writeKey"]},
)


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    """JSON that is nearly right, as a rule, with some bytes changed at times."""
    text = json.dumps(draw(messages | batches | values), ensure_ascii=draw(st.booleans()))
    body = text.encode("utf-8", "surrogatepass")
    for position, junk in draw(st.lists(st.tuples(st.integers(0, len(body)), st.binary(max_size=3)), max_size=2)):
        body = body[:position] + junk + body[position + len(junk) :]
    return body


ENCODINGS = {b"": bytes, b"gzip": gzip.compress, b"deflate": zlib.compress}


async def post(path: str, headers: list[tuple[bytes, bytes]], body: bytes):
    """The status, the answer and the events, without a socket."""
    journal, answers = RememberingJournal(), []

    async def receive():
        await trio.lowlevel.checkpoint()
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message):
        answers.append(message)

    scope = {"type": "http", "method": "POST", "path": path, "headers": headers, "scheme": "http"}
    intake = Intake(journal, write_keys={KEY}, now=lambda: NOON, rejected=Rejected(), refused_ids=RefusedIds())
    await intake(scope, receive, send)
    start, end = answers
    return start["status"], json.loads(end["body"]), journal.events


@settings(max_examples=500)
@given(
    path=st.sampled_from(PATHS),
    body=bodies() | st.binary(max_size=40),
    keyed=st.booleans(),
    encoding=st.sampled_from(list(ENCODINGS)),
    broken=st.booleans(),
)
def test_any_body_gets_an_answer_that_clients_understand(path, body, keyed, encoding, broken):
    encoded = ENCODINGS[encoding](body)
    headers = [(b"content-encoding", encoding)] if encoding else []
    if keyed:
        headers.append((b"authorization", b"Basic d2s6"))
    status, answer, events = trio.run(post, path, headers, encoded[:-1] if broken else encoded)
    assert status in (200, 400, 401, 413)
    if status != 200:
        assert set(answer) == {"code", "message"}
    else:
        assert answer["success"] is True
        assert set(answer) <= {"success", "errors"}
    for event in events:
        stored = event.properties_json() + msgspec.json.encode([event.name, event.user_id, event.anonymous_id])
        stored += msgspec.json.encode(event.traits)
        stored.decode()
        assert b"\0" not in stored
        assert 0 <= event.timestamp <= NOON + 120_000_000
