//! What the proxy tells about itself: its log.

mod log;

pub use log::{LogError, start_log};
