use super::cancel::random;
use crate::config::{AuthMethod, Config, ScramVerifier};
use crate::error::{ClientError, SqlState};
use async_trait::async_trait;
use pgwire::api::ClientInfo;
use pgwire::api::auth::sasl::scram::{ScramAuth, ScramSecret};
use pgwire::api::auth::sasl::{SASLState, SCRAM_SHA_256_METHOD};
use pgwire::api::auth::{AuthSource, LoginInfo, Password};
use pgwire::error::{PgWireError, PgWireResult};
use pgwire::messages::startup::{Authentication, PasswordMessageFamily};
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
        let (reply, state, _) = scram.process_scram_message(client, message, &self.state).await.map_err(|error| refusal(user, &error))?;
        self.state = state;
        Ok(match reply {
            Authentication::SASLFinal(_) => Step::Done(Some(reply)),
            _ => Step::Ask(reply),
        })
    }
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
