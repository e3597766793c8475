//! What a person, or a program, sees of the work: bars on a terminal, lines elsewhere, JSON on demand.

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use serde_json::json;
use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How progress is shown.
#[derive(Debug, Clone)]
pub enum Progress {
    /// Bars on the terminal.
    Bars(MultiProgress),
    /// A line for whatever is done.
    Lines,
    /// One JSON object a line.
    Json,
    /// Nothing.
    Silent,
}

/// A piece of work with a length.
#[derive(Debug)]
pub struct Work {
    name: String,
    bar: Option<ProgressBar>,
    json: bool,
    begun: Instant,
    done: AtomicU64,
}

impl Progress {
    /// For a command: JSON if asked for, else bars where standard error is a terminal.
    pub fn new(json: bool) -> Self {
        match (json, io::stderr().is_terminal()) {
            (true, _) => Progress::Json,
            (false, true) => Progress::Bars(MultiProgress::new()),
            (false, false) => Progress::Lines,
        }
    }

    /// A line about what goes on.
    pub fn say(&self, text: &str) {
        match self {
            // A terminal that has gone is no reason to stop.
            Progress::Bars(bars) => bars.println(text).unwrap_or_default(),
            Progress::Lines => print_line(text),
            Progress::Json => print_line(&json!({ "event": "message", "text": text }).to_string()),
            Progress::Silent => {}
        }
    }

    /// A bar, of `total` rows or pages if that is known.
    pub fn work(&self, name: &str, total: Option<u64>) -> Work {
        let bar = if let Progress::Bars(bars) = self {
            let bar = bars.add(total.map_or_else(ProgressBar::new_spinner, ProgressBar::new));
            let shape = "{msg:28!} {bar:30} {human_pos:>12}/{human_len} {per_sec:>16} {eta:>6}";
            bar.set_style(ProgressStyle::with_template(shape).unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar.set_message(name.to_owned());
            bar.enable_steady_tick(Duration::from_millis(200));
            Some(bar)
        } else {
            None
        };
        let silent = matches!(self, Progress::Silent | Progress::Bars(_));
        Work {
            name: if silent { String::new() } else { name.to_owned() },
            bar,
            json: matches!(self, Progress::Json),
            begun: Instant::now(),
            done: AtomicU64::new(0),
        }
    }
}

impl Work {
    /// So much more is done.
    pub fn add(&self, n: u64) {
        self.done.fetch_add(n, Ordering::Relaxed);
        if let Some(bar) = &self.bar {
            bar.inc(n);
        }
    }

    /// So much of so much is done.
    pub fn set(&self, done: u64, total: u64) {
        self.done.store(done, Ordering::Relaxed);
        if let Some(bar) = &self.bar {
            bar.set_length(total);
            bar.set_position(done);
        }
    }

    /// It is over.
    pub fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        if self.name.is_empty() {
            return;
        }
        let (done, seconds) = (self.done.load(Ordering::Relaxed), self.begun.elapsed().as_secs_f64());
        if self.json {
            print_line(&json!({ "event": "done", "work": self.name, "count": done, "seconds": seconds }).to_string());
        } else {
            let rate = done as f64 / seconds.max(0.001);
            print_line(&format!("{}: {done} in {seconds:.1} s ({rate:.0}/s)", self.name));
        }
    }
}

/// Whoever reads our output may have gone; the work goes on.
fn print_line(text: &str) {
    let _ = writeln!(io::stdout(), "{text}");
}
