//! The Unix-domain socket beside the port: `[server] unix_socket_dir`.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream as Probe;
use std::path::{Path, PathBuf};
use tokio::net::{UnixListener, UnixStream};

/// A listener whose file goes when it does. Without a directory it is there, but nobody ever comes.
pub(super) struct Local {
    listener: Option<UnixListener>,
    path: PathBuf,
}

impl Local {
    /// Listens in `directory`, under the name that libpq looks for: `.s.PGSQL.<port>`. A file that a dead process has left is
    /// replaced; one behind which somebody listens is not.
    pub(super) fn bind(directory: Option<&Path>, port: u16) -> io::Result<Self> {
        let Some(directory) = directory else { return Ok(Local { listener: None, path: PathBuf::new() }) };
        let path = directory.join(format!(".s.PGSQL.{port}"));
        if path.exists() && Probe::connect(&path).is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused) {
            fs::remove_file(&path)?;
        }
        let listener = UnixListener::bind(&path)?;
        // Whoever reaches the directory may connect, as with PostgreSQL; who gets in is a matter of the rules.
        fs::set_permissions(&path, fs::Permissions::from_mode(0o777))?;
        Ok(Local { listener: Some(listener), path })
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
        if self.listener.is_some() {
            // Somebody may have removed it already.
            let _ = fs::remove_file(&self.path);
        }
    }
}
