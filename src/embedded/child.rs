//! PostgreSQL's programs as child processes: a clean environment, a process group and an account of their own.

use super::account::Account;
use super::error::EmbeddedError;
use super::find::Installation;
use rustix::process::{Pid, Signal};
use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::process::{Child, Command};
use tokio::time;

/// How PostgreSQL is asked to stop: fast shutdown, immediate shutdown, and then it is not asked.
const STEPS: [(Signal, Duration); 3] =
    [(Signal::INT, Duration::from_secs(20)), (Signal::QUIT, Duration::from_secs(5)), (Signal::KILL, Duration::from_secs(5))];

/// One of the programs, run by `account`. It ends with the thread that spawns it.
pub(super) fn command(installation: &Installation, program: &str, account: &Account) -> Command {
    let mut command = Command::new(installation.bin.join(program));
    command.env_clear().env("PATH", "/usr/bin:/bin").env("LC_ALL", "C").env("TZ", "UTC");
    // Its own process group: a ^C at the terminal is for Litewire, which then stops it in order.
    command.current_dir("/").stdin(Stdio::null()).process_group(0);
    if let Account::Other { uid, gid, .. } = account {
        command.uid(*uid).gid(*gid);
    }
    die_with_thread(&mut command);
    command
}

/// Has the child get SIGINT when the *thread* that spawns it dies, be it by kill -9 of this process.
#[cfg(target_os = "linux")]
#[allow(unsafe_code)]
fn die_with_thread(command: &mut Command) {
    let parent = rustix::process::getpid();
    let before_exec = move || {
        rustix::process::set_parent_process_death_signal(Some(Signal::INT))?;
        // The parent may have died before the request.
        if rustix::process::getppid() == Some(parent) { Ok(()) } else { Err(std::io::ErrorKind::BrokenPipe.into()) }
    };
    // SAFETY: between fork and exec only async-signal-safe calls are allowed. The closure makes two system calls, prctl and
    // getppid, and neither allocates nor locks. It runs after the change of uid, which would clear the request.
    unsafe {
        command.pre_exec(before_exec);
    }
}

/// Other systems have no such request: there a killed manager leaves the server behind, and the next one stops it.
#[cfg(not(target_os = "linux"))]
fn die_with_thread(_: &mut Command) {}

/// Stops a server, by and by less gently.
pub(super) async fn stop(child: &mut Child) -> Result<(), EmbeddedError> {
    let Some(id) = child.id() else { return Ok(()) };
    for (signal, patience) in STEPS {
        signal_process(id, signal);
        if time::timeout(patience, child.wait()).await.is_ok() {
            return Ok(());
        }
    }
    Err(EmbeddedError::NotStopped(id))
}

/// Stops the server that an earlier manager left behind in `data`, if there is one.
pub(super) async fn stop_orphan(data: &Path) {
    let pid_file = fs::read_to_string(data.join("postmaster.pid")).unwrap_or_default();
    let Some(id) = pid_file.lines().next().and_then(|line| line.trim().parse().ok()) else { return };
    for (signal, patience) in STEPS {
        // The number may be another process's by now.
        if !is_postgres(id) {
            return;
        }
        signal_process(id, signal);
        let gone = async {
            while is_postgres(id) {
                time::sleep(Duration::from_millis(20)).await;
            }
        };
        if time::timeout(patience, gone).await.is_ok() {
            return;
        }
    }
}

/// Its name tells: /proc/pid/exe cannot be read for another account's process.
fn is_postgres(id: u32) -> bool {
    let Some(pid) = pid(id) else { return false };
    if rustix::process::test_kill_process(pid).is_err() {
        return false;
    }
    match fs::read_to_string(format!("/proc/{id}/comm")) {
        Ok(name) => name.trim() == "postgres",
        Err(_) => !Path::new("/proc/self").exists(),
    }
}

fn signal_process(id: u32, signal: Signal) {
    if let Some(pid) = pid(id) {
        // It may have ended by itself: then there is nothing to do.
        let _ = rustix::process::kill_process(pid, signal);
    }
}

fn pid(id: u32) -> Option<Pid> {
    Pid::from_raw(i32::try_from(id).ok()?)
}
