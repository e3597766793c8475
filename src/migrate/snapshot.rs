//! A private copy of a SQLite file, of one moment. It is kept until the result is verified, so that a run that goes on later sees the
//! same rows.

use super::Error;
use super::progress::Progress;
use super::source::open;
use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fs, io};

/// Pages between two looks at the progress: 4 MiB of the usual size.
const STEP: i32 = 1024;

/// A copy, known by an id that stands in its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// Identifies the copy in the target's state.
    pub id: String,
    /// Where it is.
    pub path: PathBuf,
}

impl Snapshot {
    /// One that is to be made of `file` in `directory`.
    pub fn named(file: &Path, directory: &Path) -> Result<Self, Error> {
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(|e| Error::refused(format!("no random numbers: {e}")))?;
        let id = crate::value::hex(&random).to_lowercase();
        let name = file.file_name().map_or_else(|| "database".into(), |n| n.to_string_lossy());
        // The path is kept at the target, for runs from elsewhere.
        let directory = directory.canonicalize().map_err(|source| Error::File { path: directory.to_owned(), source })?;
        Ok(Snapshot { path: directory.join(format!("{name}.{id}.snapshot")), id })
    }

    /// Copies `file` with SQLite's backup API: the application may read all the while, and in WAL mode write.
    pub fn fill(&self, file: &Path, progress: &Progress) -> Result<(), Error> {
        let partial = self.partial();
        let copied = copy(file, &partial, progress);
        if copied.is_err() {
            // The error itself is what counts.
            let _ = self.clear();
        }
        copied?;
        fs::rename(&partial, &self.path).map_err(|source| Error::File { path: self.path.clone(), source })
    }

    /// Both at once.
    pub fn take(file: &Path, directory: &Path, progress: &Progress) -> Result<Self, Error> {
        let snapshot = Self::named(file, directory)?;
        snapshot.fill(file, progress)?;
        Ok(snapshot)
    }

    fn partial(&self) -> PathBuf {
        self.path.with_extension("partial")
    }

    /// The copy of that id, if it is still there.
    pub fn find(path: &Path, id: &str) -> Option<Self> {
        path.is_file().then(|| Snapshot { id: id.to_owned(), path: path.to_owned() })
    }

    /// Removes it.
    pub fn remove(self) -> Result<(), Error> {
        fs::remove_file(&self.path).map_err(|source| Error::File { path: self.path, source })
    }

    /// Removes whatever there is of it: the run that made it may have been broken off at any moment.
    pub fn clear(&self) -> Result<(), Error> {
        for path in [self.path.clone(), self.partial(), self.path.with_extension("partial-journal")] {
            match fs::remove_file(&path) {
                Err(source) if source.kind() != io::ErrorKind::NotFound => return Err(Error::File { path, source }),
                _ => {}
            }
        }
        Ok(())
    }
}

fn copy(file: &Path, to: &Path, progress: &Progress) -> Result<(), Error> {
    let source = open(file)?;
    // Holding a read transaction, all steps see one moment and none begins anew after a write.
    source.execute_batch("BEGIN")?;
    source.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(())).map_err(|source| Error::Open { path: file.to_owned(), source })?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
    let unwritten = |source| Error::Unwritten { path: to.to_owned(), source };
    let mut copy = Connection::open_with_flags(to, flags).map_err(unwritten)?;
    copy.execute_batch("PRAGMA synchronous = OFF")?;
    {
        let backup = Backup::new(&source, &mut copy)?;
        let bar = progress.work("snapshot", None);
        loop {
            let step = backup.step(STEP).map_err(unwritten)?;
            let pages = backup.progress();
            bar.set(pages.pagecount.saturating_sub(pages.remaining) as u64, pages.pagecount as u64);
            match step {
                StepResult::Done => break,
                StepResult::More => {}
                _ => std::thread::sleep(Duration::from_millis(20)),
            }
        }
        bar.finish();
    }
    // A copy of a database in WAL mode is in WAL mode too, and could then not be opened without writing beside it.
    copy.query_row("PRAGMA journal_mode = DELETE", [], |_| Ok(()))?;
    Ok(())
}
