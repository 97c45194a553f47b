"""Reports, members and logs over HTTP: the same numbers everywhere, and exports that are safe to open."""

import csv
import io
import json
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from api_serving import ZONE, Api, open_api

from segd.core.effects import Effects, LogEntry, Standing
from segd.core.time.instants import DAY, HOUR, from_datetime
from segd.store.effects import write_effects
from segd.web.api import members

CARTS = {"name": "Carts", "kind": "past", "where": {"type": "did", "event": "Added To Cart"}}
CSV = {"Accept": "text/csv"}
NDJSON = {"Accept": "application/x-ndjson"}


async def qualify(api: Api, *causes: str, segment: int = 1, type: Any = "qualified") -> None:
    """As though these messages had made their users qualify, or that were taken back."""
    entries: list[LogEntry] = []
    async with api.pool.acquire() as connection:
        for cause in causes:
            row = await connection.fetchrow(
                "SELECT user_number, id, timestamp, sequence FROM events JOIN users ON number = user_number"
                " WHERE message_id = $1",
                cause,
            )
            assert row is not None
            at = from_datetime(row["timestamp"])
            entries.append(
                LogEntry(type, row["user_number"], Standing(segment, 1, row["id"], False, at, row["sequence"], cause))
            )
        async with connection.transaction():
            position = await connection.fetchval("SELECT log_position FROM journal")
            logged = await write_effects(connection, Effects(0, entries), position, ZoneInfo(ZONE), api.clock[0])
            await connection.execute("UPDATE journal SET log_position = $1", logged[-1].cursor)


async def test_report_members_log_and_list_of_a_live_segment_agree(dsn: str):
    async with open_api(dsn) as api:
        await qualify(api, "m2", "m3", "m4")
        await qualify(api, "m3", type="retracted")
        report = await api.ask("GET", "/api/segments/1/report")
        assert report["perDay"] == [
            {"day": "2026-11-21", "count": 1, "retracted": 0, "source": "live"},
            {"day": "2026-11-22", "count": 1, "retracted": 1, "source": "live"},
        ]
        assert (report["zone"], report["retracted"], report["members"]) == (ZONE, 1, 1)
        assert report["rate"] == {"lastHour": 0, "last24h": 1}
        assert report["segment"]["number"] == {"value": 1, "label": "qualified in 24 h"}
        assert report["segment"]["lastQualifiedAt"] == "2026-11-22T10:00:00.000Z"
        assert [(one["type"], one["userId"], one["traits"]) for one in report["recent"]] == [
            ("retracted", "bob", {}), ("qualified", "ann", {"name": "Ann", "tier": "platinum"}),
            ("qualified", "bob", {}), ("qualified", "ann", {"name": "Ann", "tier": "platinum"}),
        ]  # fmt: skip
        assert (report["reachability"]["of"], report["reachability"]["label"]) == (
            1, "distinct users qualified in 30 days"
        )  # fmt: skip
        found = await api.ask("GET", "/api/segments/1/members")
        assert (found["total"], [(one["id"], one["cause"]) for one in found["members"]]) == (1, [("ann", "m4")])
        log = await api.ask("GET", "/api/segments/1/log")
        assert [one["cursor"] for one in log["entries"]] == [one["cursor"] for one in report["recent"][::-1]]
        standing = {"qualified": 1, "retracted": -1, "corrected": 0}
        assert sum(standing[one["type"]] for one in log["entries"]) == sum(day["count"] for day in report["perDay"])


async def test_days_before_a_segment_was_there_as_a_whole_are_those_of_the_backtest(dsn: str):
    async with open_api(dsn) as api:
        api.clock[0] += 2 * DAY
        report = await api.ask("GET", "/api/segments/1/report?backtest=true")
        assert report["backtest"] == {"estimate": False, "error": None}
        days = {one.pop("day"): one for one in report["perDay"]}
        assert (len(days), list(days) == sorted(days)) == (30, True)
        assert days["2026-11-20"] == {"count": 0, "retracted": 0, "source": "backtest"}
        assert days["2026-11-21"] == {"count": 1, "retracted": 0, "source": "backtest"}
        assert days["2026-11-22"] == {"count": 1, "retracted": 0, "source": "backtest"}  # when it was made
        assert days["2026-11-23"] == days["2026-11-24"] == {"count": 0, "retracted": 0, "source": "live"}
        assert (await api.ask("GET", "/api/segments/1/report"))["backtest"] is None
        api.clock[0] += 30 * DAY
        report = await api.ask("GET", "/api/segments/1/report?backtest=true")
        assert ({one["source"] for one in report["perDay"]}, report["backtest"]) == ({"live"}, None)


async def test_a_report_counts_the_users_inside_a_window(dsn: str):
    async with open_api(dsn) as api:
        assert (await api.ask("GET", "/api/segments/1/report"))["waiting"] == {"users": 0, "nextDue": None}
        async with api.pool.acquire() as connection:  # of ann two, of bob one that is held, and one of another segment
            await connection.execute(
                """
                INSERT INTO timers (segment, user_number, cause, version, opened, due)
                VALUES (1, 1, 1, 1, '2026-11-22T11:55Z', '2026-11-22T12:05Z'),
                    (1, 1, 2, 1, '2026-11-22T11:56Z', '2026-11-22T12:06Z'),
                    (1, 2, 3, 1, '2026-11-22T11:49:59Z', '2026-11-22T11:59:59Z'),
                    (2, 3, 4, 1, '2026-11-22T11:51Z', '2026-11-22T12:01Z')
                """
            )
        report = await api.ask("GET", "/api/segments/1/report")
        assert report["waiting"] == {"users": 1, "nextDue": "2026-11-22T12:05:00.000Z"}
        visited = {"name": "Visited", "kind": "live", "on": {"type": "page_visit"}}
        made = await api.ask("POST", "/api/segments", 201, json={"definition": visited})
        assert (await api.ask("GET", f"/api/segments/{made['id']}/report"))["waiting"] is None


async def test_report_members_preview_and_list_of_a_past_segment_agree(dsn: str):
    async with open_api(dsn) as api:
        await api.said("$identify", "bob", HOUR, type="identify", traits={"email": "bob@shop.example"})
        made = await api.ask("POST", "/api/segments", 201, json={"definition": CARTS})
        report = await api.ask("GET", f"/api/segments/{made['id']}/report")
        assert report["members"] == report["reachability"]["of"] == report["segment"]["number"]["value"] == 2
        assert report["segment"]["evaluatedAt"] == "2026-11-22T12:00:00.000Z"
        assert {one["channel"]: (one["count"], one["share"]) for one in report["reachability"]["channels"]} == {
            "push": (0, 0), "web_push": (0, 0), "email": (1, 0.5), "sms": (0, 0), "whatsapp": (0, 0)
        }  # fmt: skip
        assert {one["id"] for one in report["sample"]} == {"ann", "bob"}
        found = await api.ask("GET", "/api/segments/Carts/members?perPage=1&page=2")
        assert found["total"] == 2
        assert [one["id"] for one in found["members"]] == ["bob"]
        assert "at" not in found["members"][0]
        preview = await api.ask("POST", "/api/segments/preview", json={"definition": CARTS})
        assert preview["count"] == 2


async def test_the_log_goes_on_from_a_cursor_and_a_cursor_leads_nowhere_else(dsn: str):
    async with open_api(dsn) as api:
        made = await api.ask("POST", "/api/segments", 201, json={"definition": {
            "name": "Other", "kind": "live", "on": {"type": "action", "did": {"event": "Added To Cart"}},
        }})  # fmt: skip
        await qualify(api, "m2", "m3")
        await qualify(api, "m2", "m3", "m4", segment=made["id"])
        first = await api.ask("GET", "/api/segments/1/log?limit=1")
        assert (len(first["entries"]), first["more"]) == (1, True)
        rest = await api.ask("GET", f"/api/segments/1/log?after={first['cursor']}")
        assert ([one["cause"] for one in rest["entries"]], rest["more"]) == (["m3"], False)
        end = await api.ask("GET", f"/api/segments/1/log?after={rest['cursor']}")
        assert end == {"entries": [], "cursor": rest["cursor"], "more": False}
        other = await api.ask("GET", f"/api/segments/{made['id']}/log?after={first['cursor']}")
        assert {one["segmentId"] for one in other["entries"]} == {made["id"]}
        lines = (await api.client.get("/api/segments/1/log", headers=NDJSON)).text.splitlines()
        assert [json.loads(line) for line in lines] == first["entries"] + rest["entries"]
        for cursor in ("x", "1'", "-1", "9" * 30, str(int(other["cursor"]) + 1)):
            refused = await api.ask("GET", f"/api/segments/1/log?after={cursor}", 400)
            assert refused["details"][0]["path"] == "after"


ODD = ("=1+1", "+1", "-2", "@x", 'a"b', "a,b", "a\nb")


async def test_members_as_csv_are_safe_and_read_back_whatever_they_hold(dsn: str):
    async with open_api(dsn, seeded=False) as api:
        names = (*ODD, "\tx", "\rx", "\n=x", "\uff1dx")
        for number, name in enumerate(names):
            id = ODD[number % len(ODD)] + str(number)
            await api.said("Added To Cart", id, HOUR)
            await api.said("$identify", id, HOUR, type="identify", traits={"name": name, "email": "a@b"})
        await api.ask("POST", "/api/segments", 201, json={"definition": CARTS})
        answer = await api.client.get("/api/segments/1/members", headers=CSV)
        assert answer.headers["content-type"] == "text/csv; charset=utf-8"
        head, *rows = csv.reader(io.StringIO(answer.text, newline=""), strict=True)
        assert head == ["id", "anonymous", "at", "cause", "lastSeen", "name", "email"]
        assert len(rows) == len(names)
        for row in rows:
            assert row[1:5] + row[6:] == ["false", "", "", "2026-11-22T11:00:00.000Z", "a@b"]
        cells = [cell for row in rows for cell in (row[0], row[5])]
        assert [cell for cell in cells if cell[0] not in "'a"] == []
        assert sorted(cell.removeprefix("'") for cell in cells[1::2]) == sorted(names)
        assert answer.text.endswith("\r\n")
        lines = (await api.client.get("/api/segments/1/members", headers=NDJSON)).text.split("\n")
        assert [json.loads(line)["id"] for line in lines[:-1]] == [row[0].removeprefix("'") for row in rows]


async def test_all_members_are_exported_however_many_there_are(dsn: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("segd.store.members.PAGE", 7)
    async with open_api(dsn) as api:
        for number in range(40):
            await api.said("Added To Cart", f"user {number:02}", HOUR)
        made = await api.ask("POST", "/api/segments", 201, json={"definition": CARTS})
        lines = (await api.client.get(f"/api/segments/{made['id']}/members", headers=NDJSON)).text.splitlines()
        assert [json.loads(line)["id"] for line in lines] == [
            "ann", "bob", *(f"user {number:02}" for number in range(40))
        ]  # fmt: skip


async def test_exports_beyond_what_there_is_room_for_are_refused_and_room_comes_back(
    dsn: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(members, "EXPORTS", 0)
    async with open_api(dsn) as api:
        refused = await api.client.get("/api/segments/1/members", headers=CSV)
        assert (refused.status_code, refused.json()["code"]) == (429, "overloaded")
        assert refused.headers["retry-after"] == "10"
    monkeypatch.undo()
    async with open_api(dsn, seeded=False) as api:
        for _ in range(2 * members.EXPORTS):
            assert (await api.client.get("/api/segments/1/members", headers=CSV)).status_code == 200


async def test_what_is_no_segment_is_not_found(dsn: str):
    async with open_api(dsn) as api:
        for what in ("report", "members", "log"):
            refused = await api.ask("GET", f"/api/segments/99/{what}", 404)
            assert refused["message"] == "there is no segment '99'"
