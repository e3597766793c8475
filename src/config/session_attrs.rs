//! The part of a backend's address that says which of its hosts will do: libpq's `target_session_attrs` (PostgreSQL's page
//! "Parameter Key Words" of libpq), which tokio-postgres knows in part only.

use super::backend_tls::take;
use std::collections::BTreeMap;

/// `target_session_attrs`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum SessionAttrs {
    /// Any host.
    #[default]
    Any,
    /// One whose sessions may write.
    ReadWrite,
    /// One whose sessions may not.
    ReadOnly,
    /// One that is not in recovery.
    Primary,
    /// One that is.
    Standby,
    /// One that is; if none is there, any.
    PreferStandby,
}

impl SessionAttrs {
    /// Takes the parameter out of a URL or connection string; what is left is for others. The last one counts.
    pub(super) fn take(text: &str) -> Result<(Self, String), String> {
        let (parameters, rest) = take(text, |name| name == "target_session_attrs")?;
        let mut attrs = SessionAttrs::Any;
        for (name, value) in parameters {
            attrs = match value.as_str() {
                "any" => SessionAttrs::Any,
                "read-write" => SessionAttrs::ReadWrite,
                "read-only" => SessionAttrs::ReadOnly,
                "primary" => SessionAttrs::Primary,
                "standby" => SessionAttrs::Standby,
                "prefer-standby" => SessionAttrs::PreferStandby,
                _ => return Err(format!("invalid {name} value: \"{value}\"")),
            };
        }
        Ok((attrs, rest))
    }

    /// What is looked for, one round over all hosts after the other.
    pub fn rounds(self) -> &'static [SessionAttrs] {
        match self {
            SessionAttrs::Any => &[SessionAttrs::Any],
            SessionAttrs::ReadWrite => &[SessionAttrs::ReadWrite],
            SessionAttrs::ReadOnly => &[SessionAttrs::ReadOnly],
            SessionAttrs::Primary => &[SessionAttrs::Primary],
            SessionAttrs::Standby => &[SessionAttrs::Standby],
            SessionAttrs::PreferStandby => &[SessionAttrs::Standby, SessionAttrs::Any],
        }
    }

    /// Will a server do that has told these parameters at its start (PostgreSQL 14 and later tell both)?
    pub fn fit(self, parameters: &BTreeMap<String, String>) -> bool {
        let on = |name: &str| parameters.get(name).is_some_and(|value| value == "on");
        let (standby, read_only) = (on("in_hot_standby"), on("in_hot_standby") || on("default_transaction_read_only"));
        match self {
            SessionAttrs::Any | SessionAttrs::PreferStandby => true,
            SessionAttrs::ReadWrite => !read_only,
            SessionAttrs::ReadOnly => read_only,
            SessionAttrs::Primary => !standby,
            SessionAttrs::Standby => standby,
        }
    }

    /// What no host is, for a message.
    pub fn description(self) -> &'static str {
        match self {
            SessionAttrs::Any => "a server",
            SessionAttrs::ReadWrite => "read-write",
            SessionAttrs::ReadOnly => "read-only",
            SessionAttrs::Primary => "a primary",
            SessionAttrs::Standby | SessionAttrs::PreferStandby => "a standby",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_name_it() {
        let (attrs, rest) = SessionAttrs::take("postgres://a,b:5433/d?target_session_attrs=prefer-standby&connect_timeout=1").expect("valid");
        assert_eq!((attrs, rest.as_str()), (SessionAttrs::PreferStandby, "postgres://a,b:5433/d?connect_timeout=1"));
        assert_eq!(SessionAttrs::take("host=a,b target_session_attrs=primary").expect("valid").0, SessionAttrs::Primary);
        assert!(SessionAttrs::take("host=a target_session_attrs=master").is_err());
    }

    #[test]
    fn servers_are_told_apart_by_what_they_tell() {
        let server = |standby: &str, read_only: &str| {
            [("in_hot_standby", standby), ("default_transaction_read_only", read_only)].map(|(n, v)| (n.to_owned(), v.to_owned())).into()
        };
        let (primary, quiet, standby) = (server("off", "off"), server("off", "on"), server("on", "off"));
        let fits = |attrs: SessionAttrs| [&primary, &quiet, &standby].map(|parameters| attrs.fit(parameters));
        assert_eq!(fits(SessionAttrs::Any), [true, true, true]);
        assert_eq!(fits(SessionAttrs::ReadWrite), [true, false, false]);
        assert_eq!(fits(SessionAttrs::ReadOnly), [false, true, true]);
        assert_eq!(fits(SessionAttrs::Primary), [true, true, false]);
        assert_eq!(fits(SessionAttrs::Standby), [false, false, true]);
    }
}
