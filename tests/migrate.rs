//! `litewire migrate` and its companions, on real files and a real PostgreSQL.

mod common;
mod postgres;

use common::Stack;
use postgres::Postgres;
use rusqlite::Connection;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// A directory, and a database of one's own in the cluster of this test binary.
struct Place {
    postgres: Arc<Postgres>,
    database: String,
    directory: tempfile::TempDir,
}

impl Place {
    fn new(database: &str) -> Self {
        static SHARED: Mutex<Weak<Postgres>> = Mutex::new(Weak::new());
        let postgres = {
            let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
            shared.upgrade().unwrap_or_else(|| {
                let postgres = Arc::new(Postgres::start());
                *shared = Arc::downgrade(&postgres);
                postgres
            })
        };
        let place = Place { postgres, database: database.to_owned(), directory: tempfile::tempdir().expect("a temporary directory") };
        place.sql_in("postgres", &format!("CREATE DATABASE {database}"));
        place
    }

    fn url(&self) -> String {
        self.postgres.url(&self.database)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// A SQLite file made by a script.
    fn file(&self, name: &str, script: &str) -> PathBuf {
        let path = self.path(name);
        let connection = Connection::open(&path).expect("it can be made");
        connection.execute_batch("PRAGMA foreign_keys = OFF").expect("it can be set");
        connection.execute_batch(script).unwrap_or_else(|e| panic!("{e}"));
        path
    }

    /// Runs the program on a file and this database.
    fn litewire(&self, command: &str, file: &Path, more: &[&str]) -> Output {
        let mut litewire = Command::new(env!("CARGO_BIN_EXE_litewire"));
        litewire.arg(command).arg(file).arg(self.url()).args(more).output().expect("the binary runs")
    }

    /// The same, which must end with that code; what it printed.
    fn run(&self, code: i32, command: &str, file: &Path, more: &[&str]) -> String {
        let output = self.litewire(command, file, more);
        let printed = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.code(), Some(code), "{command} {more:?}: {printed}");
        printed
    }

    /// Runs SQL at the target; the last statement's rows as text.
    fn sql(&self, sql: &str) -> Vec<Vec<String>> {
        self.sql_in(&self.database, sql)
    }

    fn sql_in(&self, database: &str, sql: &str) -> Vec<Vec<String>> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let messages = runtime.block_on(async {
            let (client, connection) = tokio_postgres::connect(&self.postgres.url(database), tokio_postgres::NoTls).await.expect("it runs");
            tokio::spawn(connection);
            client.simple_query(sql).await.unwrap_or_else(|e| panic!("{sql}: {e:?}"))
        });
        let row = |message: &tokio_postgres::SimpleQueryMessage| match message {
            tokio_postgres::SimpleQueryMessage::Row(row) => Some((0..row.len()).map(|i| row.get(i).unwrap_or("NULL").to_owned()).collect()),
            _ => None,
        };
        messages.iter().filter_map(row).collect()
    }
}

const CLEAN: &str = r#"
CREATE TABLE customers (
  id INTEGER PRIMARY KEY AUTOINCREMENT, email TEXT NOT NULL UNIQUE COLLATE NOCASE, name VARCHAR(80), balance DECIMAL(10,2) DEFAULT 0.00,
  is_active BOOLEAN NOT NULL DEFAULT 1, created_at DATETIME DEFAULT CURRENT_TIMESTAMP, avatar BLOB, CHECK (length(email) > 3));
CREATE TABLE products (
  sku TEXT PRIMARY KEY, price REAL CHECK (price >= 0), "order" INTEGER, "MixedCase" TEXT,
  price_cents INTEGER GENERATED ALWAYS AS (CAST(price * 100 AS INTEGER)) STORED) WITHOUT ROWID;
CREATE TABLE orders (
  id INTEGER PRIMARY KEY, customer_id INTEGER NOT NULL REFERENCES customers(id) ON DELETE CASCADE, status TEXT CHECK (status IN ('new', 'paid')),
  placed DATETIME, total NUMERIC);
CREATE TABLE loose (anything, n INTEGER);
CREATE INDEX orders_by_status ON orders(status, placed DESC);
CREATE INDEX orders_open ON orders(placed) WHERE status = 'new';
CREATE INDEX customers_lower ON customers(lower(name));
CREATE UNIQUE INDEX products_order ON products("order");
CREATE VIEW late AS SELECT name, total FROM totals WHERE total > 1;
CREATE VIEW totals AS SELECT c.id, c.name, ifnull(sum(o.total), 0) AS total FROM customers c LEFT JOIN orders o ON o.customer_id = c.id GROUP BY c.id, c.name;
INSERT INTO customers (email, name, balance, avatar) VALUES ('ann@x.org', 'Ann', 12.5, x'00ff'), ('Bob@x.org', NULL, 3, NULL), ('zoë@x.org', 'Zoë "日本" ''q'' \ tab	end', -1e20, x'');
DELETE FROM customers WHERE id = 2;
INSERT INTO customers (id, email) VALUES (9, 'last@x.org');
DELETE FROM customers WHERE id = 9;
INSERT INTO products (sku, price, "order", "MixedCase") VALUES ('a', 0.1, 1, 'x'), ('b', 1e300, 2, NULL), ('c', 3, NULL, '');
INSERT INTO orders VALUES (1, 1, 'new', '2024-01-02 03:04:05', 9.99), (2, 3, 'paid', '2024-01-02', 10), (9007199254740993, 1, NULL, NULL, 1e15);
INSERT INTO loose VALUES (1, 1), (1.0, 2), ('1', -9223372036854775808), (x'31', 9223372036854775807), (NULL, NULL), (1e999, 0), ('', 1), (0.1, 1);
DELETE FROM loose WHERE rowid = 7;
CREATE TRIGGER paid AFTER UPDATE ON orders BEGIN UPDATE customers SET balance = balance - NEW.total WHERE id = NEW.customer_id; END;
CREATE TRIGGER counted AFTER INSERT ON orders BEGIN UPDATE customers SET balance = balance + 1; END;
PRAGMA user_version = 42;
PRAGMA application_id = 7;
"#;

#[test]
fn a_clean_file_is_moved_whole() {
    let place = Place::new("clean");
    let file = place.file("app.db", CLEAN);
    let printed = place.run(0, "migrate", &file, &[]);
    assert!(printed.contains("verified 4 tables, 15 rows: equal"), "{printed}");
    // The sequence goes on behind the highest id that was ever given.
    assert_eq!(place.sql("INSERT INTO customers (email) VALUES ('new@x.org') RETURNING id"), [["10"]]);
    assert_eq!(place.sql("INSERT INTO orders (customer_id) VALUES (1) RETURNING id"), [["9007199254740994"]]);
    assert_eq!(place.sql("SELECT value FROM litewire.meta WHERE key IN ('user_version', 'application_id') ORDER BY key"), [["7"], ["42"]]);
    let indexes = "SELECT count(*) FROM pg_indexes WHERE schemaname = 'public' AND indexname IN ('orders_by_status', 'orders_open', 'customers_lower', 'products_order')";
    assert_eq!(place.sql(indexes), [["4"]]);
    assert_eq!(place.sql("SELECT name FROM litewire.objects WHERE kind = 'view' ORDER BY 1"), [["late"], ["totals"]]);
    // Nothing is left beside the file.
    let left: Vec<_> = std::fs::read_dir(file.parent().expect("a directory")).expect("it is read").collect();
    assert_eq!(left.len(), 1, "{left:?}");
}

#[test]
fn a_row_that_was_changed_is_shown_by_its_key() {
    let place = Place::new("changed");
    let file = place.file("app.db", CLEAN);
    place.run(0, "migrate", &file, &[]);
    place.run(0, "verify", &file, &[]);
    place.sql("UPDATE products SET price = 0.2 WHERE sku = 'a'; DELETE FROM orders WHERE id = 2; INSERT INTO loose (n) VALUES (77)");
    let printed = place.run(1, "verify", &file, &[]);
    for part in
        ["sku = 'a': price is 0.1 in SQLite, 0.2 in PostgreSQL", "id = 2: missing in PostgreSQL", "_rowid_ = 9: only in PostgreSQL", "DIFFERENT"]
    {
        assert!(printed.contains(part), "{part}: {printed}");
    }
}

/// What SQLite holds of values that nobody expects.
const MESSY: &str = r#"
CREATE TABLE odd (
  rid, n INTEGER, big BIGINT UNSIGNED, d DATE, dtm DATETIME, flag BOOLEAN, r REAL, dec DECIMAL(8,3) DEFAULT 'n/a', m MONEY, j JSON, b BLOB, txt TEXT, u UUID,
  CHECK (n <> 13));
CREATE INDEX odd_n ON odd(n);
CREATE INDEX odd_expr ON odd(n + 1) WHERE n > 0;
CREATE TABLE keys (k TEXT PRIMARY KEY, v);
CREATE TABLE bits (a PRIMARY KEY, b, c) WITHOUT ROWID;
CREATE TABLE parent (id INTEGER PRIMARY KEY AUTOINCREMENT);
CREATE TABLE child (id INTEGER PRIMARY KEY, parent INTEGER REFERENCES parent(id));
CREATE TABLE "MixedCase" ("order" TEXT COLLATE NOCASE UNIQUE, "a""b" TEXT COLLATE RTRIM);
CREATE TABLE empty (x INTEGER, y TEXT);
INSERT INTO odd (rid, n, flag, txt) VALUES (1, 1, 1, 'plain'), ('two', 'not a number', 'true', 'é'), (3.5, '', 2, NULL), (x'01', 9223372036854775807, '', char(1));
INSERT INTO odd (rid, d, dtm) VALUES ('zero', '0000-00-00', '0000-00-00 00:00:00'), ('epoch ms', 1709210096, 1709210096789), ('julian', 2460370.024, 2460370.5);
INSERT INTO odd (rid, big, r) VALUES ('u64', '18446744073709551615', 1e999), ('text', 'x', 'abc'), ('low', -9223372036854775808, -1e999);
INSERT INTO odd (rid, dec, m, j) VALUES ('long', '123456789.123456', '$1,234.50', '{''a'':1}'), ('', '', '', '');
INSERT INTO odd (rid, txt) VALUES ('nul', 'nul' || char(0) || 'byte'), ('utf8', CAST(x'666fff62' AS TEXT)), ('blob', x'deadbeef'), ('big', printf('%.*c', 100000, 'z'));
INSERT INTO odd (rid, b, u) VALUES ('text in a blob', 'text', 'nope'), (CAST(x'ff' AS TEXT), 5, 1);
INSERT INTO keys VALUES ('a', 1), (NULL, 2), (NULL, 'three'), ('', x'');
INSERT INTO bits VALUES (1, 0.1, 'x'), ('1', NULL, x'00'), (x'31', 1e300, 5e-324), (0.5, 1e15, 123456789012345678);
INSERT INTO parent DEFAULT VALUES; INSERT INTO parent DEFAULT VALUES; DELETE FROM parent WHERE id = 2;
INSERT INTO child VALUES (1, 1), (2, 99), (3, NULL), (-5, 98);
INSERT INTO "MixedCase" VALUES ('Abc', 'x  '), ('abd', NULL);
CREATE VIEW seen AS SELECT rid, n FROM odd WHERE n IS NOT NULL;
"#;

/// All of a file, value by value.
fn dump(path: &Path) -> Vec<String> {
    let connection = Connection::open(path).expect("it opens");
    let text = |row: &rusqlite::Row| {
        let count = row.as_ref().column_count();
        Ok((0..count).map(|at| format!("{:?}", row.get_ref(at).expect("a value"))).collect::<Vec<_>>().join(" | "))
    };
    let query = |sql: &str| -> Vec<String> {
        let mut statement = connection.prepare(sql).unwrap_or_else(|e| panic!("{sql}: {e}"));
        statement.query_map([], text).expect("it runs").collect::<Result<_, _>>().unwrap_or_else(|e| panic!("{sql}: {e}"))
    };
    let mut all = query("SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name");
    all.extend(query("PRAGMA user_version"));
    all.extend(query("PRAGMA application_id"));
    let mut tables = connection
        .prepare("SELECT name, wr FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND name <> 'sqlite_schema' ORDER BY name")
        .expect("it parses");
    let tables: Vec<(String, bool)> =
        tables.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).expect("it runs").collect::<Result<_, _>>().expect("rows");
    for (name, without_rowid) in tables {
        let name = name.replace('"', "\"\"");
        let sql = match (name.as_str(), without_rowid) {
            ("sqlite_sequence", _) => "SELECT * FROM sqlite_sequence ORDER BY name".to_owned(),
            (_, true) => format!("SELECT * FROM \"{name}\""),
            (_, false) => format!("SELECT rowid, * FROM \"{name}\" ORDER BY rowid"),
        };
        all.extend(query(&sql).into_iter().map(|row| format!("{name}: {row}")));
    }
    all
}

fn same(a: &Path, b: &Path) {
    let (a, b) = (dump(a), dump(b));
    for (a, b) in a.iter().zip(&b) {
        assert_eq!(a.chars().take(3000).collect::<String>(), b.chars().take(3000).collect::<String>());
    }
    assert_eq!(a.len(), b.len());
}

#[test]
fn a_file_comes_back_as_it_was() {
    for (name, script) in [("back_clean", CLEAN), ("back_messy", MESSY)] {
        for misfits in ["widen", "quarantine"] {
            let place = Place::new(&format!("{name}_{misfits}"));
            let file = place.file("app.db", script);
            place.run(0, "migrate", &file, &["--on-misfit", misfits]);
            let back = place.path("back.db");
            let output = Command::new(env!("CARGO_BIN_EXE_litewire")).arg("export").arg(place.url()).arg(&back).output().expect("it runs");
            assert!(output.status.success(), "{output:?}");
            same(&file, &back);
        }
    }
}

#[test]
fn virtual_tables_come_back_as_they_were() {
    let place = Place::new("back_virtual");
    let script = "CREATE TABLE page (id INTEGER PRIMARY KEY, title TEXT, body TEXT);
        CREATE VIRTUAL TABLE found USING fts5(title, body, content='page', content_rowid='id', tokenize='porter');
        CREATE TRIGGER page_ai AFTER INSERT ON page BEGIN INSERT INTO found (rowid, title, body) VALUES (new.id, new.title, new.body); END;
        INSERT INTO page (title, body) VALUES ('One', 'a running fox'), ('Two', 'Crème brûlée');
        CREATE VIRTUAL TABLE note USING fts5(a, b UNINDEXED);
        CREATE VIRTUAL TABLE older USING fts4(c, d); INSERT INTO older (docid, c, d) VALUES (4, 'one', 2), (9, NULL, 'three');
        CREATE VIRTUAL TABLE words USING fts5vocab(note, row);
        INSERT INTO note (rowid, a, b) VALUES (3, 'kept words', 1), (9, x'6162', 2.5), (12, NULL, NULL);
        INSERT INTO note (note, rank) VALUES ('rank', 'bm25(3.0)');
        CREATE VIRTUAL TABLE area USING rtree(id, low, high, +name);
        INSERT INTO area VALUES (1, 0.1, 0.2, 'a'), (5, -1e30, 1e30, 7);";
    let file = place.file("app.db", script);
    let printed = place.run(0, "migrate", &file, &[]);
    assert!(printed.contains("verified 4 tables, 9 rows: equal"), "{printed}");
    assert_eq!(place.sql("SELECT _rowid_ FROM found WHERE litewire.fts_terms(_fts_tokens) @@ 'run'"), [["1"]]);
    assert_eq!(place.sql("SELECT litewire.fts5_rank('note')"), [["{3}"]]);
    let back = place.path("back.db");
    let output = Command::new(env!("CARGO_BIN_EXE_litewire")).arg("export").arg(place.url()).arg(&back).output().expect("it runs");
    assert!(output.status.success(), "{output:?}");
    same(&file, &back);
    let answers = |file: &Path| -> Vec<String> {
        let connection = Connection::open(file).expect("it opens");
        let queries = [
            "SELECT group_concat(rowid) FROM found('run OR creme')",
            "SELECT group_concat(format('%s %s %.9f', rowid, b, rank)) FROM note('words OR ab')",
            "SELECT group_concat(id || name || low) FROM area WHERE low < 0.15",
            "SELECT docid || d || offsets(older) FROM older WHERE older MATCH 'one OR three OR 2' ORDER BY docid LIMIT 1",
            "SELECT group_concat(term || cnt) FROM words",
        ];
        queries.iter().map(|sql| connection.query_row(sql, [], |row| row.get(0)).unwrap_or_else(|e| panic!("{sql}: {e}"))).collect()
    };
    assert_eq!(answers(&file), answers(&back));
}

#[test]
fn misfits_can_stop_a_migration() {
    let place = Place::new("misfits");
    let file = place.file("app.db", MESSY);
    let printed = place.run(2, "migrate", &file, &["--on-misfit", "stop"]);
    assert!(printed.contains("odd.n (bigint): 2 TEXT"), "{printed}");
    assert_eq!(place.sql("SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace"), [["0"]]);
    let printed = place.run(0, "migrate", &file, &[]);
    for part in ["odd.dtm", "child: 2 rows refer to no row of parent", "text that is not UTF-8"] {
        assert!(printed.contains(part), "{part}: {printed}");
    }
}

/// How a migration is broken off.
#[derive(Debug, Clone, Copy)]
enum Break {
    /// kill -9
    Kill,
    /// Ctrl-C
    Interrupt,
    /// Its connections to the backend are lost.
    Backend,
}

#[test]
fn a_killed_migration_goes_on() {
    goes_on("killed", Break::Kill);
}

#[test]
fn an_interrupted_migration_goes_on() {
    goes_on("interrupted", Break::Interrupt);
}

#[test]
fn a_migration_that_lost_its_backend_goes_on() {
    goes_on("lost", Break::Backend);
}

/// Broken off again and again, the same command brings all of it over in the end.
fn goes_on(database: &str, way: Break) {
    let place = Place::new(database);
    let script = format!(
        "{CLEAN} INSERT INTO loose WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40000) SELECT 'row ' || i, i FROM n;
         INSERT INTO orders (customer_id, total) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) SELECT i, i * 1.5 FROM n;"
    );
    let file = place.file("app.db", &script);
    let before = dump(&file);
    for delay in [80, 160, 240, 320, 400] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_litewire"));
        let mut child =
            command.arg("migrate").arg(&file).arg(place.url()).args(["--jobs", "1"]).stdout(std::process::Stdio::null()).spawn().expect("it runs");
        std::thread::sleep(std::time::Duration::from_millis(delay));
        match way {
            Break::Kill => drop(child.kill()),
            Break::Interrupt => {
                let id = i32::try_from(child.id()).expect("a process id");
                let _ = rustix::process::kill_process(rustix::process::Pid::from_raw(id).expect("not zero"), rustix::process::Signal::INT);
            }
            Break::Backend => {
                let others = "datname = current_database() AND pid <> pg_backend_pid()";
                place.sql(&format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}"));
            }
        }
        child.wait().expect("it ends");
        if place.sql("SELECT to_regclass('litewire.migrations') IS NOT NULL") == [["t"]]
            && place.sql("SELECT count(*) FROM litewire.migrations WHERE state <> 'running'") != [["0"]]
        {
            break;
        }
        // A file that changes meanwhile does not matter: the snapshot is what is migrated.
        Connection::open(&file).expect("it opens").execute("INSERT INTO loose VALUES ('later', 0)", []).expect("it is written");
    }
    place.litewire("migrate", &file, &[]);
    assert_eq!(place.sql("SELECT state FROM litewire.migrations"), [["verified"]]);
    let back = place.path("back.db");
    let output = Command::new(env!("CARGO_BIN_EXE_litewire")).arg("export").arg(place.url()).arg(&back).output().expect("it runs");
    assert!(output.status.success(), "{output:?}");
    let after = dump(&back);
    let later = after.iter().filter(|row| row.contains("loose: ") && row.contains("[108, 97, 116, 101, 114]")).count();
    assert_eq!(after.len() - later, before.len());
}

#[test]
fn what_would_become_of_a_file_is_told_before() {
    let place = Place::new("checked");
    let script = format!("{MESSY} CREATE VIEW refused AS SELECT load_extension('x');");
    let file = place.file("app.db", &script);
    let (queries, log, page) = (place.path("q.sql"), place.path("app.log"), place.path("report.html"));
    std::fs::write(&queries, "SELECT count(*) FROM child; SELECT n FROM odd WHERE n > 1; VACUUM INTO 'x';").expect("it is written");
    std::fs::write(&log, "12:00 app: SELECT * FROM nowhere\n12:01 app: SELECT * FROM nowhere\n12:02 app: started\n").expect("it is written");
    let more = [Path::new("--sql"), &queries, Path::new("--log"), &log, Path::new("--html"), &page].map(|p| p.to_str().expect("UTF-8").to_owned());
    let output = Command::new(env!("CARGO_BIN_EXE_litewire")).arg("check").arg(&file).args(&more).output().expect("it runs");
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(1), "{printed}");
    for part in [
        "view refused: ",
        "2 ×  SELECT * FROM nowhere",
        "no such table: nowhere",
        "odd.n INTEGER (bigint): 2 TEXT",
        "odd.dtm (DATETIME): epoch milliseconds, in 1 row",
        "odd.j (JSON): text that is no JSON, in 2 rows",
        "1 out of range (_rowid_ = 3)",
        "child: 2 rows refer to no row of parent",
    ] {
        assert!(printed.contains(part), "{part}: {printed}");
    }
    let page = std::fs::read_to_string(page).expect("it is there");
    assert!(page.starts_with("<!doctype html>") && page.contains("epoch milliseconds, in 1 row") && !page.contains("<script"), "{page}");
    let clean = place.file("clean.db", CLEAN);
    let output = Command::new(env!("CARGO_BIN_EXE_litewire")).arg("check").arg(&clean).arg("--json").output().expect("it runs");
    assert!(output.status.success(), "{output:?}");
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).expect("it is JSON");
    assert_eq!((&json["clean"], json["check"]["tables"].as_array().map(Vec::len)), (&serde_json::Value::Bool(true), Some(4)));
}

#[test]
fn changes_are_carried_over() {
    let place = Place::new("synced");
    let file = place.file("app.db", CLEAN);
    place.run(0, "migrate", &file, &["--keep-snapshot"]);
    place.run(0, "sync", &file, &[]);
    let sqlite = Connection::open(&file).expect("it opens");
    sqlite
        .execute_batch(
            "PRAGMA foreign_keys = OFF;
             UPDATE products SET price = 4, \"MixedCase\" = NULL WHERE sku = 'c'; INSERT INTO products (sku, price) VALUES ('d', 9.5); DELETE FROM products WHERE sku = 'a';
             INSERT INTO customers (email, avatar) VALUES ('new@x.org', x'01'); UPDATE loose SET anything = 1 WHERE rowid = 2; DELETE FROM orders WHERE id = 2;",
        )
        .expect("it runs");
    // What changed at the target alone stays.
    place.sql("UPDATE customers SET name = 'Changed here' WHERE id = 1");
    let printed = place.run(0, "sync", &file, &[]);
    for part in [
        "products: 1 inserted, 1 updated, 1 deleted",
        "customers: 1 inserted, 0 updated, 0 deleted",
        "loose: 0 inserted, 1 updated",
        "orders: 0 inserted, 0 updated, 1 deleted",
    ] {
        assert!(printed.contains(part), "{part}: {printed}");
    }
    let printed = place.run(1, "verify", &file, &[]);
    assert!(printed.contains("id = 1: name is 'Ann' in SQLite, 'Changed here' in PostgreSQL") && printed.matches("differ").count() == 1, "{printed}");
    // What changed on both sides stops it.
    sqlite
        .execute_batch("UPDATE customers SET name = 'Changed there' WHERE id = 1; INSERT INTO orders (id, customer_id) VALUES (50, 1)")
        .expect("it runs");
    let printed = place.run(1, "sync", &file, &[]);
    assert!(printed.contains("changed on both sides: customers: id = 1"), "{printed}");
    assert_eq!(place.sql("SELECT count(*) FROM orders WHERE id = 50"), [["0"]]);
    place.run(0, "sync", &file, &["--overwrite"]);
    place.run(0, "verify", &file, &[]);
    assert_eq!(place.sql("INSERT INTO customers (email) VALUES ('more@x.org') RETURNING id"), [["11"]]);
}

#[test]
fn changes_that_are_hard_to_carry_over_are_carried_over() {
    let place = Place::new("synced_hard");
    let script = r#"
        CREATE TABLE swap (id INTEGER PRIMARY KEY, u INTEGER UNIQUE); INSERT INTO swap VALUES (1, 1), (2, 2);
        CREATE TABLE named (k TEXT PRIMARY KEY, v TEXT); INSERT INTO named VALUES ('a', '1'), ('b', '2'), (NULL, '3');
        CREATE TABLE typed (id INTEGER PRIMARY KEY, n INTEGER); INSERT INTO typed VALUES (1, 1), (2, 'two'), (3, 3);
        CREATE TABLE doc (id INTEGER PRIMARY KEY, facts JSON, made DATETIME); INSERT INTO doc VALUES (1, '{"b": 1, "a": 2}', '2024-01-02T03:04:05Z');
        CREATE TABLE page (id INTEGER PRIMARY KEY, body TEXT); INSERT INTO page VALUES (1, 'old words');
        CREATE VIRTUAL TABLE found USING fts5(body, content='page', content_rowid='id');
        CREATE TRIGGER page_ai AFTER INSERT ON page BEGIN INSERT INTO found (rowid, body) VALUES (new.id, new.body); END;
        CREATE VIRTUAL TABLE note USING fts5(a); INSERT INTO note (rowid, a) VALUES (1, 'first'), (2, 'second');
        CREATE TABLE keyless (rowid TEXT, _rowid_ TEXT, oid TEXT); INSERT INTO keyless VALUES ('a', 'b', 'c'), ('a', 'b', 'c');
        INSERT INTO found (found) VALUES ('rebuild');"#;
    let file = place.file("app.db", script);
    place.run(0, "migrate", &file, &["--keep-snapshot", "--types", "native", "--on-misfit", "quarantine"]);
    let sqlite = Connection::open(&file).expect("it opens");
    let change = |sql: &str| sqlite.execute_batch(sql).unwrap_or_else(|e| panic!("{sql}: {e}"));
    // Values that rows exchange; rows that enter the quarantine and leave it; documents; what full-text indexes are made of.
    change("UPDATE swap SET u = 13 - u; UPDATE swap SET u = u - 10");
    change("UPDATE named SET k = 'c' WHERE k = 'a'; UPDATE named SET k = 'a' WHERE k = 'b'; UPDATE named SET k = 'b' WHERE k = 'c'");
    change("UPDATE typed SET n = 2 WHERE id = 2; UPDATE typed SET n = 'one' WHERE id = 1; INSERT INTO typed VALUES (9, 'nine')");
    change("UPDATE doc SET facts = '[1]', made = '2025-01-01'; PRAGMA user_version = 5");
    change("UPDATE page SET body = 'new words'; INSERT INTO note (rowid, a) VALUES (3, 'third'); DELETE FROM note WHERE rowid = 1");
    let printed = place.run(0, "sync", &file, &[]);
    assert!(printed.contains("typed: 1 inserted, 0 updated, 1 deleted, 2 rows to quarantine"), "{printed}");
    place.run(0, "verify", &file, &[]);
    assert_eq!(place.sql("SELECT string_agg(key, ' ' ORDER BY key) FROM litewire.quarantine"), [["id = 1 id = 9"]]);
    assert_eq!(place.sql("SELECT _rowid_ FROM found WHERE litewire.fts_terms(_fts_tokens) @@ 'new'"), [["1"]]);
    assert_eq!(place.sql("SELECT _rowid_ FROM note WHERE litewire.fts_terms(_fts_tokens) @@ 'third'"), [["3"]]);
    // What changed at both sides to the same is no conflict; a row set aside that is gone at the target is one.
    place.sql("DELETE FROM swap WHERE id = 2; DELETE FROM litewire.quarantine WHERE key = 'id = 9'");
    change("DELETE FROM swap WHERE id = 2");
    place.run(0, "sync", &file, &[]);
    change("DELETE FROM typed WHERE id = 9");
    assert!(place.run(1, "sync", &file, &[]).contains("changed on both sides: typed: id = 9"));
    place.run(0, "sync", &file, &["--overwrite"]);
    place.run(0, "verify", &file, &[]);
    change("INSERT INTO keyless VALUES ('d', 'e', 'f')");
    assert!(place.run(2, "sync", &file, &[]).contains("keyless changed, and nothing tells its rows apart"));
    change("DELETE FROM keyless WHERE oid = 'f'; ALTER TABLE swap ADD COLUMN more");
    assert!(place.run(2, "sync", &file, &[]).contains("the file's schema has changed (table swap)"));
    let printed = place.run(1, "verify", &file, &[]);
    assert!(printed.contains("schema: column swap.more is missing") && printed.contains("verified 6 tables"), "{printed}");
}

#[test]
fn a_schema_that_was_changed_is_shown_by_its_names() {
    let place = Place::new("changed_schema");
    let file = place.file("app.db", CLEAN);
    place.run(0, "migrate", &file, &[]);
    place.sql(
        "DROP INDEX orders_open; ALTER TABLE products DROP CONSTRAINT \"price >= 0\"; ALTER TABLE customers ALTER COLUMN email DROP NOT NULL;
         ALTER TABLE orders ALTER COLUMN placed SET DEFAULT now()::text; SELECT setval('customers_id_seq', 3); UPDATE litewire.meta SET value = '1' WHERE key = 'user_version';
         CREATE TABLE mine (x int)",
    );
    let printed = place.run(1, "verify", &file, &[]);
    for part in [
        "index orders_open is missing",
        "constraint \"price >= 0\" of products is missing",
        "column customers.email lacks NOT NULL",
        "column orders.placed has a DEFAULT in PostgreSQL only",
        "customers: the next id is 10 in SQLite, 4 in PostgreSQL",
        "user_version is 42 in SQLite, 1 in PostgreSQL",
        "verified 4 tables, 15 rows: DIFFERENT",
    ] {
        assert!(printed.contains(part), "{part}: {printed}");
    }
    assert_eq!(printed.matches("schema: ").count(), 6, "{printed}");
    place.sql("DROP TABLE loose");
    assert!(place.run(1, "verify", &file, &[]).contains("schema: table loose is missing"));
}

#[test]
fn what_postgresql_refuses_is_known_before_anything_changes() {
    let place = Place::new("rehearsed");
    place.sql("CREATE TABLE other (x int); CREATE INDEX taken ON other (x)");
    let wide: Vec<String> = (0..1000).map(|n| format!("c{n} TEXT")).collect();
    let values = vec!["'twenty characters and more'"; 1000].join(", ");
    let script = format!(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, x TEXT); INSERT INTO t VALUES (1, 'a'); CREATE INDEX taken ON t (x);
         CREATE TABLE system (xmin INTEGER); CREATE TABLE wide ({}); INSERT INTO wide (c7) VALUES ('one'); INSERT INTO wide VALUES ({values});
         CREATE TABLE signed (v); INSERT INTO signed VALUES (-0.0), (0.0);",
        wide.join(", ")
    );
    let file = place.file("app.db", &script);
    let printed = place.run(2, "migrate", &file, &[]);
    assert!(
        printed.contains("table system: a column named xmin") && printed.contains("\n  index taken: ") && printed.contains("already exists"),
        "{printed}"
    );
    assert_eq!(place.sql("SELECT to_regclass('t') IS NULL, count(*) FROM litewire.migrations"), [["t", "0"]]);
    let printed = place.run(0, "migrate", &file, &["--skip-unsupported"]);
    for part in ["wide: 1 with more columns with values than a page", "signed.v (any): 1 negative zero", "2 rows in litewire.quarantine"] {
        assert!(printed.contains(part), "{part}: {printed}");
    }
    // A row that is set aside has an id too.
    assert_eq!(place.sql("INSERT INTO wide DEFAULT VALUES RETURNING _rowid_"), [["3"]]);
    // A table that another migration fills anew has no rows aside of before.
    let native = Place::new("twice");
    native.sql("CREATE TABLE t (id bigint PRIMARY KEY, n int)");
    let file = native.file("app.db", "CREATE TABLE t (id INTEGER PRIMARY KEY, n); INSERT INTO t VALUES (1, 1), (2, 'x')");
    for _ in 0..2 {
        let printed = native.run(0, "migrate", &file, &["--data-only", "--replace", "--on-misfit", "quarantine"]);
        assert!(printed.contains("1 row in litewire.quarantine"), "{printed}");
    }
    // While a migration is not finished there is nothing to export.
    native.sql("UPDATE litewire.migrations SET state = 'running'");
    let output = Command::new(env!("CARGO_BIN_EXE_litewire")).arg("export").arg(native.url()).arg(native.path("back.db")).output().expect("it runs");
    assert!(output.status.code() == Some(2) && String::from_utf8_lossy(&output.stderr).contains("is not finished"), "{output:?}");
}

#[test]
fn an_export_has_what_postgresql_added() {
    let place = Place::new("added");
    let file = place.file("app.db", "CREATE TABLE t (id INTEGER PRIMARY KEY, x TEXT); INSERT INTO t VALUES (1, 'a')");
    place.run(0, "migrate", &file, &[]);
    place.sql(
        "ALTER TABLE t ADD COLUMN extra int; UPDATE t SET extra = 5; CREATE TYPE mood AS ENUM ('well', 'ill');
         CREATE TABLE own (id serial PRIMARY KEY, many int[], how mood, at timestamptz); INSERT INTO own (many, how, at) VALUES ('{1,2}', 'ill', '2024-01-02 03:04:05+00');
         CREATE VIEW seen AS SELECT 1 AS one; CREATE MATERIALIZED VIEW kept AS SELECT 2 AS two; INSERT INTO t VALUES (7, 'by hand')",
    );
    let back = place.path("back.db");
    let output = Command::new(env!("CARGO_BIN_EXE_litewire")).arg("export").arg(place.url()).arg(&back).output().expect("it runs");
    assert!(output.status.success(), "{output:?}");
    let found = dump(&back).join("\n");
    let text = |text: &str| format!("{:?}", text.as_bytes());
    for part in [format!("t: Integer(1) | Integer(1) | Text({}) | Integer(5)", text("a")), text("{1,2}"), text("ill"), text("2024-01-02 03:04:05")] {
        assert!(found.contains(&part), "{part}: {found}");
    }
}

#[test]
fn what_is_no_database_is_named() {
    let place = Place::new("errors");
    let path = place.path("app.db");
    let says = |part: &str| {
        let printed = place.run(2, "migrate", &path, &[]);
        assert!(printed.contains(part), "{part}: {printed}");
        let output = Command::new(env!("CARGO_BIN_EXE_litewire")).arg("check").arg(&path).output().expect("it runs");
        assert_eq!(output.status.code(), Some(2), "{output:?}");
    };
    says("No such file or directory");
    std::fs::create_dir(&path).expect("it is made");
    says("is a directory");
    std::fs::remove_dir(&path).expect("it is empty");
    std::fs::write(&path, "no database at all, just text. ".repeat(100)).expect("it is written");
    says("file is not a database, or it is encrypted");
    std::fs::remove_file(&path).expect("it is there");
    let script =
        "CREATE TABLE t (x); INSERT INTO t WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000) SELECT 'row ' || i FROM n";
    place.file("app.db", script);
    let mut bytes = std::fs::read(&path).expect("it is read");
    bytes[4096 * 5..4096 * 9].fill(0x5a);
    std::fs::write(&path, bytes).expect("it is written");
    says("cannot read the table t: database disk image is malformed");
    let left: Vec<_> = std::fs::read_dir(path.parent().expect("a directory")).expect("it is read").collect();
    assert_eq!(left.len(), 1, "{left:?}");
}

#[test]
fn rows_go_into_tables_that_are_there() {
    let place = Place::new("data_only");
    let file = place.file(
        "app.db",
        r#"CREATE TABLE author (id INTEGER PRIMARY KEY AUTOINCREMENT, name varchar(20) NOT NULL, active bool NOT NULL);
           CREATE TABLE book (id INTEGER PRIMARY KEY AUTOINCREMENT, author_id bigint REFERENCES author(id), published datetime, day date, at time, price decimal, facts text, key char(36), rating real, size smallint);
           INSERT INTO author VALUES (3, 'Ann', 1), (4, 'Zoë', 0);
           INSERT INTO book VALUES (7, 3, '2024-01-02 03:04:05.678', '2024-02-29', '12:30:00', 12.5, '{"b": [1, 2.50], "a": null}', '3f2504e0-4f89-11d3-9a0c-0305e82c3301', 4, 12),
             (8, 4, '2024-01-02T03:04:05Z', NULL, NULL, 3, '[]', NULL, 4.5, -1), (9, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
           INSERT INTO author VALUES (99, 'gone', 1); DELETE FROM author WHERE id = 99;"#,
    );
    place.sql(
        "CREATE TABLE author (id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, name varchar(20) NOT NULL, active boolean NOT NULL);
         CREATE TABLE book (id bigserial PRIMARY KEY, author_id bigint REFERENCES author DEFERRABLE INITIALLY DEFERRED, published timestamptz, day date, at time, price numeric(8,2), facts jsonb, key uuid, rating double precision, size smallint);
         INSERT INTO author (name, active) VALUES ('old', true)",
    );
    let printed = place.run(2, "migrate", &file, &["--data-only"]);
    assert!(printed.contains("author has rows; --replace removes them"), "{printed}");
    let printed = place.run(0, "migrate", &file, &["--data-only", "--replace"]);
    assert!(printed.contains("verified 2 tables, 5 rows: equal"), "{printed}");
    assert_eq!(
        place.sql("SET TimeZone = 'UTC'; SELECT id, author_id, published, day, at, price, facts, key, rating, size FROM book ORDER BY id")[0],
        [
            "7",
            "3",
            "2024-01-02 03:04:05.678+00",
            "2024-02-29",
            "12:30:00",
            "12.50",
            "{\"a\": null, \"b\": [1, 2.50]}",
            "3f2504e0-4f89-11d3-9a0c-0305e82c3301",
            "4",
            "12"
        ]
    );
    assert_eq!(place.sql("INSERT INTO author (name, active) VALUES ('next', false) RETURNING id, active"), [["100", "f"]]);
    assert_eq!(place.sql("SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND convalidated AND conrelid = 'book'::regclass"), [["1"]]);
    place.sql("DELETE FROM author WHERE id = 100; UPDATE book SET facts = '{\"a\": 1}' WHERE id = 7");
    assert!(place.run(1, "verify", &file, &[]).contains("id = 7: facts is "));
}

#[test]
fn native_types_hold_what_fits_them() {
    let place = Place::new("native");
    let script = r#"
        CREATE TABLE t (id INTEGER PRIMARY KEY, ok BOOLEAN, made DATETIME, day DATE, facts JSON, u UUID, odd DATETIME, price DECIMAL(10,2));
        INSERT INTO t VALUES (1, 1, '2024-01-02 03:04:05', '2024-02-29', '{"a":1}', '3f2504e0-4f89-11d3-9a0c-0305e82c3301', '2024-01-02', 9.99),
          (2, 0, NULL, NULL, NULL, NULL, 1709210096789, 5);"#;
    let file = place.file("app.db", script);
    let printed = place.run(0, "migrate", &file, &["--types", "native"]);
    assert!(printed.contains("t.odd (timestamp): 1 INTEGER (id = 2); the column holds any class"), "{printed}");
    let types =
        "SELECT string_agg(format_type(atttypid, atttypmod), ', ' ORDER BY attnum) FROM pg_attribute WHERE attrelid = 't'::regclass AND attnum > 0";
    assert_eq!(place.sql(types), [["bigint, boolean, timestamp with time zone, date, jsonb, uuid, litewire.\"any\", numeric"]]);
    let columns = place.path("columns.toml");
    std::fs::write(&columns, "[t]\nmade = \"timestamp\"\nfacts = \"text\"\n").expect("it is written");
    let other = Place::new("stated");
    let file = other.file("app.db", script);
    other.run(0, "migrate", &file, &["--columns", columns.to_str().expect("UTF-8")]);
    assert_eq!(other.sql(types), [["bigint, bigint, timestamp without time zone, text, text, text, litewire.\"any\", numeric"]]);
}

/// Numbers by chance, the same ones for the same seed.
struct Chance(u64);

impl Chance {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % n
    }

    fn of<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        choices[self.below(choices.len())]
    }
}

/// A schema and rows by chance; statements that SQLite refuses are left out when they are run.
fn by_chance(seed: u64) -> Vec<String> {
    const TYPES: [&str; 20] = [
        "",
        "INTEGER",
        "INT",
        "BIGINT UNSIGNED",
        "TEXT",
        "VARCHAR(5)",
        "CLOB",
        "REAL",
        "DOUBLE",
        "FLOAT",
        "NUMERIC",
        "DECIMAL(10,2)",
        "BOOLEAN",
        "DATE",
        "DATETIME",
        "TIMESTAMP",
        "JSON",
        "BLOB",
        "MONEY",
        "STRING",
    ];
    const VALUES: [&str; 36] = [
        "NULL",
        "0",
        "1",
        "-1",
        "9223372036854775807",
        "-9223372036854775808",
        "0.0",
        "-0.5",
        "1.5",
        "1e300",
        "5e-324",
        "1e999",
        "-1e999",
        "3.0",
        "123456789012345680.0",
        "''",
        "'a'",
        "'A'",
        "'a '",
        "'1'",
        "'1.0'",
        "'1e5'",
        "'0x10'",
        "' 7'",
        "'true'",
        "'2024-02-29'",
        "'2024-02-29 12:34:56'",
        "'0000-00-00'",
        "'{\"a\":1}'",
        "'é日本😀'",
        "'q''uo\"te\\ '",
        "x''",
        "x'00ff'",
        "x'61'",
        "'a' || char(0) || 'b'",
        "CAST(x'ff41' AS TEXT)",
    ];
    let mut chance = Chance(seed);
    let mut script = Vec::new();
    for t in 0..1 + chance.below(4) {
        let table = ["plain", "Mixed Case", "order", "t\"q"][t].replace('"', "\"\"");
        let columns = 1 + chance.below(6);
        let without_rowid = chance.below(4) == 0;
        let mut parts = Vec::new();
        for c in 0..columns {
            let constraint = match (c, chance.below(8)) {
                (0, 0 | 1) if !without_rowid => " PRIMARY KEY",
                (_, 2) => chance.of(&[" COLLATE NOCASE", " COLLATE RTRIM", " NOT NULL", " DEFAULT 5", " DEFAULT 'x'", " DEFAULT CURRENT_TIMESTAMP"]),
                (_, 3) => " UNIQUE",
                _ => "",
            };
            parts.push(format!("c{c} {}{constraint}", chance.of(&TYPES)));
        }
        if without_rowid {
            parts.push(format!("PRIMARY KEY ({})", if columns > 1 && chance.below(2) == 0 { "c1, c0" } else { "c0" }));
        }
        script.push(format!("CREATE TABLE \"{table}\" ({}){}", parts.join(", "), if without_rowid { " WITHOUT ROWID" } else { "" }));
        for _ in 0..chance.below(40) {
            let values: Vec<&str> = (0..columns).map(|_| chance.of(&VALUES)).collect();
            script.push(format!("INSERT INTO \"{table}\" VALUES ({})", values.join(", ")));
        }
        for i in 0..chance.below(3) {
            let (unique, direction) = (if chance.below(4) == 0 { "UNIQUE " } else { "" }, chance.of(&["", " DESC", " COLLATE NOCASE"]));
            let filter = if chance.below(3) == 0 { " WHERE c0 IS NOT NULL" } else { "" };
            script.push(format!("CREATE {unique}INDEX \"i{t}{i}\" ON \"{table}\" (c{}{direction}){filter}", chance.below(columns)));
        }
    }
    script
}

#[test]
fn any_file_comes_back_as_it_was() {
    let number = |name: &str, default: u64| std::env::var(name).ok().and_then(|n| n.parse().ok()).unwrap_or(default);
    let (first, count) = (number("MIGRATE_SEED", 1), number("MIGRATE_FILES", 4));
    for seed in first..first + count {
        let place = Place::new(&format!("chance{seed}"));
        let file = place.path("app.db");
        let script = by_chance(seed);
        {
            let connection = Connection::open(&file).expect("it opens");
            let made: Vec<&String> = script.iter().filter(|sql| connection.execute_batch(sql).is_ok()).collect();
            assert!(!made.is_empty(), "{script:?}");
        }
        let output = place.litewire("migrate", &file, &[]);
        let printed = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "seed {seed}: {printed}\n{}", script.join(";\n"));
        let back = place.path("back.db");
        let output = Command::new(env!("CARGO_BIN_EXE_litewire")).arg("export").arg(place.url()).arg(&back).output().expect("it runs");
        assert!(output.status.success(), "seed {seed}: {output:?}");
        same(&file, &back);
        place.sql_in("postgres", &format!("DROP DATABASE chance{seed}"));
    }
}

#[test]
fn what_cannot_be_translated_stops_before_anything_changes() {
    let place = Place::new("refused");
    let script = "CREATE TABLE t (id INTEGER PRIMARY KEY, x TEXT); INSERT INTO t VALUES (1, 'a');
        CREATE VIRTUAL TABLE area USING fts4(name, languageid=lang); INSERT INTO area VALUES ('a');
        CREATE VIEW loads AS SELECT load_extension(x) AS y FROM t;";
    let file = place.file("app.db", script);
    let printed = place.run(2, "migrate", &file, &[]);
    assert!(printed.contains("virtual table area: ") && printed.contains("view loads: ") && printed.contains("Nothing was changed"), "{printed}");
    assert_eq!(place.sql("SELECT to_regclass('t') IS NULL"), [["t"]]);
    let printed = place.run(0, "migrate", &file, &["--skip-unsupported"]);
    assert!(printed.contains("Left out:\n  virtual table area") && printed.contains("verified 1 table, 1 row: equal"), "{printed}");
    // A second run into the same tables is refused.
    let printed = place.run(2, "migrate", &file, &["--skip-unsupported"]);
    assert!(printed.contains("the target has a table t already"), "{printed}");
}

#[test]
fn the_application_sees_no_difference() {
    let place = Place::new("same");
    let file = place.file("app.db", CLEAN);
    let stack = Stack::shared();
    let database = stack.database();
    let output = Command::new(env!("CARGO_BIN_EXE_litewire")).arg("migrate").arg(&file).arg(stack.backend(&database)).output().expect("it runs");
    assert!(output.status.success(), "{output:?}");
    let sqlite = Connection::open(&file).expect("it opens");
    sqlite.execute_batch("PRAGMA foreign_keys = OFF").expect("it can be set");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let client = runtime.block_on(async {
        let (client, connection) = tokio_postgres::connect(&stack.url(&database), tokio_postgres::NoTls).await.expect("it runs");
        tokio::spawn(connection);
        client
    });
    let rows = |sql: &str| {
        let messages = runtime.block_on(client.simple_query(sql)).unwrap_or_else(|e| panic!("{sql}: {e:?}"));
        let row = |m: &tokio_postgres::SimpleQueryMessage| match m {
            tokio_postgres::SimpleQueryMessage::Row(row) => Some((0..row.len()).map(|i| row.get(i).map(str::to_owned)).collect::<Vec<_>>()),
            _ => None,
        };
        messages.iter().filter_map(row).collect::<Vec<_>>()
    };
    for sql in [
        "SELECT id, email, typeof(balance), is_active, hex(avatar) FROM customers ORDER BY id",
        "SELECT sku, price_cents, quote(\"MixedCase\") FROM products WHERE price < 10 ORDER BY sku",
        "SELECT rowid, typeof(anything), anything, n FROM loose WHERE typeof(anything) <> 'blob' ORDER BY rowid",
        "SELECT name, total FROM late ORDER BY name",
        "INSERT INTO orders (customer_id, status, total) VALUES (1, 'new', 7.5)",
        "UPDATE orders SET status = 'paid' WHERE id = 1",
        "SELECT id, balance FROM customers ORDER BY id",
        "SELECT max(id) FROM orders",
        "INSERT INTO customers (email) VALUES ('next@x.org') RETURNING id",
        "SELECT count(*) FROM customers WHERE email = 'BOB@X.ORG' OR email = 'ANN@X.ORG'",
        "SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%' ORDER BY type, name",
        "PRAGMA user_version",
    ] {
        let mut statement = sqlite.prepare(sql).expect("it parses");
        let count = statement.column_count();
        let text = |row: &rusqlite::Row| (0..count).map(|at| as_text(row.get_ref(at)?)).collect::<Result<Vec<_>, _>>();
        let expected: Vec<_> = statement.query_map([], text).expect("it runs").collect::<Result<_, _>>().expect("rows");
        assert_eq!(rows(sql), expected, "{sql}");
    }
}

/// A value as the proxy's text format has it.
fn as_text(value: rusqlite::types::ValueRef) -> rusqlite::Result<Option<String>> {
    use rusqlite::types::ValueRef;
    Ok(match value {
        ValueRef::Null => None,
        ValueRef::Integer(n) => Some(n.to_string()),
        ValueRef::Real(x) => Some(litewire::value::real_text(x)),
        ValueRef::Text(text) => Some(String::from_utf8_lossy(text).into_owned()),
        ValueRef::Blob(bytes) => Some(format!("\\x{}", litewire::value::hex(bytes).to_lowercase())),
    })
}
