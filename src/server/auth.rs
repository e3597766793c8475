//! How a client proves who it is: the rule that fits it says by which method.

use super::conversation::Conversation;
use super::startup::{Ended, Startup};
use super::verifiers::Verifiers;
use crate::config::{AccessRule, Approach, AuthMethod, Config, Md5Verifier, ScramVerifier, TlsPolicy, Verifier};
use crate::error::{ClientError, SqlState};
use crate::wire::certificate;
use crate::wire::frame::Reader;
use crate::wire::scram::{Keys, Server};
use crate::wire::secret::{random, same};
use pgwire::messages::startup::Authentication;
use sha2::{Digest, Sha256};
use std::net::IpAddr;

/// Rounds that PostgreSQL's own verifiers have.
const ITERATIONS: u32 = 4096;
/// The longest answer of a client; PostgreSQL's PG_MAX_AUTH_TOKEN_LENGTH and PG_MAX_SASL_MESSAGE_LENGTH.
const LONGEST_PASSWORD: usize = 65_535;
const LONGEST_SASL: usize = 1024;

/// Lets clients in, or not.
pub(super) struct Authenticator {
    verifiers: Verifiers,
    /// What to bind to: the hash of the certificate.
    end_point: Option<Vec<u8>>,
    /// Makes the salts of users that do not exist.
    pepper: [u8; 32],
}

/// Who was let in.
pub(super) enum Admission {
    /// With what the log-in has shown, if it was by SCRAM.
    In(Option<Keys>),
    /// The client went away, as psql does to ask for a password.
    Gone,
}

impl Authenticator {
    pub(super) fn new(config: &Config, end_point: Option<Vec<u8>>) -> Self {
        Authenticator { verifiers: Verifiers::new(config), end_point, pepper: random() }
    }

    /// The same for another configuration: users that do not exist keep their salts.
    pub(super) fn renewed(&self, config: &Config, end_point: Option<Vec<u8>>) -> Self {
        Authenticator { verifiers: Verifiers::new(config), end_point, pepper: self.pepper }
    }

    /// Finds the rule for a client, and goes by it.
    pub(super) async fn admit(
        &self,
        config: &Config,
        client: &mut Conversation,
        startup: &Startup,
        address: Option<IpAddr>,
    ) -> Result<Admission, Ended> {
        let rule = rule(config, client.is_encrypted(), startup, address).map_err(Ended::Refused)?;
        let user = startup.user.as_str();
        if (rule.client_cert || rule.method == AuthMethod::Cert) && client.certificate().is_none() {
            return Err(refused("connection requires a valid client certificate"));
        }
        match rule.method {
            AuthMethod::Trust => Ok(Admission::In(None)),
            AuthMethod::Reject => Err(refused(format!("pg_hba.conf rejects connection for user \"{user}\""))),
            AuthMethod::Cert => match client.certificate() {
                Some(certificate) if certificate::is_for(certificate, user) => Ok(Admission::In(None)),
                _ => Err(refused(format!("certificate authentication failed for user \"{user}\""))),
            },
            AuthMethod::Peer => match name_of(client.peer()).await {
                Some(name) if name == user => Ok(Admission::In(None)),
                _ => Err(refused(format!("Peer authentication failed for user \"{user}\""))),
            },
            AuthMethod::ScramSha256 | AuthMethod::Md5 => {
                let verifier = self.verifiers.get(config, user, &startup.database, rule.method).await.map_err(Ended::Refused)?;
                let admission = match verifier {
                    Some(Verifier::Scram(verifier)) => self.scram(client, verifier).await?,
                    Some(Verifier::Md5(verifier)) if rule.method == AuthMethod::Md5 => md5(client, &verifier).await?,
                    // Nobody can pass, and nobody can tell that from a wrong password.
                    _ => self.scram(client, self.nobody(user)).await?,
                };
                admission.ok_or_else(|| {
                    self.verifiers.forget(user, &startup.database);
                    Ended::Refused(
                        ClientError::new(SqlState::INVALID_PASSWORD, format!("password authentication failed for user \"{user}\"")).fatal(),
                    )
                })
            }
        }
    }

    /// A verifier that no password fits, with always the same salt for the same name, so that trying names tells nothing
    /// (PostgreSQL's `mock_scram_secret`).
    fn nobody(&self, user: &str) -> ScramVerifier {
        ScramVerifier {
            iterations: ITERATIONS,
            salt: Sha256::new().chain_update(self.pepper).chain_update(user).finalize()[..16].to_vec(),
            stored_key: random(),
            server_key: random(),
        }
    }

    /// None: the password is wrong.
    async fn scram(&self, client: &mut Conversation, verifier: ScramVerifier) -> Result<Option<Admission>, Ended> {
        let binding = self.end_point.clone().filter(|_| client.is_encrypted());
        let mut server = Server::new(verifier, binding);
        client.feed(&Authentication::SASL(server.mechanisms().iter().map(|name| (*name).to_owned()).collect()));
        client.flush().await?;
        let Some(body) = client.password(LONGEST_SASL).await? else { return Ok(Some(Admission::Gone)) };
        let (mechanism, first) = initial_response(&body).ok_or_else(|| violation("malformed SASLInitialResponse"))?;
        let challenge = server.first(mechanism, first).map_err(Ended::Refused)?;
        client.feed(&Authentication::SASLContinue(challenge.into()));
        client.flush().await?;
        let Some(body) = client.password(LONGEST_SASL).await? else { return Ok(Some(Admission::Gone)) };
        let Some((signature, keys)) = server.last(&body).map_err(Ended::Refused)? else { return Ok(None) };
        client.feed(&Authentication::SASLFinal(signature.into()));
        Ok(Some(Admission::In(Some(keys))))
    }
}

/// None: the password is wrong.
async fn md5(client: &mut Conversation, verifier: &Md5Verifier) -> Result<Option<Admission>, Ended> {
    let salt = random();
    client.feed(&Authentication::MD5Password(salt.to_vec()));
    client.flush().await?;
    let Some(body) = client.password(LONGEST_PASSWORD).await? else { return Ok(Some(Admission::Gone)) };
    let answer = body.strip_suffix(b"\0").ok_or_else(|| violation("invalid password packet size"))?;
    Ok(same(answer, verifier.answer(salt).as_bytes()).then_some(Admission::In(None)))
}

/// The rule that lets a client go on to its method, or the refusal, in PostgreSQL's words.
fn rule(config: &Config, tls: bool, startup: &Startup, address: Option<IpAddr>) -> Result<AccessRule, ClientError> {
    let approach = Approach { user: &startup.user, database: &startup.database, address, tls };
    let must_encrypt = config.server.tls == TlsPolicy::Require && address.is_some() && !tls;
    let rule = config.access(&approach).filter(|_| !must_encrypt);
    let from = || {
        let host = address.map_or_else(|| "[local]".to_owned(), |address| address.to_canonical().to_string());
        let encryption = if tls { "SSL encryption" } else { "no encryption" };
        format!("host \"{host}\", user \"{}\", database \"{}\", {encryption}", startup.user, startup.database)
    };
    let refused = |message| ClientError::new(SqlState::INVALID_AUTHORIZATION, message).fatal();
    match rule {
        Some(rule) if rule.method == AuthMethod::Reject => Err(refused(format!("pg_hba.conf rejects connection for {}", from()))),
        Some(rule) => Ok(rule),
        None if must_encrypt => {
            Err(refused(format!("no pg_hba.conf entry for {}", from())).hint("Only encrypted connections are accepted; use sslmode=require."))
        }
        None => Err(refused(format!("no pg_hba.conf entry for {}", from()))),
    }
}

/// SASLInitialResponse: the mechanism's name, zero-terminated, and the data with its length before it, -1 for none.
fn initial_response(body: &[u8]) -> Option<(&str, &[u8])> {
    let mut reader = Reader::new(body);
    let mechanism = reader.cstring().ok()?;
    let data = reader.value().ok()?.unwrap_or_default();
    reader.end().ok()?;
    Some((mechanism, data))
}

/// The name of an operating system's user.
async fn name_of(uid: Option<u32>) -> Option<String> {
    let uid = nix::unistd::Uid::from_raw(uid?);
    // It may ask a directory on the network.
    let found = tokio::task::spawn_blocking(move || nix::unistd::User::from_uid(uid)).await;
    Some(found.ok()?.ok()??.name)
}

fn refused(message: impl Into<String>) -> Ended {
    Ended::Refused(ClientError::new(SqlState::INVALID_AUTHORIZATION, message).fatal())
}

fn violation(message: &str) -> Ended {
    Ended::Refused(ClientError::new(SqlState::PROTOCOL_VIOLATION, message).fatal())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_malformed_initial_response_is_refused() {
        for body in
            [&b""[..], b"\0", b"SCRAM", b"S\0\0\0", b"S\0\0\0\0\x05abc", b"S\0\0\0\0\x01abc", b"S\0\xff\xff\xff\xfe", b"\xff\0\xff\xff\xff\xff"]
        {
            assert!(initial_response(body).is_none(), "{body:?}");
        }
        assert_eq!(initial_response(b"S\0\xff\xff\xff\xff"), Some(("S", &b""[..])));
        assert_eq!(initial_response(b"S\0\0\0\0\x01a"), Some(("S", &b"a"[..])));
    }

    #[test]
    fn a_user_that_does_not_exist_has_a_steady_salt() {
        let authenticator = Authenticator::new(&Config::default(), None);
        let (one, again, other) = (authenticator.nobody("a"), authenticator.nobody("a"), authenticator.nobody("b"));
        assert!(one.salt == again.salt && one.salt != other.salt && one.stored_key != again.stored_key);
    }
}
