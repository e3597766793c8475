"""What psycopg 3 makes of the answers: extended protocol, text and binary results, named and unnamed statements."""

import psycopg
from psycopg import ClientCursor

TEXTS = ["007", "1e5", "5.0", "", "12345678901234567890", "it's", "100%", "é"]


def main():
    with psycopg.connect("", autocommit=True) as connection:
        connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, i INTEGER, t TEXT, r REAL, b BLOB)")
        for prepare in (False, True):
            texts(connection, prepare)
            numbers(connection, prepare)
        prepared_by_itself(connection)
        pipeline(connection)
        transactions(connection)
        client_side(connection)


def texts(connection, prepare):
    for text in TEXTS:
        connection.execute("INSERT INTO t (t) VALUES (%s)", [text], prepare=prepare)
        assert connection.execute("SELECT t, typeof(t) FROM t WHERE id = last_insert_rowid()", prepare=prepare).fetchone() == (text, "text")
        assert connection.execute("SELECT count(*) FROM t WHERE t = %s", [text], prepare=prepare).fetchone() == (1,), text
    assert connection.execute("SELECT %s AS v", ["007"], prepare=prepare).fetchone() == ("007",)
    assert connection.execute("DELETE FROM t", prepare=prepare).rowcount == len(TEXTS)


def numbers(connection, prepare):
    connection.execute("INSERT INTO t (i, r, b) VALUES (%s, %s, %s)", [2**40, 2.5, b"\x00\xff"], prepare=prepare)
    for binary in (False, True):
        row = connection.execute("SELECT i, r, b, i > 1, count(*), avg(i) FROM t", prepare=prepare, binary=binary).fetchone()
        assert row == (2**40, 2.5, b"\x00\xff", 1, 1, float(2**40)), row
        assert [type(value) for value in row] == [int, float, bytes, int, int, float], row
    for value in (2**40, "1099511627776", 2.0**40):
        assert connection.execute("SELECT count(*) FROM t WHERE i = %s", [value], prepare=prepare).fetchone() == (1,), value
    for value in ("", "abc", 2.5):
        assert connection.execute("SELECT count(*) FROM t WHERE i = %s", [value], prepare=prepare).fetchone() == (0,), value
    assert connection.execute("SELECT %s + 1, %s || 'x', %s IS NULL", [1, "a", None], prepare=prepare).fetchone() == (2, "ax", 1)
    connection.execute("DELETE FROM t")


def prepared_by_itself(connection):
    """From the sixth execution on psycopg names the statement."""
    for n in range(12):
        connection.execute("INSERT INTO t (id, i) VALUES (%s, %s)", [n + 1, n])
        assert connection.execute("SELECT i, last_insert_rowid() FROM t WHERE id = %s", [n + 1]).fetchone() == (n, n + 1)
    # Another shape of the table under a prepared statement.
    for _ in range(8):
        connection.execute("SELECT * FROM t WHERE id = %s", [1]).fetchone()
    connection.execute("ALTER TABLE t ADD COLUMN extra TEXT DEFAULT 'e'")
    assert connection.execute("SELECT extra FROM t WHERE id = %s", [1]).fetchone() == ("e",)


def pipeline(connection):
    with connection.pipeline():
        first = connection.execute("INSERT INTO t (i) VALUES (%s)", [77])
        second = connection.execute("SELECT i FROM t WHERE id = last_insert_rowid()")
        third = connection.execute("SELECT changes()")
    assert first.rowcount == 1 and second.fetchone() == (77,) and third.fetchone() == (1,)
    # Without a Sync between them, each reads what the one before it has done.
    with connection.pipeline():
        connection.execute("INSERT INTO t (i) VALUES (81), (82), (83)")
        changes = connection.execute("SELECT changes()")
        connection.execute("INSERT INTO t (i) VALUES (84)")
        last = connection.execute("SELECT i, changes() FROM t WHERE id = last_insert_rowid()")
    assert changes.fetchone() == (3,) and last.fetchone() == (84, 1)
    # An error ends the batch, and only that.
    try:
        with connection.pipeline():
            connection.execute("INSERT INTO t (id) VALUES (1)")
            connection.execute("SELECT last_insert_rowid()")
        raise AssertionError("the key is taken")
    except psycopg.errors.UniqueViolation:
        pass
    assert connection.execute("SELECT i FROM t WHERE id = last_insert_rowid()").fetchone() == (84,)


def transactions(connection):
    with connection.transaction():
        connection.execute("INSERT INTO t (id) VALUES (500)")
        try:
            with connection.transaction():
                connection.execute("INSERT INTO t (id) VALUES (501)")
                connection.execute("INSERT INTO t (id) VALUES (500)")
            raise AssertionError("the key is taken")
        except psycopg.errors.UniqueViolation:
            pass
        connection.execute("INSERT INTO t (id) VALUES (502)")
    assert connection.execute("SELECT id FROM t WHERE id >= 500 ORDER BY id").fetchall() == [(500,), (502,)]


def client_side(connection):
    cursor = ClientCursor(connection)
    assert cursor.execute("SELECT ifnull(%s, %s)", [None, "it's"]).fetchone() == ("it's",)
    with connection.cursor() as cursor, cursor.copy("COPY t (id, i) FROM STDIN") as copy:
        copy.write_row((900, 9))
    assert connection.execute("SELECT i FROM t WHERE id = 900").fetchone() == (9,)


main()
