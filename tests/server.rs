//! The server and its pools against a real PostgreSQL.

mod postgres;

use litewire::config::Config;
use litewire::pool::Pools;
use litewire::server;
use postgres::Postgres;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_postgres::{NoTls, SimpleQueryMessage};

fn config(text: &str) -> Config {
    Config::parse(text, "test").expect("a valid configuration")
}

/// A proxy on a port of its own.
async fn start(config: Config) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    tokio::spawn(server::serve(listener, config, std::future::pending()));
    port
}

async fn connect(port: u16, rest: &str) -> Result<tokio_postgres::Client, tokio_postgres::Error> {
    let (client, connection) = tokio_postgres::connect(&format!("host=127.0.0.1 port={port} {rest}"), NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

async fn refused(port: u16, rest: &str) -> tokio_postgres::Error {
    match connect(port, rest).await {
        Ok(_) => panic!("let in: {rest}"),
        Err(error) => error,
    }
}

async fn value(client: &tokio_postgres::Client, sql: &str) -> Result<String, tokio_postgres::Error> {
    let messages = client.simple_query(sql).await?;
    let row = messages.iter().find_map(|m| if let SimpleQueryMessage::Row(row) = m { row.get(0) } else { None });
    Ok(row.expect("a row").to_owned())
}

fn code(error: &tokio_postgres::Error) -> &str {
    error.code().map_or("", |code| code.code())
}

#[tokio::test]
async fn who_may_come_in_and_where_to() {
    let postgres = Postgres::start();
    let verifier = litewire::config::ScramVerifier::of_password("secret");
    let url = postgres.url("");
    let port =
        start(config(&format!("[backend]\nurl = '{url}'\n[auth]\nmethod = 'scram-sha-256'\n[[user]]\nname = 'alice'\nverifier = '{verifier}'")))
            .await;
    let client = connect(port, "user=alice password=secret dbname=postgres").await.expect("let in");
    assert_eq!(value(&client, "SHOW TimeZone").await.expect("answered"), "UTC");
    for (rest, expected) in [
        ("user=alice password=wrong dbname=postgres", "28P01"),
        ("user=nobody password=secret dbname=postgres", "28P01"),
        ("user=alice password=secret dbname=nowhere", "3D000"),
        ("user=alice password=secret dbname=postgres options='-x'", "42601"),
        ("user=alice password=secret dbname=postgres options='-c litewire.dialect=cobol'", "22023"),
    ] {
        let error = refused(port, rest).await;
        assert_eq!(code(&error), expected, "{rest}: {error:?}");
    }
}

#[tokio::test]
async fn a_running_statement_can_be_cancelled() {
    let postgres = Postgres::start();
    let port = start(config(&format!("[backend]\nurl = '{}'", postgres.url("postgres")))).await;
    let client = connect(port, "user=any dbname=postgres").await.expect("let in");
    let token = client.cancel_token();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(300)).await;
        token.cancel_query(NoTls).await
    });
    let error = value(&client, "SELECT pg_sleep(30)").await.expect_err("cancelled");
    assert_eq!(code(&error), "57014");
    assert_eq!(value(&client, "SELECT 1").await.expect("the session lives on"), "1");
}

#[tokio::test]
async fn a_backend_may_come_and_go() {
    let mut postgres = Postgres::start();
    postgres.stop();
    let port = start(config(&format!("[backend]\nurl = '{}'", postgres.url("postgres")))).await;
    let error = refused(port, "user=any dbname=postgres").await;
    assert_eq!(code(&error), "57P03", "{error:?}");

    postgres.resume();
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let client = connect(port, "user=any dbname=postgres").await.expect("the backend is up");
    assert_eq!(value(&client, "SELECT 1").await.expect("answered"), "1");

    postgres.stop();
    postgres.resume();
    assert_eq!(value(&client, "SELECT 2").await.expect("the dead backend was replaced"), "2");
}

#[tokio::test]
async fn a_pool_is_bounded_and_gives_back_only_clean_links() {
    let postgres = Postgres::start();
    let config = config(&format!("[backend]\nurl = '{}'\n[pool]\nsize = 2\ncheckout_timeout = '200ms'", postgres.url("postgres")));
    let pools = Pools::new(Arc::new(config));
    let pool = pools.get("any", "postgres").await.expect("reachable");
    let (first, mut second) = (pool.checkout().await.expect("free"), pool.checkout().await.expect("free"));
    let error = pool.checkout().await.expect_err("both are taken");
    assert_eq!(error.state.as_str(), "53300");
    assert!(error.hint.is_some());

    let (clean, dirty) = (first.pid, second.pid);
    second.busy = true;
    drop((first, second));
    let (one, other) = (pool.checkout().await.expect("free"), pool.checkout().await.expect("free"));
    assert!([one.pid, other.pid].contains(&clean));
    assert!(![one.pid, other.pid].contains(&dirty));
}

#[tokio::test]
async fn the_catalog_says_what_is_there() {
    let postgres = Postgres::start();
    let direct = postgres.connect().await;
    direct
        .batch_execute(
            r#"CREATE TABLE "Users" (id serial PRIMARY KEY, name varchar(20) COLLATE "C" NOT NULL UNIQUE, age int DEFAULT 1 CHECK (age > 0),
                 twice int GENERATED ALWAYS AS (age * 2) STORED);
               CREATE DOMAIN d1 AS int; CREATE DOMAIN d2 AS d1;
               CREATE TABLE pets (id bigint GENERATED ALWAYS AS IDENTITY, owner int REFERENCES "Users" ON DELETE CASCADE, d d2, tags text[]);
               CREATE INDEX by_name ON "Users" (lower(name), age DESC NULLS LAST) WHERE age > 5;
               CREATE VIEW v AS SELECT 1 AS one"#,
        )
        .await
        .expect("created");
    let config = config(&format!("[backend]\nurl = '{}'", postgres.url("postgres")));
    let pools = Pools::new(Arc::new(config));
    let pool = pools.get("any", "postgres").await.expect("reachable");
    let catalog = pool.catalog();
    assert_eq!(catalog.helpers, Some(litewire::helpers::VERSION));
    assert_eq!(catalog.current_schema, "public");
    assert!(catalog.functions.contains("lower"));

    let users = catalog.relation("users").expect("found in any case");
    assert_eq!(users.columns[0].sequence.as_deref(), Some(r#"public."Users_id_seq""#));
    assert!(users.columns[1].byte_order && users.columns[1].not_null);
    assert_eq!(users.columns[1].type_name, "character varying(20)");
    assert!(users.columns[3].generated);
    assert_eq!(users.primary_key(), [0]);
    assert_eq!(users.checks, [("Users_age_check".to_owned(), "(age > 0)".to_owned())]);
    let index = users.indexes.iter().find(|i| i.name == "by_name").expect("listed");
    assert_eq!(format!("{:?}", index.parts), r#"[Expression("lower((name)::text)"), Column(2)]"#);
    assert_eq!((index.descending.as_slice(), index.nulls_first.as_slice()), (&[false, true][..], &[false, false][..]));
    assert_eq!(index.predicate.as_deref(), Some("(age > 5)"));

    let pets = catalog.relation("pets").expect("there");
    assert!(pets.columns[0].identity_always && pets.columns[0].sequence.is_some());
    assert_eq!(pets.columns[2].type_oid, litewire::catalog::oid::INT4);
    assert!(pets.columns[3].opaque);
    assert_eq!((pets.foreign_keys[0].target.as_str(), pets.foreign_keys[0].on_delete.as_str()), ("Users", "CASCADE"));

    // What changes nothing keeps the version; foreign DDL is noticed.
    direct.batch_execute("ANALYZE").await.expect("done");
    assert_eq!(pool.reload_catalog().await.expect("loaded").version, catalog.version);
    direct.batch_execute("ALTER TABLE pets ADD COLUMN kind text").await.expect("done");
    tokio::time::timeout(Duration::from_secs(3), async {
        while pool.catalog().version == catalog.version {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await
    .expect("noticed");
    assert!(pool.catalog().relation("pets").expect("there").column("kind").is_some());
}

#[tokio::test]
async fn the_registry_says_what_sqlite_declared() {
    let postgres = Postgres::start();
    let config = config(&format!("[backend]\nurl = '{}'", postgres.url("postgres")));
    let pool = Pools::new(Arc::new(config)).get("any", "postgres").await.expect("reachable");
    let direct = postgres.connect().await;
    direct
        .batch_execute(
            "CREATE TABLE t (rowid bigint GENERATED BY DEFAULT AS IDENTITY, a text); CREATE TABLE s (a text);
             INSERT INTO litewire.objects SELECT oid, 'table', relname, relname, 'CREATE TABLE t(a TEXT COLLATE NOCASE) STRICT' FROM pg_class WHERE relname = 't';
             INSERT INTO litewire.objects SELECT oid, 'table', 'other', 'other', 'CREATE TABLE other(a)' FROM pg_class WHERE relname = 's';
             INSERT INTO litewire.columns SELECT oid, 'a', 'TEXT', 'NOCASE', false FROM pg_class WHERE relname = 't';
             INSERT INTO litewire.columns SELECT oid, 'rowid', 'INTEGER', NULL, true FROM pg_class WHERE relname = 't';
             INSERT INTO litewire.meta VALUES ('user_version', '7')",
        )
        .await
        .expect("created");
    let catalog = pool.reload_catalog().await.expect("loaded");
    let t = catalog.relation("t").expect("there");
    assert!(t.strict && t.is_sqlite());
    assert_eq!(t.rowid().map(|(at, _)| at), Some(0));
    assert_eq!(t.columns[1].collation, litewire::catalog::Collation::NoCase);
    assert!(!catalog.relation("s").expect("there").is_sqlite(), "its row is stale");
    assert_eq!(catalog.meta.get("user_version").map(String::as_str), Some("7"));
}

#[tokio::test]
async fn without_an_event_trigger_foreign_ddl_is_found_by_polling() {
    let postgres = Postgres::start();
    let direct = postgres.connect().await;
    direct
        .batch_execute("CREATE ROLE plain LOGIN; GRANT ALL ON SCHEMA public TO plain; GRANT CREATE ON DATABASE postgres TO plain")
        .await
        .expect("done");
    let config = config(&format!("[backend]\nurl = '{}'", postgres.url("postgres").replace("user=postgres", "user=plain")));
    let pool = Pools::new(Arc::new(config)).get("any", "postgres").await.expect("reachable");
    assert_eq!(pool.catalog().helpers, Some(litewire::helpers::VERSION));
    direct.batch_execute("CREATE TABLE late (a int)").await.expect("done");
    tokio::time::timeout(Duration::from_secs(6), async {
        while pool.catalog().relation("late").is_none() {
            drop(pool.checkout().await.expect("free"));
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    })
    .await
    .expect("noticed");
    assert!(!pool.catalog().relation("late").expect("there").may_select, "it belongs to another role");
}

#[tokio::test]
async fn idle_links_are_closed() {
    let postgres = Postgres::start();
    let config = config(&format!("[backend]\nurl = '{}'\n[pool]\nidle_timeout = '300ms'", postgres.url("postgres")));
    let pool = Pools::new(Arc::new(config)).get("any", "postgres").await.expect("reachable");
    drop((pool.checkout().await.expect("free"), pool.checkout().await.expect("free")));
    tokio::time::sleep(Duration::from_millis(900)).await;
    let direct = postgres.connect().await;
    let row = direct.query_one("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'litewire'", &[]).await.expect("answered");
    assert_eq!(row.get::<_, i64>(0), 0);
}
