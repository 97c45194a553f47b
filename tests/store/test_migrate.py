import hashlib

import pytest
import trio

from segd.store.bridge import open_pool
from segd.store.errors import SchemaError, ServerError
from segd.store.migrate import Migration, check, known_migrations, migrate


def migration(number: int, sql: str) -> Migration:
    return Migration(number, f"{number:04}_test.sql", sql, hashlib.sha256(sql.encode()).hexdigest())


ONE = migration(1, "CREATE TABLE one (x int); INSERT INTO one VALUES (1);")
TWO = migration(2, "CREATE TABLE two (x int);")


async def test_applies_what_is_missing_in_order_and_once(empty_dsn):
    told = []
    async with open_pool(empty_dsn, 1) as pool, pool.acquire() as connection:
        assert await migrate(connection, told.append, [ONE]) == [ONE.name]
        assert await migrate(connection, told.append, [ONE, TWO]) == [TWO.name]
        assert await migrate(connection, told.append, [ONE, TWO]) == []
        await check(connection, [ONE, TWO])
        assert await connection.fetchval("SELECT count(*) FROM one") == 1
    assert told == ["making the tables of the database", "migrating the database: 0002_test.sql"]


async def test_a_file_that_fails_leaves_nothing_of_itself(empty_dsn):
    broken = migration(2, "CREATE TABLE two (x int); SELECT 1/0;")
    async with open_pool(empty_dsn, 1) as pool, pool.acquire() as connection:
        with pytest.raises(ServerError, match="division by zero"):
            await migrate(connection, lambda _: None, [ONE, broken])
        assert await connection.fetchval("SELECT to_regclass('two')") is None
        assert await migrate(connection, lambda _: None, [ONE, TWO]) == [TWO.name]


async def test_several_at_once_apply_each_file_once(empty_dsn):
    applied = []

    async def one_of_them(pool):
        async with pool.acquire() as connection:
            applied.extend(await migrate(connection, lambda _: None, [ONE, TWO]))

    async with open_pool(empty_dsn, 4) as pool, trio.open_nursery() as nursery:
        for _ in range(4):
            nursery.start_soon(one_of_them, pool)
    assert sorted(applied) == [ONE.name, TWO.name]


async def test_check_refuses_any_other_schema_and_says_what_to_do(empty_dsn):
    async with open_pool(empty_dsn, 1) as pool, pool.acquire() as connection:
        with pytest.raises(SchemaError, match="no tables of segd yet: run `segd migrate`"):
            await check(connection, [ONE])
        await migrate(connection, lambda _: None, [ONE])
        with pytest.raises(SchemaError, match=r"older than this segd, 0002_test\.sql is not applied.*segd migrate"):
            await check(connection, [ONE, TWO])
        await migrate(connection, lambda _: None, [ONE, TWO])
        for act in (check(connection, [ONE]), migrate(connection, lambda _: None, [ONE])):
            with pytest.raises(SchemaError, match="newer than this segd"):
                await act
        with pytest.raises(SchemaError, match="not this segd's"):
            await check(connection, [migration(1, "SELECT 1"), TWO])


async def test_the_files_of_this_segd_apply_to_an_empty_database(empty_dsn):
    async with open_pool(empty_dsn, 1) as pool, pool.acquire() as connection:
        assert await migrate(connection, lambda _: None) == [one.name for one in known_migrations()]
        await check(connection)


async def test_the_template_is_migrated(dsn):
    async with open_pool(dsn, 1) as pool, pool.acquire() as connection:
        await check(connection)


async def test_messages_that_came_before_are_known_after_they_are_told_by_days_of_running(empty_dsn):
    known = known_migrations()
    async with open_pool(empty_dsn, 1) as pool, pool.acquire() as connection:
        await migrate(connection, lambda _: None, known[:7])
        for day in ("2026-11-21", "2026-11-22"):
            await connection.execute(f"SELECT turn_seen('{day}')")
            await connection.execute(f"INSERT INTO seen VALUES ('\\x01', '{day}'), (int4send({day[-2:]}), '{day}')")
        await migrate(connection, lambda _: None)
        assert await connection.fetchval("SELECT count(DISTINCT message_hash) FROM seen") == 3
        await connection.execute("SELECT turn_seen(1)")
        assert await connection.fetchval("SELECT count(*) FROM seen") == 3
        await connection.execute("SELECT turn_seen(2)")
        assert await connection.fetchval("SELECT count(*) FROM seen") == 0
