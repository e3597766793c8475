//! SQLite's text to a plan. Pure: text, parameter classes and a catalog snapshot in, a [`Plan`] out; no socket, no async.

pub mod cache;
pub mod plan;

pub use plan::*;

use crate::catalog::Catalog;
use crate::error::ClientError;

/// What of a session shapes a translation (part of the cache's key).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Options {
    /// `[dialect] results`, `SET litewire.results`: SQLite's types on the wire, or PostgreSQL's own.
    pub native_results: bool,
    /// `[dialect] untyped_params = "infer"`: an untyped parameter that no context demands is taken by its looks.
    pub infer_params: bool,
    /// `[dialect] types = "native"`: declared types become PostgreSQL's nearest.
    pub native_types: bool,
    /// PRAGMA case_sensitive_like.
    pub case_sensitive_like: bool,
    /// Foreign keys of new tables become real constraints.
    pub foreign_keys: bool,
}

impl Default for Options {
    fn default() -> Self {
        Options { native_results: false, infer_params: false, native_types: false, case_sensitive_like: false, foreign_keys: false }
    }
}

/// The places of the statements in a text that may hold several, by SQLite's tokens (a trigger's body is one statement).
/// Statements of nothing but comments are left out.
pub fn split(_sql: &str) -> Vec<StatementRange> {
    todo!()
}

/// Translates one statement.
///
/// `params` holds what is known of the client's parameters, by number from 1; shorter than needed means Unknown.
/// Errors carry a byte position into `sql`.
pub fn translate(_sql: &str, _params: &[ParamClass], _catalog: &Catalog, _options: &Options) -> Result<Plan, ClientError> {
    todo!()
}

/// A catalog of what SQLite's DDL would create. Errors carry a byte position into `ddl`.
pub fn catalog_from_ddl(_ddl: &str) -> Result<Catalog, ClientError> {
    todo!()
}
