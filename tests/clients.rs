//! Real clients through a running Litewire: each script of `tests/clients` checks what its driver makes of the answers.

mod common;

use common::Stack;
use common::tools::{npm, pip, program, run, start};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

const DJANGO: &[&str] = &["django<6", "psycopg2-binary"];

fn script(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients").join(path)
}

fn node(modules: &Path, path: &str, url: &str) -> Command {
    let mut command = Command::new("node");
    command.arg(script(path)).env("NODE_PATH", modules).env("DATABASE_URL", url);
    command
}

fn python(packages: &Path, path: &str, stack: &Stack, database: &str) -> Command {
    let address = stack.address();
    let mut command = Command::new("python3");
    command.arg(script(path)).env("PYTHONPATH", packages).env("PYTHONDONTWRITEBYTECODE", "1");
    command.env("PGHOST", address.ip().to_string()).env("PGPORT", address.port().to_string());
    command.env("PGUSER", stack.role()).env("PGDATABASE", database);
    command
}

#[test]
fn node_postgres() {
    let modules = need!(npm(&["pg"]));
    let stack = Stack::shared();
    run(&mut node(&modules, "node/check.js", &stack.url(&stack.database())));
}

#[test]
fn psycopg2() {
    let packages = need!(pip("psycopg2", &["psycopg2-binary"]));
    let stack = Stack::shared();
    run(&mut python(&packages, "python/check_psycopg2.py", &stack, &stack.database()));
}

#[test]
fn psycopg3() {
    let packages = need!(pip("psycopg3", &["psycopg[binary]"]));
    let stack = Stack::shared();
    run(&mut python(&packages, "python/check_psycopg3.py", &stack, &stack.database()));
}

#[test]
fn django() {
    let packages = need!(pip("django", DJANGO));
    let stack = Stack::shared();
    run(&mut python(&packages, "django/check.py", &stack, &stack.database()));
}

#[test]
fn psql() {
    need!(program("psql", "--version"));
    let stack = Stack::shared();
    let database = stack.database();
    let psql = |input: &[&str]| {
        let mut command = Command::new("psql");
        command.args(["--no-psqlrc", "-v", "ON_ERROR_STOP=1", &stack.url(&database)]);
        input.iter().for_each(|line| _ = command.args(["-c", line]));
        run(&mut command)
    };
    psql(&["CREATE TABLE notes (id INTEGER PRIMARY KEY AUTOINCREMENT, body TEXT NOT NULL)", "CREATE INDEX notes_body ON notes (body)"]);
    let shown = psql(&["INSERT OR IGNORE INTO notes (body) VALUES ('hello')", "SELECT last_insert_rowid(), typeof(body) FROM notes"]);
    assert!(shown.contains("INSERT 0 1") && shown.contains("last_insert_rowid()"), "{shown}");
    // psql's own queries know no server that is newer than itself: of such a one PostgreSQL, too, answers some with an error.
    let major = |shown: &str| shown.split(|c: char| !c.is_ascii_digit()).find_map(|digits| digits.parse::<u32>().ok());
    let knows = major(&run(Command::new("psql").arg("--version"))) >= major(&psql(&["SHOW server_version"]));
    let own_queries = [
        (r"\d", "notes"),
        (r"\dt", "notes"),
        (r"\di", "notes_body"),
        (r"\d notes", "body"),
        (r"\df", "Argument data types"),
        (r"\l", database.as_str()),
        (r"\du", stack.role()),
    ];
    for (command, wanted) in own_queries.into_iter().filter(|_| knows) {
        let shown = psql(&[command]);
        assert!(shown.contains(wanted), "{command}: {shown}");
    }
    let shown = psql(&[r"\timing off", r"\conninfo", "SHOW server_version", r"\copy notes to stdout"]);
    assert!(shown.contains("1\thello"), "{shown}");
}

/// The application that Litewire was made for.
struct Contractors {
    stack: Arc<Stack>,
    database: String,
    modules: PathBuf,
    packages: PathBuf,
}

impl Contractors {
    fn service(&self, task: &[&str]) -> Command {
        let mut command = node(&self.modules, "contractors/node/run.js", &self.stack.url(&self.database));
        command.args(task);
        command
    }

    fn admin(&self, task: &[&str]) -> Command {
        let mut command = python(&self.packages, "contractors/django/run.py", &self.stack, &self.database);
        command.args(task);
        command
    }

    /// The five acceptance tests, then twenty workers beside the admin, and every row accounted for.
    fn accept(&self) {
        run(&mut self.admin(&["seed", "20"]));
        run(&mut self.service(&["sanity"]));
        run(&mut self.admin(&["changelist", "20"]));
        run(&mut self.service(&["audits", "1"]));
        run(&mut self.service(&["audits", "2"]));
        run(&mut self.service(&["audits", "6"]));
        let admin = start(&mut self.admin(&["watch", "29"]));
        run(&mut self.service(&["audits", "20"]));
        admin.finish();
        run(&mut self.service(&["account", "29"]));
        run(&mut self.admin(&["account", "29"]));
    }
}

#[test]
fn contractors_on_the_native_schema() {
    let (modules, packages) = (need!(npm(&["pg"])), need!(pip("django", DJANGO)));
    let stack = Stack::shared();
    let app = Contractors { database: stack.database(), stack, modules, packages };
    run(&mut app.admin(&["migrate"]));
    app.accept();
}

#[test]
fn contractors_on_the_schema_from_sqlite() {
    let (modules, packages) = (need!(npm(&["pg"])), need!(pip("django", DJANGO)));
    // Django's own backend works on these tables too: its booleans and timestamps must be PostgreSQL's.
    let stack = Arc::new(Stack::start("[dialect]\ntypes = \"native\"\n"));
    let app = Contractors { database: stack.database(), stack, modules, packages };
    let file = app.stack.dir().join("legacy.sqlite3");
    let file = file.to_str().expect("a temporary directory's name is text");
    run(app.admin(&["migrate"]).env("SQLITE_FILE", file));
    copy_schema(file, &app);
    app.accept();
}

#[test]
fn contractors_service_on_sqlites_own_types() {
    let (modules, packages) = (need!(npm(&["pg"])), need!(pip("django", DJANGO)));
    let stack = Stack::shared();
    let app = Contractors { database: stack.database(), stack, modules, packages };
    let file = app.stack.dir().join("faithful.sqlite3");
    let file = file.to_str().expect("a temporary directory's name is text");
    run(app.admin(&["migrate"]).env("SQLITE_FILE", file));
    copy_schema(file, &app);
    run(&mut app.service(&["seed", "20"]));
    for task in [["audits", "1"], ["audits", "2"], ["audits", "6"], ["audits", "20"], ["account", "29"]] {
        run(&mut app.service(&task));
    }
    run(&mut app.service(&["sanity"]));
}

#[test]
fn django_moves_from_sqlite() {
    let packages = need!(pip("django", DJANGO));
    let stack = Stack::shared();
    let (database, directory) = (stack.database(), tempfile::tempdir().expect("a temporary directory"));
    let file = directory.path().join("old.sqlite3");
    let task = |name: &str| {
        let mut command = python(&packages, "django/move.py", &stack, &database);
        run(command.arg(name).arg(&file));
    };
    task("fill");
    task("prepare");
    let mut litewire = Command::new(env!("CARGO_BIN_EXE_litewire"));
    // Django's migrations have put rows into some tables already.
    run(litewire.arg("migrate").arg(&file).arg(stack.backend(&database)).args(["--data-only", "--replace"]));
    task("compare");
}

/// Sends the DDL of a SQLite file through the proxy, and what Django noted about its migrations.
fn copy_schema(file: &str, app: &Contractors) {
    let sqlite = rusqlite::Connection::open(file).expect("Django made it");
    let mut objects = sqlite
        .prepare("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite~_%' ESCAPE '~' ORDER BY type DESC, rowid")
        .expect("sqlite_master is there");
    let ddl: Vec<String> = objects.query_map([], |row| row.get(0)).expect("it can be read").collect::<Result<_, _>>().expect("sql is text");
    let mut client = app.stack.connect(&app.database);
    let mut send = |sql: &str| {
        let reply = client.simple(sql).expect("the connection holds");
        assert_eq!(reply.error, None, "{sql}");
    };
    ddl.iter().for_each(|sql| send(sql));
    for table in ["django_migrations", "django_content_type", "auth_permission"] {
        let mut all = sqlite.prepare(&format!("SELECT * FROM {table}")).expect("Django made it");
        let width = all.column_count();
        let mut rows = all.query([]).expect("it can be read");
        while let Some(row) = rows.next().expect("it can be read") {
            let values: Vec<String> = (0..width).map(|i| literal(row.get_ref(i).expect("a column"))).collect();
            send(&format!("INSERT INTO {table} VALUES ({})", values.join(", ")));
        }
    }
}

fn literal(value: rusqlite::types::ValueRef<'_>) -> String {
    match value {
        rusqlite::types::ValueRef::Integer(n) => n.to_string(),
        rusqlite::types::ValueRef::Text(text) => format!("'{}'", String::from_utf8_lossy(text).replace('\'', "''")),
        other => panic!("Django does not store {other:?} there"),
    }
}
