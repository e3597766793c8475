//! Against SQLite, over time values and modifiers that are combined at random.

use super::*;
use crate::value::oracle::Sqlite;
use proptest::prelude::*;

const FORMATS: &[&str] = &["%d %e %f %F %H %I %j %J %k %l %m %M %p %P %R %s %S %T %u %w %U %V %W %Y %%", "%G-%g", "%Y-%m-%dT%H:%M:%fZ", "%x", "x%"];

fn text(t: impl Into<String>) -> Value {
    Value::Text(t.into())
}

fn time() -> impl Strategy<Value = Value> {
    prop_oneof![
        8 => (0..=9999i64, 1..=12i64, 1..=31i64, "(|[ T]{1,2}(0[0-9]|1[0-9]|2[0-4]):[0-5][0-9](|:[0-5][0-9](|\\.[0-9]{1,5}))(|Z| [-+](0[0-9]|1[0-5]):[0-6]0))")
            .prop_map(|(y, m, d, rest)| text(format!("{y:04}-{m:02}-{d:02}{rest}"))),
        2 => "(0[0-9]|1[0-9]|2[0-4]):[0-6][0-9](|:[0-5][0-9](|\\.[0-9]{1,4}))(|Z|[-+]01:30)".prop_map(text),
        1 => "-?[0-9]{3,5}-[01][0-9]-[0-3][0-9]".prop_map(text),
        2 => (0.0..5_373_485.0f64).prop_map(Value::Real),
        2 => (-1_000_000_000i64..4_000_000_000).prop_map(Value::Integer),
        1 => "[0-9]{1,7}(\\.[0-9]{1,4})?".prop_map(text),
        1 => Just(Value::Null),
        1 => Just(text("nonsense")),
    ]
}

fn modifier() -> impl Strategy<Value = Value> {
    prop_oneof![
        6 => "[-+]?[0-9]{1,3}(\\.[0-9]{1,3})? (second|minute|hour|day|month|year|fortnight)s?".prop_map(text),
        3 => "[-+](00[0-9]{2}|01000)-(0[0-9]|1[0-3])-[0-3][0-9](| [012][0-9]:[0-5][0-9](|:[0-5][0-9](|\\.[0-9]{1,4})))".prop_map(text),
        2 => "[-+]?[012][0-9]:[0-5][0-9](|:[0-5][0-9](|\\.[0-9]{1,4}))".prop_map(text),
        2 => "weekday -?[0-7](|\\.0|\\.5)".prop_map(text),
        6 => prop::sample::select(vec![
            "start of month", "start of year", "START OF DAY", "start of week", "end of month", "end of year", "end of day", "floor", "ceiling",
            "auto", "unixepoch", "julianday", "subsec", "subsecond", "localtime", "utc", "",
        ]).prop_map(text),
        1 => Just(Value::Null),
    ]
}

fn function() -> impl Strategy<Value = (DateFunction, &'static str)> {
    use DateFunction::*;
    prop::sample::select(vec![
        (Date, "date"),
        (Time, "time"),
        (DateTime, "datetime"),
        (JulianDay, "julianday"),
        (UnixEpoch, "unixepoch"),
        (StrfTime, "strftime"),
    ])
}

/// Errors of SQLite's local time for moments out of range count as NULL.
fn ask(name: &str, args: &[Value]) -> Value {
    let marks = vec!["?"; args.len()].join(", ");
    Sqlite::shared().with(|s| s.try_value(&format!("{name}({marks})"), args)).unwrap_or(Value::Null)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6_000))]

    #[test]
    fn as_sqlite(
        (function, name) in function(),
        layout in prop::sample::select(FORMATS.to_vec()),
        time in time(),
        modifiers in prop::collection::vec(modifier(), 0..4),
    ) {
        let mut args = Vec::new();
        if function == DateFunction::StrfTime {
            args.push(text(layout));
        }
        args.push(time);
        args.extend(modifiers);
        let expected = ask(name, &args);
        let value = DateCall { function, args: args.clone() }.evaluate(0);
        // SQLite's localtime turns a moment out of range into 2000-01-01; NULL is what its documentation promises.
        let zones = args.iter().any(|a| matches!(a, Value::Text(t) if t == "localtime" || t == "utc"));
        prop_assume!(!(zones && value == Value::Null));
        prop_assert_eq!(value, expected, "{} {:?}", name, args);
    }

    #[test]
    fn differences(a in time(), b in time()) {
        let args = vec![a, b];
        let expected = ask("timediff", &args);
        prop_assert_eq!(DateCall { function: DateFunction::TimeDiff, args: args.clone() }.evaluate(0), expected, "{:?}", args);
    }
}

#[test]
fn now_is_what_the_caller_says() {
    let call = |function, args: &[&str]| DateCall { function, args: args.iter().map(|a| text(*a)).collect() };
    let now = call(DateFunction::DateTime, &["NOW", "+1 day"]);
    assert!(now.reads_now());
    assert_eq!(now.evaluate(1_500), text("1970-01-02 00:00:01"));
    assert!(call(DateFunction::Date, &[]).reads_now());
    assert!(call(DateFunction::StrfTime, &["%s"]).reads_now());
    assert!(!call(DateFunction::StrfTime, &["%s", "2024-01-01"]).reads_now());
    assert!(call(DateFunction::TimeDiff, &["2024-01-01", "now"]).reads_now());
}
