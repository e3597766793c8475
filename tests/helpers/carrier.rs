//! The dynamic carrier (CARRIER.md): order and equality are SQLite's, whatever the database's collation.

use super::support::Postgres;
use litewire::value::{Value, carrier, hex};
use proptest::{prelude::*, strategy::ValueTree, test_runner::TestRunner};

/// A value as both sides get it: for SQLite as bound, text as bytes; for PostgreSQL as the carrier's text.
#[derive(Debug, Clone)]
enum Given {
    Value(Value),
    /// Text of bytes that may be no UTF-8.
    Bytes(Vec<u8>),
}

fn given() -> impl Strategy<Value = Given> {
    let integer = prop_oneof![
        -3..4i64,
        any::<i64>(),
        (0..6i64, 50..63u32).prop_map(|(d, p)| (1i64 << p) + d - 3),
        Just(i64::MAX),
        Just(i64::MIN),
        Just(i64::MIN + 1)
    ];
    let real = prop_oneof![
        (-6..8i32).prop_map(|n| f64::from(n) / 2.0),
        any::<f64>().prop_filter("NaN is NULL", |x| !x.is_nan()),
        (0..6i64, 50..66u32, any::<bool>()).prop_map(|(d, p, minus)| ((1i128 << p) as f64 + (d - 3) as f64) * if minus { -1.0 } else { 1.0 }),
        Just(f64::INFINITY),
        Just(f64::NEG_INFINITY),
        Just(-0.0),
        Just(1e23),
        Just(5e-324),
    ];
    // Letters that other collations sort among each other, contract, or ignore.
    let text = "([aAbBzZåäéchdz_ \\-\u{0}'\"\\\\,()10]{0,4}|[\u{1}-\u{10FFFF}]{0,2})";
    prop_oneof![
        integer.prop_map(|n| Given::Value(Value::Integer(n))),
        real.prop_map(|x| Given::Value(Value::Real(x))),
        text.prop_map(|t| Given::Value(Value::Text(t))),
        prop::collection::vec(prop_oneof![Just(0u8), Just(255), Just(b'a'), Just(0xC3)], 0..4).prop_map(Given::Bytes),
        prop::collection::vec(prop_oneof![Just(0u8), Just(255), Just(b'a'), any::<u8>()], 0..4).prop_map(|b| Given::Value(Value::Blob(b))),
    ]
}

#[tokio::test]
async fn order_and_equality_are_sqlites_in_every_database() {
    let count = std::env::var("LITEWIRE_PROPERTY_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(400);
    let mut runner = TestRunner::deterministic();
    let values: Vec<Given> = (0..count).map(|_| given().new_tree(&mut runner).expect("values are always found").current()).collect();
    let sqlite = rusqlite::Connection::open_in_memory().expect("in-memory database");
    sqlite.execute_batch("CREATE TABLE v (id INTEGER PRIMARY KEY, x)").expect("table");
    let mut lines = Vec::new();
    for (id, value) in values.iter().enumerate() {
        use rusqlite::types::Value as Bound;
        let (expr, bound, text) = match value {
            Given::Value(Value::Integer(n)) => ("?2", Bound::Integer(*n), None),
            Given::Value(Value::Real(x)) => ("?2", Bound::Real(*x), None),
            Given::Value(Value::Text(t)) => ("?2", Bound::Text(t.clone()), None),
            Given::Value(Value::Blob(b)) => ("?2", Bound::Blob(b.clone()), None),
            Given::Value(Value::Null) => ("?2", Bound::Null, None),
            Given::Bytes(b) => ("CAST(?2 AS TEXT)", Bound::Blob(b.clone()), Some(format!("(2,,\\\\x{})", hex(b)))),
        };
        sqlite.execute(&format!("INSERT INTO v VALUES (?1, {expr})"), rusqlite::params![id as i64, bound]).expect("insert");
        let text = text.or_else(|| if let Given::Value(value) = value { carrier::encode(value) } else { None }).expect("no value is NULL");
        lines.push(format!("({id}, '{text}')"));
    }
    let queries = [
        "SELECT id FROM v ORDER BY x, id",
        "SELECT id FROM v ORDER BY x DESC, id",
        "SELECT a.id * 1000000 + b.id FROM v AS a JOIN v AS b ON a.x = b.x ORDER BY 1",
        "SELECT count(*) FROM (SELECT DISTINCT x FROM v) AS q",
        "SELECT min(id) FROM v GROUP BY x ORDER BY 1",
        "SELECT id FROM v WHERE x < (SELECT w.x FROM v AS w WHERE w.id = 7) ORDER BY id",
    ];
    let theirs: Vec<Vec<i64>> = queries
        .iter()
        .map(|sql| {
            let mut statement = sqlite.prepare(sql).expect(sql);
            statement.query_map([], |row| row.get(0)).expect(sql).collect::<rusqlite::Result<_>>().expect(sql)
        })
        .collect();
    let postgres = Postgres::start();
    for options in ["LOCALE 'C'", "LOCALE_PROVIDER icu ICU_LOCALE 'da-u-kn-true' LOCALE 'C'"] {
        let client = postgres.database(options).await;
        client.batch_execute(litewire::helpers::SQL).await.expect("the helper schema installs");
        client.batch_execute("CREATE TABLE v (id int8, x litewire.\"any\")").await.expect("table");
        client.batch_execute(&format!("INSERT INTO v VALUES {}", lines.join(", "))).await.expect("insert");
        for indexed in [false, true] {
            if indexed {
                client.batch_execute("CREATE INDEX ON v (x, id); ANALYZE v; SET enable_seqscan = off").await.expect("index");
            }
            for (sql, theirs) in queries.iter().zip(&theirs) {
                let ours: Vec<i64> = client.query(*sql, &[]).await.expect(sql).iter().map(|row| row.get(0)).collect();
                let first = ours.iter().zip(theirs).position(|(a, b)| a != b);
                let shown = |ids: &[i64]| first.and_then(|at| ids.get(at)).map(|id| (*id, values.get(*id as usize)));
                assert!(ours == *theirs, "{options}, index {indexed}: {sql}: {:?}, not {:?}", shown(&ours), shown(theirs));
            }
        }
        // What the backend makes of a class's own carrier is what the proxy sends.
        for value in &values {
            let Given::Value(value) = value else { continue };
            let made = match value {
                Value::Integer(n) => format!("litewire.v_int('{n}')"),
                Value::Real(x) => format!("litewire.v_real('{x:e}')"),
                Value::Text(t) if !t.contains('\0') => format!("litewire.v_text('{}')", t.replace('\'', "''")),
                Value::Blob(b) => format!("litewire.v_blob('\\x{}')", hex(b)),
                _ => continue,
            };
            let text: String = client.query_one(&format!("SELECT ({made})::text"), &[]).await.expect("a value").get(0);
            let same = carrier::encode(value).expect("not NULL");
            let sent: String = client.query_one(&format!("SELECT ('{same}'::litewire.\"any\")::text"), &[]).await.expect("a value").get(0);
            assert_eq!(text, sent, "{value:?}");
            assert_eq!(carrier::decode(&text).as_ref(), Some(value));
        }
    }
}
