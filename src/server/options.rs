use super::startup::Startup;
use crate::config::{Config, DialectKind, Misfit, ResultProfile};
use crate::error::{ClientError, SqlState};
use crate::session::{SessionOptions, Timeouts};

/// What the configuration, its rules and the client's own start-up options make of a session. The options that are used up
/// here are taken out of `startup`.
pub(super) fn session_options(config: &Config, startup: &mut Startup) -> Result<SessionOptions, ClientError> {
    let (mut dialect, mut results) = config.dialect.of_session(&startup.user, &startup.database, &startup.application_name);
    if let Some(value) = startup.parameters.remove("litewire.dialect") {
        dialect = match value.to_ascii_lowercase().as_str() {
            "sqlite" => DialectKind::Sqlite,
            "postgres" => DialectKind::Postgres,
            _ => return Err(invalid("litewire.dialect", &value, "sqlite, postgres")),
        };
    }
    if let Some(value) = startup.parameters.remove("litewire.results") {
        results = match value.to_ascii_lowercase().as_str() {
            "sqlite" => ResultProfile::Sqlite,
            "native" => ResultProfile::Native,
            _ => return Err(invalid("litewire.results", &value, "sqlite, native")),
        };
    }
    Ok(SessionOptions {
        pool_mode: config.pool(&startup.user, &startup.database).mode,
        dialect,
        results,
        untyped_params: config.dialect.untyped_params,
        types: config.dialect.types,
        foreign_keys: config.dialect.foreign_keys,
        misfit_widen_limit: (config.dialect.misfit == Misfit::Widen).then(|| config.dialect.misfit_widen_limit.get()),
        hatches: config.dialect.hatches,
        immediate: config.transactions.immediate,
        isolation: config.transactions.isolation,
        max_query_size: config.limits.max_query_size.get(),
        max_message_size: config.limits.max_message_size.get(),
        timeouts: Timeouts {
            client_idle: config.limits.client_idle_timeout,
            idle_in_transaction: config.limits.idle_in_transaction_timeout,
            query: config.limits.query_timeout,
        },
    })
}

fn invalid(name: &str, value: &str, known: &str) -> ClientError {
    ClientError::new(SqlState::INVALID_PARAMETER_VALUE, format!("invalid value for parameter \"{name}\": \"{value}\""))
        .hint(format!("Available values: {known}."))
        .fatal()
}

/// The settings in a start-up's `options` (`-c name=value`, `--name=value`; a backslash escapes a space or itself), as
/// `pg_split_opts` and `process_postgres_switches` read them.
pub(super) fn split_options(options: &str) -> Result<Vec<(String, String)>, ClientError> {
    let mut words = vec![];
    let mut word: Option<String> = None;
    let mut characters = options.chars();
    while let Some(c) = characters.next() {
        match c {
            c if c.is_ascii_whitespace() => words.extend(word.take()),
            '\\' => word.get_or_insert_default().extend(characters.next()),
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);

    let mut settings = vec![];
    let mut words = words.into_iter();
    while let Some(word) = words.next() {
        let setting = match word.strip_prefix("--").or_else(|| word.strip_prefix("-c")) {
            Some("") => words.next().unwrap_or_default(),
            Some(setting) => setting.to_owned(),
            None => word,
        };
        let pair = setting.split_once('=').filter(|(name, _)| !name.is_empty() && !name.starts_with('-'));
        let Some((name, value)) = pair else {
            let message = format!("invalid command-line argument for server process: {setting}");
            return Err(ClientError::new(SqlState::SYNTAX_ERROR, message).hint("Only -c name=value and --name=value are understood.").fatal());
        };
        settings.push((name.replace('-', "_"), value.to_owned()));
    }
    Ok(settings)
}

#[cfg(test)]
mod tests {
    use super::split_options;

    #[test]
    fn options_are_split_as_postgres_does() {
        let pairs = |text: &str| split_options(text).expect("valid");
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(pairs(""), []);
        assert_eq!(pairs("-c a=1 -cb=2  --lock-timeout=3"), [pair("a", "1"), pair("b", "2"), pair("lock_timeout", "3")]);
        assert_eq!(pairs(r"-c search_path=a,\ b\\c"), [pair("search_path", r"a, b\c")]);
        assert!(split_options("-x").is_err());
        assert!(split_options("-c").is_err());
    }
}
