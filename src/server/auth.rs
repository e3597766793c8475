use super::cancel::random;
use crate::config::{AuthMethod, Config, ScramVerifier};
use crate::error::{ClientError, SqlState};
use async_trait::async_trait;
use bytes::{Buf, Bytes};
use pgwire::api::ClientInfo;
use pgwire::api::auth::sasl::scram::{ScramAuth, ScramSecret};
use pgwire::api::auth::sasl::{SASLState, SCRAM_SHA_256_METHOD};
use pgwire::api::auth::{AuthSource, LoginInfo, Password};
use pgwire::error::{PgWireError, PgWireResult};
use pgwire::messages::startup::{Authentication, PasswordMessageFamily, SASLInitialResponse};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::sync::Arc;

/// Rounds that PostgreSQL's own verifiers have.
const ITERATIONS: usize = 4096;

/// Lets clients in, or not.
pub(super) struct Authenticator {
    scram: Option<ScramAuth>,
}

/// What to do next in an exchange.
pub(super) enum Step {
    /// Send this and wait for the client.
    Ask(Authentication),
    /// Send this; the client is who it says.
    Done(Option<Authentication>),
}

/// One client's exchange.
pub(super) struct Exchange<'a> {
    scram: Option<&'a ScramAuth>,
    state: SASLState,
}

impl Authenticator {
    pub(super) fn new(config: &Config) -> Self {
        let scram = (config.auth.method == AuthMethod::ScramSha256).then(|| {
            let users = config.users.iter().filter_map(|user| Some((user.name.clone(), user.verifier.clone()?))).collect();
            ScramAuth::new(Arc::new(Verifiers { users, pepper: random() }) as Arc<dyn AuthSource>)
        });
        Authenticator { scram }
    }

    pub(super) fn begin(&self) -> (Exchange<'_>, Step) {
        let exchange = Exchange { scram: self.scram.as_ref(), state: SASLState::ScramClientFirstReceived };
        let step = match self.scram {
            None => Step::Done(None),
            Some(_) => Step::Ask(Authentication::SASL(vec![SCRAM_SHA_256_METHOD.to_owned()])),
        };
        (exchange, step)
    }
}

impl Exchange<'_> {
    /// Takes the client's answer.
    pub(super) async fn answer(&mut self, client: &impl ClientInfo, user: &str, message: PasswordMessageFamily) -> Result<Step, ClientError> {
        let Some(scram) = self.scram else {
            return Err(ClientError::new(SqlState::PROTOCOL_VIOLATION, "a password that nobody asked for").fatal());
        };
        // pgwire's own decoder of this message reads past the end of a short one.
        let message = match (&self.state, message) {
            (SASLState::ScramClientFirstReceived, PasswordMessageFamily::Raw(body)) => initial_response(body.freeze())
                .map(PasswordMessageFamily::SASLInitialResponse)
                .ok_or_else(|| ClientError::new(SqlState::PROTOCOL_VIOLATION, "malformed SASLInitialResponse").fatal())?,
            (_, message) => message,
        };
        let (reply, state, _) = scram.process_scram_message(client, message, &self.state).await.map_err(|error| refusal(user, &error))?;
        self.state = state;
        Ok(match reply {
            Authentication::SASLFinal(_) => Step::Done(Some(reply)),
            _ => Step::Ask(reply),
        })
    }
}

/// The mechanism's name, zero-terminated, and the data with its length before it, -1 for none.
fn initial_response(mut body: Bytes) -> Option<SASLInitialResponse> {
    let end = memchr::memchr(0, &body)?;
    let mechanism = String::from_utf8(body.split_to(end).into()).ok()?;
    body.advance(1);
    let length = body.try_get_i32().ok()?;
    let data = (length != -1).then_some(body);
    let fits = data.as_ref().is_none_or(|data| usize::try_from(length) == Ok(data.len()));
    fits.then(|| SASLInitialResponse::new(mechanism, data))
}

fn refusal(user: &str, error: &PgWireError) -> ClientError {
    match error {
        PgWireError::InvalidPassword(_) => {
            ClientError::new(SqlState::INVALID_PASSWORD, format!("password authentication failed for user \"{user}\"")).fatal()
        }
        _ => ClientError::new(SqlState::PROTOCOL_VIOLATION, format!("malformed SCRAM exchange: {error}")).fatal(),
    }
}

/// The configured users.
struct Verifiers {
    users: HashMap<String, ScramVerifier>,
    pepper: [u8; 32],
}

impl std::fmt::Debug for Verifiers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Verifiers").finish_non_exhaustive()
    }
}

impl Verifiers {
    /// A user's verifier; for a name that nobody has one that no password fits, always the same for the same name, so that
    /// trying names tells nothing (as PostgreSQL's `mock_scram_secret`).
    fn secret(&self, user: &str) -> ScramSecret {
        match self.users.get(user) {
            Some(verifier) => ScramSecret::Verifier {
                salt: verifier.salt.clone(),
                iterations: verifier.iterations as usize,
                stored_key: verifier.stored_key.to_vec(),
                server_key: verifier.server_key.to_vec(),
            },
            None => ScramSecret::Verifier {
                salt: Sha256::new().chain_update(self.pepper).chain_update(user).finalize()[..16].to_vec(),
                iterations: ITERATIONS,
                stored_key: random::<32>().to_vec(),
                server_key: random::<32>().to_vec(),
            },
        }
    }
}

#[async_trait]
impl AuthSource for Verifiers {
    async fn get_password(&self, login: &LoginInfo) -> PgWireResult<Password> {
        // Only verifiers are kept, and `get_scram_secret` gives them.
        Err(PgWireError::InvalidPassword(login.user().unwrap_or_default().to_owned()))
    }

    async fn get_scram_secret(&self, login: &LoginInfo) -> PgWireResult<(ScramSecret, Option<()>)> {
        Ok((self.secret(login.user().unwrap_or_default()), None))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pgwire::api::DefaultClient;
    use pgwire::messages::startup::SASLResponse;
    use postgres_protocol::authentication::sasl::{ChannelBinding, ScramSha256};

    /// The user and the salt of RFC 7677, section 3, whose password is "pencil".
    const USER: &str = "[auth]\nmethod = 'scram-sha-256'\n[[user]]\nname = 'user'\nverifier = 'SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$\
        WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU='";

    async fn log_in(user: &str, password: &str) -> Result<(), ClientError> {
        let authenticator = Authenticator::new(&Config::parse(USER, "test").expect("valid"));
        let mut info: DefaultClient<()> = DefaultClient::new(([127, 0, 0, 1], 1).into(), false);
        info.metadata_mut().insert("user".to_owned(), user.to_owned());
        let mut client = ScramSha256::new(password.as_bytes(), ChannelBinding::unsupported());
        let (mut exchange, step) = authenticator.begin();
        assert!(matches!(step, Step::Ask(Authentication::SASL(_))));

        let mut first = b"SCRAM-SHA-256\0".to_vec();
        first.extend((client.message().len() as u32).to_be_bytes());
        first.extend(client.message());
        let step = exchange.answer(&info, user, PasswordMessageFamily::Raw(first.as_slice().into())).await?;
        let Step::Ask(Authentication::SASLContinue(challenge)) = step else { panic!("a challenge") };
        client.update(&challenge).expect("well formed");
        let proof = SASLResponse::new(client.message().to_vec().into());
        let step = exchange.answer(&info, user, PasswordMessageFamily::SASLResponse(proof)).await?;
        let Step::Done(Some(Authentication::SASLFinal(signature))) = step else { panic!("the server's signature") };
        client.finish(&signature).expect("the server proves itself too");
        Ok(())
    }

    #[tokio::test]
    async fn scram_works_from_a_verifier() {
        log_in("user", "pencil").await.expect("let in");
        assert_eq!(log_in("user", "pen").await.expect_err("refused").state, SqlState::INVALID_PASSWORD);
        assert_eq!(log_in("nobody", "pencil").await.expect_err("refused").state, SqlState::INVALID_PASSWORD);
    }

    #[test]
    fn a_malformed_initial_response_is_refused() {
        let read = |body: &'static [u8]| initial_response(Bytes::from_static(body));
        for body in
            [&b""[..], b"\0", b"SCRAM", b"S\0\0\0", b"S\0\0\0\0\x05abc", b"S\0\0\0\0\x01abc", b"S\0\xff\xff\xff\xfe", b"\xff\0\xff\xff\xff\xff"]
        {
            assert!(read(body).is_none(), "{body:?}");
        }
        assert_eq!(read(b"S\0\xff\xff\xff\xff"), Some(SASLInitialResponse::new("S".to_owned(), None)));
        assert_eq!(read(b"S\0\0\0\0\x01a"), Some(SASLInitialResponse::new("S".to_owned(), Some(Bytes::from_static(b"a")))));
    }
}
