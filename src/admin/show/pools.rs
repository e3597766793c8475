//! SHOW POOLS, SHOW DATABASES, SHOW USERS.

use super::clients::split;
use super::{Admin, Cell, Columns, Kind, Row, int};
use crate::observe::ClientState;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

pub(super) const POOLS: Columns = &[
    ("database", Kind::Text),
    ("user", Kind::Text),
    ("cl_active", Kind::Int4),
    ("cl_waiting", Kind::Int4),
    ("cl_active_cancel_req", Kind::Int4),
    ("cl_waiting_cancel_req", Kind::Int4),
    ("sv_active", Kind::Int4),
    ("sv_active_cancel", Kind::Int4),
    ("sv_being_canceled", Kind::Int4),
    ("sv_idle", Kind::Int4),
    ("sv_used", Kind::Int4),
    ("sv_tested", Kind::Int4),
    ("sv_login", Kind::Int4),
    ("maxwait", Kind::Int4),
    ("maxwait_us", Kind::Int4),
    ("pool_mode", Kind::Text),
];

/// What a pool has at a moment.
#[derive(Debug, Clone, Default)]
pub(in crate::admin) struct Load {
    pub database: String,
    pub role: String,
    pub cl_active: usize,
    pub cl_waiting: usize,
    pub sv_active: usize,
    pub sv_idle: usize,
    pub size: u32,
    pub maxwait: Duration,
}

/// Every pool's.
pub(in crate::admin) fn loads(admin: &Admin) -> Vec<Load> {
    let mut loads = BTreeMap::new();
    for ((database, role), pool) in admin.pools.list() {
        let servers = pool.servers();
        let sv_active = servers.iter().filter(|server| server.is_taken()).count();
        let load = Load {
            database: database.clone(),
            role: role.clone(),
            sv_active,
            sv_idle: servers.len() - sv_active,
            size: pool.settings().size,
            ..Load::default()
        };
        loads.insert((database, role), load);
    }
    for client in admin.clients.list() {
        let key = (client.identity.database.clone(), client.identity.role.clone());
        let Some(load) = loads.get_mut(&key) else { continue };
        match client.state() {
            ClientState::Waiting => load.cl_waiting += 1,
            ClientState::Idle | ClientState::Active => load.cl_active += 1,
        }
        load.maxwait = load.maxwait.max(client.waiting());
    }
    loads.into_values().collect()
}

pub(super) fn pools(admin: &Admin) -> Vec<Row> {
    let row = |load: Load| {
        let (seconds, microseconds) = split(load.maxwait);
        vec![
            load.database.into(),
            load.role.into(),
            int(load.cl_active),
            int(load.cl_waiting),
            int(0),
            int(0),
            int(load.sv_active),
            int(0),
            int(0),
            int(load.sv_idle),
            int(0),
            int(0),
            int(0),
            seconds,
            microseconds,
            MODE.into(),
        ]
    };
    loads(admin).into_iter().map(row).collect()
}

const MODE: &str = "transaction";

pub(super) const DATABASES: Columns = &[
    ("name", Kind::Text),
    ("host", Kind::Text),
    ("port", Kind::Int4),
    ("database", Kind::Text),
    ("force_user", Kind::Text),
    ("pool_size", Kind::Int4),
    ("min_pool_size", Kind::Int4),
    ("reserve_pool_size", Kind::Int4),
    ("server_lifetime", Kind::Int4),
    ("pool_mode", Kind::Text),
    ("max_connections", Kind::Int4),
    ("current_connections", Kind::Int4),
    ("max_client_connections", Kind::Int4),
    ("current_client_connections", Kind::Int4),
    ("paused", Kind::Int4),
    ("disabled", Kind::Int4),
];

/// Those that have pools, those that have entries, and the console.
pub(super) fn databases(admin: &Admin) -> Vec<Row> {
    let (config, pools, clients) = (admin.config(), admin.pools.list(), admin.clients.list());
    let backend = config.backend.url.as_ref().and_then(|url| url.get().get_dbname());
    let named = config.databases.iter().map(|database| database.name.as_str()).filter(|name| *name != "*").chain(backend);
    let mut names: BTreeSet<&str> = named.collect();
    names.extend(pools.keys().map(|(database, _)| database.as_str()));
    let mut rows = vec![row(super::super::DATABASE, Place { database: super::super::DATABASE.to_owned(), ..Place::default() }, [0; 6])];
    for name in names {
        let place = config.target(name).map(|target| Place::of(target.get())).unwrap_or_default();
        let mine = || pools.iter().filter(|((database, _), _)| database == name).map(|(_, pool)| pool);
        let servers: usize = mine().map(|pool| pool.servers().len()).sum();
        let connected = clients.iter().filter(|client| client.identity.database == name).count();
        let paused = i64::from(mine().any(|pool| pool.is_paused()));
        let lifetime = i64::try_from(config.pool.max_lifetime.as_secs()).unwrap_or(i64::MAX);
        rows.push(row(
            name,
            place,
            [i64::from(config.pool.size), i64::from(config.pool.reserve_size), lifetime, count(servers), count(connected), paused],
        ));
    }
    rows
}

fn count(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

/// Where a database lives.
#[derive(Default)]
struct Place {
    host: Option<String>,
    port: u16,
    database: String,
    user: Option<String>,
}

impl Place {
    fn of(target: &tokio_postgres::Config) -> Self {
        let host = |host: &tokio_postgres::config::Host| match host {
            tokio_postgres::config::Host::Tcp(name) => name.clone(),
            tokio_postgres::config::Host::Unix(path) => path.display().to_string(),
        };
        Place {
            host: target.get_hosts().first().map(host),
            port: target.get_ports().first().copied().unwrap_or(5432),
            database: target.get_dbname().unwrap_or_default().to_owned(),
            user: target.get_user().map(str::to_owned),
        }
    }
}

fn row(name: &str, place: Place, [size, reserve, lifetime, servers, clients, paused]: [i64; 6]) -> Row {
    vec![
        name.into(),
        place.host.into(),
        int(place.port),
        place.database.into(),
        place.user.into(),
        Cell::Int(size),
        int(0),
        Cell::Int(reserve),
        Cell::Int(lifetime),
        MODE.into(),
        Cell::Int(size),
        Cell::Int(servers),
        int(0),
        Cell::Int(clients),
        Cell::Int(paused),
        int(0),
    ]
}

pub(super) const USERS: Columns = &[
    ("name", Kind::Text),
    ("pool_size", Kind::Int4),
    ("pool_mode", Kind::Text),
    ("max_user_connections", Kind::Int4),
    ("current_connections", Kind::Int4),
];

/// Those that have entries, and those that are connected.
pub(super) fn users(admin: &Admin) -> Vec<Row> {
    let (config, clients) = (admin.config(), admin.clients.list());
    let mut names: BTreeSet<&str> = config.users.iter().map(|user| user.name.as_str()).collect();
    names.extend(clients.iter().map(|client| client.identity.user.as_str()));
    let connected = |name: &str| clients.iter().filter(|client| client.identity.user == name).count();
    names.into_iter().map(|name| vec![name.into(), Cell::Null, Cell::Null, int(0), int(connected(name))]).collect()
}
