//! The directory of a cluster: `data/`, `postgres.log`, `lock`, and `run/` with the socket.

use super::account::Account;
use super::error::{Doing, EmbeddedError};
use std::fs::{self, DirBuilder, File, TryLockError};
use std::hash::{BuildHasher, RandomState};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{self, Path, PathBuf};

/// `sun_path` holds 107 bytes and a NUL; `/.s.PGSQL.5432` takes 14 of them.
const LONGEST_SOCKET_DIR: usize = 107 - "/.s.PGSQL.5432".len();

/// A directory that is ours alone, for as long as this value lives.
#[derive(Debug)]
pub(super) struct Place {
    base: PathBuf,
    run: PathBuf,
    _lock: File,
}

impl Place {
    /// Opens a directory, creating it when it is missing, and locks it against other managers.
    pub fn open(wanted: &Path, account: &Account) -> Result<Place, EmbeddedError> {
        let base = path::absolute(wanted).doing("find", wanted)?;
        if let Some(ancestor) = account.barrier(&base) {
            return Err(EmbeddedError::Unreachable { account: account.name().to_owned(), ancestor });
        }
        fs::create_dir_all(&base).doing("create", &base)?;
        let lock_path = base.join("lock");
        if !lock_path.exists() && fs::read_dir(&base).doing("read", &base)?.next().is_some() {
            return Err(EmbeddedError::NotOurs(base));
        }
        let lock = File::options().create(true).write(true).truncate(false).open(&lock_path).doing("open", &lock_path)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(EmbeddedError::Locked(base)),
            Err(TryLockError::Error(source)) => return Err(source).doing("lock", &lock_path),
        }
        fs::set_permissions(&base, fs::Permissions::from_mode(0o700)).doing("protect", &base)?;
        account.own(&base)?;
        let run = socket_dir(&base, account)?;
        Ok(Place { base, run, _lock: lock })
    }

    /// PostgreSQL's own directory.
    pub fn data(&self) -> PathBuf {
        self.base.join("data")
    }

    /// Where initdb works until it is done.
    pub fn data_new(&self) -> PathBuf {
        self.base.join("data.new")
    }

    /// PostgreSQL's log.
    pub fn log(&self) -> PathBuf {
        self.base.join("postgres.log")
    }

    /// The directory of its socket.
    pub fn run(&self) -> &Path {
        &self.run
    }

    /// The major that the data was made by; None before initdb.
    pub fn major(&self) -> Option<u32> {
        fs::read_to_string(self.data().join("PG_VERSION")).ok()?.trim().parse().ok()
    }

    /// The log's last lines.
    pub fn log_tail(&self) -> String {
        let log = fs::read(self.log()).unwrap_or_default();
        let text = String::from_utf8_lossy(&log[log.len().saturating_sub(4096)..]).into_owned();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(10)..].join("\n")
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if !self.run.starts_with(&self.base) {
            // Best effort: it is empty once PostgreSQL has stopped, and harmless if it stays.
            let _ = fs::remove_dir_all(&self.run);
        }
    }
}

/// The configured directory; but the default one, where the server's account cannot get at it (below /root), moves to /var/lib.
pub(super) fn reachable(wanted: &Path, is_default: bool) -> Result<PathBuf, EmbeddedError> {
    let base = path::absolute(wanted).doing("find", wanted)?;
    let account = Account::choose()?;
    if !is_default || account.barrier(&base).is_none() {
        return Ok(base);
    }
    // One directory for each place that Litewire is started in, as it would have been there.
    let name = base.to_string_lossy().trim_start_matches('/').replace('/', "-");
    Ok(Path::new("/var/lib/litewire").join(name))
}

fn socket_dir(base: &Path, account: &Account) -> Result<PathBuf, EmbeddedError> {
    let private = |dir: &Path| DirBuilder::new().mode(0o700).create(dir);
    let run = base.join("run");
    if run.as_os_str().len() <= LONGEST_SOCKET_DIR {
        if !run.exists() {
            private(&run).doing("create", &run)?;
        }
        account.own(&run)?;
        return Ok(run);
    }
    // A fresh name, so that nobody else can have prepared it.
    let run = PathBuf::from(format!("/tmp/litewire-{:016x}", RandomState::new().hash_one(base)));
    private(&run).doing("create", &run)?;
    account.own(&run)?;
    Ok(run)
}
