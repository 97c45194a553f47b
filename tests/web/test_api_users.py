"""Users and events over HTTP."""

import json
from urllib.parse import quote

import msgspec
import pytest
from api_serving import NOW, open_api
from test_api_reports import CARTS, qualify

from segd.core.time.instants import DAY, HOUR, MINUTE
from segd.web.api.shapes.exports import ExportedEntry, ExportedEvent, ExportedQualification

ODD = "a/b ?id=1&x='\"%_\\\U0001f6d2\n#"


async def test_a_user_is_found_told_and_paged_through_whatever_the_id(dsn: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("segd.web.api.users.PAGE", 2)
    async with open_api(dsn) as api:
        await api.said("$identify", ODD, 3 * HOUR, type="identify", traits={"email": "odd@shop.example", "n": 1.5})
        for minute in (3, 2, 1):
            await api.said("Added To Cart", ODD, minute * MINUTE, properties={"minute": minute})
        await qualify(api, "m10")
        found = await api.ask("GET", "/api/users", params={"search": "odd@"})
        assert [one["id"] for one in found["users"]] == [ODD]
        user = await api.ask("GET", f"/api/user?id={quote(ODD, safe='')}")
        assert user["user"] == {"id": ODD, "anonymous": False, "traits": {"email": "odd@shop.example", "n": 1.5}}
        assert (user["firstSeen"], user["lastSeen"]) == ("2026-11-22T09:00:00.000Z", "2026-11-22T11:59:00.000Z")
        at = "2026-11-22T11:59:00.000Z"
        assert user["timeline"][0] == {
            "at": at, "name": "Added To Cart", "properties": {"minute": 1}, "messageId": "m10",
            "caused": [{"segment": "Cart left for 10 minutes", "segmentId": 1, "type": "qualified", "at": at}],
        }  # fmt: skip
        assert user["segments"] == [
            {"id": 1, "name": "Cart left for 10 minutes", "kind": "live", "qualifiedAt": at}
        ]  # fmt: skip
        rest = await api.ask("GET", "/api/user", params={"id": ODD, "after": user["more"]})
        assert [one["name"] for one in rest["timeline"]] == ["Added To Cart", "$identify"]
        assert rest["timeline"][1]["properties"] == {"email": "odd@shop.example", "n": 1.5}
        assert rest["more"] is None
        for cursor in ("x", "1", "1.2.3", "1.1'"):
            await api.ask("GET", "/api/user", 400, params={"id": ODD, "after": cursor})
        before_all = await api.ask("GET", "/api/user", params={"id": ODD, "after": "-" + "9" * 18 + ".1"})
        assert before_all["timeline"] == []
        after_all = await api.ask("GET", "/api/user", params={"id": ODD, "after": "9" * 18 + ".1"})
        assert after_all["timeline"] == user["timeline"]


async def test_why_and_why_not_are_told_in_words_and_as_data(dsn: str):
    async with open_api(dsn) as api:
        api.clock[0] = NOW + DAY
        await api.said("Added To Cart", "ann", 20 * MINUTE)
        await api.said("Added To Cart", "bob", 20 * MINUTE)
        await api.said("Charged", "bob", 15 * MINUTE)
        ann = await api.ask("GET", "/api/user/why?id=ann&segment=1")
        assert (ann["holds"], ann["segment"], ann["userId"]) == (True, "Cart left for 10 minutes", "ann")
        assert ann["words"][0].startswith("ann qualified at 12:50:00 on 23 Nov 2026 (Europe/Berlin): ")
        assert ann["evidence"]["outcome"] == "qualified"
        assert ann["evidence"]["decisions"][0]["at"] == "2026-11-23T11:50:00.000Z"
        assert ann["evidence"]["decisions"][0]["filter"]["found"] == {"type": "held", "value": "platinum"}
        bob = await api.ask("GET", "/api/user/why", params={"id": "bob", "segment": "Cart left for 10 minutes"})
        assert bob["holds"] is False
        assert bob["words"][0].startswith("bob did not qualify: ")
        cid = await api.ask("GET", "/api/user/why?id=cid&segment=1")
        assert cid["words"][0].startswith(
            "cid did not qualify: they never did Added To Cart since 13:00:00 on 22 Nov 2026 (Europe/Berlin), when the "
            "segment began to look; by 13:00:00 on 23 Nov 2026 nothing"
        )
        made = await api.ask("POST", "/api/segments", 201, json={"definition": CARTS})
        past = await api.ask("GET", f"/api/user/why?id=cid&segment={made['id']}")
        assert past["holds"] is False
        assert past["words"][0].startswith("cid is not a member as of 13:00:00 on 23 Nov 2026")
        assert past["evidence"]["evidence"]["found"] == {
            "type": "occurred", "number": 0, "latest": [], "measured": None, "nth": None
        }  # fmt: skip
        await api.ask("GET", "/api/user/why?id=nobody&segment=1", 404)
        await api.ask("GET", "/api/user/why?id=ann&segment=99", 404)


async def test_why_of_a_paused_segment_and_of_an_earlier_version_says_so(dsn: str):
    async with open_api(dsn) as api:
        await qualify(api, "m4")
        await api.ask("POST", "/api/segments/1/pause")
        told = await api.ask("GET", "/api/user/why?id=ann&segment=1")
        assert told["holds"] is True
        assert told["words"][0].startswith("ann qualified at 11:00:00 on 22 Nov 2026 (Europe/Berlin), by what the")
        assert told["words"][-1] == "The segment is paused: nobody qualifies until it is resumed."


async def test_a_user_is_exported_and_forgotten(dsn: str):
    async with open_api(dsn) as api:
        await api.said("Added To Cart", "ann", 5 * MINUTE, anonymousId="device")
        await api.said("Seen", "ann", 3 * MINUTE)  # too soon for the user's row to be written anew
        await qualify(api, "m7")
        exported = await api.ask("GET", "/api/user/export?id=ann")
        assert [one["messageId"] for one in exported["events"]] == ["m1", "m2", "m4", "m7", "m8"]
        assert exported["lastSeen"] == exported["events"][-1]["timestamp"]
        shapes = {"events": ExportedEvent, "qualifications": ExportedQualification, "log": ExportedEntry}
        for name, shape in shapes.items():
            for one in exported[name]:
                assert set(one) == {field.encode_name for field in msgspec.structs.fields(shape)}
                msgspec.convert(one, shape)
        forgotten = await api.ask("DELETE", "/api/user?id=ann&refuseDays=30")
        assert forgotten["forgotten"]["events"] == 5
        for method, path in (("GET", "/api/user"), ("GET", "/api/user/export"), ("DELETE", "/api/user")):
            refused = await api.ask(method, f"{path}?id=ann", 404)
            assert refused["message"] == "there is no user with the userId 'ann'"
        assert (await api.ask("GET", "/api/users?search=ann"))["users"] == []


async def test_refused_messages_of_a_forgotten_user_are_no_more(dsn: str):
    async with open_api(dsn) as api:
        await api.said("Seen", "zoë \\1", HOUR)
        for content in (
            '{"userId": "ann"}',
            '{"userId": "zo\\u00eb \\\\1"}',
            '{"userId": "anna"}',
            '{"userId":"zoë \\\\1"}',
        ):
            api.rejected.add(NOW, "bad_type", "type: expected …", content.encode())
        api.rejected.add(NOW, "refused_id", "userId: 'ann' is refused", b"{}")
        for id in ("ann", "zoë \\1"):
            await api.ask("DELETE", "/api/user", params={"id": id})
        rejected = await api.ask("GET", "/api/rejected")
        assert [one["content"] for one in rejected["rejected"]] == ['{"userId": "anna"}']
        assert rejected["count"] == 5


async def test_events_traits_and_refused_messages_are_listed(dsn: str):
    async with open_api(dsn) as api:
        for number in range(5):
            await api.said("Seen", f"u{number}", HOUR, properties={"price": 1.25, "secret": f"s{number}"})
        api.rejected.add(NOW, "bad_type", "type: expected …", b'{"type":\xff}')
        found = await api.ask("GET", "/api/events")
        assert {one["name"]: one["count"] for one in found["names"]} == {
            "$identify": 1, "Added To Cart": 3, "Charged": 1, "Page Read": 1, "Seen": 5
        }  # fmt: skip
        seen = await api.ask("GET", "/api/events?name=Seen")
        assert (seen["name"], seen["count"], len(seen["properties"])) == ("Seen", 5, 2)
        price, secret = seen["properties"]
        assert (price["path"], price["types"], price["values"]) == ("price", ["number"], [{"value": 1.25, "count": 5}])
        assert "between" in price["operators"]
        assert (secret["path"], secret["values"]) == ("secret", [])
        assert "names" not in seen
        await api.ask("GET", "/api/events?name=Never", 404)
        traits = await api.ask("GET", "/api/traits")
        assert (traits["count"], [one["path"] for one in traits["properties"]]) == (1, ["name", "tier"])
        rejected = await api.ask("GET", "/api/rejected")
        assert rejected["count"] == 1
        assert rejected["rejected"][0]["content"] == '{"type":\ufffd}'
        assert json.dumps(rejected)
