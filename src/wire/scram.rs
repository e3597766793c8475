//! SCRAM-SHA-256 (RFC 5802, RFC 7677), with channel binding by `tls-server-end-point` (RFC 5929): the server's side from a
//! verifier, and the client's side for one that has a ClientKey instead of a password. What is refused, and in which words, is
//! PostgreSQL's (`auth-scram.c`).

use super::secret::{random, same};
use crate::config::ScramVerifier;
use crate::error::{ClientError, SqlState};
use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use std::fmt;

/// The mechanism without channel binding.
pub const PLAIN: &str = "SCRAM-SHA-256";
/// The mechanism with it.
pub const PLUS: &str = "SCRAM-SHA-256-PLUS";

const TLS_SERVER_END_POINT: &str = "tls-server-end-point";
/// Bytes of a nonce, before base64; PostgreSQL's own.
const NONCE: usize = 18;

/// What takes the place of a password towards a server that has the same verifier.
#[derive(Clone, PartialEq, Eq)]
pub struct Keys {
    /// ClientKey of RFC 5802.
    pub client_key: [u8; 32],
    /// The verifier that it belongs to.
    pub verifier: ScramVerifier,
}

// Whoever has it can log in.
impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keys(…)")
    }
}

/// The server's side of one exchange.
pub struct Server {
    /// None: no password passes (a user that does not exist).
    verifier: ScramVerifier,
    /// Of the TLS connection, if there is one: what a client may bind to.
    binding: Option<Vec<u8>>,
    /// The client chose [`PLUS`].
    bound: bool,
    gs2_header: String,
    nonce: String,
    /// The messages so far, as AuthMessage wants them.
    messages: String,
}

impl Server {
    /// An exchange for whoever knows the password of `verifier`. `binding` is the hash of the server's certificate, under TLS.
    pub fn new(verifier: ScramVerifier, binding: Option<Vec<u8>>) -> Self {
        Server { verifier, binding, bound: false, gs2_header: String::new(), nonce: String::new(), messages: String::new() }
    }

    /// The mechanisms to offer, the best one first.
    pub fn mechanisms(&self) -> &'static [&'static str] {
        if self.binding.is_some() { &[PLUS, PLAIN] } else { &[PLAIN] }
    }

    /// Takes client-first-message, and gives server-first-message.
    pub fn first(&mut self, mechanism: &str, message: &[u8]) -> Result<String, ClientError> {
        self.bound = match mechanism {
            PLAIN => false,
            PLUS if self.binding.is_some() => true,
            _ => return Err(violation("client selected an invalid SASL authentication mechanism")),
        };
        let message = text(message)?;
        let (flag, rest) = message.split_once(',').ok_or_else(|| malformed("Message ends early."))?;
        self.check_flag(flag)?;
        let (authzid, bare) = rest.split_once(',').ok_or_else(|| malformed("Message ends early."))?;
        if !authzid.is_empty() {
            return Err(ClientError::refused("client uses authorization identity, but it").fatal());
        }
        self.gs2_header = message[..message.len() - bare.len()].to_owned();
        if bare.starts_with("m=") {
            return Err(ClientError::new(SqlState::FEATURE_NOT_SUPPORTED, "client requires an unsupported SCRAM extension").fatal());
        }
        // The start-up message has said who the user is.
        let mut attributes = bare.split(',');
        attributes.next().and_then(|user| user.strip_prefix("n=")).ok_or_else(|| malformed("Attribute \"n\" expected."))?;
        let nonce = attributes.next().and_then(|nonce| nonce.strip_prefix("r=")).ok_or_else(|| malformed("Attribute \"r\" expected."))?;
        if nonce.is_empty() || !nonce.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(ClientError::new(SqlState::PROTOCOL_VIOLATION, "non-printable characters in SCRAM nonce").fatal());
        }
        self.nonce = format!("{nonce}{}", STANDARD.encode(random::<NONCE>()));
        let reply = format!("r={},s={},i={}", self.nonce, STANDARD.encode(&self.verifier.salt), self.verifier.iterations);
        self.messages = format!("{bare},{reply},");
        Ok(reply)
    }

    /// `n`, `y` or `p=<type>`: what the client says of channel binding must fit what it chose, and what it was offered.
    fn check_flag(&self, flag: &str) -> Result<(), ClientError> {
        match flag {
            "n" | "y" if self.bound => {
                Err(malformed("The client selected SCRAM-SHA-256-PLUS, but the SCRAM message does not include channel binding data."))
            }
            "y" if self.binding.is_some() => Err(ClientError::new(SqlState::INVALID_AUTHORIZATION, "SCRAM channel binding negotiation error")
                .detail(
                    "The client supports SCRAM channel binding but thinks the server does not.  However, this server does support channel binding.",
                )
                .fatal()),
            "n" | "y" => Ok(()),
            _ => match flag.strip_prefix("p=") {
                Some(_) if !self.bound => {
                    Err(malformed("The client selected SCRAM-SHA-256 without channel binding, but the SCRAM message includes channel binding data."))
                }
                Some(TLS_SERVER_END_POINT) => Ok(()),
                Some(other) => Err(violation(&format!("unsupported SCRAM channel-binding type \"{}\"", other.escape_default()))),
                None => Err(malformed("Unexpected channel-binding flag.")),
            },
        }
    }

    /// Takes client-final-message. Who has proved the password gets server-final-message, and has shown the ClientKey; None:
    /// the proof is wrong.
    pub fn last(&self, message: &[u8]) -> Result<Option<(String, Keys)>, ClientError> {
        let message = text(message)?;
        let (unproved, proof) = message.rsplit_once(",p=").ok_or_else(|| malformed("Attribute \"p\" expected."))?;
        let mut attributes = unproved.split(',');
        let binding = attributes.next().and_then(|a| a.strip_prefix("c=")).ok_or_else(|| malformed("Attribute \"c\" expected."))?;
        let mut expected = self.gs2_header.clone().into_bytes();
        if let (true, Some(data)) = (self.bound, &self.binding) {
            expected.extend(data);
        }
        if !same(binding.as_bytes(), STANDARD.encode(expected).as_bytes()) {
            return Err(match self.bound {
                true => ClientError::new(SqlState::INVALID_AUTHORIZATION, "SCRAM channel binding check failed").fatal(),
                false => violation("unexpected SCRAM channel-binding attribute in client-final-message"),
            });
        }
        let nonce = attributes.next().and_then(|a| a.strip_prefix("r=")).ok_or_else(|| malformed("Attribute \"r\" expected."))?;
        if !same(nonce.as_bytes(), self.nonce.as_bytes()) {
            return Err(violation("invalid SCRAM response").detail("Nonce does not match."));
        }
        let proof: [u8; 32] = STANDARD
            .decode(proof)
            .ok()
            .and_then(|proof| proof.try_into().ok())
            .ok_or_else(|| malformed("Malformed proof in client-final-message."))?;
        let messages = format!("{}{unproved}", self.messages);
        let client_key = xor(proof, hmac(&self.verifier.stored_key, messages.as_bytes()));
        if !same(&Sha256::digest(client_key), &self.verifier.stored_key) {
            return Ok(None);
        }
        let signature = STANDARD.encode(hmac(&self.verifier.server_key, messages.as_bytes()));
        Ok(Some((format!("v={signature}"), Keys { client_key, verifier: self.verifier.clone() })))
    }
}

/// The client's side, with keys instead of a password.
pub struct Client {
    keys: Keys,
    gs2_header: &'static str,
    binding: Vec<u8>,
    bare: String,
    nonce: String,
    /// AuthMessage.
    messages: String,
}

/// What a client does about channel binding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChannelBinding {
    /// It cannot, or does not want to.
    Unsupported,
    /// It could, but the server offers none.
    NotOffered,
    /// It binds to the server's certificate, of which this is the hash.
    EndPoint(Vec<u8>),
}

impl Client {
    /// An exchange with these keys.
    pub fn new(keys: Keys, binding: ChannelBinding) -> Self {
        let (gs2_header, binding) = match binding {
            ChannelBinding::Unsupported => ("n,,", vec![]),
            ChannelBinding::NotOffered => ("y,,", vec![]),
            ChannelBinding::EndPoint(data) => ("p=tls-server-end-point,,", data),
        };
        let nonce = STANDARD.encode(random::<NONCE>());
        Client { keys, gs2_header, binding, bare: format!("n=,r={nonce}"), nonce, messages: String::new() }
    }

    /// client-first-message.
    pub fn first(&self) -> String {
        format!("{}{}", self.gs2_header, self.bare)
    }

    /// Takes server-first-message, and gives client-final-message. None: the server has another verifier, or sends nonsense.
    pub fn last(&mut self, message: &[u8]) -> Option<String> {
        let message = std::str::from_utf8(message).ok()?;
        let mut attributes = message.split(',');
        let nonce = attributes.next()?.strip_prefix("r=").filter(|nonce| nonce.starts_with(&self.nonce) && nonce.len() > self.nonce.len())?;
        let salt = STANDARD.decode(attributes.next()?.strip_prefix("s=")?).ok()?;
        let iterations: u32 = attributes.next()?.strip_prefix("i=")?.parse().ok()?;
        if salt != self.keys.verifier.salt || iterations != self.keys.verifier.iterations {
            return None;
        }
        let mut bound = self.gs2_header.as_bytes().to_vec();
        bound.extend(&self.binding);
        let unproved = format!("c={},r={nonce}", STANDARD.encode(bound));
        self.messages = format!("{},{message},{unproved}", self.bare);
        let proof = xor(self.keys.client_key, hmac(&Sha256::digest(self.keys.client_key), self.messages.as_bytes()));
        Some(format!("{unproved},p={}", STANDARD.encode(proof)))
    }

    /// Takes server-final-message: has the server proved that it knows the verifier?
    pub fn is_genuine(&self, message: &[u8]) -> bool {
        let signature = STANDARD.encode(hmac(&self.keys.verifier.server_key, self.messages.as_bytes()));
        message.strip_prefix(b"v=").is_some_and(|told| same(told.split(|b| *b == b',').next().unwrap_or_default(), signature.as_bytes()))
    }
}

fn hmac(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut hmac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    hmac.update(message);
    hmac.finalize().into_bytes().into()
}

fn xor(mut a: [u8; 32], b: [u8; 32]) -> [u8; 32] {
    a.iter_mut().zip(b).for_each(|(a, b)| *a ^= b);
    a
}

fn text(message: &[u8]) -> Result<&str, ClientError> {
    std::str::from_utf8(message).map_err(|_| malformed("Message is not UTF-8."))
}

fn violation(message: &str) -> ClientError {
    ClientError::new(SqlState::PROTOCOL_VIOLATION, message).fatal()
}

fn malformed(detail: &str) -> ClientError {
    violation("malformed SCRAM message").detail(detail)
}

#[cfg(test)]
mod tests {
    use super::*;
    use postgres_protocol::authentication::sasl;

    fn verifier() -> ScramVerifier {
        ScramVerifier::of_password("pencil")
    }

    /// A whole exchange with somebody else's client.
    fn exchange(server: &mut Server, password: &str, binding: sasl::ChannelBinding, mechanism: &str) -> Result<Option<Keys>, ClientError> {
        let mut client = sasl::ScramSha256::new(password.as_bytes(), binding);
        let first = server.first(mechanism, client.message())?;
        client.update(first.as_bytes()).expect("well formed");
        let Some((last, keys)) = server.last(client.message())? else { return Ok(None) };
        client.finish(last.as_bytes()).expect("the server proves itself too");
        Ok(Some(keys))
    }

    #[test]
    fn a_password_is_proved_with_and_without_binding() {
        let plain = || sasl::ChannelBinding::unsupported();
        let bound = |data: &[u8]| sasl::ChannelBinding::tls_server_end_point(data.to_vec());
        assert!(exchange(&mut Server::new(verifier(), None), "pencil", plain(), PLAIN).expect("well formed").is_some());
        assert!(exchange(&mut Server::new(verifier(), None), "pen", plain(), PLAIN).expect("well formed").is_none());
        let server = || Server::new(verifier(), Some(b"certificate".to_vec()));
        assert!(exchange(&mut server(), "pencil", bound(b"certificate"), PLUS).expect("well formed").is_some());
        assert!(exchange(&mut server(), "pencil", plain(), PLAIN).expect("the client need not").is_some());
        for (binding, mechanism, state) in [
            (bound(b"another's"), PLUS, "28000"),
            (bound(b"certificate"), PLAIN, "08P01"),
            (plain(), PLUS, "08P01"),
            // Somebody in between has taken PLUS out of the offer.
            (sasl::ChannelBinding::unrequested(), PLAIN, "28000"),
            (plain(), "SCRAM-SHA-1", "08P01"),
        ] {
            let error = exchange(&mut server(), "pencil", binding, mechanism).expect_err("refused");
            assert_eq!(error.state.as_str(), state, "{error}");
        }
        let error = exchange(&mut Server::new(verifier(), None), "pencil", bound(b"x"), PLUS).expect_err("not offered");
        assert_eq!(error.state, SqlState::PROTOCOL_VIOLATION);
    }

    #[test]
    fn the_client_key_of_a_proof_passes_for_the_password() {
        let keys = exchange(&mut Server::new(verifier(), None), "pencil", sasl::ChannelBinding::unsupported(), PLAIN);
        let keys = keys.expect("well formed").expect("proved");
        for binding in [ChannelBinding::Unsupported, ChannelBinding::NotOffered, ChannelBinding::EndPoint(b"c".to_vec())] {
            let offered = matches!(binding, ChannelBinding::EndPoint(_));
            let mut server = Server::new(keys.verifier.clone(), offered.then(|| b"c".to_vec()));
            let mut client = Client::new(keys.clone(), binding);
            let first = server.first(if offered { PLUS } else { PLAIN }, client.first().as_bytes()).expect("well formed");
            let last = client.last(first.as_bytes()).expect("the same verifier");
            let (signature, again) = server.last(last.as_bytes()).expect("well formed").expect("proved");
            assert!(client.is_genuine(signature.as_bytes()) && !client.is_genuine(b"v=AAAA") && again == keys);
        }
        let mut other = Server::new(verifier(), None);
        let mut client = Client::new(keys, ChannelBinding::Unsupported);
        let first = other.first(PLAIN, client.first().as_bytes()).expect("well formed");
        assert!(client.last(first.as_bytes()).is_none(), "another salt");
    }

    #[test]
    fn what_is_malformed_is_refused() {
        for message in [
            "",
            "n",
            "n,",
            "n,,",
            "n,,n=",
            "n,,n=,x=1",
            "n,,n=,r=",
            "n,,n=,r=\u{1}",
            "x,,n=,r=a",
            "n,a=me,n=,r=a",
            "n,,m=x,n=,r=a",
            "p=tls-unique,,n=,r=a",
        ] {
            assert!(Server::new(verifier(), None).first(PLAIN, message.as_bytes()).is_err(), "{message:?}");
        }
        let mut server = Server::new(verifier(), None);
        let first = server.first(PLAIN, b"n,,n=,r=abc").expect("well formed");
        let nonce = first.split(',').next().expect("a nonce");
        for message in ["", "c=biws", "c=biws,r=abc", "c=biws,p=", "c=eSws,r=x,p=", "c=biws,r=x,p=AAAA"] {
            assert!(server.last(message.as_bytes()).is_err(), "{message:?}");
        }
        assert!(server.last(format!("c=biws,{nonce},p=AAAA").as_bytes()).is_err(), "a short proof");
        let wrong = STANDARD.encode([0; 32]);
        assert!(server.last(format!("c=biws,{nonce},p={wrong}").as_bytes()).expect("well formed").is_none());
    }
}
