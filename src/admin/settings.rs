//! The configuration as keys and texts, for SHOW CONFIG and to see what a RELOAD changes.

use crate::config::Config;
use std::collections::BTreeMap;
use toml::{Table, Value};

/// Every key with its default.
const DOCUMENTED: &str = include_str!("../../config.toml");
/// Keys, or beginnings of keys, whose change takes a restart.
pub const NEEDS_RESTART: [&str; 8] = [
    "server.listen",
    "server.unix_socket_dir",
    "server.workers",
    "server.reuse_port",
    "server.peer_dir",
    "embedded.",
    "log.format",
    "metrics.listen",
];
/// What a value that is a secret is shown as.
const SECRET: &str = "(set)";

/// A configuration's keys (`section.key`) and what they are set to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    values: BTreeMap<String, String>,
}

impl Settings {
    /// What a file's text says, over the defaults; `config` is the same as it was validated, with the command line's share.
    /// A text that is no TOML says nothing.
    pub fn new(text: &str, config: &Config) -> Self {
        let mut values = Settings::defaults();
        flatten(&text.parse().unwrap_or_default(), "", &mut values);
        values.insert("server.listen".to_owned(), config.server.listen.to_string());
        values.insert("embedded.data_dir".to_owned(), config.embedded.data_dir.display().to_string());
        if let Some(url) = &config.backend.url {
            values.insert("backend.url".to_owned(), url.to_string());
        }
        Settings { values }
    }

    /// Every key that has a default.
    pub fn defaults() -> BTreeMap<String, String> {
        let mut values = BTreeMap::new();
        flatten(&DOCUMENTED.parse().unwrap_or_default(), "", &mut values);
        values
    }

    /// Keys and values, in order. Of secrets, only that they are set.
    pub fn shown(&self) -> impl Iterator<Item = (&str, &str)> {
        self.values.iter().map(|(key, value)| (key.as_str(), if is_secret(key) { SECRET } else { value.as_str() }))
    }

    /// The keys that `other` sets otherwise.
    pub fn changed(&self, other: &Settings) -> Vec<String> {
        let keys = self.values.keys().chain(other.values.keys()).collect::<std::collections::BTreeSet<_>>();
        keys.into_iter().filter(|key| self.values.get(*key) != other.values.get(*key)).cloned().collect()
    }

    /// These, but for what takes a restart: that as `current` has it.
    pub fn keeping(mut self, current: &Settings) -> Settings {
        let fixed = |key: &str| NEEDS_RESTART.iter().any(|fixed| key.starts_with(fixed));
        self.values.retain(|key, _| !fixed(key));
        self.values.extend(current.values.iter().filter(|(key, _)| fixed(key)).map(|(key, value)| (key.clone(), value.clone())));
        self
    }
}

fn is_secret(key: &str) -> bool {
    // A URL may have a password in it: the backend's is shown without by `Settings::new`.
    let last = key.rsplit('.').next().unwrap_or_default();
    last.contains("password") || last == "verifier" || last == "url" && key != "backend.url"
}

fn flatten(table: &Table, prefix: &str, out: &mut BTreeMap<String, String>) {
    for (key, value) in table {
        let key = format!("{prefix}{key}");
        match value {
            Value::Table(table) => flatten(table, &format!("{key}."), out),
            Value::Array(entries) if entries.iter().any(Value::is_table) => {
                for (at, entry) in entries.iter().enumerate() {
                    let name = entry.get("name").and_then(Value::as_str).map_or_else(|| at.to_string(), str::to_owned);
                    flatten(entry.as_table().unwrap_or(&Table::new()), &format!("{key}[{name}]."), out);
                }
            }
            Value::String(text) => drop(out.insert(key, text.clone())),
            other => drop(out.insert(key, other.to_string())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(text: &str) -> Settings {
        Settings::new(text, &Config::parse(text, "t").expect("valid"))
    }

    #[test]
    fn changes_are_seen_by_key() {
        let (before, after) = (settings("[pool]\nsize = 3"), settings("[pool]\nsize = 4\n[server]\nworkers = 2\n[[user]]\nname = 'ann'"));
        assert_eq!(before.changed(&after), ["pool.size", "server.workers", "user[ann].name"]);
        assert_eq!(before.changed(&after.keeping(&before)), ["pool.size", "user[ann].name"]);
    }

    #[test]
    fn secrets_are_not_shown() {
        let text = "[backend]\nurl = 'postgres://u:hunter2@h/d'\n[[user]]\nname = 'a'\nbackend_password = 'hunter3'\n\
            [[database]]\nname = 'd'\nurl = 'postgres://u:hunter4@h/d'";
        let settings = settings(text);
        let shown: Vec<_> = settings.shown().collect();
        assert!(shown.contains(&("backend.url", "h:5432/d")) && shown.contains(&("user[a].backend_password", SECRET)), "{shown:?}");
        assert!(!format!("{shown:?}").contains("hunter"), "{shown:?}");
    }
}
