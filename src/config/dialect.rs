use super::Bytes;
use crate::translate::HatchSet;
use serde::Deserialize;

/// `[dialect]`: what a client's SQL means, and how the answers look.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Dialect {
    /// The dialect of a session that no rule fits. The start-up option `litewire.dialect` and SET stand over both.
    pub default: DialectKind,
    /// The shape of results of a session that no rule fits. `SET litewire.results` stands over both.
    pub results: ResultProfile,
    /// A text parameter of which neither the client nor the context says the type.
    pub untyped_params: UntypedParams,
    /// What CREATE TABLE makes of declared types.
    pub types: TypeMapping,
    /// When REFERENCES becomes a constraint of the backend.
    pub foreign_keys: ForeignKeys,
    /// A value that a column's type at the backend cannot hold, and SQLite would store.
    pub misfit: Misfit,
    /// A table larger than that is not widened.
    pub misfit_widen_limit: Bytes,
    /// `[dialect.hatches]`: the constructs that are answered leniently.
    pub hatches: HatchSet,
    /// Rules, the first that fits counts.
    #[serde(rename = "rule")]
    pub rules: Vec<DialectRule>,
}

impl Default for Dialect {
    fn default() -> Self {
        Dialect {
            default: DialectKind::default(),
            results: ResultProfile::default(),
            untyped_params: UntypedParams::default(),
            types: TypeMapping::default(),
            foreign_keys: ForeignKeys::default(),
            misfit: Misfit::default(),
            misfit_widen_limit: Bytes::mib(1024),
            hatches: HatchSet::default(),
            rules: Vec::new(),
        }
    }
}

/// What a session's SQL is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DialectKind {
    /// SQLite's, translated.
    #[default]
    Sqlite,
    /// PostgreSQL's, passed through untouched.
    Postgres,
}

/// The types of results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ResultProfile {
    /// What SQLite would give.
    #[default]
    Sqlite,
    /// PostgreSQL's own types.
    Native,
}

/// `[dialect] untyped_params`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UntypedParams {
    /// It is TEXT.
    #[default]
    Text,
    /// It is taken by its looks: an integer, a real, else text.
    Infer,
}

/// `[dialect] types`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TypeMapping {
    /// A type that holds what SQLite's column of that affinity holds.
    #[default]
    Faithful,
    /// PostgreSQL's nearest type (`DATETIME` becomes timestamp, `BOOLEAN` boolean, …).
    Native,
}

/// `[dialect] foreign_keys`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ForeignKeys {
    /// Recorded until a session says `PRAGMA foreign_keys = ON`, then real constraints.
    #[default]
    FirstPragma,
    /// Real constraints from the start.
    On,
    /// Only recorded.
    Off,
}

/// `[dialect] misfit`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Misfit {
    /// The column becomes dynamic, where that is safe; else as `refuse`.
    #[default]
    Widen,
    /// The statement fails, as on a STRICT table.
    Refuse,
}

/// `[[dialect.rule]]`: what fits all the conditions it states gets what it sets.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DialectRule {
    /// The client's user.
    pub user: Option<String>,
    /// The database that it asks for.
    pub database: Option<String>,
    /// Its application_name.
    pub application_name: Option<String>,
    /// The dialect, if not the default.
    pub dialect: Option<DialectKind>,
    /// The shape of results, if not the default.
    pub results: Option<ResultProfile>,
}

impl Dialect {
    /// Dialect and results of a new session.
    pub fn of_session(&self, user: &str, database: &str, application_name: &str) -> (DialectKind, ResultProfile) {
        let rule = self.rules.iter().find(|r| r.fits(user, database, application_name));
        (rule.and_then(|r| r.dialect).unwrap_or(self.default), rule.and_then(|r| r.results).unwrap_or(self.results))
    }
}

impl DialectRule {
    fn fits(&self, user: &str, database: &str, application_name: &str) -> bool {
        let fits = |condition: &Option<String>, value: &str| condition.as_deref().is_none_or(|c| c == value);
        fits(&self.user, user) && fits(&self.database, database) && fits(&self.application_name, application_name)
    }
}
