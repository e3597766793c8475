//! Who comes in, and how the ways to and from the proxy are secured: with real clients, and a real PostgreSQL behind.

#[path = "../postgres/mod.rs"]
mod postgres;
#[path = "../common/tools.rs"]
#[allow(dead_code, reason = "other test binaries use the rest")]
mod tools;

mod access;
mod backend_tls;
mod front_tls;
mod log_in;
mod protocol;
mod support;
