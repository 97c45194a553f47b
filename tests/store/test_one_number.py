"""On real data: query, preview, members, report and why are one answer to one question."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path

from shop import NOW, ZONE, Shop, opened

from segd.core.answers import UserKey
from segd.core.events.refused_ids import RefusedIds
from segd.core.language.definitions import Past
from segd.core.language.reading import read_definition
from segd.core.time.instants import parse_timestamp
from segd.core.why.explain import Membership
from segd.store.bridge import open_pool
from segd.store.history import members as queried
from segd.store.importing import ImportSummary, import_files
from segd.store.members import PostgresMembers
from segd.store.preview import Previews
from segd.store.profiles import PostgresProfiles
from segd.store.reports import PostgresReports

ASKED = 20  # users in the segment, and as many who are not


async def ids(shop: Shop, segment: int) -> list[str]:
    async with PostgresMembers(shop.pool, ZONE).stream(segment, shop.now) as pages:
        return [member.person.id async for page in pages for member in page]


async def test_all_that_is_told_of_a_past_segment_has_exactly_the_expected_users(
    dsn: str, shared: Path, made_events: Callable[[str], Path]
):
    async with open_pool(dsn, size=2) as pool:
        await import_files(pool, [made_events("storefront")], NOW, ImportSummary())
    case = json.loads((shared / "acceptance" / "storefront-never-bought.json").read_bytes())
    content = gzip.decompress((shared / "acceptance" / "storefront-never-bought.expected.gz").read_bytes())
    expected = content.decode().splitlines()
    async with opened(dsn) as shop:
        shop.now = parse_timestamp(case["as_of"])
        segment = await shop.segment("Never bought", zone="UTC", where=case["segment"]["where"])
        assert await ids(shop, segment) == expected
        definition = read_definition(case["segment"] | {"zone": "UTC"})
        assert isinstance(definition, Past)
        preview = await Previews(shop.pool, ZONE, shop.clock).exact(definition, None)
        assert (preview.members, preview.error) == (len(expected), None)
        async with shop.pool.acquire() as connection:
            assert await queried(connection, definition, shop.now, ZONE) == expected
        report = await PostgresReports(shop.pool, ZONE, shop.clock).past(segment)
        assert report.members == report.reach.of == len(expected)
        assert {person.id for person in report.sample} <= {*expected}
        users = PostgresProfiles(shop.pool, shop.journal, ZONE, shop.clock, RefusedIds(), lambda ids: None)
        everybody = await shop.rows("SELECT id, anonymous FROM users ORDER BY number")
        others = [UserKey(id, anonymous) for id, anonymous in everybody if id not in expected]
        members = [UserKey(id, anonymous) for id, anonymous in everybody if id in expected]
        for key in others[:ASKED] + members[:ASKED]:
            about = (await users.why(key, segment)).about
            assert isinstance(about, Membership)
            assert about.member == (key in members), key
