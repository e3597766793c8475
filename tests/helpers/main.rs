//! The helper schema against SQLite: each helper and its SQLite expression must agree on the same inputs.

mod carrier;
mod support;

use proptest::{prelude::*, strategy::ValueTree, test_runner::TestRunner};
use support::{Postgres, agree, postgres_rows, sqlite_rows};

/// Helper over `a` and `b` (text), SQLite's expression over the same, and how the inputs look.
struct Case {
    helper: &'static str,
    sqlite: &'static str,
    inputs: [&'static str; 2],
}

const fn case(helper: &'static str, sqlite: &'static str, a: &'static str, b: &'static str) -> Case {
    Case { helper, sqlite, inputs: [a, b] }
}

const NUMBER_LIKE: &str = "[ \t]{0,2}[-+]?[0-9]{0,20}(\\.[0-9]{0,8})?([eE][-+]?[0-9]{0,2})?[ x]?";
const REAL: &str = "-?[0-9]{1,17}(\\.[0-9]{1,17})?(e-?[0-9]{1,2})?";
const INTEGER: &str = "-?[0-9]{1,18}";
const SMALL: &str = "-?[0-9]{1,2}";
const WORD: &str = "[a'\"é \\\\]{0,6}";
const MOMENT: &str = "(19|20)[0-9]{2}-(0[1-9]|1[0-2])-([01][1-9]|2[0-8])(| (0[0-9]|1[0-9]|2[0-3]):[0-5][0-9](|:[0-5][0-9](|\\.[0-9]{1,3})))";
const MONTH_END: &str = "(19|20)[0-9]{2}-(0[1-9]|1[0-2])-(29|3[01])(| 10:20:30)";
const MONTH_MODIFIER: &str =
    "[-+][0-9]{1,2} (month|year)s?|start of (month|year)|end of (month|year)|floor|ceiling|[-+]000[0-9]-(0[0-9]|1[01])-[012][0-9]";
const MODIFIER: &str = "[-+][0-9]{1,3} (day|month|year|hour|minute|second)s?|start of (day|month|year)|end of (day|month|year)|weekday -?[0-6]\
    |[-+]000[0-9]-(0[0-9]|1[01])-[012][0-9]( 10:20)?|[-+]0[0-9]:[0-5][0-9]|subsec|floor|ceiling|utc|localtime";
const FORMAT: &str = "(%d|%e|%f|%F|%H|%I|%j|%J|%k|%l|%m|%M|%p|%P|%R|%s|%S|%T|%u|%w|%U|%W|%V|%G|%g|%Y|%%|x){1,3}";
const JSON: &str = "\\{\"a\":(\\[1,2.50,\"x\"\\]|null|true|\"q\\\\\"\"|\\{\"b\":[0-9]\\}), ?\"c\":[0-9]{1,3}\\}|\\[[0-9], ?\\[[1-9]\\]\\]";
const JSON5: &str = "[\\[{][a$]?[:,]?('x\\\\v'|\"\\\\u0041\"|0x1F|[-+]?\\.5|5\\.|NaN|-Infinity|/\\* \\*/|true|[0-9]{1,2})?[,:]? ?[a-c0-9]?[\\]}]";
const PATH: &str = "\\$(|\\.a|\\.c|\\.a\\.b|\\.a\\[0\\]|\\[0\\]|\\[1\\]\\[0\\]|\\[#-1\\]|\\.\"a\")";

const CASES: &[Case] = &[
    case("litewire.real_text(a::float8)", "CAST(CAST(a AS REAL) AS TEXT)", REAL, ""),
    case("litewire.num_text(litewire.num(a))", "CAST(a + 0 AS TEXT)", NUMBER_LIKE, ""),
    case("litewire.truth(a)::int", "NOT NOT a", NUMBER_LIKE, ""),
    case("litewire.cast_int(a)", "CAST(a AS INTEGER)", NUMBER_LIKE, ""),
    case("litewire.cast_int_real(a::float8)", "CAST(CAST(a AS REAL) AS INTEGER)", REAL, ""),
    case("litewire.real_text(litewire.cast_real(a))", "CAST(CAST(a AS REAL) AS TEXT)", NUMBER_LIKE, ""),
    case("litewire.num_text(litewire.cast_num(a))", "CAST(CAST(a AS NUMERIC) AS TEXT)", NUMBER_LIKE, ""),
    case("litewire.num_typeof(litewire.cast_num(a))", "typeof(CAST(a AS NUMERIC))", NUMBER_LIKE, ""),
    case("litewire.num_text(litewire.n_add(litewire.num(a), litewire.num(b)))", "CAST(a + b AS TEXT)", NUMBER_LIKE, NUMBER_LIKE),
    case("litewire.num_text(litewire.n_sub(litewire.num(a), litewire.num(b)))", "CAST(a - b AS TEXT)", NUMBER_LIKE, NUMBER_LIKE),
    case("litewire.num_text(litewire.n_mul(litewire.num(a), litewire.num(b)))", "CAST(a * b AS TEXT)", NUMBER_LIKE, NUMBER_LIKE),
    case("litewire.num_text(litewire.n_div(litewire.num(a), litewire.num(b)))", "CAST(a / b AS TEXT)", NUMBER_LIKE, NUMBER_LIKE),
    case("litewire.num_text(litewire.n_mod(litewire.num(a), litewire.num(b)))", "CAST(a % b AS TEXT)", INTEGER, SMALL),
    case("litewire.shl(a::int8, b::int8)", "CAST(a AS INTEGER) << CAST(b AS INTEGER)", INTEGER, SMALL),
    case(
        "litewire.real_text(litewire.round(a::float8, b::int8))",
        "CAST(round(CAST(a AS REAL), CAST(b AS INTEGER)) AS TEXT)",
        "-?[0-9]{1,6}\\.[0-9]{1,6}",
        "[0-5]",
    ),
    case("litewire.substr('abcdefé', a::int8, b::int8)", "substr('abcdefé', a, b)", SMALL, SMALL),
    case("litewire.substr2('abcdefé', a::int8)", "substr('abcdefé', a)", SMALL, ""),
    case("encode(litewire.substr_blob('\\x0102030405', a::int8, b::int8), 'hex')", "lower(hex(substr(x'0102030405', a, b)))", SMALL, SMALL),
    case("litewire.quote_text(a)", "quote(a)", WORD, ""),
    case("litewire.hex(a)", "hex(a)", WORD, ""),
    case("litewire.char(a::int8, b::int8)", "char(a, b)", "[1-4][0-9]{1,4}", "[1-9][0-9]{1,2}"),
    case("(a ~ litewire.glob_re(b))::int", "a GLOB b", "[abc\\]]{0,4}", "[abc*?]{0,4}|[ab*]{0,2}\\[\\^?\\]?[a-c]{0,2}(a-b)?\\]\\*?"),
    case("litewire.printf(a, b, b)", "printf(a, b, b)", "%[-+0]?[1-9]?(d|x|s|q|Q|i|X|o|r|%|5\\.3f|\\.2e|g) ?%s", "-?[0-9]{1,6}"),
    case("litewire.date(ARRAY[a, b])", "date(a, b)", MOMENT, MODIFIER),
    case("litewire.date(ARRAY[a, b])", "date(a, b)", MONTH_END, MONTH_MODIFIER),
    case("litewire.date(ARRAY[a, b, 'floor'])", "date(a, b, 'floor')", MONTH_END, "[-+][0-9]{1,2} (month|year)s?"),
    case("litewire.time(ARRAY[a, b])", "time(a, b)", MOMENT, MODIFIER),
    case("litewire.datetime(ARRAY[a, b])", "datetime(a, b)", MOMENT, MODIFIER),
    case("litewire.real_text(litewire.julianday(ARRAY[a, b]))", "CAST(julianday(a, b) AS TEXT)", MOMENT, MODIFIER),
    case("litewire.unixepoch(ARRAY[a])", "unixepoch(a)", MOMENT, ""),
    case("litewire.strftime(b, ARRAY[a])", "strftime(b, a)", MOMENT, FORMAT),
    case("litewire.timediff(a, b)", "timediff(a, b)", MOMENT, MOMENT),
    case(
        "litewire.ts_text(litewire.ts(a))",
        "rtrim(rtrim(datetime(a, 'subsec'), '0'), '.') || iif(datetime(a, 'subsec') LIKE '%0.000', '0', '')",
        "20[0-9]{2}-0[1-9]-1[0-9] 10:1[1-9]:1[1-9]\\.[1-9]",
        "",
    ),
    case("litewire.j_min(litewire.j_doc(a)::text)", "json(a)", JSON, ""),
    case("litewire.j_valid(a, 1)", "json_valid(a)", "[\\[{\"1,}\\]]{0,4}", ""),
    case("litewire.j_valid(a, 2)", "json_valid(a, 2)", JSON5, ""),
    case("upper(encode(litewire.jb(a), 'hex'))", "hex(jsonb(a))", JSON5, ""),
    case("litewire.jb_text(litewire.jb(a))", "json(a)", JSON5, ""),
    case("litewire.jb_pretty(litewire.jb(a), b)", "json_pretty(a, b)", JSON, " {0,2}"),
    case("litewire.any_text(litewire.j_any(litewire.j_get(litewire.j_doc(a), b)))", "CAST(json_extract(a, b) AS TEXT)", JSON, PATH),
    case("litewire.any_typeof(litewire.j_any(litewire.j_get(litewire.j_doc(a), b)))", "typeof(json_extract(a, b))", JSON, PATH),
    case(
        "litewire.num_text(litewire.num_whole(litewire.cast_real(a)::text::numeric + 0.0))",
        "CAST((SELECT n FROM numeric_column WHERE t = a) AS TEXT)",
        "[1-9][0-9]{0,17}(\\.[05])?e1",
        "",
    ),
    case(
        "litewire.store_int_text(a, 's.t.c')",
        "(SELECT CASE typeof(n) WHEN 'integer' THEN n ELSE abs(-9223372036854775807 - 1) END FROM numeric_column WHERE t = a)",
        NUMBER_LIKE,
        "",
    ),
    case(
        "litewire.real_text(litewire.store_real_text(a, 's.t.c'))",
        "(SELECT CASE typeof(n) WHEN 'text' THEN abs(-9223372036854775807 - 1) ELSE CAST(n AS REAL) END FROM numeric_column WHERE t = a)",
        NUMBER_LIKE,
        "",
    ),
    case(
        "litewire.num_text(litewire.store_num_text(a, 's.t.c'))",
        "(SELECT CASE typeof(n) WHEN 'text' THEN abs(-9223372036854775807 - 1) ELSE n END FROM numeric_column WHERE t = a)",
        NUMBER_LIKE,
        "",
    ),
    case("litewire.j_type(litewire.j_get(litewire.j_doc(a), b))", "json_type(a, b)", JSON, PATH),
    case("litewire.j_length(litewire.j_get(litewire.j_doc(a), b))", "json_array_length(a, b)", JSON, PATH),
    case("upper(encode(litewire.jb_edit(litewire.jb(a), b, litewire.jbe_text('v'), 's'), 'hex'))", "hex(jsonb_set(a, b, 'v'))", JSON, PATH),
    case("upper(encode(litewire.jb_edit(litewire.jb(a), b, litewire.jbe_text('v'), 'i'), 'hex'))", "hex(jsonb_insert(a, b, 'v'))", JSON, PATH),
    case("upper(encode(litewire.jb_edit(litewire.jb(a), b, litewire.jbe_text('v'), 'r'), 'hex'))", "hex(jsonb_replace(a, b, 'v'))", JSON, PATH),
    case("litewire.jb_text(litewire.jb_edit(litewire.jb(a), b, NULL, 'd'))", "json_remove(a, b)", JSON, PATH),
    case("upper(encode(litewire.jb_patch(litewire.jb(a), litewire.jb(b)), 'hex'))", "hex(jsonb_patch(a, b))", JSON, JSON),
    case("litewire.any_text(litewire.any_numaff(a))", "CAST((SELECT n FROM numeric_column WHERE t = a) AS TEXT)", NUMBER_LIKE, ""),
    case("litewire.any_typeof(litewire.any_numaff(a))", "typeof((SELECT n FROM numeric_column WHERE t = a))", NUMBER_LIKE, ""),
];

#[tokio::test]
async fn helpers_agree_with_sqlite() {
    let postgres = Postgres::start();
    let client = postgres.client().await;
    // Twice: what is installed may be installed again.
    for _ in 0..2 {
        client.batch_execute(litewire::helpers::SQL).await.expect("the helper schema installs");
    }
    let sqlite = rusqlite::Connection::open_in_memory().expect("in-memory database");
    sqlite.execute_batch("CREATE TABLE numeric_column (t TEXT, n NUMERIC)").expect("table");
    let mut runner = TestRunner::deterministic();
    let mut differences = Vec::new();
    for case in CASES {
        let [a, b] = case.inputs.map(|pattern| inputs(&mut runner, pattern));
        for (a, b) in a.iter().zip(&b) {
            sqlite.execute("INSERT INTO numeric_column VALUES (?1, ?1)", [a]).expect("insert");
            let theirs = sqlite.query_row(&format!("SELECT CAST({} AS TEXT) FROM (SELECT ?1 AS a, ?2 AS b)", case.sqlite), [a, b], |row| {
                row.get::<_, Option<String>>(0)
            });
            let ours = client.query_one(&format!("SELECT ({})::text FROM (SELECT $1::text AS a, $2::text AS b) AS q", case.helper), &[a, b]).await;
            match (theirs, ours) {
                (Ok(theirs), Ok(ours)) if theirs == ours.get::<_, Option<String>>(0) => {}
                (Err(_), Err(_)) => {}
                (theirs, ours) => differences.push(format!(
                    "{} a={a:?} b={b:?}: {theirs:?}, not {:?}",
                    case.helper,
                    ours.map(|row| row.get::<_, Option<String>>(0))
                )),
            }
        }
    }
    assert!(differences.is_empty(), "{} differences:\n{}", differences.len(), differences.join("\n"));
}

/// Inputs of a shape, the same ones in every run.
fn inputs(runner: &mut TestRunner, pattern: &str) -> Vec<String> {
    let strategy = prop::string::string_regex(pattern).expect("the table's patterns are regular expressions");
    (0..60).map(|_| strategy.new_tree(runner).expect("strings are always found").current()).collect()
}

#[tokio::test]
async fn constant_globs_agree_with_sqlite() {
    use litewire::value::glob::{Glob, glob};
    let postgres = Postgres::start();
    let client = postgres.client().await;
    let sqlite = rusqlite::Connection::open_in_memory().expect("in-memory database");
    let mut runner = TestRunner::deterministic();
    let patterns = inputs(&mut runner, "([a-c*?%_.]|\\\\|é|\\[\\^?\\]?[a-c^.-]{0,3}(a-b|c-a)?\\]){0,3}\\[?");
    for pattern in patterns {
        let (operator, translated) = match glob(&pattern) {
            Glob::Like(like) => ("LIKE", like),
            Glob::Regex(regex) => ("~", regex),
            Glob::Never => ("~", "(?!)".to_owned()),
        };
        for text in inputs(&mut runner, "[abc%_.é^\\]\\\\-]{0,3}") {
            let theirs: bool = sqlite.query_row("SELECT ?1 GLOB ?2", [&text, &pattern], |row| row.get(0)).expect("GLOB");
            let row = client.query_one(&format!("SELECT $1::text {operator} $2::text"), &[&text, &translated]).await;
            let ours: bool = row.unwrap_or_else(|e| panic!("{pattern} as {translated}: {e:?}")).get(0);
            assert_eq!(ours, theirs, "{text:?} GLOB {pattern:?} as {translated:?}");
        }
    }
}

#[tokio::test]
async fn sequences_are_only_raised() {
    let postgres = Postgres::start();
    let client = postgres.client().await;
    client.batch_execute(litewire::helpers::SQL).await.expect("the helper schema installs");
    client.batch_execute("CREATE SEQUENCE \"Odd name\"").await.expect("sequence");
    for (id, next) in [(Some(5i64), 6i64), (Some(2), 7), (None, 8), (Some(20), 21)] {
        let bumped: Option<i64> = client.query_one("SELECT litewire.bump('\"Odd name\"', $1)", &[&id]).await.expect("bump").get(0);
        assert_eq!(bumped, id);
        let value: i64 = client.query_one("SELECT nextval('\"Odd name\"')", &[]).await.expect("nextval").get(0);
        assert_eq!(value, next);
    }
}

/// Statements for both engines whose rows must agree, from a corpus named by `LITEWIRE_CORPUS`: one JSON object a line.
#[tokio::test]
async fn corpus_agrees_with_sqlite() {
    let Ok(corpus) = std::env::var("LITEWIRE_CORPUS") else { return };
    let corpus = std::fs::read_to_string(corpus).expect("the corpus is readable");
    let postgres = Postgres::start();
    let client = postgres.client().await;
    client.batch_execute(litewire::helpers::SQL).await.expect("the helper schema installs");
    // The corpus overloads substr(); the helpers have one name per signature.
    let overload = "CREATE FUNCTION litewire.substr(text, int8) RETURNS text LANGUAGE sql AS 'SELECT litewire.substr2($1, $2)'";
    client.batch_execute(overload).await.expect("the overload");
    let (mut count, mut differences) = (0, Vec::new());
    for line in corpus.lines() {
        let check: serde_json::Value = serde_json::from_str(line).expect("the corpus is JSON");
        let text = |key: &str| in_our_schema(check[key].as_str().unwrap_or_default());
        if text("expect") != "same" {
            continue;
        }
        count += 1;
        let sqlite = rusqlite::Connection::open_in_memory().expect("in-memory database");
        client.batch_execute("DROP SCHEMA IF EXISTS chk CASCADE; CREATE SCHEMA chk; SET search_path = chk").await.expect("a fresh schema");
        for step in check["setup"].as_array().into_iter().flatten().filter_map(|s| s.as_str()) {
            let (for_sqlite, for_postgres) = (step.strip_prefix("S:"), step.strip_prefix("P:"));
            if for_postgres.is_none() {
                sqlite.execute_batch(for_sqlite.unwrap_or(step)).expect("SQLite's set-up");
            }
            if for_sqlite.is_none() {
                let step = in_our_schema(for_postgres.unwrap_or(step));
                client.batch_execute(&step).await.unwrap_or_else(|e| panic!("{step}: {e:?}"));
            }
        }
        let theirs = sqlite_rows(&sqlite, &text("sqlite")).map_err(|e| e.to_string());
        // The bundled SQLite lacks the mathematical functions.
        if theirs.as_ref().is_err_and(|e| e.contains("no such function")) {
            continue;
        }
        let ours = postgres_rows(&client, &text("pg")).await;
        if !agree(&theirs, &ours) {
            differences.push(format!("{}\n  {}\n  {theirs:?}\n  {ours:?}", text("sqlite"), text("pg")));
        }
    }
    assert!(differences.is_empty(), "{} of {count} differ:\n{}", differences.len(), differences.join("\n"));
}

/// The corpus calls the helper schema `sqlite`.
fn in_our_schema(sql: &str) -> String {
    sql.replace("sqlite.", "litewire.").replace("litewire.any", "litewire.\"any\"").replace("\"any\"_", "any_")
}
