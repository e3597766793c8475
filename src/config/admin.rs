use super::{AuthMethod, Config};
use serde::Deserialize;
use std::net::SocketAddr;

/// `[admin]`: who may use the admin console.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Admin {
    /// Users that may do everything.
    pub users: Vec<String>,
    /// Users that may only look.
    pub stats_users: Vec<String>,
}

/// `[metrics]`: where metrics and health are told.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Metrics {
    /// The address of the HTTP server; none without it.
    pub listen: Option<SocketAddr>,
}

/// The one who may do everything where nobody is named, and everybody who gets to the port is trusted with the data anyway.
const DEFAULT_USER: &str = "litewire";

impl Config {
    /// What a user, who has logged in, may do at the admin console: everything (true), look (false), or nothing.
    pub fn admin_rights(&self, user: &str) -> Option<bool> {
        let named = |users: &[String]| users.iter().any(|name| name == user);
        let nobody = self.admin.users.is_empty() && self.admin.stats_users.is_empty();
        let trusted = self.auth.method == AuthMethod::Trust && self.access.is_empty() && self.server.listen.ip().is_loopback();
        if named(&self.admin.users) || nobody && trusted && user == DEFAULT_USER {
            Some(true)
        } else {
            named(&self.admin.stats_users).then_some(false)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rights_are_stated_or_nobodys_but_on_loopback() {
        let rights = |text: &str, user: &str| Config::parse(text, "t").expect("valid").admin_rights(user);
        assert_eq!(rights("", "litewire"), Some(true));
        assert_eq!(rights("", "ann"), None);
        let open = "[server]\nlisten = '0.0.0.0:1'\n[auth]\ntrust_anywhere = true";
        assert_eq!(rights(open, "litewire"), None);
        let named = "[admin]\nusers = ['ann']\nstats_users = ['bob']";
        assert_eq!(["ann", "bob", "litewire"].map(|user| rights(named, user)), [Some(true), Some(false), None]);
    }
}
