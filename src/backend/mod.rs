//! PostgreSQL: the raw connection that frames are relayed over, and the control connection that the proxy itself asks through.

pub mod catalog;
mod connect;
mod control;
pub mod install;
mod keepalive;
mod link;
mod outage;
mod replay;
mod start;
mod stream;
pub(crate) mod tls;

pub use connect::{ConnectError, Target};
pub use control::{Control, ControlError, INSTANCE, detail};
pub use keepalive::Keepalive;
pub use link::{CancelKey, Link};
pub use outage::Outage;
pub use replay::Replay;
pub use stream::Stream;
pub use tls::TlsError;
