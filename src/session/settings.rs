//! SET and RESET, tracked so that a client finds its settings on whichever backend it is given.

use crate::translate::parse::scan::{self, Kind};
use std::collections::BTreeMap;

/// The settings of a client, and those that wait for their transaction's outcome.
#[derive(Debug, Default)]
pub struct Settings {
    /// In force: name and value as SQL text.
    values: BTreeMap<String, String>,
    pending: Vec<Change>,
}

/// A change of a setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// SET name = value (SQL text).
    Set(String, String),
    /// RESET name.
    Reset(String),
    /// RESET ALL, DISCARD ALL.
    ResetAll,
}

/// The change that a statement makes for the session; None for anything else (SET LOCAL among it).
pub fn change(sql: &str) -> Option<Change> {
    let first = scan::next(sql.as_bytes(), &mut 0)?;
    if !["SET", "RESET", "DISCARD"].iter().any(|verb| first.is(sql, verb)) {
        return None;
    }
    let tokens = scan::tokens(sql);
    let mut at = 1;
    if first.is(sql, "DISCARD") {
        return tokens.get(1).filter(|t| t.is(sql, "ALL")).map(|_| Change::ResetAll);
    }
    if first.is(sql, "RESET") {
        let name = tokens.get(1)?;
        return Some(if name.is(sql, "ALL") { Change::ResetAll } else { Change::Reset(dotted(sql, &tokens[1..]).0) });
    }
    if !first.is(sql, "SET") {
        return None;
    }
    if tokens.get(at)?.is(sql, "SESSION") && !tokens.get(at + 1)?.is(sql, "CHARACTERISTICS") && !tokens.get(at + 1)?.is(sql, "AUTHORIZATION") {
        at += 1;
    }
    if ["LOCAL", "TRANSACTION", "CONSTRAINTS", "SESSION"].iter().any(|w| tokens.get(at).is_some_and(|t| t.is(sql, w))) {
        return None;
    }
    if tokens.get(at)?.is(sql, "TIME") && tokens.get(at + 1)?.is(sql, "ZONE") {
        return value(sql, &tokens, at + 2).map(|v| Change::Set("timezone".to_owned(), v));
    }
    if tokens.get(at)?.is(sql, "NAMES") {
        return value(sql, &tokens, at + 1).map(|v| Change::Set("client_encoding".to_owned(), v));
    }
    let (name, used) = dotted(sql, &tokens[at..]);
    at += used;
    let sign = tokens.get(at)?;
    if !(sign.is_op(sql, "=") || sign.is(sql, "TO")) {
        return (name == "role").then(|| value(sql, &tokens, at).map(|v| Change::Set(name, v))).flatten();
    }
    let value = value(sql, &tokens, at + 1)?;
    Some(if value.eq_ignore_ascii_case("default") { Change::Reset(name) } else { Change::Set(name, value) })
}

/// A name of one part or two, lower case, and how many tokens it takes.
fn dotted(sql: &str, tokens: &[scan::Token]) -> (String, usize) {
    let name = |at: usize| tokens.get(at).map_or(String::new(), |t| scan::unquote(t.text(sql)).to_ascii_lowercase());
    if tokens.get(1).is_some_and(|t| t.is_op(sql, ".")) { (format!("{}.{}", name(0), name(2)), 3) } else { (name(0), 1) }
}

fn value(sql: &str, tokens: &[scan::Token], from: usize) -> Option<String> {
    let rest: Vec<&scan::Token> = tokens.get(from..)?.iter().filter(|t| !t.is_op(sql, ";")).collect();
    let (first, last) = (rest.first()?, rest.last()?);
    Some(sql[first.at.start..last.at.end].to_owned())
}

/// A value of SET without its quotes.
pub fn plain(value: &str) -> String {
    let tokens = scan::tokens(value);
    match tokens.as_slice() {
        [only] if matches!(only.kind, Kind::String | Kind::Quoted) => scan::unquote(only.text(value)),
        _ => value.to_owned(),
    }
}

impl Settings {
    /// A setting that holds from the start.
    pub fn start(&mut self, name: &str, value: &str) {
        self.values.insert(name.to_ascii_lowercase(), format!("'{}'", value.replace('\'', "''")));
    }

    /// A change was made on the backend; it is the session's once its transaction commits.
    pub fn changed(&mut self, change: Change) {
        self.pending.push(change);
    }

    /// Nothing set, and nothing pending?
    pub fn is_empty(&self) -> bool {
        self.values.is_empty() && self.pending.is_empty()
    }

    /// The transaction ended. What it changed is in force, on the backend too, or undone there.
    pub fn settle(&mut self, committed: bool, applied: &mut BTreeMap<String, String>) {
        for change in std::mem::take(&mut self.pending) {
            if !committed {
                continue;
            }
            match change {
                Change::Set(name, value) => {
                    applied.insert(name.clone(), value.clone());
                    self.values.insert(name, value);
                }
                Change::Reset(name) => {
                    applied.remove(&name);
                    self.values.remove(&name);
                }
                Change::ResetAll => {
                    applied.clear();
                    self.values.clear();
                }
            }
        }
    }

    /// The statements that give a backend this client's settings; empty when it has them.
    pub fn difference(&self, applied: &BTreeMap<String, String>) -> String {
        let mut out = String::new();
        for name in applied.keys().filter(|n| !self.values.contains_key(*n)) {
            out.push_str(&format!("RESET {name};"));
        }
        for (name, value) in self.values.iter().filter(|(n, v)| applied.get(*n) != Some(v)) {
            out.push_str(&format!("SET {name} TO {value};"));
        }
        out
    }

    /// The settings, as they are in force after `difference`.
    pub fn values(&self) -> &BTreeMap<String, String> {
        &self.values
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_understood() {
        let set = |n: &str, v: &str| Some(Change::Set(n.to_owned(), v.to_owned()));
        assert_eq!(change("SET search_path TO a, b;"), set("search_path", "a, b"));
        assert_eq!(change("set session time zone 'UTC'"), set("timezone", "'UTC'"));
        assert_eq!(change("SET litewire.dialect = 'postgres'"), set("litewire.dialect", "'postgres'"));
        assert_eq!(change("SET LOCAL x = 1"), None);
        assert_eq!(change("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE"), None);
        assert_eq!(change("RESET ALL"), Some(Change::ResetAll));
        assert_eq!(change("SELECT 1"), None);
    }

    #[test]
    fn a_rolled_back_change_is_none() {
        let (mut settings, mut applied) = (Settings::default(), BTreeMap::new());
        settings.changed(Change::Set("a".into(), "1".into()));
        settings.settle(false, &mut applied);
        assert!(settings.is_empty() && applied.is_empty());
        settings.changed(Change::Set("a".into(), "1".into()));
        settings.settle(true, &mut applied);
        assert_eq!(settings.difference(&BTreeMap::new()), "SET a TO 1;");
        assert_eq!(settings.difference(&applied), "");
        assert_eq!(Settings::default().difference(&applied), "RESET a;");
    }
}
