//! A litewire of a test's own, which it signals and sees the end of.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

pub struct Process {
    child: Child,
    pub address: SocketAddr,
    log: PathBuf,
}

impl Process {
    /// Runs one with this configuration (a name for its files, and a text).
    pub fn start(directory: &Path, name: &str, config: &str, listen: &str) -> Process {
        Process::start_with(directory, name, config, listen, &[])
    }

    pub fn start_with(directory: &Path, name: &str, config: &str, listen: &str, environment: &[(&str, &str)]) -> Process {
        let (file, log) = (directory.join(format!("{name}.toml")), directory.join(format!("{name}.log")));
        std::fs::write(&file, config).expect("it can be written");
        let mut child = Command::new(env!("CARGO_BIN_EXE_litewire"))
            .args(["serve", "--listen", listen, "--config"])
            .arg(&file)
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(&log).expect("it can be made"))
            .spawn()
            .expect("the binary runs");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("it is piped")).read_line(&mut line).expect("it can be read");
        let address = line.split_once("listens on ").and_then(|(_, rest)| rest.split_once(". ")).and_then(|(address, _)| address.parse().ok());
        let address = address.unwrap_or_else(|| panic!("{line:?} {}", std::fs::read_to_string(&log).unwrap_or_default()));
        Process { child, address, log }
    }

    pub fn signal(&self, name: &str) {
        let status = Command::new("kill").args([format!("-{name}"), self.child.id().to_string()]).status();
        assert!(status.is_ok_and(|status| status.success()), "{name}");
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).expect("there is one")
    }

    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("it is our child").is_some()
    }

    /// Waits for its end.
    pub fn end(&mut self) -> ExitStatus {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            if let Some(status) = self.child.try_wait().expect("it is our child") {
                return status;
            }
            assert!(Instant::now() < deadline, "it does not end: {}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.log());
        }
        // Gone already, mostly.
        let _ = self.child.kill().and_then(|()| self.child.wait());
    }
}
