use super::error::{Doing, EmbeddedError};
use std::fs;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Who runs the server. PostgreSQL refuses root, and initdb refuses a uid without a passwd entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Account {
    /// Whoever runs Litewire.
    Own,
    /// Litewire is root: an account without privileges.
    Other { name: &'static str, uid: u32, gid: u32 },
}

impl Account {
    /// The account for this process.
    pub fn choose() -> Result<Account, EmbeddedError> {
        if !rustix::process::geteuid().is_root() {
            return Ok(Account::Own);
        }
        let find = |name| Some(Account::Other { name, uid: id("-u", name)?, gid: id("-g", name)? });
        ["postgres", "nobody"].into_iter().find_map(find).ok_or(EmbeddedError::NoAccount)
    }

    /// Gives it a file or directory.
    pub fn own(&self, path: &Path) -> Result<(), EmbeddedError> {
        match self {
            Account::Own => Ok(()),
            Account::Other { uid, gid, .. } => chown(path, Some(*uid), Some(*gid)).doing("give away", path),
        }
    }

    /// The first ancestor that it may not pass through; of those that do not exist yet, nothing is said.
    pub fn barrier(&self, path: &Path) -> Option<PathBuf> {
        let Account::Other { uid, gid, .. } = self else { return None };
        let closed = |ancestor: &&Path| match fs::metadata(ancestor) {
            Ok(m) if m.uid() == *uid => m.mode() & 0o100 == 0,
            Ok(m) if m.gid() == *gid => m.mode() & 0o010 == 0,
            Ok(m) => m.mode() & 0o001 == 0,
            Err(_) => false,
        };
        path.ancestors().skip(1).filter(|a| !a.as_os_str().is_empty()).find(closed).map(Path::to_owned)
    }

    /// Its name.
    pub fn name(&self) -> &'static str {
        match self {
            Account::Own => "the current user",
            Account::Other { name, .. } => name,
        }
    }
}

/// `id` asks whatever directory of users the machine has, not /etc/passwd alone.
fn id(flag: &str, name: &str) -> Option<u32> {
    let output = Command::new("id").args([flag, name]).output().ok()?;
    String::from_utf8(output.stdout).ok()?.trim().parse().ok()
}
