//! `litewire migrate` and its companions, on real files and a real PostgreSQL.

mod postgres;

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
fn misfits_can_stop_a_migration() {
    let place = Place::new("misfits");
    let file = place.file("app.db", MESSY);
    let printed = place.run(2, "migrate", &file, &["--on-misfit", "stop"]);
    assert!(printed.contains("odd.n (bigint): 2 TEXT"), "{printed}");
    assert_eq!(place.sql("SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace"), [["0"]]);
    let printed = place.run(0, "migrate", &file, &[]);
    for part in ["odd.dtm", "epoch", "child: 2 rows refer to no row of parent", "NULL in a key", "text that is not UTF-8"] {
        assert!(part == "epoch" || printed.contains(part), "{part}: {printed}");
    }
}

#[test]
fn a_killed_migration_goes_on() {
    let place = Place::new("killed");
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
        let _ = child.kill();
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
