use base64::{Engine, engine::general_purpose::STANDARD};
use md5::{Digest, Md5};
use serde::Deserialize;
use std::fmt;
use std::str::FromStr;

/// What proves a user's password, in the forms of PostgreSQL's `pg_authid.rolpassword`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Verifier {
    /// `SCRAM-SHA-256$…`
    Scram(ScramVerifier),
    /// `md5…`
    Md5(Md5Verifier),
}

impl FromStr for Verifier {
    type Err = VerifierError;

    fn from_str(text: &str) -> Result<Self, VerifierError> {
        match text.strip_prefix("md5") {
            Some(hex) => Md5Verifier::of_hex(hex).map(Verifier::Md5).ok_or(VerifierError),
            None => text.parse().map(Verifier::Scram),
        }
    }
}

impl TryFrom<String> for Verifier {
    type Error = VerifierError;

    fn try_from(text: String) -> Result<Self, VerifierError> {
        text.parse()
    }
}

/// `md5` and the hexadecimal MD5 of password and name. Whoever has it can log in with it.
#[derive(Clone, PartialEq, Eq)]
pub struct Md5Verifier(String);

impl Md5Verifier {
    /// The verifier of a user's password.
    pub fn of_password(user: &str, password: &str) -> Self {
        Md5Verifier(hex(&[password.as_bytes(), user.as_bytes()]))
    }

    fn of_hex(hex: &str) -> Option<Self> {
        let is_hex = hex.len() == 32 && hex.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        is_hex.then(|| Md5Verifier(hex.to_owned()))
    }

    /// What the client sends who knows the password, for a salt that it was given.
    pub fn answer(&self, salt: [u8; 4]) -> String {
        format!("md5{}", hex(&[self.0.as_bytes(), &salt]))
    }
}

impl fmt::Debug for Md5Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Md5Verifier(…)")
    }
}

fn hex(parts: &[&[u8]]) -> String {
    let mut digest = Md5::new();
    parts.iter().for_each(|part| digest.update(part));
    digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A SCRAM-SHA-256 verifier, in the form of PostgreSQL's `pg_authid.rolpassword`:
/// `SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>`. It proves a password without giving it away.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct ScramVerifier {
    /// Rounds of PBKDF2.
    pub iterations: u32,
    /// The salt.
    pub salt: Vec<u8>,
    /// H(ClientKey) of RFC 5802.
    pub stored_key: [u8; 32],
    /// ServerKey of RFC 5802.
    pub server_key: [u8; 32],
}

/// A verifier that is none.
#[derive(Debug, thiserror::Error)]
#[error("neither a SCRAM-SHA-256 nor an md5 verifier; `litewire password NAME` prints one, and so does `SELECT rolpassword FROM pg_authid`")]
pub struct VerifierError;

impl ScramVerifier {
    /// A verifier for a password, with a new salt.
    pub fn of_password(password: &str) -> Self {
        postgres_protocol::password::scram_sha_256(password.as_bytes()).parse().expect("the crate prints PostgreSQL's own form")
    }
}

impl FromStr for ScramVerifier {
    type Err = VerifierError;

    fn from_str(text: &str) -> Result<Self, VerifierError> {
        let fields = || {
            let (parameters, keys) = text.strip_prefix("SCRAM-SHA-256$")?.split_once('$')?;
            let ((iterations, salt), (stored, server)) = (parameters.split_once(':')?, keys.split_once(':')?);
            let key = |text: &str| STANDARD.decode(text).ok()?.try_into().ok();
            Some(ScramVerifier {
                iterations: iterations.parse().ok().filter(|&n| n > 0)?,
                salt: STANDARD.decode(salt).ok().filter(|s| !s.is_empty())?,
                stored_key: key(stored)?,
                server_key: key(server)?,
            })
        };
        fields().ok_or(VerifierError)
    }
}

impl TryFrom<String> for ScramVerifier {
    type Error = VerifierError;

    fn try_from(text: String) -> Result<Self, VerifierError> {
        text.parse()
    }
}

impl fmt::Display for ScramVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (salt, stored, server) = (STANDARD.encode(&self.salt), STANDARD.encode(self.stored_key), STANDARD.encode(self.server_key));
        write!(f, "SCRAM-SHA-256${}:{salt}${stored}:{server}", self.iterations)
    }
}

// A verifier lets whoever has it impersonate the server and guess passwords: it stays out of logs.
impl fmt::Debug for ScramVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ScramVerifier(…)")
    }
}
