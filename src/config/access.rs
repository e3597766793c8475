//! `[[access]]`: who may come in, from where, and how they prove who they are (PostgreSQL's chapter "The pg_hba.conf File").

use super::AuthMethod;
use serde::Deserialize;
use std::net::IpAddr;
use std::str::FromStr;

/// A rule. The first one that fits a client counts; where there are rules and none fits, the client is refused.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccessRule {
    /// The kinds of connection that it is for.
    #[serde(default, rename = "type")]
    pub connection: ConnectionType,
    /// The databases: names, `all`, or `sameuser` (the one named as the user).
    #[serde(default)]
    pub database: Names,
    /// The users: names, or `all`.
    #[serde(default)]
    pub user: Names,
    /// The networks that the client may connect from; none stated is all.
    #[serde(default)]
    pub address: Networks,
    /// How the client proves who it is.
    pub method: AuthMethod,
    /// Besides, the client must have a certificate that `[server] tls_client_ca` signed.
    #[serde(default)]
    pub client_cert: bool,
}

/// `[[access]] type`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ConnectionType {
    /// Every connection.
    #[default]
    Any,
    /// Over a Unix-domain socket.
    Local,
    /// Over TCP, with TLS or without.
    Host,
    /// Over TCP with TLS.
    HostSsl,
    /// Over TCP without TLS.
    HostNoSsl,
}

/// What a rule looks at.
#[derive(Debug, Clone, Copy)]
pub struct Approach<'a> {
    /// The user that the client names.
    pub user: &'a str,
    /// The database that it asks for.
    pub database: &'a str,
    /// Where it comes from; None for a Unix-domain socket.
    pub address: Option<IpAddr>,
    /// Is it encrypted?
    pub tls: bool,
}

impl AccessRule {
    /// The rule that is for everybody.
    pub(super) fn of_method(method: AuthMethod) -> Self {
        AccessRule {
            connection: ConnectionType::Any,
            database: Names::default(),
            user: Names::default(),
            address: Networks::default(),
            method,
            client_cert: false,
        }
    }

    /// Is this rule for a client?
    pub fn fits(&self, client: &Approach<'_>) -> bool {
        let connection = match (self.connection, client.address) {
            (ConnectionType::Any, _) => true,
            (ConnectionType::Local, address) => address.is_none(),
            (_, None) => false,
            (ConnectionType::Host, _) => true,
            (ConnectionType::HostSsl, _) => client.tls,
            (ConnectionType::HostNoSsl, _) => !client.tls,
        };
        let database = |name: &str| name == client.database || name == "all" || (name == "sameuser" && client.database == client.user);
        let address = client.address.is_none_or(|address| self.address.contain(address));
        connection && address && self.database.any(database) && self.user.any(|name| name == client.user || name == "all")
    }

    /// Could a client from another machine fall under it, if one reaches the port?
    pub(super) fn is_for_others(&self) -> bool {
        let loopback = !self.address.0.is_empty() && self.address.0.iter().all(Network::is_loopback);
        self.connection != ConnectionType::Local && !loopback
    }
}

/// One name, or several; none is all.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(from = "OneOrMany<String>")]
pub struct Names(Vec<String>);

impl Names {
    fn any(&self, fits: impl FnMut(&str) -> bool) -> bool {
        self.0.is_empty() || self.0.iter().map(String::as_str).any(fits)
    }
}

impl From<OneOrMany<String>> for Names {
    fn from(names: OneOrMany<String>) -> Self {
        Names(names.into())
    }
}

/// One network, or several; none is all.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(from = "OneOrMany<Network>")]
pub struct Networks(Vec<Network>);

impl Networks {
    fn contain(&self, address: IpAddr) -> bool {
        self.0.is_empty() || self.0.iter().any(|network| network.contains(address))
    }
}

impl From<OneOrMany<Network>> for Networks {
    fn from(networks: OneOrMany<Network>) -> Self {
        Networks(networks.into())
    }
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "expected one string, or a list of them (addresses as 10.0.0.0/8, ::1 or \"all\")")]
enum OneOrMany<T> {
    One(T),
    Many(Vec<T>),
}

impl<T> From<OneOrMany<T>> for Vec<T> {
    fn from(given: OneOrMany<T>) -> Self {
        match given {
            OneOrMany::One(one) => vec![one],
            OneOrMany::Many(many) => many,
        }
    }
}

/// A range of addresses: `10.0.0.0/8`, `::1/128`, a single address, or `all`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
enum Network {
    All,
    Range { address: IpAddr, bits: u8 },
}

impl Network {
    fn contains(&self, client: IpAddr) -> bool {
        // A socket for both families tells of IPv4 clients as IPv6's ::ffff:a.b.c.d.
        match (*self, client.to_canonical()) {
            (Network::All, _) => true,
            (Network::Range { address: IpAddr::V4(address), bits }, IpAddr::V4(client)) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(bits)).unwrap_or(0);
                address.to_bits() & mask == client.to_bits() & mask
            }
            (Network::Range { address: IpAddr::V6(address), bits }, IpAddr::V6(client)) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or(0);
                address.to_bits() & mask == client.to_bits() & mask
            }
            (Network::Range { .. }, _) => false,
        }
    }

    /// Are all of its addresses this machine's own?
    fn is_loopback(&self) -> bool {
        match *self {
            Network::All => false,
            Network::Range { address, bits } => address.is_loopback() && bits >= if address.is_ipv4() { 8 } else { 128 },
        }
    }
}

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = || format!("\"{text}\" is no range of addresses; write 10.0.0.0/8, 192.168.1.7, ::1/128 or all");
        if text == "all" {
            return Ok(Network::All);
        }
        let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let address: IpAddr = address.parse().map_err(|_| expected())?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Some(most), |bits| bits.parse().ok().filter(|bits| *bits <= most)).ok_or_else(expected)?;
        Ok(Network::Range { address, bits })
    }
}

impl TryFrom<String> for Network {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(text: &str) -> AccessRule {
        toml::from_str(text).expect("a rule")
    }

    #[test]
    fn a_rule_fits_by_all_that_it_states() {
        let client = Approach { user: "ann", database: "app", address: Some([10, 1, 2, 3].into()), tls: false };
        for (text, fits) in [
            ("", true),
            ("type = 'any'", true),
            ("type = 'host'", true),
            ("type = 'hostnossl'", true),
            ("type = 'hostssl'", false),
            ("type = 'local'", false),
            ("user = 'ann'", true),
            ("user = ['bob', 'ann']", true),
            ("user = 'bob'", false),
            ("user = 'all'", true),
            ("database = 'sameuser'", false),
            ("database = ['x', 'all']", true),
            ("address = '10.0.0.0/8'", true),
            ("address = '10.1.2.3'", true),
            ("address = ['10.1.2.4/32', '::/0']", false),
            ("address = '0.0.0.0/0'", true),
            ("address = 'all'", true),
            ("address = '10.0.0.0/8'\nuser = 'bob'", false),
        ] {
            assert_eq!(rule(&format!("method = 'trust'\n{text}")).fits(&client), fits, "{text}");
        }
        let mapped = Approach { address: Some("::ffff:10.1.2.3".parse().expect("an address")), ..client };
        assert!(rule("method = 'trust'\naddress = '10.0.0.0/8'").fits(&mapped));
        let local = Approach { address: None, database: "ann", ..client };
        assert!(rule("method = 'peer'\ntype = 'local'\ndatabase = 'sameuser'").fits(&local));
        assert!(!rule("method = 'trust'\ntype = 'host'").fits(&local));
        let six = Approach { address: Some("fe80::1".parse().expect("an address")), tls: true, ..client };
        assert!(rule("method = 'trust'\naddress = 'fe80::/10'\ntype = 'hostssl'").fits(&six));
    }

    #[test]
    fn addresses_that_are_none_are_refused() {
        for text in ["10.0.0.0/33", "10.0.0/8", "::/129", "host.example", "", "10.0.0.0/"] {
            assert!(text.parse::<Network>().is_err(), "{text}");
        }
    }
}
