//! Who comes in, and how the ways to and from the proxy are secured: with real clients, and a real PostgreSQL behind.

#[path = "../common/mod.rs"]
mod common;
#[path = "../postgres/mod.rs"]
mod postgres;

mod access;
mod backend_tls;
mod drivers;
mod front_tls;
mod limits;
mod log_in;
mod protocol;
mod support;
