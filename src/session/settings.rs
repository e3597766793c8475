//! The settings of a client, kept so that a client finds its settings on whichever backend it is given.

use crate::translate::Traces;
use crate::translate::bind_ident as quote_ident;
use crate::translate::parse::scan::{self, Kind};
use std::collections::{BTreeMap, BTreeSet};

/// The settings of a client.
#[derive(Debug, Default)]
pub struct Settings {
    /// In force beside the defaults: name and value.
    values: BTreeMap<String, String>,
    /// Parameters that PostgreSQL does not list, for it has no definition of them (`app.user`).
    unlisted: BTreeSet<String>,
    /// Something was sent that may have left state at the backend: it must be asked before another client may have it.
    suspect: bool,
    /// Something was sent whose state the backend cannot be asked for.
    lasting: bool,
}

/// An assignment to a setting, as far as one statement says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// SET name = value (SQL text).
    Set(String, String),
    /// RESET name.
    Reset(String),
    /// RESET ALL, DISCARD ALL.
    ResetAll,
}

/// The assignment that a statement is, for the session; None for anything else (SET LOCAL among it).
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
        return Some(if name.is(sql, "ALL") { Change::ResetAll } else { Change::Reset(scan::dotted(sql, &tokens[1..]).0) });
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
    let (name, used) = scan::dotted(sql, &tokens[at..]);
    at += used;
    let sign = tokens.get(at)?;
    if !(sign.is_op(sql, "=") || sign.is(sql, "TO")) {
        return (name == "role").then(|| value(sql, &tokens, at).map(|v| Change::Set(name, v))).flatten();
    }
    let value = value(sql, &tokens, at + 1)?;
    Some(if value.eq_ignore_ascii_case("default") { Change::Reset(name) } else { Change::Set(name, value) })
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
    /// A setting that holds from the start, or that the proxy itself makes.
    pub fn set(&mut self, name: &str, value: &str) {
        self.values.insert(name.to_ascii_lowercase(), value.to_owned());
    }

    /// A statement is sent that may leave state at the backend.
    pub fn touched(&mut self, traces: &Traces) {
        self.suspect = true;
        self.lasting |= traces.lasting;
        self.unlisted.extend(traces.unlisted.iter().cloned());
    }

    /// Something is sent of which nothing is known.
    pub fn suspect(&mut self) {
        self.suspect = true;
    }

    /// Must the backend be asked?
    pub fn is_suspect(&self) -> bool {
        self.suspect
    }

    /// Was there something that the backend cannot be asked for?
    pub fn is_lasting(&self) -> bool {
        self.lasting
    }

    /// Nothing set?
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The backend is asked.
    pub fn survey(&mut self) -> String {
        self.suspect = false;
        super::survey::question(&self.unlisted)
    }

    /// What the backend answered.
    pub fn found(&mut self, values: BTreeMap<String, String>) {
        self.values = values;
    }

    /// The statements that give a backend with the settings `applied` this client's; empty when it has them.
    pub fn difference(&self, applied: &BTreeMap<String, String>) -> String {
        // Who one is decides what one may set: own settings go before, others are undone after.
        let rank = |name: &str| IDENTITY.iter().position(|i| *i == name).map_or(0, |at| at + 1);
        let mut resets: Vec<&String> = applied.keys().filter(|n| !self.values.contains_key(*n)).collect();
        resets.sort_by_key(|name| (rank(name) == 0, rank(name)));
        let mut sets: Vec<(&String, &String)> = self.values.iter().filter(|(n, v)| applied.get(*n) != Some(v)).collect();
        sets.sort_by_key(|(name, _)| rank(name));
        let mut out = String::new();
        for name in resets {
            let name: Vec<String> = name.split('.').map(quote_ident).collect();
            out.push_str(&format!("RESET {};", name.join(".")));
        }
        for (name, value) in sets {
            // Not SET: to that a list is one value.
            out.push_str(&format!("SELECT pg_catalog.set_config({}, {}, false);", literal(name), literal(value)));
        }
        out
    }

    /// The settings, as they are in force after `difference`.
    pub fn values(&self) -> &BTreeMap<String, String> {
        &self.values
    }
}

/// The settings that say who the session is, in the order in which they are set.
const IDENTITY: [&str; 2] = ["session_authorization", "role"];

/// A string constant, whatever `standard_conforming_strings` is.
pub(super) fn literal(text: &str) -> String {
    let quoted = text.replace('\'', "''");
    if quoted.contains('\\') { format!(" E'{}'", quoted.replace('\\', "\\\\")) } else { format!("'{quoted}'") }
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
    fn a_backend_gets_what_it_lacks() {
        let mut settings = Settings::default();
        settings.set("search_path", "a, \"B\"");
        settings.set("role", "it's");
        let applied = |pairs: &[(&str, &str)]| pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect::<BTreeMap<_, _>>();
        assert_eq!(
            settings.difference(&applied(&[("app.user", "x"), ("session_authorization", "y")])),
            "RESET \"session_authorization\";RESET \"app\".\"user\";SELECT pg_catalog.set_config('search_path', 'a, \"B\"', false);\
             SELECT pg_catalog.set_config('role', 'it''s', false);"
        );
        assert_eq!(settings.difference(settings.values()), "");
    }
}
