//! PostgreSQL's programs on this machine.

use super::account::Account;
use super::provision;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where the packages of the distributions put a directory for each major.
const BY_MAJOR: [&str; 4] =
    ["/usr/lib/postgresql", "/usr/local/lib/postgresql", "/Library/PostgreSQL", "/Applications/Postgres.app/Contents/Versions"];
/// Where others put a directory with the major in its name (`pgsql-16`, `postgresql@17`, `postgresql16`).
const BY_NAME: [&str; 6] = ["/usr", "/usr/lib", "/usr/libexec", "/opt/homebrew/opt", "/usr/local/opt", "/home/linuxbrew/.linuxbrew/opt"];

/// A PostgreSQL server's programs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installation {
    /// The directory of `postgres` and `initdb`.
    pub bin: PathBuf,
    /// Its major version.
    pub major: u32,
}

impl Installation {
    /// The programs in `bin`; None when they are not all there, or do not run.
    pub fn at(bin: &Path) -> Option<Installation> {
        if !bin.join("initdb").is_file() {
            return None;
        }
        // `postgres (PostgreSQL) 15.13 (Debian …)`, `… 18beta1`
        let output = Command::new(bin.join("postgres")).arg("--version").output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        let version = text.split_once("(PostgreSQL) ")?.1;
        let digits = version.find(|c: char| !c.is_ascii_digit()).unwrap_or(version.len());
        Some(Installation { bin: bin.to_owned(), major: version[..digits].parse().ok()? })
    }
}

/// The newest server on the machine that `account` may run, of the major that is wanted; `fetched` holds what was fetched before.
pub(super) fn find(wanted: Option<u32>, account: &Account, fetched: &Path) -> Option<Installation> {
    let known = BY_MAJOR.into_iter().flat_map(|root| children(Path::new(root))).map(|dir| dir.join("bin"));
    let named = BY_NAME.into_iter().flat_map(|root| children(Path::new(root))).filter(|dir| is_named(dir));
    let named = named.flat_map(|dir| [dir.join("bin"), dir]);
    let own = children(fetched).into_iter().flat_map(|dir| provision::bins(&dir));
    let path = env::var_os("PATH").unwrap_or_default();
    // A link on the PATH leads to the directory that also holds initdb.
    let on_path = env::split_paths(&path).filter_map(|dir| Some(fs::canonicalize(dir.join("postgres")).ok()?.parent()?.to_owned()));
    let usable = |bin: PathBuf| Installation::at(&bin).filter(|_| account.barrier(&bin.join("postgres")).is_none());
    let all = known.chain(named).chain(own).chain(on_path).filter_map(usable);
    all.filter(|found| wanted.is_none_or(|major| major == found.major)).max_by_key(|found| found.major)
}

fn children(dir: &Path) -> Vec<PathBuf> {
    fs::read_dir(dir).map(|entries| entries.flatten().map(|entry| entry.path()).collect()).unwrap_or_default()
}

fn is_named(dir: &Path) -> bool {
    let name = dir.file_name().unwrap_or_default().to_string_lossy();
    name.starts_with("pgsql-") || (name.starts_with("postgresql") && name != "postgresql")
}
