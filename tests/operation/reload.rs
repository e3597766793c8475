use super::process::Process;
use super::{table, until};
use crate::client::Wire;
use crate::common::{Stack, tools};
use crate::need;
use std::process::Command;

/// A process whose configuration can be written anew.
struct Reloadable {
    process: Process,
    file: std::path::PathBuf,
    backend: String,
}

impl Reloadable {
    fn start(stack: &Stack, name: &str, config: &str) -> Self {
        let database = stack.database();
        let backend = stack.backend(&database);
        let all = format!("[backend]\nurl = '{backend}'\n{config}");
        let process = Process::start(stack.dir(), name, &all, "127.0.0.1:0");
        Reloadable { process, file: stack.dir().join(format!("{name}.toml")), backend }
    }

    fn write(&self, config: &str) {
        std::fs::write(&self.file, format!("[backend]\nurl = '{}'\n{config}", self.backend)).expect("it can be written");
    }

    fn database(&self) -> &str {
        self.backend.rsplit('/').next().expect("a name")
    }

    fn client(&self, database: &str) -> Wire {
        Wire::connect(self.process.address, database, "-c litewire.dialect=postgres")
    }

    fn console(&self) -> Wire {
        Wire::connect(self.process.address, "litewire_admin", "")
    }
}

#[test]
fn a_pool_gets_other_settings_under_its_clients() {
    let stack = Stack::shared();
    let server = Reloadable::start(&stack, "sizes", "[pool]\nsize = 1\ncheckout_timeout = '200ms'\n");
    let (mut first, mut second) = (server.client(server.database()), server.client(server.database()));
    first.run("BEGIN");
    let pid = first.value("SELECT pg_backend_pid()");
    assert_eq!(second.query("SELECT 1").state(), "53300");
    server.write("[pool]\nsize = 2\ncheckout_timeout = '200ms'\n");
    let mut console = server.console();
    console.run("RELOAD");
    assert_eq!(second.value("SELECT 1"), "1");
    assert_eq!(first.value("SELECT pg_backend_pid()"), pid, "its transaction goes on");
    // And back, by a signal.
    server.write("[pool]\nsize = 1\ncheckout_timeout = '200ms'\n");
    server.process.signal("HUP");
    until("the pool is small", || second.query("SELECT 1").state() == "53300");
    first.run("COMMIT");
    assert_eq!(second.value("SELECT 1"), "1");
    let config = table(&mut console, "SHOW CONFIG");
    assert!(config.iter().any(|row| row["key"] == "pool.size" && row["value"] == "1"));
}

#[test]
fn databases_and_rights_come_and_go() {
    let stack = Stack::shared();
    let server = Reloadable::start(&stack, "databases", "");
    let entry = format!("[[database]]\nname = 'extra'\nurl = '{}'\n", server.backend);
    let extra = || crate::common::wire::Client::connect(server.process.address, &[("user", "litewire"), ("database", "extra")]);
    assert!(extra().err().expect("unknown").to_string().starts_with("3D000"));
    let mut console = server.console();
    server.write(&entry);
    console.run("RELOAD");
    let mut client = server.client("extra");
    assert_eq!(client.value("SELECT 1"), "1");
    let mut stays = server.client(server.database());
    server.write("[admin]\nusers = ['boss']\n");
    console.run("RELOAD");
    assert_eq!(client.rest().state(), "57P01", "its database is gone");
    assert_eq!(stays.value("SELECT 1"), "1");
    let again = crate::common::wire::Client::connect(server.process.address, &[("user", "litewire"), ("database", "litewire_admin")]);
    assert!(again.err().expect("not named").to_string().starts_with("28000"));
}

#[test]
fn what_is_invalid_changes_nothing_and_what_is_fixed_is_told() {
    let stack = Stack::shared();
    let server = Reloadable::start(&stack, "invalid", "");
    let mut client = server.client(server.database());
    let mut console = server.console();
    for (config, reason) in [("[pool]\nsiez = 3\n", "siez"), ("[pool]\nsize = 0\n", "[pool] size"), ("[log]\nlevel = 'a=b=c'\n", "[log] level")] {
        server.write(config);
        let (state, message) = console.query("RELOAD").error().expect("refused");
        assert!(state == "F0000" && message.contains(reason), "{state} {message}");
    }
    assert_eq!(client.value("SELECT 1"), "1");
    server.write("[server]\nworkers = 7\n[log]\nlevel = 'info,litewire::clients=debug'\n");
    let answer = console.run("RELOAD");
    assert!(answer.0.iter().any(|m| m.tag == b'N' && String::from_utf8_lossy(&m.body).contains("need a restart: server.workers")));
    until("the log tells", || server.process.log().contains("these changes need a restart keys=\"server.workers\""));
    let config = table(&mut console, "SHOW CONFIG");
    assert!(config.iter().any(|row| row["key"] == "server.workers" && row["value"] == "0" && row["changeable"] == "no"));
    server.client(server.database());
    until("the log tells more", || server.process.log().contains("a client was let in"));
}

#[test]
fn certificates_are_renewed() {
    let stack = Stack::shared();
    need!(tools::program("psql", "--version"));
    let path = |name: &str| stack.dir().join(name).display().to_string();
    let issue = |name: &str| {
        let issued = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).expect("a certificate");
        std::fs::write(path(&format!("{name}.pem")), issued.cert.pem()).expect("it can be written");
        std::fs::write(path(&format!("{name}.key")), issued.signing_key.serialize_pem()).expect("it can be written");
        format!("[server]\ntls_cert = '{}'\ntls_key = '{}'\n", path(&format!("{name}.pem")), path(&format!("{name}.key")))
    };
    let (first, second) = (issue("first"), issue("second"));
    let server = Reloadable::start(&stack, "certificates", &first);
    let port = server.process.address.port();
    let trusts = |name: &str| {
        let root = path(&format!("{name}.pem"));
        let url = format!("postgres://litewire@127.0.0.1:{port}/{}?sslmode=verify-full&sslrootcert={root}", server.database());
        Command::new("psql").args(["-X", "-c", "SELECT 1", &url]).output().expect("it runs").status.success()
    };
    assert!(trusts("first") && !trusts("second"));
    let mut console = server.console();
    server.write(&second);
    console.run("RELOAD");
    assert!(trusts("second") && !trusts("first"));
    // A key that does not fit changes nothing.
    std::fs::copy(path("first.key"), path("second.key")).expect("it can be copied");
    assert_eq!(console.query("RELOAD").state(), "F0000");
    assert!(trusts("second"));
}
