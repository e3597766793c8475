//! Other people's programs: found, or installed below `target/`, and run with a limit on their time.

use std::fs::File;
use std::io::{Read, Seek};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// A program that takes longer hangs.
const TIMEOUT: Duration = Duration::from_secs(300);

/// What a test needs, or its end: a failure where CI=true, elsewhere a line that says why nothing was tested.
#[macro_export]
macro_rules! need {
    ($needed:expr) => {
        match $needed {
            Ok(value) => value,
            Err(reason) if std::env::var("CI").is_ok_and(|ci| ci == "true") => panic!("{reason}"),
            Err(reason) => {
                eprintln!("skipped: {reason}");
                return;
            }
        }
    };
}

/// That a program runs at all.
pub fn program(name: &str, argument: &str) -> Result<(), String> {
    match Command::new(name).arg(argument).stdout(Stdio::null()).stderr(Stdio::null()).status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{name} {argument}: {status}")),
        Err(error) => Err(format!("{name} cannot be run: {error}")),
    }
}

/// The `node_modules` with these packages.
pub fn npm(packages: &[&str]) -> Result<PathBuf, String> {
    program("node", "--version")?;
    let directory = shared_directory("node");
    let installed = directory.join("node_modules");
    let mut npm = Command::new("npm");
    npm.args(["install", "--no-audit", "--no-fund", "--prefix"]).arg(&directory).args(packages);
    install(&installed, packages, npm)?;
    Ok(installed)
}

/// A directory for PYTHONPATH with these packages.
pub fn pip(set: &str, packages: &[&str]) -> Result<PathBuf, String> {
    program("python3", "--version")?;
    let installed = shared_directory("python").join(set);
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target"]).arg(&installed).args(packages);
    install(&installed, packages, pip)?;
    Ok(installed)
}

/// Kept from one run to the next.
fn shared_directory(name: &str) -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&directory).expect("below target/ we may write");
    directory
}

/// Installs once; a mark beside the directory says that it was done to the end.
fn install(directory: &Path, packages: &[&str], mut installer: Command) -> Result<(), String> {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let mark = directory.with_extension("installed");
    if std::fs::read_to_string(&mark).is_ok_and(|done| done == packages.join(" ")) {
        return Ok(());
    }
    let _ = std::fs::remove_dir_all(directory);
    let output = installer.stdin(Stdio::null()).output().map_err(|error| format!("{installer:?} cannot be run: {error}"))?;
    if !output.status.success() {
        return Err(format!("{} could not be installed: {}", packages.join(", "), String::from_utf8_lossy(&output.stderr)));
    }
    std::fs::write(&mark, packages.join(" ")).map_err(|error| error.to_string())
}

/// A program on its way.
pub struct Running {
    child: std::process::Child,
    output: File,
    what: String,
}

/// Starts a program; both of its outputs are kept.
pub fn start(command: &mut Command) -> Running {
    let output = tempfile::tempfile().expect("a temporary file");
    let copy = || output.try_clone().expect("the file is open");
    let what = format!("{command:?}");
    let child = command.stdin(Stdio::null()).stdout(copy()).stderr(copy()).spawn().unwrap_or_else(|error| panic!("{what}: {error}"));
    Running { child, output, what }
}

impl Running {
    /// Waits for its success, and gives its output.
    pub fn finish(mut self) -> String {
        let deadline = Instant::now() + TIMEOUT;
        let status = loop {
            match self.child.try_wait().expect("it is our child") {
                Some(status) => break Some(status),
                None if Instant::now() > deadline => break None,
                None => std::thread::sleep(Duration::from_millis(20)),
            }
        };
        let mut text = String::new();
        self.output.rewind().expect("a file can be rewound");
        self.output.read_to_string(&mut text).expect("it prints text");
        match status {
            Some(status) if status.success() => text,
            Some(status) => panic!("{}: {status}\n{text}", self.what),
            None => panic!("{}: not done after {TIMEOUT:?}\n{text}", self.what),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Ended already, but after a failed test.
        let _ = self.child.kill().and_then(|()| self.child.wait());
    }
}

/// Runs a program to its success, and gives its output.
pub fn run(command: &mut Command) -> String {
    start(command).finish()
}
