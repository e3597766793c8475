//! What the backend still owes: a queue of expected replies, each passed on, shaped, swallowed, or made here.

use super::statement::Prepared;
use crate::reply::Shape;
use bytes::BytesMut;
use std::sync::{Arc, LazyLock};

/// How rows look that pass as they are.
pub static RAW: LazyLock<Arc<Shape>> = LazyLock::new(|| Arc::new(Shape::raw()));

/// An expected reply.
#[derive(Debug)]
pub enum Expect {
    /// ParseComplete of a shared statement; passed on when the client sent the Parse.
    Parse {
        /// Does the client get it?
        pass: bool,
        /// The statement, un-registered when the Parse fails; None for the unnamed one.
        id: Option<u64>,
    },
    /// BindComplete; passed on unless the client has it already.
    Bind {
        /// Does the client get it?
        pass: bool,
    },
    /// CloseComplete; passed on when the client sent the Close.
    Close {
        /// Does the client get it?
        pass: bool,
    },
    /// ParameterDescription (of a statement) and RowDescription or NoData, passed on.
    Describe,
    /// The replies to an Execute, up to its end.
    Execute {
        /// How its rows are shaped.
        shape: Arc<Shape>,
    },
    /// The replies to a Query of the client's, up to ReadyForQuery.
    Query {
        /// How its rows are shaped.
        shape: Arc<Shape>,
        /// Statements of the guard in front of it, whose ends are swallowed.
        guards: u8,
        /// May it be tried again with a fresh catalog, should an error say that the one used is stale?
        retry: bool,
        /// Is its ReadyForQuery the client's? An error's always is.
        ready: bool,
    },
    /// The replies to a Query of our own, swallowed up to ReadyForQuery; an error is the client's when `tag` is given, and the
    /// tag is when it succeeds.
    Own {
        /// The command tag for the client.
        tag: Option<&'static str>,
        /// What the client gets at the end: ReadyForQuery.
        ready: bool,
        /// Does what follows depend on it? Then its error is the client's, too.
        required: bool,
    },
    /// ReadyForQuery of the client's Sync.
    Sync,
    /// ReadyForQuery in which the backend has no part.
    Ready,
    /// The end of the client's COPY data, sent before it was known whether there is a COPY.
    CopyEnd,
    /// A statement's name stands for something else since the message before; should that fail or be skipped, for this again.
    Renamed(Box<str>, Option<Arc<Prepared>>),
    /// The error that the backend is made to answer with, told in the words of this one.
    Fail(BytesMut),
    /// The replies to the question which state the session has at the backend.
    Survey,
    /// A message made here, sent when everything before it was.
    Inject(BytesMut),
}

impl Expect {
    /// Keeps the reply from the client, whatever it is.
    pub fn silence(&mut self) {
        match self {
            Expect::Inject(message) | Expect::Fail(message) => message.clear(),
            Expect::Parse { pass, .. } | Expect::Bind { pass } | Expect::Close { pass } => *pass = false,
            Expect::Execute { shape, .. } => *shape = Arc::new(Shape { silent: true, ..Shape::default() }),
            Expect::Describe | Expect::Query { .. } | Expect::Own { .. } | Expect::Sync => {}
            Expect::Ready | Expect::CopyEnd | Expect::Renamed(..) | Expect::Survey => {}
        }
    }

    /// Does an error of an earlier message leave it standing? What follows a failed message up to the Sync gets no reply.
    pub fn survives_error(&self) -> bool {
        matches!(self, Expect::Sync | Expect::Query { .. } | Expect::Own { .. } | Expect::Ready | Expect::Survey)
    }
}
