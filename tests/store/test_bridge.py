import socket
import threading
from struct import pack

import pytest
import trio
import trio.testing

from segd.store import session
from segd.store.bridge import Pool, open_pool, without_password
from segd.store.errors import ConnectFailed, ConnectionLost, ServerError
from segd.store.event_rows import content
from segd.store.session import Session
from tests.postgres_proxy import open_proxy

SLEEPING = "SELECT count(*) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(60)' AND state = 'active'"


async def value(pool: Pool, query: str, *args):
    async with pool.acquire() as connection:
        return await connection.fetchval(query, *args)


async def wait_sleeping(pool: Pool, sessions: int):
    with trio.fail_after(10):
        while await value(pool, SLEEPING) != sessions:  # noqa: ASYNC110  the server tells nobody
            await trio.sleep(0.01)


async def lose(pool: Pool, process: int):
    await value(pool, "SELECT pg_terminate_backend($1, 5000)", process)


async def test_rows_come_back(empty_dsn):
    async with open_pool(empty_dsn, 1) as pool, pool.acquire() as connection:
        assert await connection.execute("CREATE TABLE t (x int, body jsonb); INSERT INTO t VALUES (0, '{}')")
        await connection.execute("INSERT INTO t VALUES (1, $1), (2, NULL)", '{"a": 1}')
        assert [tuple(row) for row in await connection.fetch("SELECT * FROM t ORDER BY x")] == [
            (0, "{}"),
            (1, '{"a": 1}'),
            (2, None),
        ]
        row = await connection.fetchrow("SELECT x AS number FROM t WHERE x = $1", 2)
        assert row is not None
        assert row["number"] == 2
        assert await connection.fetchrow("SELECT 1 WHERE false") is None
        assert await connection.execute("DELETE FROM t WHERE x > 0") == "DELETE 2"


def integers(*numbers: int) -> bytes:
    return content(pack(">hii", 1, 4, number) for number in numbers)


async def test_copies_all_or_nothing(empty_dsn):
    async with open_pool(empty_dsn, 1) as pool, pool.acquire() as connection:
        await connection.execute("CREATE TABLE t (x int CHECK (x > 0), y text)")
        assert await connection.copy("t", ["x"], integers(*range(1, 100_001))) == 100_000
        with pytest.raises(ServerError) as caught:
            await connection.copy("t", ["x"], integers(*range(1, 10_000), -1))
        assert caught.value.sqlstate == "23514"
        assert await connection.fetchval("SELECT count(*) FROM t") == 100_000


async def test_work_goes_over_in_one_piece(empty_dsn):
    async def work(session: Session):
        threads.append(threading.current_thread().name)
        async with session.transaction():
            await session.execute("CREATE TABLE t (x int)")
            return await session.copy("t", ["x"], integers(1, 2)), await session.fetchval("SELECT sum(x) FROM t")

    threads: list[str] = []
    async with open_pool(empty_dsn, 1) as pool, pool.acquire() as connection:
        assert await connection.run(work) == (2, 3)
        assert await connection.fetchval("SELECT count(*) FROM t") == 2
    assert threads == ["segd-postgres"]


async def test_an_error_of_the_work_undoes_it_and_is_ours(empty_dsn):
    async def work(session: Session):
        async with session.transaction():
            await session.execute("INSERT INTO t VALUES (1)")
            await session.execute("INSERT INTO t VALUES ('x')")

    async with open_pool(empty_dsn, 1) as pool, pool.acquire() as connection:
        await connection.execute("CREATE TABLE t (x int)")
        with pytest.raises(ServerError):
            await connection.run(work)
        assert await connection.fetchval("SELECT count(*) FROM t") == 0


async def test_cancelled_work_is_undone_and_the_connection_goes_on(empty_dsn):
    async def work(session: Session):
        async with session.transaction():
            await session.execute("INSERT INTO t VALUES (1)")
            await session.execute("SELECT pg_sleep(60)")

    async with open_pool(empty_dsn, 2) as pool, pool.acquire() as connection:
        await connection.execute("CREATE TABLE t (x int)")
        mine = await connection.fetchval("SELECT pg_backend_pid()")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(connection.run, work)
            await wait_sleeping(pool, 1)
            nursery.cancel_scope.cancel()
        assert await connection.fetchval("SELECT count(*) FROM t") == 0
        assert await connection.fetchval("SELECT pg_backend_pid()") == mine


async def test_work_with_patience_comes_to_its_end_when_cancelled(empty_dsn):
    async def work(session: Session):
        async with session.transaction():
            await session.execute("INSERT INTO t VALUES (1)")
            trio.from_thread.run_sync(scope.cancel, trio_token=token)
            await session.execute("INSERT INTO t VALUES (2)")
        return "done"

    token = trio.lowlevel.current_trio_token()
    async with open_pool(empty_dsn, 1) as pool:
        await value(pool, "CREATE TABLE t (x int)")
        with trio.CancelScope() as scope:
            async with pool.acquire() as connection:
                assert await connection.run(work, patience_seconds=60) == "done"
        assert await value(pool, "SELECT count(*) FROM t") == 2


async def test_pages_come_from_a_cursor(empty_dsn):
    async with open_pool(empty_dsn, 1) as pool, pool.acquire() as connection, connection.transaction():
        pages = [page async for page in connection.pages("SELECT generate_series(1, $1::int)", 25, size=10)]
        assert [len(page) for page in pages] == [10, 10, 5]
        assert pages[2][4][0] == 25
        async for page in connection.pages("SELECT generate_series(1, 25)", size=10):
            assert page[0][0] == 1
            break


async def test_cancelling_cancels_in_the_server_and_the_connection_goes_on(empty_dsn):
    async with open_pool(empty_dsn, 2) as pool, pool.acquire() as connection:
        mine = await connection.fetchval("SELECT pg_backend_pid()")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(connection.fetch, "SELECT pg_sleep(60)")
            await wait_sleeping(pool, 1)
            nursery.cancel_scope.cancel()
        await wait_sleeping(pool, 0)
        assert await connection.fetchval("SELECT pg_backend_pid()") == mine


async def test_a_cancelled_transaction_is_rolled_back(empty_dsn):
    async with open_pool(empty_dsn, 2) as pool:
        await value(pool, "CREATE TABLE t (x int)")

        async def insert_and_sleep():
            async with pool.acquire() as connection, connection.transaction():
                await connection.execute("INSERT INTO t VALUES (1)")
                await connection.execute("SELECT pg_sleep(60)")

        async with trio.open_nursery() as nursery:
            nursery.start_soon(insert_and_sleep)
            await wait_sleeping(pool, 1)
            nursery.cancel_scope.cancel()
        await wait_sleeping(pool, 0)
        assert await value(pool, "SELECT count(*) FROM t") == 0
        assert await value(pool, "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()") == 2


async def test_a_call_when_already_cancelled_does_nothing(empty_dsn):
    async with open_pool(empty_dsn, 1) as pool:
        await value(pool, "CREATE TABLE t (x int)")
        with trio.CancelScope() as scope:
            async with pool.acquire() as connection:
                scope.cancel()
                await connection.execute("INSERT INTO t VALUES (1)")
        assert await value(pool, "SELECT count(*) FROM t") == 0


async def test_a_commit_is_waited_for_when_cancelled(empty_dsn):
    async with open_pool(empty_dsn, 1) as pool:
        await value(pool, "CREATE TABLE t (x int)")
        with trio.CancelScope() as scope:
            async with pool.acquire() as connection:
                async with connection.transaction():
                    await connection.execute("INSERT INTO t VALUES (1)")
                    scope.cancel()
                committed = True
        assert committed
        assert await value(pool, "SELECT count(*) FROM t") == 1


async def test_an_inner_transaction_is_a_savepoint(empty_dsn):
    async with open_pool(empty_dsn, 1) as pool, pool.acquire() as connection:
        await connection.execute("CREATE TABLE t (x int UNIQUE)")
        async with connection.transaction():
            await connection.execute("INSERT INTO t VALUES (1)")
            with pytest.raises(ServerError):
                async with connection.transaction():
                    await connection.execute("INSERT INTO t VALUES (2), (1)")
        assert await connection.fetchval("SELECT sum(x) FROM t") == 1


async def test_server_errors_keep_sqlstate_and_constraint_and_tell_no_values(empty_dsn):
    async with open_pool(empty_dsn, 1) as pool, pool.acquire() as connection:
        await connection.execute("CREATE TABLE t (x text CONSTRAINT each_once UNIQUE DEFERRABLE INITIALLY DEFERRED)")
        with pytest.raises(ServerError) as caught:
            async with connection.transaction():
                await connection.execute("INSERT INTO t VALUES ('secret'), ('secret')")
        assert caught.value.sqlstate == "23505"
        assert caught.value.constraint == "each_once"
        assert "secret" not in str(caught.value)
        assert await connection.fetchval("SELECT 1") == 1


async def test_a_lost_connection_says_so_and_the_pool_gets_over_it(empty_dsn):
    async with open_pool(empty_dsn, 2) as pool:

        async def sleep_until_lost():
            async with pool.acquire() as connection:
                process = await connection.fetchval("SELECT pg_backend_pid()")
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(lose, pool, process)
                    with pytest.raises(ConnectionLost):
                        await connection.execute("SELECT pg_sleep(60)")
                with pytest.raises(ConnectionLost):
                    await connection.fetchval("SELECT 1")

        await sleep_until_lost()
        assert await value(pool, "SELECT 1") == 1


async def test_a_connection_lost_inside_a_transaction_raises_that(empty_dsn):
    async with open_pool(empty_dsn, 2) as pool, pool.acquire() as connection:
        process = await connection.fetchval("SELECT pg_backend_pid()")
        with pytest.raises(ConnectionLost):
            async with connection.transaction():
                await lose(pool, process)


async def test_a_rollback_that_is_not_answered_ends_the_connection(empty_dsn, monkeypatch):
    """Else whoever goes on with it, as the journal does, would be told of a transaction that nobody began."""

    async def fail(connection):
        async with connection.transaction():
            proxy.stall()
            raise ZeroDivisionError

    monkeypatch.setattr(session, "CLOSING_SECONDS", 0.05)
    async with open_proxy(empty_dsn) as proxy, open_pool(proxy.dsn, 1) as pool:
        async with pool.acquire() as connection:
            with pytest.raises(ZeroDivisionError):
                await fail(connection)
            with pytest.raises(ConnectionLost):
                async with connection.transaction():
                    pass
        proxy.go_on()
        assert await value(pool, "SELECT 1") == 1


async def test_a_connection_over_the_network_ends_half_a_minute_after_the_network_does(empty_dsn):
    async with open_proxy(empty_dsn) as proxy, open_pool(proxy.dsn, 1) as pool, pool.acquire() as connection:
        connected = connection._session.raw._transport.get_extra_info("socket")
        assert connected.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)

        def tcp(option):
            return connected.getsockopt(socket.IPPROTO_TCP, option)

        # While it waits for an answer, and when it has sent what nobody gets.
        probes = tcp(socket.TCP_KEEPIDLE) + tcp(socket.TCP_KEEPINTVL) * tcp(socket.TCP_KEEPCNT)
        assert 10 < probes <= 30
        assert 10_000 < tcp(socket.TCP_USER_TIMEOUT) <= 30_000


async def test_no_more_than_size_at_once_in_order_of_asking(empty_dsn):
    order = []

    async def use(pool, number):
        async with pool.acquire() as connection:
            order.append(number)
            await connection.execute("SELECT pg_sleep(0.02)")

    async with open_pool(empty_dsn, 1) as pool, trio.open_nursery() as nursery:
        for number in range(4):
            nursery.start_soon(use, pool, number)
            await trio.testing.wait_all_tasks_blocked()
    assert order == [0, 1, 2, 3]


async def test_a_pool_apart_waits_for_nobody_of_the_other(empty_dsn):
    async with open_pool(empty_dsn, 1) as pool:
        apart = pool.apart(1)
        async with pool.acquire():
            with trio.fail_after(60):
                assert await value(apart, "SELECT 1") == 1


async def test_a_connection_given_back_inside_a_transaction_is_not_used_again(empty_dsn):
    async with open_pool(empty_dsn, 1) as pool:
        first = await value(pool, "SELECT pg_backend_pid()")
        async with pool.acquire() as connection:
            await connection.execute("BEGIN")
        assert await value(pool, "SELECT pg_backend_pid()") != first


async def test_nothing_is_left_when_the_pool_is_closed(postgres, empty_dsn):
    async with open_pool(empty_dsn, 2) as pool, pool.acquire(), pool.acquire():
        assert "segd-postgres" in {thread.name for thread in threading.enumerate()}
    assert "segd-postgres" not in {thread.name for thread in threading.enumerate()}
    async with open_pool(postgres, 1) as other:
        query = "SELECT count(*) FROM pg_stat_activity WHERE datname = $1"
        name = empty_dsn.split("?")[0].rpartition("/")[2]
        with trio.fail_after(5):
            while await value(other, query, name):  # noqa: ASYNC110  as above
                await trio.sleep(0.01)


@pytest.mark.parametrize(
    "dsn",
    [
        "postgresql://me:sesame@127.0.0.1:1/db",
        "postgresql://me@127.0.0.1:1/db?password=sesame&connect_timeout=3",
        "mysql://me:sesame@127.0.0.1/db",
        "host=127.0.0.1 password=sesame",
    ],
)
async def test_who_cannot_connect_is_told_where_but_not_the_password(dsn):
    with pytest.raises(ConnectFailed, match=r"cannot connect to .*127\.0\.0\.1") as caught:
        async with open_pool(dsn, 1):
            pass
    assert "sesame" not in str(caught.value)
    assert "***" in str(caught.value)


def test_without_password():
    assert without_password("postgresql://u:p@ss:w@h:1/db") == "postgresql://u:***@h:1/db"
    assert without_password("postgresql://u@h/db") == "postgresql://u@h/db"
    assert without_password("host=h password = 'a b' user=u") == "host=h password = *** user=u"
