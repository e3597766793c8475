//! Litewire: a proxy that takes SQLite's SQL over PostgreSQL's wire protocol and answers from a real, pooled PostgreSQL.
//!
//! The modules are the floors of one query's way, each using only what lies below it:
//!
//! | floor | module | what it holds |
//! |---|---|---|
//! | 1 | [`server`] | sockets come in: TLS, authentication, cancel, shutdown |
//! | 2 | [`session`] | one client: its messages, its statements, its transaction, its settings |
//! | 3 | [`translate`] | SQLite's text to a plan; pure: no socket, no async |
//! | 4 | [`pool`] | a backend for a while |
//! | 5 | [`backend`] | PostgreSQL: start-up, raw link, control connection, catalog |
//! | 6 | [`reply`] | answers shaped as SQLite's |
//!
//! Beside them plain data and tools: [`catalog`] (the immutable snapshot), [`value`] (SQLite's values: number, text and date
//! rules), [`wire`] (bytes of protocol 3), [`helpers`] (the helper schema), [`embedded`] (a managed PostgreSQL),
//! [`migrate`] (SQLite files into PostgreSQL, and back), [`config`], [`observe`], [`error`].

pub mod admin;
pub mod backend;
pub mod catalog;
pub mod cli;
pub mod config;
pub mod embedded;
pub mod error;
pub mod helpers;
pub mod migrate;
pub mod observe;
pub mod pool;
pub mod reply;
pub mod server;
pub mod session;
pub mod translate;
pub mod value;
pub mod wire;
