"""What psycopg2 makes of the answers. It writes values into the SQL itself: every statement is a simple query."""

import psycopg2

TEXTS = ["007", "1e5", "5.0", "", "12345678901234567890", "it's", "back\\slash", "100%", "é"]


def main():
    connection = psycopg2.connect("")
    with connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, i INTEGER, t TEXT, r REAL, f BOOLEAN, at DATETIME DEFAULT CURRENT_TIMESTAMP)")
        for text in TEXTS:
            cursor.execute("INSERT INTO t (t) VALUES (%s)", [text])
            cursor.execute("SELECT t FROM t WHERE id = last_insert_rowid()")
            assert cursor.fetchone() == (text,), text
            cursor.execute("SELECT count(*) FROM t WHERE t = %s", [text])
            assert cursor.fetchone() == (1,), text
        cursor.execute("DELETE FROM t")
        assert cursor.rowcount == len(TEXTS)
        cursor.execute("INSERT INTO t (i, t, r, f) VALUES (%s, %s, %s, %s) RETURNING id", [7, None, 1.5, True])
        (key,) = cursor.fetchone()
        cursor.execute("SELECT i, t, r, f, typeof(i), typeof(f), at FROM t WHERE id = %s", [key])
        i, t, r, f, i_class, f_class, at = cursor.fetchone()
        assert (i, t, r, f, i_class, f_class) == (7, None, 1.5, 1, "integer", "integer")
        assert type(i) is int and type(f) is int and len(at) == 19, (i, f, at)
        cursor.execute("SELECT count(*) AS c, ifnull(NULL, 'x') FROM t WHERE f = %s AND t IS NULL", [1])
        assert cursor.fetchone() == (1, "x")
        assert [column.name for column in cursor.description] == ["c", "ifnull(NULL, 'x')"]
        cursor.execute("SELECT i FROM t WHERE i IN %s", [(7, 8)])
        assert cursor.fetchall() == [(7,)]
        cursor.executemany("INSERT INTO t (i) VALUES (%s)", [(1,), (2,), (3,)])

    # An error leaves a transaction of SQLite's usable.
    with connection, connection.cursor() as cursor:
        cursor.execute("INSERT INTO t (id, i) VALUES (1000, 1)")
        try:
            cursor.execute("INSERT INTO t (id, i) VALUES (1000, 2)")
            raise AssertionError("the key is taken")
        except psycopg2.errors.UniqueViolation as error:
            assert "UNIQUE constraint failed: t.id" in f"{error} {error.diag.message_detail}", error
        cursor.execute("INSERT INTO t (id, i) VALUES (1001, 2)")
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT id FROM t WHERE id >= 1000 ORDER BY id")
        assert cursor.fetchall() == [(1000,), (1001,)]
    connection.close()

    # PostgreSQL's own dialect on the same tables.
    connection = psycopg2.connect("", options="-c litewire.dialect=postgres")
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*)::int, to_char(now(), 'YYYY') IS NOT NULL FROM t")
        assert cursor.fetchone() == (6, True)
    connection.close()


main()
