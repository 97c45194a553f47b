import json
from urllib.parse import quote

import pytest
from api_serving import open_api

from segd.core.time.instants import MINUTE
from segd.web.api.questions import PAST
from segd.web.api.segments import CART


async def test_a_segment_is_made_read_changed_paused_and_deleted(dsn):
    async with open_api(dsn) as api:
        made = await api.ask("POST", "/api/segments", 201, json={"definition": PAST})
        assert made["id"] == 2
        assert made["kind"] == made["type"] == "past"
        assert made["definition"] == PAST
        assert made["words"].startswith("Users who did Added To Cart")
        assert made["createdAt"] == made["changedAt"] == "2026-11-22T12:00:00.000Z"
        assert made["number"] == {"value": None, "label": "members now"}
        assert made["trend"] == [None] * 14
        assert await api.ask("GET", "/api/segments/2") == made
        assert await api.ask("GET", "/api/segments/Cart and no purchase") == made

        live = await api.ask("GET", "/api/segments/1")
        assert (live["type"], live["status"], live["version"]) == ("inaction", "running", 1)
        assert live["number"] == {"value": 0, "label": "qualified in 24 h"}
        assert live["trend"] == [None] * 13 + [0]
        assert (await api.ask("POST", "/api/segments/1/pause"))["status"] == "paused"
        assert (await api.ask("POST", "/api/segments/1/resume"))["status"] == "running"
        changed = await api.ask("PUT", "/api/segments/1", json={"definition": CART | {"again": "1d"}})
        assert changed["version"] == 2
        assert changed["definition"]["again"] == "1d"

        assert await api.ask("DELETE", "/api/segments/1", 204) is None
        error = await api.ask("GET", "/api/segments/1", 404)
        assert error == {"code": "not_found", "message": "there is no segment '1'", "details": []}


async def test_segments_are_searched_sorted_and_paged(dsn):
    async with open_api(dsn, seeded=False) as api:
        for name in ("beta", "Alpha", "gamma", "Überweit"):
            api.clock[0] += 1_000_000
            await api.ask("POST", "/api/segments", 201, json={"definition": CART | {"name": name}})

        async def names(**query):
            answer = await api.ask("GET", "/api/segments", params=query)
            return [one["name"] for one in answer["segments"]], answer["total"]

        assert await names() == (["Alpha", "beta", "gamma", "Überweit"], 4)
        assert await names(sort="-created", perPage=2) == (["Überweit", "gamma"], 4)
        assert await names(sort="-name", perPage=2, page=2) == (["beta", "Alpha"], 4)
        assert await names(search="MM") == (["gamma"], 1)
        assert await names(search="über") == (["Überweit"], 1)
        assert await names(search="nothing") == ([], 0)


async def test_a_live_segments_number_is_who_qualified_in_a_day_and_its_trend_who_did_each_day(dsn):
    async with open_api(dsn) as api:
        async with api.pool.acquire() as connection:
            await connection.execute(
                """
                INSERT INTO qualifications (segment, version, user_number, id, cause, at, retracted)
                VALUES (1, 1, 1, 'a', 1, '2026-11-22T11:00Z', false), (1, 1, 2, 'b', 2, '2026-11-21T12:00:01Z', false),
                    (1, 1, 3, 'c', 3, '2026-11-22T11:00Z', true), (1, 1, 4, 'd', 4, '2026-11-21T11:00Z', false);
                INSERT INTO qualified_per_day VALUES (1, '2026-11-22', 1, 1), (1, '2026-11-21', 2, 0);
                """
            )
        segment = await api.ask("GET", "/api/segments/1")
        assert segment["number"] == {"value": 2, "label": "qualified in 24 h"}
        assert segment["trend"][-2:] == [2, 1]


async def test_a_past_segments_number_is_its_last_count(dsn):
    async with open_api(dsn) as api:
        await api.ask("POST", "/api/segments", 201, json={"definition": PAST})
        async with api.pool.acquire() as connection:
            await connection.execute(
                """
                INSERT INTO evaluations (segment, as_of, milliseconds, members)
                VALUES (2, '2026-11-22T12:00:01Z', 34, 7);
                INSERT INTO snapshots (segment, as_of, members, sample, taken_at)
                VALUES (2, '2026-11-20T23:00:00Z', 5, '{}', '2026-11-22T12:00:00Z');
                """
            )
        segment = await api.ask("GET", "/api/segments/2")
        assert segment["number"] == {"value": 7, "label": "members now"}
        assert (segment["evaluatedAt"], segment["evaluationMilliseconds"]) == ("2026-11-22T12:00:01.000Z", 34)
        assert segment["trend"] == [None] * 12 + [5, None]
        assert segment["status"] == "running"
        async with api.pool.acquire() as connection:
            await connection.execute("UPDATE evaluations SET members = NULL, problem = 'it names what is gone'")
        segment = await api.ask("GET", "/api/segments/2")
        assert (segment["status"], segment["reason"]) == ("broken", "it names what is gone")


async def test_a_broken_segment_says_why_and_the_others_go_on(dsn):
    odd = {"kind": "live", "on": {"type": "dreams"}}
    async with open_api(dsn) as api:
        naming = {"name": "Naming", "kind": "past", "where": {"type": "in_segment", "segment": "1"}}
        for definition in (PAST, naming):
            await api.ask("POST", "/api/segments", 201, json={"definition": definition})
        async with api.pool.acquire() as connection:
            await connection.execute(
                "UPDATE segments SET definition = $1::text::jsonb WHERE number = 1", json.dumps(odd)
            )
        told = {one["id"]: one for one in (await api.ask("GET", "/api/segments"))["segments"]}
        assert {id: (one["status"], one["reason"]) for id, one in told.items()} == {
            1: (
                "broken",
                'on.type: expected one of action, inaction, date, page_visit, referrer, page_count, found "dreams"',
            ),
            2: ("running", None),
            3: ("broken", "it names '1', which is broken"),
        }
        broken = told[1]
        assert (broken["name"], broken["kind"], broken["type"], broken["words"]) == (CART["name"], "live", None, "")
        assert broken["definition"] == odd
        for method, path, status, code in [
            ("POST", "/api/segments/1/pause", 409, "broken"),
            ("GET", "/api/user/why?id=ann&segment=1", 409, "broken"),
            ("GET", "/api/segments/1/report", 409, "broken"),
            ("GET", "/api/segments/3/report", 409, "broken"),
            ("GET", "/api/segments/1/members", 409, "broken"),
            ("GET", "/api/segments/1/log", 200, None),
            ("GET", "/api/user?id=ann", 200, None),
            ("GET", "/api/segments/2/report", 200, None),
        ]:
            answer = await api.ask(method, path, status)
            assert answer.get("code") == code
        for kind in (
            "text/csv",
            "application/x-ndjson",
        ):  # the answer is not begun before it is known that there is one
            answer = await api.ask("GET", "/api/segments/3/members", 409, headers={"Accept": kind})
            assert answer["code"] == "broken"
        mended = await api.ask("PUT", "/api/segments/1", json={"definition": CART})
        assert (mended["status"], mended["reason"], mended["version"]) == ("running", None, 2)
        assert (await api.ask("GET", "/api/segments/3"))["status"] == "running"


async def test_what_cannot_be_is_refused_by_name(dsn):
    async with open_api(dsn) as api:
        error = await api.ask("POST", "/api/segments", 400, json={"definition": CART | {"on": {"type": "inaction"}}})
        assert error["code"] == "bad_definition"
        assert [one["path"] for one in error["details"]] == [
            "definition.on.did", "definition.on.did_not", "definition.on.within",
        ]  # fmt: skip
        named = CART | {"name": "N", "filter": {"type": "in_segment", "segment": "Nowhere"}}
        error = await api.ask("POST", "/api/segments", 400, json={"definition": named})
        assert error["details"] == [{"path": "definition.filter.segment", "message": "there is no segment 'Nowhere'"}]
        error = await api.ask("POST", "/api/segments", 409, json={"definition": CART})
        assert error["code"] == "name_taken"
        assert [one["path"] for one in error["details"]] == ["definition.name"]
        named["filter"]["segment"] = CART["name"]
        await api.ask("POST", "/api/segments", 201, json={"definition": named})
        error = await api.ask("DELETE", "/api/segments/1", 409)
        assert error["code"] == "in_use"
        assert "'N'" in error["message"]
        await api.ask("POST", "/api/segments", 201, json={"definition": PAST})
        assert (await api.ask("POST", "/api/segments/3/pause", 409))["code"] == "not_live"
        for path in ("/api/segments/9", "/api/segments/99999999999999999999", "/api/segments/nope"):
            assert (await api.ask("GET", path, 404))["code"] == "not_found"


@pytest.mark.parametrize(
    ("body", "code", "path"),
    [
        (b"", "bad_json", None),
        (b"{", "bad_json", None),
        (b'{"definition": ' + b"[" * 100_000, "bad_json", None),
        (b"[]", "bad_field", ""),
        (b"{}", "bad_field", "definition"),
        (b'{"definition": {}, "x": 1}', "bad_field", "x"),
        (b'{"definition": 3}', "bad_definition", "definition"),
        (b'{"definition": {"kind": "live", "on": {"type": "action"}}}', "bad_definition", "definition.name"),
        (b'{"definition": "\xff"}', None, None),
    ],
)
async def test_bad_bodies_are_named(dsn, body, code, path):
    async with open_api(dsn, seeded=False) as api:
        error = await api.ask("POST", "/api/segments", 400, content=body)
        assert set(error) == {"code", "message", "details"}
        if code is not None:
            assert error["code"] == code
        if path is not None:
            assert path in [one["path"] for one in error["details"]]


async def test_bad_queries_are_named(dsn):
    async with open_api(dsn, seeded=False) as api:
        for query, path in [
            ("page=0", "page"), ("page=x", "page"), ("perPage=501", "perPage"), ("sort=size", "sort"),
            ("pgae=1", "pgae"), ("search=%00", "search"),
        ]:  # fmt: skip
            error = await api.ask("GET", f"/api/segments?{query}", 400)
            assert error["code"] == "bad_field"
            assert [one["path"] for one in error["details"]] == [path]
        assert (await api.ask("GET", "/api/segments/%00", 400))["code"] == "bad_field"


async def test_errors_have_one_shape(dsn):
    async with open_api(dsn, seeded=False) as api:
        for method, path, status, code in [
            ("GET", "/api/nothing", 404, "not_found"),
            ("PATCH", "/api/segments", 405, "bad_method"),
            ("GET", "/nowhere", 404, "not_found"),
            ("GET", "/api/segments//report", 404, "not_found"),
        ]:
            error = await api.ask(method, path, status)
            assert set(error) == {"code", "message", "details"}
            assert error["code"] == code
        for _ in range(10):
            error = await api.ask("POST", "/api/segments", 413, content=b" " * 20_000_000)
            assert error["code"] == "too_large"
            error = await api.ask("POST", "/api/nothing", 404, content=b" " * 20_000_000)


async def test_of_two_who_change_the_same_the_second_is_told(dsn):
    async with open_api(dsn) as api:
        seen = (await api.client.get("/api/segments/1")).headers["etag"]
        assert seen == '"1-2026-11-22T12:00:00.000Z"'
        api.clock[0] += MINUTE
        renamed = {"json": {"definition": CART | {"name": "Renamed"}}}
        changed = await api.client.put("/api/segments/1", headers={"If-Match": seen}, **renamed)
        assert (changed.status_code, changed.headers["etag"]) == (200, '"1-2026-11-22T12:01:00.000Z"')
        for method, more in (("PUT", renamed), ("DELETE", {})):
            for tag in (seen, f"W/{changed.headers['etag']}", "x"):
                error = await api.ask(method, "/api/segments/1", 412, headers={"If-Match": tag}, **more)
                assert error["code"] == "changed_meanwhile"
                assert error["message"].startswith("'Renamed' was changed meanwhile, at 2026-11-22T12:01:00.000Z")
        for tag in ("*", f'"other", {changed.headers["etag"]}'):
            await api.ask("PUT", "/api/segments/1", headers={"If-Match": tag}, **renamed)
        api.clock[0] += MINUTE
        assert (await api.client.post("/api/segments/1/pause")).headers["etag"] == '"1-2026-11-22T12:02:00.000Z"'
        await api.ask("DELETE", "/api/segments/1", 204, headers={"If-Match": '"1-2026-11-22T12:02:00.000Z"'})


async def test_a_segment_is_found_by_any_name(dsn):
    async with open_api(dsn, seeded=False) as api:
        for number, name in enumerate(("a/b", "/", "a/", "1/pause", "preview", " ä?#%2F&", ".."), start=1):
            await api.ask("POST", "/api/segments", 201, json={"definition": PAST | {"name": name}})
            path = f"/api/segments/{quote(name, safe='').replace('.', '%2E')}"
            for method in ("GET", "PUT"):
                found = await api.ask(method, path, json={"definition": PAST | {"name": name}})
                assert (found["id"], found["name"]) == (number, name)
            assert (await api.ask("GET", f"{path}/report"))["segment"]["id"] == number
            assert (await api.ask("POST", f"{path}/pause", 409))["code"] == "not_live"
        await api.ask("DELETE", "/api/segments/a%2Fb", 204)
        assert (await api.ask("GET", "/api/segments/a%2fb", 404))["message"] == "there is no segment 'a/b'"
        assert (await api.ask("GET", "/api/nothing%2F/x", 404))["message"] == "there is nothing at /api/nothing%2F/x"


async def test_what_is_wrong_in_a_query_is_told_with_what_would_be_right(dsn):
    async with open_api(dsn, seeded=False) as api:
        for query, message in (
            ("sort=date", "sort: expected name, -name, created, -created, members or -members, found 'date'"),
            ("page=1&page=2", "page: expected one value, found 2"),
            ("page=0", "page: expected a whole number >= 1"),
        ):
            assert (await api.ask("GET", f"/api/segments?{query}", 400))["message"] == message
        refused = await api.ask("POST", "/api/tokens", 400, json={"name": "a", "scope": "all"})
        assert refused["details"] == [{"path": "scope", "message": "expected read or manage, found 'all'"}]
