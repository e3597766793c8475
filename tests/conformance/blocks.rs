//! What conversations are made of.

use crate::client::{Param, bind, close, describe, execute, flush, parse, query, sync, tagged};

/// A piece of a conversation.
pub struct Block {
    pub name: &'static str,
    pub messages: Vec<Vec<u8>>,
}

fn text(value: &str) -> Param {
    Param::Text(value.to_owned())
}

fn copy_data(text: &str) -> Vec<u8> {
    tagged(b'd', text.as_bytes())
}

fn function_call(oid: u32, formats: &[u16], arguments: &[&[u8]]) -> Vec<u8> {
    let mut body = oid.to_be_bytes().to_vec();
    body.extend((formats.len() as u16).to_be_bytes());
    formats.iter().for_each(|f| body.extend(f.to_be_bytes()));
    body.extend((arguments.len() as u16).to_be_bytes());
    for argument in arguments {
        body.extend((argument.len() as u32).to_be_bytes());
        body.extend_from_slice(argument);
    }
    body.extend(0_u16.to_be_bytes());
    tagged(b'F', &body)
}

/// All pieces. The table `t(a int primary key, b text)` holds 1 to 5.
pub fn all() -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut add = |name, messages: Vec<Vec<u8>>| blocks.push(Block { name, messages });

    // Simple queries.
    for (name, sql) in [
        ("select", "SELECT a, b FROM t ORDER BY a"),
        ("empty query", ""),
        ("only a comment", " -- nothing"),
        ("semicolons", ";;"),
        ("several", "SELECT 1 AS one; SELECT 2 AS two, 'x'"),
        ("several, undone", "INSERT INTO t VALUES (100, 'x'); SELECT 1/0; SELECT 3"),
        (
            "several with begin",
            "INSERT INTO t VALUES (101, 'y'); BEGIN; SELECT 1; ROLLBACK; SELECT count(*) FROM t WHERE a = 101; DELETE FROM t WHERE a = 101",
        ),
        ("syntax error", "SELEC 1"),
        ("second is a syntax error", "SELECT 1; SELEC 2"),
        ("no such table", "SELECT * FROM no_such_table"),
        ("runtime error", "SELECT 1/0"),
        ("error behind rows", "SELECT 10 / (3 - a) FROM t ORDER BY a"),
        ("begin", "BEGIN"),
        ("commit", "COMMIT"),
        ("rollback", "ROLLBACK"),
        ("savepoint", "SAVEPOINT s"),
        ("rollback to", "ROLLBACK TO s"),
        ("begin and fail", "BEGIN; SELECT 1/0"),
        ("commit of a failure", "BEGIN; SELECT 1/0; COMMIT"),
        ("notice", "DO $$ BEGIN RAISE NOTICE 'hear, hear'; END $$"),
        ("warning", "SET LOCAL work_mem = '1MB'"),
        ("listen", "LISTEN channel"),
        ("notify", "NOTIFY channel, 'payload'"),
        ("set", "SET work_mem = '2MB'"),
        ("show", "SHOW work_mem"),
        ("explain", "EXPLAIN (COSTS OFF) SELECT 1"),
        ("sql prepare", "PREPARE p(int) AS SELECT $1 + 1"),
        ("sql execute", "EXECUTE p(2)"),
        ("sql deallocate", "DEALLOCATE p"),
        ("sql deallocate of the protocol's", "DEALLOCATE s1"),
        ("deallocate all", "DEALLOCATE ALL"),
        ("discard all", "DISCARD ALL"),
        ("declare", "DECLARE c CURSOR WITH HOLD FOR SELECT a FROM t ORDER BY a"),
        ("fetch", "FETCH 2 FROM c"),
        ("temporary table", "CREATE TEMPORARY TABLE IF NOT EXISTS temporary(a int)"),
        ("from the temporary table", "SELECT count(*) FROM temporary"),
    ] {
        add(name, vec![query(sql)]);
    }

    // The extended protocol; a name says what is not synced.
    add("unnamed", vec![parse("", "SELECT $1::int + 1", &[]), bind("", "", &[text("41")], &[]), describe('P', ""), execute("", 0), sync()]);
    add(
        "named",
        vec![parse("s1", "SELECT a, b FROM t WHERE a = $1", &[23]), describe('S', "s1"), bind("", "s1", &[text("2")], &[]), execute("", 0), sync()],
    );
    add("named again, unsynced", vec![bind("", "s1", &[text("3")], &[]), execute("", 0)]);
    add("closed and made anew", vec![close('S', "s1"), parse("s1", "SELECT 'another'", &[]), bind("", "s1", &[], &[]), execute("", 0), sync()]);
    add("made twice", vec![parse("s2", "SELECT 1", &[]), parse("s2", "SELECT 1", &[]), sync()]);
    add("parse only", vec![parse("s3", "SELECT 3 AS three", &[]), sync()]);
    add("bind only", vec![bind("p3", "s3", &[], &[]), sync()]);
    add("parse, unsynced", vec![parse("s3", "SELECT 33 AS three", &[])]);
    add("unnamed parse only", vec![parse("", "SELECT 'unnamed'", &[]), sync()]);
    add("unnamed bind only", vec![bind("", "", &[], &[]), execute("", 0), sync()]);
    add("describe a statement", vec![describe('S', "s3"), sync()]);
    add("describe a portal", vec![describe('P', "p3"), sync()]);
    add("describe the unnamed", vec![describe('S', ""), describe('P', ""), sync()]);
    add("execute only", vec![execute("", 0), sync()]);
    add("execute a named portal", vec![execute("p3", 1), sync()]);
    add("close what is not there", vec![close('S', "never"), close('P', "never"), sync()]);
    add("close, unsynced", vec![close('S', "s3"), close('P', "p3")]);
    add("bind of what sql has prepared", vec![bind("", "p", &[text("2")], &[]), describe('P', ""), execute("", 0), sync()]);
    add("describe what sql has prepared", vec![describe('S', "p"), sync()]);
    add("sync", vec![sync()]);
    add("sync with more", vec![tagged(b'S', b"x")]);
    add("flush with more", vec![tagged(b'H', b"x"), sync()]);
    add("flush", vec![flush()]);
    add("syncs", vec![sync(), sync(), sync()]);
    add(
        "a portal by pieces",
        vec![
            parse("", "SELECT a FROM t ORDER BY a", &[]),
            bind("p", "", &[], &[]),
            execute("p", 2),
            flush(),
            execute("p", 2),
            execute("p", 2),
            execute("p", 2),
            sync(),
        ],
    );
    add(
        "suspended, closed",
        vec![parse("", "SELECT a FROM t ORDER BY a", &[]), bind("p", "", &[], &[]), execute("p", 1), close('P', "p"), execute("p", 1), sync()],
    );
    add("a portal twice", vec![parse("", "SELECT 1", &[]), bind("p", "", &[], &[]), bind("p", "", &[], &[]), sync()]);
    add("a portal by pieces, unsynced", vec![parse("", "SELECT a FROM t ORDER BY a", &[]), bind("p3", "", &[], &[]), execute("p3", 2)]);
    add("syntax error in parse", vec![parse("bad", "SELEC 1", &[]), bind("", "bad", &[], &[]), execute("", 0), sync()]);
    add("syntax error, unsynced", vec![parse("bad", "SELEC 1", &[])]);
    add(
        "what stands behind an error",
        vec![parse("", "SELEC 1", &[]), parse("s4", "SELECT 4", &[]), sync(), bind("", "s4", &[], &[]), execute("", 0), sync()],
    );
    add(
        "close behind an error",
        vec![parse("s5", "SELECT 5", &[]), sync(), execute("no such", 0), close('S', "s5"), sync(), bind("", "s5", &[], &[]), execute("", 0), sync()],
    );
    add(
        "unnamed error",
        vec![parse("", "SELECT 'before'", &[]), sync(), parse("", "SELEC", &[]), sync(), bind("", "", &[], &[]), execute("", 0), sync()],
    );
    add("error in execute", vec![parse("", "SELECT 1/$1::int", &[]), bind("", "", &[text("0")], &[]), execute("", 0), sync()]);
    add("error in bind", vec![parse("", "SELECT $1::int", &[]), bind("", "", &[text("x")], &[]), execute("", 0), sync()]);
    add("too few parameters", vec![parse("", "SELECT $1::int", &[]), bind("", "", &[], &[]), execute("", 0), sync()]);
    add("no such statement", vec![bind("", "nowhere", &[], &[]), sync()]);
    add("no such portal", vec![execute("nowhere", 0), sync()]);
    add("multiple commands", vec![parse("", "SELECT 1; SELECT 2", &[]), sync()]);
    add("empty statement", vec![parse("", "", &[]), bind("", "", &[], &[]), describe('S', ""), describe('P', ""), execute("", 0), sync()]);
    add("begin, extended", vec![parse("", "BEGIN", &[]), bind("", "", &[], &[]), execute("", 0), sync()]);
    add("begin, unsynced", vec![parse("", "BEGIN", &[]), bind("", "", &[], &[]), execute("", 0)]);
    add("commit, extended", vec![parse("", "COMMIT", &[]), bind("", "", &[], &[]), execute("", 0), sync()]);
    add(
        "insert and fail",
        vec![
            parse("", "INSERT INTO t VALUES (200, 'z')", &[]),
            bind("", "", &[], &[]),
            execute("", 0),
            parse("", "SELECT 1/0", &[]),
            bind("", "", &[], &[]),
            execute("", 0),
            sync(),
        ],
    );
    add("set, extended", vec![parse("", "SET work_mem = '3MB'", &[]), bind("", "", &[], &[]), execute("", 0), sync()]);
    add(
        "binary",
        vec![
            parse("", "SELECT $1::int, $2::text", &[]),
            bind("", "", &[Param::Binary(vec![0, 0, 0, 7]), text("x")], &[1, 0]),
            describe('P', ""),
            execute("", 0),
            sync(),
        ],
    );
    add(
        "binary results",
        vec![parse("", "SELECT a, b, NULL::int FROM t ORDER BY a", &[]), bind("", "", &[], &[1]), describe('P', ""), execute("", 3), sync()],
    );
    add("wrong formats", vec![parse("", "SELECT 1, 2, 3", &[]), bind("", "", &[], &[1, 0]), sync()]);
    add("a format there is not", vec![parse("", "SELECT 1", &[]), bind("", "", &[], &[2]), execute("", 0), sync()]);
    add(
        "long name",
        vec![
            parse(&"n".repeat(300), "SELECT 'long'", &[]),
            bind("", &"n".repeat(300), &[], &[]),
            execute("", 0),
            close('S', &"n".repeat(300)),
            sync(),
        ],
    );

    // COPY.
    let done = || tagged(b'c', &[]);
    add("copy out", vec![query("COPY t TO STDOUT")]);
    add("copy out of nothing", vec![query("COPY (SELECT 1 WHERE false) TO STDOUT; SELECT 2")]);
    add("copy in", vec![query("COPY temporary_copy FROM STDIN"), copy_data("1\tx\n"), copy_data("2\t"), copy_data("y\n"), done()]);
    add("copy in, failing", vec![query("COPY temporary_copy FROM STDIN"), copy_data("1\tx\n"), tagged(b'f', b"enough\0")]);
    add("copy in, bad data", vec![query("COPY temporary_copy FROM STDIN"), copy_data("one\tx\n"), copy_data("2\ty\n"), done()]);
    add("copy in with sync and flush", vec![query("COPY temporary_copy FROM STDIN"), sync(), copy_data("1\tx\n"), flush(), sync(), done(), sync()]);
    add("copy in of several", vec![query("COPY temporary_copy FROM STDIN; SELECT 1"), copy_data("1\tx\n"), done()]);
    add("copy into nowhere", vec![query("COPY nowhere FROM STDIN"), copy_data("1\tx\n"), done()]);
    add(
        "copy in, extended",
        vec![parse("", "COPY temporary_copy FROM STDIN", &[]), bind("", "", &[], &[]), execute("", 0), copy_data("1\tx\n"), done(), sync()],
    );
    add(
        "copy in, extended, synced early",
        vec![parse("", "COPY temporary_copy FROM STDIN", &[]), bind("", "", &[], &[]), execute("", 0), sync(), copy_data("1\tx\n"), done(), sync()],
    );
    add(
        "copy in, extended, bad data",
        vec![parse("", "COPY temporary_copy FROM STDIN", &[]), bind("", "", &[], &[]), execute("", 0), copy_data("one\tx\n"), done(), sync()],
    );
    add(
        "copy in, extended, failing",
        vec![parse("", "COPY temporary_copy FROM STDIN", &[]), bind("", "", &[], &[]), execute("", 0), tagged(b'f', b"no\0"), sync()],
    );
    add(
        "copy in, extended, two",
        vec![
            parse("", "COPY temporary_copy FROM STDIN", &[]),
            bind("", "", &[], &[]),
            execute("", 0),
            copy_data("1\tx\n"),
            done(),
            parse("", "SELECT 1", &[]),
            bind("", "", &[], &[]),
            execute("", 0),
            sync(),
        ],
    );
    add("copy out, extended", vec![parse("", "COPY t TO STDOUT", &[]), bind("", "", &[], &[]), execute("", 0), sync()]);
    add("copy data from nowhere", vec![copy_data("x\n"), done(), tagged(b'f', b"\0")]);
    add("a query in a copy", vec![query("COPY temporary_copy FROM STDIN"), copy_data("1\tx\n"), query("SELECT 1")]);

    // Function calls: 177 is int4pl, 1 is none.
    add("function call", vec![function_call(177, &[1], &[&[0, 0, 0, 1], &[0, 0, 0, 2]])]);
    add("function call, text", vec![function_call(177, &[], &[b"1", b"2"])]);
    add("function call of nothing", vec![function_call(1, &[], &[])]);

    // What breaks the rules.
    add("unknown message", vec![tagged(b'~', b"x")]);
    add("query without end", vec![tagged(b'Q', b"SELECT 1")]);
    add("query with more", vec![tagged(b'Q', b"SELECT 1\0x")]);
    add("parse cut short", vec![tagged(b'P', b"x"), sync()]);
    add("parse without types", vec![tagged(b'P', b"\0SELECT 1\0"), sync()]);
    add("parse of a type there is not", vec![parse("", "SELECT $1", &[999_999]), sync()]);
    add("bind cut short", vec![parse("", "SELECT $1::int", &[]), tagged(b'B', b"\0\0\0"), sync()]);
    add("bind with more", vec![parse("", "SELECT 1", &[]), tagged(b'B', b"\0\0\0\0\0\0\0\0x"), sync()]);
    add("describe of what", vec![tagged(b'D', b"X\0"), sync()]);
    add("close of what", vec![tagged(b'C', b"X\0"), sync()]);
    add("describe cut short", vec![tagged(b'D', b""), sync()]);
    add("execute cut short", vec![tagged(b'E', b"\0\0"), sync()]);
    add("not UTF-8", vec![tagged(b'Q', b"SELECT '\xff'\0")]);
    add("not UTF-8, extended", vec![tagged(b'P', b"\0SELECT '\xc3\x28'\0\0\0"), sync()]);
    add(
        "a value that is not UTF-8",
        vec![parse("", "SELECT $1::text", &[]), tagged(b'B', b"\0\0\0\0\0\x01\0\0\0\x01\xff\0\0"), execute("", 0), sync()],
    );
    add("terminate", vec![tagged(b'X', b"")]);
    blocks
}
