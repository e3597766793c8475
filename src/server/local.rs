//! The Unix-domain socket beside the port: `[server] unix_socket_dir`.

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream as Probe;
use std::path::{Path, PathBuf};
use tokio::net::{UnixListener, UnixStream};

/// A listener whose file goes when it does. Without a directory it is there, but nobody ever comes.
pub(super) struct Local {
    listener: Option<UnixListener>,
    path: PathBuf,
    /// Of the file: another process may have put its own in its place.
    inode: u64,
}

impl Local {
    /// Listens in `directory`, under the name that libpq looks for: `.s.PGSQL.<port>`. A file that a dead process has left is
    /// replaced; one behind which somebody listens is not, unless `take_over`: then whoever connects from now on comes here.
    pub(super) fn bind(directory: Option<&Path>, port: u16, take_over: bool) -> io::Result<Self> {
        let Some(directory) = directory else { return Ok(Local { listener: None, path: PathBuf::new(), inode: 0 }) };
        let path = directory.join(format!(".s.PGSQL.{port}"));
        if path.exists() && Probe::connect(&path).is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused) {
            fs::remove_file(&path)?;
        }
        if take_over {
            // Made beside it, so that there is no moment without one.
            let fresh = directory.join(format!(".s.PGSQL.{port}.{}", std::process::id()));
            let listener = UnixListener::bind(&fresh)?;
            fs::set_permissions(&fresh, fs::Permissions::from_mode(0o777))?;
            let inode = fs::metadata(&fresh)?.ino();
            fs::rename(&fresh, &path)?;
            return Ok(Local { listener: Some(listener), path, inode });
        }
        let listener = UnixListener::bind(&path)?;
        // Whoever reaches the directory may connect, as with PostgreSQL; who gets in is a matter of the rules.
        fs::set_permissions(&path, fs::Permissions::from_mode(0o777))?;
        let inode = fs::metadata(&path)?.ino();
        Ok(Local { listener: Some(listener), path, inode })
    }

    pub(super) async fn accept(&self) -> io::Result<UnixStream> {
        match &self.listener {
            Some(listener) => Ok(listener.accept().await?.0),
            None => std::future::pending().await,
        }
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        let is_ours = || fs::metadata(&self.path).is_ok_and(|found| found.ino() == self.inode);
        if self.listener.is_some() && is_ours() {
            // Somebody may have removed it already.
            let _ = fs::remove_file(&self.path);
        }
    }
}
