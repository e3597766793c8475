//! The part of a backend's address that says how the way there is secured: libpq's `ssl…` and `channel_binding` parameters
//! (PostgreSQL's chapter "SSL Support" of libpq), which tokio-postgres knows in part only.

use super::TlsVersion;
use percent_encoding::percent_decode_str;
use std::path::PathBuf;

/// How a connection to a backend is secured.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct BackendTls {
    /// `sslmode`
    pub mode: SslMode,
    /// `sslrootcert`
    pub roots: Option<Roots>,
    /// `sslcert`: the client certificate, PEM.
    pub cert: Option<PathBuf>,
    /// `sslkey`: its private key, PEM.
    pub key: Option<PathBuf>,
    /// `ssl_min_protocol_version`
    pub min_version: TlsVersion,
    /// `sslnegotiation=direct`: TLS at once, without asking for it first (PostgreSQL 17 and later).
    pub direct: bool,
    /// `channel_binding`
    pub binding: Binding,
    /// `max_protocol_version`: the minor version to ask for, 0 or 2. Servers that know 3.2 (PostgreSQL 18) then give long cancel keys.
    pub protocol_minor: u16,
}

/// `sslmode`
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum SslMode {
    /// Plain text.
    Disable,
    /// Plain text; TLS if the server does not take that.
    Allow,
    /// TLS; plain text if the server does not take that.
    #[default]
    Prefer,
    /// TLS.
    Require,
    /// TLS, and a certificate that a root has signed.
    VerifyCa,
    /// And the certificate is the host's.
    VerifyFull,
}

/// `sslrootcert`
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Roots {
    /// A PEM file.
    File(PathBuf),
    /// `system`: those that the operating system trusts.
    System,
}

/// `channel_binding`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Binding {
    /// Never.
    Disable,
    /// Where both sides can.
    #[default]
    Prefer,
    /// Or not at all.
    Require,
}

impl BackendTls {
    /// Takes the parameters of this kind out of a URL or connection string; what is left is for tokio-postgres.
    pub(super) fn take(text: &str) -> Result<(Self, String), String> {
        let (parameters, rest) = take(text, is_ours)?;
        let mut tls = BackendTls::default();
        let mut mode = None;
        for (name, value) in parameters {
            match (name.as_str(), value.as_str()) {
                ("sslmode", word) => mode = Some(parse_mode(word).ok_or_else(|| invalid(&name, &value))?),
                ("sslrootcert", "system") => tls.roots = Some(Roots::System),
                ("sslrootcert", path) => tls.roots = Some(Roots::File(path.into())),
                ("sslcert", path) => tls.cert = Some(path.into()),
                ("sslkey", path) => tls.key = Some(path.into()),
                ("ssl_min_protocol_version", "TLSv1" | "TLSv1.1" | "TLSv1.2") => tls.min_version = TlsVersion::Tls12,
                ("ssl_min_protocol_version", "TLSv1.3") => tls.min_version = TlsVersion::Tls13,
                ("sslnegotiation", "postgres") => tls.direct = false,
                ("sslnegotiation", "direct") => tls.direct = true,
                ("max_protocol_version", "3.0") => tls.protocol_minor = 0,
                ("max_protocol_version", "3.2" | "latest") => tls.protocol_minor = 2,
                ("channel_binding", "disable") => tls.binding = Binding::Disable,
                ("channel_binding", "prefer") => tls.binding = Binding::Prefer,
                ("channel_binding", "require") => tls.binding = Binding::Require,
                _ => return Err(invalid(&name, &value)),
            }
        }
        tls.settle(mode)?;
        Ok((tls, rest))
    }

    /// What the parameters say together.
    fn settle(&mut self, mode: Option<SslMode>) -> Result<(), String> {
        self.mode = match (&self.roots, mode) {
            (Some(Roots::System), None) => SslMode::VerifyFull,
            (Some(Roots::System), Some(mode)) if mode < SslMode::VerifyFull => {
                return Err("sslrootcert=system takes sslmode=verify-full, or none".to_owned());
            }
            // As libpq does: with a root at hand, `require` is more than it says.
            (Some(_), Some(SslMode::Require)) => SslMode::VerifyCa,
            (None, Some(SslMode::VerifyCa | SslMode::VerifyFull)) => {
                return Err("sslmode=verify-ca and verify-full need sslrootcert=FILE, or sslrootcert=system".to_owned());
            }
            (_, mode) => mode.unwrap_or_default(),
        };
        if self.direct && self.mode < SslMode::Require {
            return Err("sslnegotiation=direct needs sslmode=require or more".to_owned());
        }
        if self.cert.is_some() != self.key.is_some() {
            return Err("sslcert and sslkey belong together".to_owned());
        }
        if self.binding == Binding::Require && self.mode == SslMode::Disable {
            return Err("channel_binding=require needs TLS: another sslmode than disable".to_owned());
        }
        Ok(())
    }
}

fn invalid(name: &str, value: &str) -> String {
    format!("invalid {name} value: \"{value}\"")
}

fn parse_mode(word: &str) -> Option<SslMode> {
    Some(match word {
        "disable" => SslMode::Disable,
        "allow" => SslMode::Allow,
        "prefer" => SslMode::Prefer,
        "require" => SslMode::Require,
        "verify-ca" => SslMode::VerifyCa,
        "verify-full" => SslMode::VerifyFull,
        _ => return None,
    })
}

fn is_ours(name: &str) -> bool {
    matches!(
        name,
        "sslmode" | "sslrootcert" | "sslcert" | "sslkey" | "ssl_min_protocol_version" | "sslnegotiation" | "channel_binding" | "max_protocol_version"
    )
}

type Parameters = Vec<(String, String)>;

/// Takes parameters out of a URL or connection string; the other value is what is left of it.
pub(super) fn take(text: &str, is_ours: fn(&str) -> bool) -> Result<(Parameters, String), String> {
    let is_url = text.starts_with("postgres://") || text.starts_with("postgresql://");
    if is_url { Ok(of_url(text, is_ours)) } else { of_words(text, is_ours) }
}

/// `postgres://…?name=value&name=value`, each percent-encoded.
fn of_url(text: &str, is_ours: fn(&str) -> bool) -> (Parameters, String) {
    let Some((address, query)) = text.split_once('?') else { return (vec![], text.to_owned()) };
    let decoded = |part: &str| percent_decode_str(part).decode_utf8_lossy().into_owned();
    let (mut ours, mut rest) = (vec![], vec![]);
    for parameter in query.split('&') {
        match parameter.split_once('=') {
            Some((name, value)) if is_ours(name) => ours.push((name.to_owned(), decoded(value))),
            _ => rest.push(parameter),
        }
    }
    let rest = if rest.is_empty() { address.to_owned() } else { format!("{address}?{}", rest.join("&")) };
    (ours, rest)
}

/// `name=value name='value of \'several\' words'`.
fn of_words(text: &str, is_ours: fn(&str) -> bool) -> Result<(Parameters, String), String> {
    let (mut ours, mut rest) = (vec![], String::new());
    let mut left = text.trim_start();
    while !left.is_empty() {
        let Some((name, after)) = left.split_once('=') else { return Err(format!("missing \"=\" after \"{}\"", left.trim_end())) };
        let name = name.trim_end();
        let after = after.trim_start();
        let (value, length) = word(after);
        if is_ours(name) {
            ours.push((name.to_owned(), value));
        } else {
            rest.push_str(&format!("{name}={} ", &after[..length]));
        }
        left = after[length..].trim_start();
    }
    Ok((ours, rest.trim_end().to_owned()))
}

/// The value at the start of a text, and how many bytes it takes there.
fn word(text: &str) -> (String, usize) {
    let quoted = text.starts_with('\'');
    let mut value = String::new();
    let mut characters = text.char_indices().skip(usize::from(quoted));
    while let Some((at, c)) = characters.next() {
        match c {
            '\\' => value.extend(characters.next().map(|(_, c)| c)),
            '\'' if quoted => return (value, at + 1),
            c if !quoted && c.is_ascii_whitespace() => return (value, at),
            c => value.push(c),
        }
    }
    (value, text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(text: &str) -> (BackendTls, String) {
        BackendTls::take(text).expect("valid")
    }

    #[test]
    fn both_forms_give_up_their_parameters() {
        let (tls, rest) = taken("postgres://u:p@h:1/d?sslmode=verify-full&application_name=x&sslrootcert=%2Fca%20x.pem&channel_binding=require");
        assert_eq!((tls.mode, tls.binding), (SslMode::VerifyFull, Binding::Require));
        assert_eq!(tls.roots, Some(Roots::File("/ca x.pem".into())));
        assert_eq!(rest, "postgres://u:p@h:1/d?application_name=x");
        let (tls, rest) = taken("host = h  sslcert='/my \\'cert' sslkey=/k password='a b=c' sslmode=require");
        assert_eq!((tls.cert, tls.key, tls.mode), (Some("/my 'cert".into()), Some("/k".into()), SslMode::Require));
        assert_eq!(rest, "host=h password='a b=c'");
        assert_eq!(taken("postgres://h").1, "postgres://h");
        assert_eq!(taken("").0.mode, SslMode::Prefer);
    }

    #[test]
    fn what_libpq_makes_of_combinations() {
        assert_eq!(taken("host=h sslrootcert=system").0.mode, SslMode::VerifyFull);
        assert_eq!(taken("host=h sslrootcert=/x sslmode=require").0.mode, SslMode::VerifyCa);
        for refused in [
            "sslmode=verify-full",
            "sslmode=verify-ca",
            "sslmode=on",
            "sslrootcert=system sslmode=require",
            "sslcert=/x",
            "sslnegotiation=direct",
            "sslnegotiation=direct sslmode=prefer",
            "channel_binding=require sslmode=disable",
            "channel_binding=maybe",
            "ssl_min_protocol_version=SSLv3",
            "nonsense",
        ] {
            assert!(BackendTls::take(refused).is_err(), "{refused}");
        }
    }
}
