//! What a session leaves at its backend. Statements that may leave something are found by their text; what it is, once their
//! transaction is over, the backend itself says. So settings follow the outcome of transactions and savepoints, whatever set them,
//! and a backend is tied to its client for as long as it holds what cannot be moved.

use super::Session;
use super::expect::Expect;
use super::settings::literal;
use crate::observe::counters;
use crate::wire::{backend, encode};
use std::collections::{BTreeMap, BTreeSet};
use tokio::io::{AsyncRead, AsyncWrite};

/// What a survey has found so far.
#[derive(Debug, Default)]
pub(super) struct Survey {
    values: BTreeMap<String, String>,
    pins: bool,
    failed: bool,
}

/// The question: each row is a setting of the session's and its value, or begins with `pin`, for what cannot be moved: temporary
/// objects, advisory locks, cursors that are held, statements prepared in SQL, channels that are listened to.
pub(super) fn question(unlisted: &BTreeSet<String>) -> String {
    let mut names = String::new();
    for name in unlisted {
        names.push_str(&format!(" UNION ALL SELECT 'set', {0}, pg_catalog.current_setting({0}, true)", literal(name)));
    }
    format!(
        "SELECT 'set', name, pg_catalog.current_setting(name) FROM pg_catalog.pg_settings
         WHERE source = 'session' AND name NOT IN ('transaction_isolation', 'transaction_read_only', 'transaction_deferrable')
         UNION ALL SELECT 'set', 'role', pg_catalog.current_setting('role') WHERE pg_catalog.current_setting('role') <> 'none'
         UNION ALL SELECT 'set', 'session_authorization', session_user FROM pg_catalog.pg_stat_get_activity(pg_catalog.pg_backend_pid())
             WHERE pg_catalog.pg_get_userbyid(usesysid) <> session_user{names}
         UNION ALL SELECT 'pin', '', '' WHERE EXISTS (SELECT FROM pg_catalog.pg_class WHERE relnamespace = pg_catalog.pg_my_temp_schema())
             OR EXISTS (SELECT FROM pg_catalog.pg_proc WHERE pronamespace = pg_catalog.pg_my_temp_schema())
             OR EXISTS (SELECT FROM pg_catalog.pg_type WHERE typnamespace = pg_catalog.pg_my_temp_schema())
             OR EXISTS (SELECT FROM pg_catalog.pg_locks WHERE locktype = 'advisory' AND pid = pg_catalog.pg_backend_pid())
             OR EXISTS (SELECT FROM pg_catalog.pg_cursors WHERE is_holdable)
             OR EXISTS (SELECT FROM pg_catalog.pg_prepared_statements WHERE from_sql)
             OR EXISTS (SELECT pg_catalog.pg_listening_channels())"
    )
}

impl<IO: AsyncRead + AsyncWrite + Unpin> Session<IO> {
    /// Asks the backend what this session has left there.
    pub(super) fn survey(&mut self) {
        let question = self.settings.survey();
        self.surveyed = Some(Box::default());
        encode::query(&mut self.bout, &question);
        self.expect.push_back(Expect::Survey);
    }

    /// A row of the answer.
    pub(super) fn survey_row(&mut self, body: &[u8]) {
        let Some(survey) = &mut self.surveyed else { return };
        let fields = backend::data_row(body).unwrap_or_default();
        let texts: Vec<Option<&str>> = fields.iter().map(|f| f.and_then(|bytes| std::str::from_utf8(bytes).ok())).collect();
        match texts.as_slice() {
            [Some("pin"), ..] => survey.pins = true,
            [Some("set"), Some(name), Some(value)] => drop(survey.values.insert((*name).to_owned(), (*value).to_owned())),
            // A parameter that was never set.
            [Some("set"), Some(_), None] if fields.last().is_some_and(Option::is_none) => {}
            _ => survey.failed = true,
        }
    }

    /// The backend could not answer, for a limit that the client has set.
    pub(super) fn survey_failed(&mut self) {
        if let Some(survey) = &mut self.surveyed {
            survey.failed = true;
        }
    }

    /// The answer is complete.
    pub(super) fn survey_ends(&mut self) {
        let (Some(survey), Some(link)) = (self.surveyed.take(), self.link.as_mut()) else { return };
        let pinned = survey.pins || survey.failed || self.settings.is_lasting();
        if pinned && !self.pinned {
            counters().pins.add(1);
        }
        self.pinned = pinned;
        if survey.failed {
            // It is told by what it was, so the next statement that may leave something asks again.
            return;
        }
        link.applied.clone_from(&survey.values);
        self.settings.found(survey.values);
    }
}
