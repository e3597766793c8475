//! Where the two ways of preparing meet, in the postgres dialect: statements prepared in SQL and bound by the protocol, which keep
//! the names that the client gave them, and statements prepared by the protocol and deallocated in SQL, which at the backend have
//! other names.

use super::Session;
use super::expect::Expect;
use crate::translate;
use crate::translate::parse::scan;
use crate::wire::{backend, encode, frame};
use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncWrite};

impl<IO: AsyncRead + AsyncWrite + Unpin> Session<IO> {
    /// May a name that the protocol knows nothing of stand for a statement that was prepared in SQL? Such a one ties the backend to
    /// its client.
    pub(super) fn may_be_of_sql(&self, name: &str) -> bool {
        !self.is_sqlite() && !name.is_empty() && self.link.is_some() && !self.statements.contains_key(name)
    }

    /// A Bind of such a statement. Whether it exists the backend knows.
    pub(super) fn bind_of_sql(&mut self, portal: &str, whole: &[u8]) {
        self.bout.extend_from_slice(whole);
        self.expect.push_back(Expect::Bind { pass: true });
        self.unsynced = true;
        self.batch = None;
        self.portals.remove(portal);
    }

    /// A Describe of such a statement.
    pub(super) fn describe_of_sql(&mut self, name: &str) {
        encode::target(&mut self.bout, b'D', b'S', name);
        self.expect.push_back(Expect::Describe);
        self.unsynced = true;
    }

    /// `DEALLOCATE name` of a statement that was prepared by the protocol: the name ends, the statement is others', too. True when it
    /// was one. A transaction that has failed takes no statement; the backend is to say so.
    pub(super) fn deallocate(&mut self, sql: &str) -> bool {
        let failed = self.link.as_ref().is_some_and(|link| link.status == b'E');
        let Some(name) = deallocated(sql).filter(|_| !failed) else { return false };
        if self.statements.remove(&name).is_none() {
            return false;
        }
        let mut out = BytesMut::new();
        encode::complete(&mut out, "DEALLOCATE");
        self.inject(out);
        true
    }

    /// An error of the backend's for the client: where it names a statement, by the client's name.
    pub(super) fn named_by_client(&self, whole: &[u8], out: &mut BytesMut) {
        let fields = backend::fields(&whole[frame::HEADER..]);
        let message = fields.iter().find(|(code, _)| *code == b'M').map_or("", |(_, text)| *text);
        let statement = message.split('"').skip(1).step_by(2).find(|name| translate::is_shared_name(name));
        let of = |name: &str| self.statements.iter().find(|(_, s)| s.shared.as_ref().is_some_and(|shared| shared.name == name));
        let Some((statement, (name, _))) = statement.and_then(|name| Some((name, of(name)?))) else {
            out.extend_from_slice(whole);
            return;
        };
        let message = message.replace(&format!("\"{statement}\""), &format!("\"{name}\""));
        encode::error_fields(out, fields.iter().map(|(code, text)| (*code, if *code == b'M' { message.as_str() } else { text })));
    }

    /// NotificationResponse. Of a notification of its own a client knows it by the process number that it was told.
    pub(super) fn notification(&mut self, whole: &[u8]) {
        let own = self.link.as_ref().map(|link| link.pid.to_be_bytes());
        let at = self.cout.len() + frame::HEADER;
        self.cout.extend_from_slice(whole);
        if let Some(sender) = self.cout.get_mut(at..at + 4)
            && own.is_some_and(|pid| sender == pid)
        {
            sender.copy_from_slice(&self.info.cancel.pid().to_be_bytes());
        }
    }
}

/// The name in a `DEALLOCATE [PREPARE] name` that stands alone; None for anything else, ALL among it.
fn deallocated(sql: &str) -> Option<String> {
    let first = scan::next(sql.as_bytes(), &mut 0)?;
    if !first.is(sql, "DEALLOCATE") {
        return None;
    }
    let mut tokens = scan::tokens(sql);
    if tokens.last().is_some_and(|t| t.is_op(sql, ";")) {
        tokens.pop();
    }
    let name = match tokens.as_slice() {
        [_, name] => name,
        [_, word, name] if word.is(sql, "PREPARE") => name,
        _ => return None,
    };
    let text = name.text(sql);
    if text.starts_with('"') {
        return Some(scan::unquote(text));
    }
    (!name.is(sql, "ALL")).then(|| text.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_deallocated_has_a_name() {
        for (sql, name) in [
            ("DEALLOCATE a", Some("a")),
            ("deallocate prepare A;", Some("a")),
            ("/* x */ DEALLOCATE \"A b\"", Some("A b")),
            ("DEALLOCATE ALL", None),
            ("DEALLOCATE PREPARE ALL", None),
            ("DEALLOCATE \"all\"", Some("all")),
            ("DEALLOCATE a; SELECT 1", None),
            ("SELECT 1", None),
            ("", None),
        ] {
            assert_eq!(deallocated(sql).as_deref(), name, "{sql}");
        }
    }
}
