//! SHOW CONFIG, HELP, LISTS, MEM, STATE, VERSION.

use super::{Admin, Columns, Kind, NAMES, Row, int};
use crate::admin::{NEEDS_RESTART, Phase, Settings};
use std::collections::BTreeSet;
use std::sync::PoisonError;

pub(super) const CONFIG: Columns = &[("key", Kind::Text), ("value", Kind::Text), ("default", Kind::Text), ("changeable", Kind::Text)];

/// All keys, and the names under which exporters made for PgBouncer look for two of them.
pub(super) fn config(admin: &Admin) -> Vec<Row> {
    let defaults = Settings::defaults();
    let settings = admin.settings.read().unwrap_or_else(PoisonError::into_inner);
    let row = |key: &str, value: &str| {
        let fixed = NEEDS_RESTART.iter().any(|fixed| key.starts_with(fixed));
        vec![key.into(), value.into(), defaults.get(key).map(String::as_str).into(), if fixed { "no" } else { "yes" }.into()]
    };
    let mut rows: Vec<Row> = settings.shown().map(|(key, value)| row(key, value)).collect();
    for (known, key) in [("max_client_conn", "server.max_clients"), ("default_pool_size", "pool.size")] {
        if let Some((_, value)) = settings.shown().find(|(found, _)| *found == key) {
            rows.push(vec![known.into(), value.into(), defaults.get(key).map(String::as_str).into(), "yes".into()]);
        }
    }
    rows
}

pub(super) const HELP: Columns = &[("command", Kind::Text), ("meaning", Kind::Text)];

pub(super) fn help() -> Vec<Row> {
    let shows = NAMES.iter().map(|(name, _)| *name).collect::<Vec<_>>().join("|");
    let commands = [
        (format!("SHOW {shows}"), "what there is"),
        ("PAUSE [database]".to_owned(), "gives out no backend; done when none is used any more, and all are closed"),
        ("RESUME [database]".to_owned(), "after PAUSE or KILL"),
        ("RECONNECT [database]".to_owned(), "makes the connections to the backend anew, each when it is next free"),
        ("WAIT_CLOSE [database]".to_owned(), "waits until no connection is used that was there before"),
        ("RELOAD".to_owned(), "reads the configuration again"),
        ("KILL database".to_owned(), "sends its clients away, and lets no statement through before RESUME"),
        ("KILL_CLIENT id".to_owned(), "sends a client away"),
        ("SHUTDOWN".to_owned(), "stops at once"),
        ("SHUTDOWN WAIT_FOR_SERVERS".to_owned(), "stops when open transactions have ended, at the latest after [server] shutdown_timeout"),
        ("SHUTDOWN WAIT_FOR_CLIENTS".to_owned(), "takes no new clients, and stops when the last has left"),
    ];
    commands.into_iter().map(|(command, meaning)| vec![command.into(), meaning.into()]).collect()
}

pub(super) const LISTS: Columns = &[("list", Kind::Text), ("items", Kind::Int4)];

pub(super) fn lists(admin: &Admin) -> Vec<Row> {
    let (pools, clients) = (admin.pools.list(), admin.clients.list());
    let servers: Vec<_> = pools.values().flat_map(|pool| pool.servers()).collect();
    let taken = servers.iter().filter(|server| server.is_taken()).count();
    let users: BTreeSet<&str> = clients.iter().map(|client| client.identity.user.as_str()).collect();
    let databases: BTreeSet<&str> = pools.keys().map(|(database, _)| database.as_str()).collect();
    let items = [
        ("databases", databases.len()),
        ("users", users.len()),
        ("pools", pools.len()),
        ("free_clients", 0),
        ("used_clients", clients.len()),
        ("login_clients", 0),
        ("free_servers", servers.len() - taken),
        ("used_servers", taken),
        ("dns_names", 0),
        ("dns_zones", 0),
        ("dns_queries", 0),
        ("dns_pending", 0),
    ];
    items.into_iter().map(|(list, items)| vec![list.into(), int(items)]).collect()
}

pub(super) const MEM: Columns = &[("name", Kind::Text), ("size", Kind::Int4), ("used", Kind::Int8), ("free", Kind::Int8), ("memtotal", Kind::Int8)];

pub(super) fn mem(admin: &Admin) -> Vec<Row> {
    let pools = admin.pools.list();
    let usages: Vec<_> = pools.values().map(|pool| pool.plans().usage()).collect();
    let bytes = usages.iter().map(|(_, bytes, _)| bytes).sum::<usize>();
    let limit = usages.iter().map(|(_, _, limit)| limit).sum::<usize>();
    let mut rows = vec![vec!["plan_cache".into(), int(1), int(bytes), int(limit.saturating_sub(bytes)), int(bytes)]];
    if let Some(resident) = resident() {
        rows.push(vec!["resident".into(), int(1), int(resident), int(0), int(resident)]);
    }
    rows
}

/// Bytes of memory that the process has at the moment, as far as the operating system tells (proc(5), `statm`).
pub(in crate::admin) fn resident() -> Option<u64> {
    let pages: u64 = std::fs::read_to_string("/proc/self/statm").ok()?.split(' ').nth(1)?.parse().ok()?;
    Some(pages * rustix::param::page_size() as u64)
}

pub(super) const STATE: Columns = &[("key", Kind::Text), ("value", Kind::Text)];

pub(super) fn state(admin: &Admin) -> Vec<Row> {
    let yes = |is: bool| if is { "yes" } else { "no" };
    let phase = admin.phase();
    vec![
        vec!["active".into(), yes(phase == Phase::Running).into()],
        vec!["paused".into(), yes(admin.pools.is_paused()).into()],
        vec!["draining".into(), yes(phase == Phase::Draining).into()],
        vec!["stopping".into(), yes(phase == Phase::Stopping).into()],
    ]
}

pub(super) const VERSION: Columns = &[("version", Kind::Text)];

pub(super) fn version() -> Vec<Row> {
    vec![vec![format!("Litewire {}", env!("CARGO_PKG_VERSION")).into()]]
}
