//! The error that reaches a client: what becomes an ErrorResponse (protocol chapter "Error and Notice Message Fields").

use std::fmt;

/// A five-character SQLSTATE (PostgreSQL's appendix "Error Codes").
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SqlState(pub [u8; 5]);

macro_rules! states {
    ($($(#[$doc:meta])* $name:ident = $code:literal;)*) => { impl SqlState { $($(#[$doc])* pub const $name: SqlState = SqlState(*$code);)* } };
}

states! {
    /// Something the proxy refuses because it cannot answer as SQLite would.
    FEATURE_NOT_SUPPORTED = b"0A000";
    /// A message that breaks the protocol.
    PROTOCOL_VIOLATION = b"08P01";
    /// The start-up was refused: wrong credentials or no access.
    INVALID_AUTHORIZATION = b"28000";
    /// The password did not match.
    INVALID_PASSWORD = b"28P01";
    /// No such database.
    INVALID_CATALOG_NAME = b"3D000";
    /// No such schema.
    INVALID_SCHEMA_NAME = b"3F000";
    /// A savepoint that does not exist.
    INVALID_SAVEPOINT = b"3B001";
    /// BEGIN within a transaction.
    ACTIVE_TRANSACTION = b"25001";
    /// A client that said nothing for too long within a transaction.
    IDLE_IN_TRANSACTION_TIMEOUT = b"25P03";
    /// A client that said nothing for too long.
    IDLE_SESSION_TIMEOUT = b"57P05";
    /// COMMIT or ROLLBACK without a transaction.
    NO_ACTIVE_TRANSACTION = b"25P01";
    /// A prepared statement that does not exist.
    INVALID_STATEMENT_NAME = b"26000";
    /// A prepared statement that exists already.
    DUPLICATE_STATEMENT = b"42P05";
    /// A portal that does not exist.
    INVALID_CURSOR_NAME = b"34000";
    /// A view that refers to itself.
    INVALID_OBJECT_DEFINITION = b"42P17";
    /// Text that no grammar takes.
    SYNTAX_ERROR = b"42601";
    /// A table that does not exist.
    UNDEFINED_TABLE = b"42P01";
    /// A column that does not exist.
    UNDEFINED_COLUMN = b"42703";
    /// A column name that fits several tables.
    AMBIGUOUS_COLUMN = b"42702";
    /// A function that does not exist.
    UNDEFINED_FUNCTION = b"42883";
    /// Some other object that does not exist.
    UNDEFINED_OBJECT = b"42704";
    /// An object of a kind that does not take the statement.
    WRONG_OBJECT = b"42809";
    /// Some other object that exists already.
    DUPLICATE_OBJECT = b"42710";
    /// Something that the backend's role may not do.
    INSUFFICIENT_PRIVILEGE = b"42501";
    /// Something that is in use: SQLite's SQLITE_BUSY and SQLITE_LOCKED.
    LOCK_NOT_AVAILABLE = b"55P03";
    /// A table that exists already.
    DUPLICATE_TABLE = b"42P07";
    /// A column named twice.
    DUPLICATE_COLUMN = b"42701";
    /// An aggregate or window function where none may stand, or a column outside its group.
    GROUPING_ERROR = b"42803";
    /// A parameter that was not bound.
    UNDEFINED_PARAMETER = b"42P02";
    /// A value of the wrong type.
    DATATYPE_MISMATCH = b"42804";
    /// A value that its type cannot hold.
    INVALID_TEXT = b"22P02";
    /// A number out of its type's range.
    NUMERIC_OUT_OF_RANGE = b"22003";
    /// A malformed parameter or other value.
    INVALID_PARAMETER_VALUE = b"22023";
    /// Bytes that are no text in UTF-8, or a NUL in text.
    UNTRANSLATABLE = b"22021";
    /// A statement that is too complex or too long.
    PROGRAM_LIMIT = b"54000";
    /// No backend was to be had in time.
    TOO_MANY_CONNECTIONS = b"53300";
    /// The proxy or the backend is not there (yet, or any more).
    CANNOT_CONNECT_NOW = b"57P03";
    /// The proxy stops.
    ADMIN_SHUTDOWN = b"57P01";
    /// The statement was cancelled.
    QUERY_CANCELED = b"57014";
    /// The backend was lost.
    CONNECTION_FAILURE = b"08006";
    /// A configuration that cannot be used.
    CONFIG_FILE_ERROR = b"F0000";
    /// A setting that does not exist, or that cannot be changed now.
    CANT_CHANGE_SETTING = b"55P02";
}

impl SqlState {
    /// The five characters.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("XX000")
    }
}

impl fmt::Debug for SqlState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An error for the client, with everything that an ErrorResponse can carry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ClientError {
    /// Its SQLSTATE.
    pub state: SqlState,
    /// The message, in SQLite's words where SQLite has some.
    pub message: String,
    /// More about it.
    pub detail: Option<String>,
    /// What to do.
    pub hint: Option<String>,
    /// Where, as a byte offset from 0 into the text that the client sent. On the wire: characters, from 1.
    pub position: Option<usize>,
    /// FATAL instead of ERROR: the connection ends with it.
    pub fatal: bool,
}

impl ClientError {
    /// An ERROR with a state and a message.
    pub fn new(state: SqlState, message: impl Into<String>) -> Self {
        ClientError { state, message: message.into(), detail: None, hint: None, position: None, fatal: false }
    }

    /// A refusal: SQLSTATE 0A000. The message names the construct.
    pub fn refused(construct: impl fmt::Display) -> Self {
        Self::new(SqlState::FEATURE_NOT_SUPPORTED, format!("{construct} is not supported"))
    }

    /// SQLite's `near "x": syntax error`.
    pub fn syntax(near: impl fmt::Display) -> Self {
        Self::new(SqlState::SYNTAX_ERROR, format!("near \"{near}\": syntax error"))
    }

    /// The same error with a position (byte offset into the client's text).
    pub fn at(mut self, position: usize) -> Self {
        self.position.get_or_insert(position);
        self
    }

    /// The same error with a hint.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same error with a detail.
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// The same error, FATAL.
    pub fn fatal(mut self) -> Self {
        self.fatal = true;
        self
    }
}
