use super::*;
use std::time::Duration;

const DOCUMENTED: &str = include_str!("../../config.toml");

fn error(text: &str) -> String {
    Config::parse(text, "test.toml").expect_err("must be refused").to_string()
}

/// A commented-out `# key = value` line is a key without a default, shown by example.
#[test]
fn the_documented_file_is_the_defaults() {
    assert_eq!(Config::parse(DOCUMENTED, "config.toml").expect("parses"), Config::default());
}

#[test]
fn the_documented_file_names_every_key_and_its_examples_parse() {
    let sections = [
        "[server]",
        "[auth]",
        "#: [[access]]",
        "[backend]",
        "[pool]",
        "[dialect]",
        "[dialect.hatches]",
        "[transactions]",
        "[limits]",
        "[embedded]",
        "[admin]",
        "[metrics]",
        "[log]",
    ];
    for section in sections {
        assert!(DOCUMENTED.lines().any(|l| l == section), "{section} is not documented");
    }
    let everything: String = DOCUMENTED.lines().map(|l| format!("{}\n", l.strip_prefix("#: ").unwrap_or(l))).collect();
    let config = Config::parse(&everything, "config.toml").expect("the examples parse");
    assert!(
        config.server.tls_cert.is_some()
            && config.server.tls_client_crl.is_some()
            && config.backend.url.is_some()
            && config.backend.tls_ca.is_some()
            && config.embedded.pg_bin.is_some()
    );
    let user = config.users.first().expect("a user is shown");
    assert!(user.verifier.is_some() && user.backend_user.is_some() && user.backend_password.is_some());
    assert!(user.pool_mode.is_some() && user.pool_size.is_some());
    assert!(config.databases.iter().any(|d| d.pool_mode.is_some() && d.pool_size.is_some()));
    assert!(!config.databases.is_empty() && !config.dialect.rules.is_empty());
}

#[test]
fn the_documented_file_names_every_hatch() {
    for hatch in &crate::translate::HATCHES {
        assert!(DOCUMENTED.lines().any(|l| l == format!("{} = \"strict\"", hatch.name)), "{} is not documented", hatch.name);
    }
    let config = Config::parse("[dialect.hatches]\nindex = \"lenient\"\npragma = \"strict\"", "t").expect("known");
    assert_eq!(config.dialect.hatches, [crate::translate::Hatch::Index].into_iter().collect());
    assert!(error("[dialect.hatches]\nindx = \"lenient\"").contains("recursive_order"));
    assert!(error("[dialect.hatches]\nindex = \"on\"").contains("lenient"));
}

#[test]
fn unknown_keys_are_refused_by_name() {
    let message = error("[pool]\nsiez = 3\n");
    assert!(message.contains("siez") && message.contains("size"), "{message}");
}

#[test]
fn trust_stays_on_loopback() {
    assert!(error("[server]\nlisten = \"0.0.0.0:6543\"").contains("trust_anywhere"));
    Config::parse("[server]\nlisten = \"0.0.0.0:6543\"\n[auth]\ntrust_anywhere = true", "t").expect("stated");
    Config::parse("[server]\nlisten = \"[::1]:6543\"", "t").expect("loopback");
}

#[test]
fn scram_needs_verifiers() {
    assert!(error("[auth]\nmethod = \"scram-sha-256\"").contains("litewire password"));
    assert!(error("[auth]\nmethod = \"scram-sha-256\"\n[[user]]\nname = \"ann\"").contains("\"ann\""));
    let verifier = ScramVerifier::of_password("secret");
    let text = format!("[auth]\nmethod = \"scram-sha-256\"\n[[user]]\nname = \"ann\"\nverifier = \"{verifier}\"");
    let config = Config::parse(&text, "t").expect("complete");
    assert_eq!(config.user("ann").and_then(|u| u.verifier.as_ref()), Some(&Verifier::Scram(verifier)));
}

#[test]
fn units() {
    assert_eq!(parse_duration("30s"), Some(Duration::from_secs(30)));
    assert_eq!(parse_duration("500 ms"), Some(Duration::from_millis(500)));
    assert_eq!(parse_duration("2min"), Some(Duration::from_secs(120)));
    assert_eq!(["30", "s", "-1s", "1.5s", "1m", ""].map(parse_duration), [None; 6]);
    assert_eq!(parse_bytes("16MiB"), Some(16 << 20));
    assert_eq!(["16MB", "99999999999GiB", "MiB"].map(parse_bytes), [None; 3]);
    assert!(error("[pool]\nidle_timeout = 30").contains("such as \"30s\""));
}

#[test]
fn databases_are_found_by_name_then_star_then_backend() {
    let name = |config: &Config, database: &str| config.target(database).and_then(|t| t.get().get_dbname().map(str::to_owned));
    let one = Config::parse("[backend]\nurl = \"postgres://u@h/app\"", "t").expect("valid");
    assert_eq!(name(&one, "app").as_deref(), Some("app"));
    assert_eq!(name(&one, "other"), None);
    let any = Config::parse("[backend]\nurl = \"postgres://u@h\"", "t").expect("valid");
    assert_eq!(name(&any, "other").as_deref(), Some("other"));
    let entries = "[[database]]\nname = \"a\"\nurl = \"postgres://u@h/real\"\n[[database]]\nname = \"*\"\nurl = \"postgres://u@h\"";
    let entries = Config::parse(entries, "t").expect("valid");
    assert_eq!(name(&entries, "a").as_deref(), Some("real"));
    assert_eq!(name(&entries, "b").as_deref(), Some("b"));
    assert!(!entries.needs_embedded() && Config::default().needs_embedded());
}

#[test]
fn a_root_certificate_rules_plain_text_out() {
    let mode = |url: &str| {
        let text = format!("[backend]\nurl = \"{url}\"\ntls_ca = \"ca.pem\"");
        Config::parse(&text, "t").expect("valid").target("d").expect("served").tls().mode
    };
    assert_eq!(mode("postgres://u@h"), SslMode::VerifyFull);
    assert_eq!(mode("postgres://u@h?sslrootcert=/x&sslmode=verify-ca"), SslMode::VerifyCa);
    assert_eq!(mode("postgres://u@%2Frun"), SslMode::Prefer);
}

#[test]
fn the_first_rule_that_fits_counts() {
    let text = "[[dialect.rule]]\nuser = \"django\"\ndialect = \"postgres\"\n[[dialect.rule]]\nresults = \"native\"";
    let dialect = Config::parse(text, "t").expect("valid").dialect;
    assert_eq!(dialect.of_session("django", "d", ""), (DialectKind::Postgres, ResultProfile::Sqlite));
    assert_eq!(dialect.of_session("node", "d", ""), (DialectKind::Sqlite, ResultProfile::Native));
}

#[test]
fn passwords_do_not_show() {
    let config = Config::parse(
        "[backend]\nurl = \"postgres://u:hunter2@h:5433/app\"\n[[user]]\nname = \"a\"\nbackend_password = \"hunter3\"\npassword = \"hunter4\"\n\
         [auth]\nquery_password = \"hunter5\"\n[[database]]\nname = \"d\"\nurl = \"postgres://h\"\nquery_password = \"hunter6\"",
        "t",
    );
    let config = config.expect("valid");
    let shown = format!("{config:?} {}", config.backend.url.as_ref().expect("set"));
    assert!(!shown.contains("hunter") && shown.ends_with("h:5433/app"), "{shown}");
    assert!(!error("[backend]\nurl = \"nonsense\"").is_empty());
}

#[test]
fn an_entry_says_how_it_is_pooled() {
    let text = "[[database]]\nname = \"a\"\nurl = \"postgres://h\"\npool_mode = \"session\"\npool_size = 5\n[[user]]\nname = \"ann\"\npool_size = 7";
    let config = Config::parse(text, "t").expect("valid");
    let pool = |user, database| (config.pool(user, database).mode, config.pool(user, database).size);
    assert_eq!(pool("ann", "a"), (PoolMode::Session, 7));
    assert_eq!(pool("bob", "a"), (PoolMode::Session, 5));
    assert_eq!(pool("bob", "b"), (PoolMode::Transaction, 20));
    assert!(error("[[user]]\nname = \"ann\"\npool_size = 0").contains("at least 1"));
}

#[test]
fn rules_of_access_need_what_they_ask_for() {
    let rule = |rest: &str| format!("[server]\ntls_cert = 'c'\ntls_key = 'k'\n[[access]]\n{rest}");
    assert!(error(&rule("method = 'cert'")).contains("tls_client_ca"));
    assert!(error(&rule("method = 'trust'\nclient_cert = true")).contains("tls_client_ca"));
    assert!(error(&rule("method = 'peer'")).contains("local"));
    assert!(error(&rule("method = 'md5'")).contains("[[user]]"));
    assert!(error("[[access]]\ntype = 'hostssl'\nmethod = 'trust'").contains("tls_cert"));
    assert!(error("[server]\ntls = 'require'").contains("tls_cert"));
    assert!(error("[[access]]\nmethod = 'guess'").contains("guess"));
    assert!(error("[[access]]\nmethod = 'trust'\naddress = '10.0.0.0/99'").contains("10.0.0.0/8"));
    let anywhere = |rules: &str| format!("[server]\nlisten = '0.0.0.0:1'\n{rules}");
    assert!(error(&anywhere("[[access]]\nmethod = 'trust'")).contains("trust_anywhere"));
    Config::parse(&anywhere("[[access]]\nmethod = 'trust'\naddress = ['127.0.0.1', '::1']"), "t").expect("this machine only");
    Config::parse(&anywhere("[[access]]\nmethod = 'trust'\ntype = 'local'"), "t").expect("this machine only");
    let first = Config::parse("[[access]]\nuser = 'ann'\nmethod = 'reject'\n[[access]]\nmethod = 'trust'", "t").expect("valid");
    let method = |user| first.access(&Approach { user, database: "d", address: None, tls: false }).map(|rule| rule.method);
    assert_eq!((method("ann"), method("bob")), (Some(AuthMethod::Reject), Some(AuthMethod::Trust)));
}
