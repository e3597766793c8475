//! SHOW CLIENTS and SHOW SERVERS: one shape for both, as in PgBouncer.

use super::{Admin, Cell, Columns, Kind, Row, int, time};
use crate::observe::ClientState;
use std::collections::HashMap;
use std::time::Duration;

pub(super) const CLIENTS: Columns = &[
    ("type", Kind::Text),
    ("user", Kind::Text),
    ("database", Kind::Text),
    ("replication", Kind::Text),
    ("state", Kind::Text),
    ("addr", Kind::Text),
    ("port", Kind::Int4),
    ("local_addr", Kind::Text),
    ("local_port", Kind::Int4),
    ("connect_time", Kind::Text),
    ("request_time", Kind::Text),
    ("wait", Kind::Int4),
    ("wait_us", Kind::Int4),
    ("close_needed", Kind::Int4),
    ("ptr", Kind::Text),
    ("link", Kind::Text),
    ("remote_pid", Kind::Int4),
    ("tls", Kind::Text),
    ("application_name", Kind::Text),
    ("prepared_statements", Kind::Int4),
    ("id", Kind::Int8),
    // Litewire's own.
    ("dialect", Kind::Text),
    ("queries", Kind::Int8),
    ("transactions", Kind::Int8),
];

/// The last three are clients' alone.
pub(super) const SERVERS: Columns = CLIENTS.split_at(CLIENTS.len() - 3).0;

pub(super) fn clients(admin: &Admin) -> Vec<Row> {
    let servers: HashMap<i32, u64> = admin.pools.list().values().flat_map(|pool| pool.servers()).map(|s| (s.pid, s.id)).collect();
    let listen = admin.config().server.listen;
    let row = |client: std::sync::Arc<crate::observe::Client>| {
        let (who, waiting) = (&client.identity, client.waiting());
        let state = match client.state() {
            ClientState::Idle => "idle",
            ClientState::Waiting => "waiting",
            ClientState::Active => "active",
        };
        let (seconds, microseconds) = split(waiting);
        vec![
            "C".into(),
            who.user.as_str().into(),
            who.database.as_str().into(),
            "none".into(),
            state.into(),
            who.address.as_str().into(),
            int(who.port),
            listen.ip().to_string().into(),
            int(listen.port()),
            time(client.since),
            time(client.requested()),
            seconds,
            microseconds,
            int(0),
            pointer('c', client.id),
            client.backend().and_then(|pid| servers.get(&pid)).map_or_else(|| "".into(), |id| pointer('s', *id)),
            int(0),
            tls(who.tls),
            who.application_name.as_str().into(),
            int(0),
            int(client.id),
            if client.is_sqlite() { "sqlite" } else { "postgres" }.into(),
            int(client.sums().queries),
            int(client.sums().transactions),
        ]
    };
    admin.clients.list().into_iter().map(row).collect()
}

pub(super) fn servers(admin: &Admin) -> Vec<Row> {
    let clients: HashMap<i32, u64> = admin.clients.list().iter().filter_map(|c| Some((c.backend()?, c.id))).collect();
    let mut rows = Vec::new();
    for ((database, role), pool) in admin.pools.list() {
        for server in pool.servers() {
            rows.push(vec![
                "S".into(),
                role.as_str().into(),
                database.as_str().into(),
                "none".into(),
                if server.is_taken() { "active" } else { "idle" }.into(),
                server.address.as_str().into(),
                int(server.port),
                "".into(),
                int(0),
                time(server.since),
                time(server.since),
                int(0),
                int(0),
                int(0),
                pointer('s', server.id),
                clients.get(&server.pid).map_or_else(|| "".into(), |id| pointer('c', *id)),
                int(server.pid),
                tls(server.tls),
                "litewire".into(),
                int(0),
                int(server.id),
            ]);
        }
    }
    rows
}

/// Whole seconds, and the microseconds beside them.
pub(super) fn split(time: Duration) -> (Cell, Cell) {
    (int(time.as_secs()), int(time.subsec_micros()))
}

fn pointer(kind: char, id: u64) -> Cell {
    format!("{kind}{id}").into()
}

fn tls(tls: bool) -> Cell {
    if tls { "TLS" } else { "" }.into()
}
