//! Finding out that the other end of a connection is gone without having said so: a machine that lost its power, a network that takes
//! everything and delivers nothing. PostgreSQL's documentation, "TCP Settings", has the same for its side.

use std::io;
use std::time::Duration;
use tokio::net::TcpStream;

/// When a silent connection is asked after, and when one that does not answer is given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keepalive {
    /// How long a connection is silent before its other end is asked for a sign of life.
    pub idle: Duration,
    /// The time between such questions.
    pub interval: Duration,
    /// How many of them go without an answer.
    pub retries: u32,
    /// How long what was sent may stay unacknowledged.
    pub unacknowledged: Duration,
}

impl Default for Keepalive {
    /// An end that is gone is found out within 90 seconds; the system's own limits are beyond two hours.
    fn default() -> Self {
        let (idle, interval) = (Duration::from_secs(60), Duration::from_secs(10));
        Keepalive { idle, interval, retries: 3, unacknowledged: Duration::from_secs(60) }
    }
}

impl Keepalive {
    /// Sets it on a socket.
    pub fn apply(&self, socket: &TcpStream) -> io::Result<()> {
        let socket = socket2::SockRef::from(socket);
        socket.set_tcp_keepalive(&socket2::TcpKeepalive::new().with_time(self.idle).with_interval(self.interval).with_retries(self.retries))?;
        #[cfg(target_os = "linux")]
        socket.set_tcp_user_timeout(Some(self.unacknowledged))?;
        Ok(())
    }

    /// What a backend's URL says of it, in libpq's parameters; the default where it says nothing. None under `keepalives=0`.
    pub fn of(config: &tokio_postgres::Config) -> Option<Keepalive> {
        let default = Keepalive::default();
        let said = config.get_keepalives_idle();
        config.get_keepalives().then(|| Keepalive {
            idle: if said == UNSAID { default.idle } else { said },
            interval: config.get_keepalives_interval().unwrap_or(default.interval),
            retries: config.get_keepalives_retries().unwrap_or(default.retries),
            unacknowledged: config.get_tcp_user_timeout().copied().unwrap_or(default.unacknowledged),
        })
    }
}

/// What tokio-postgres has for a URL without `keepalives_idle`.
const UNSAID: Duration = Duration::from_secs(2 * 60 * 60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_may_say_otherwise() {
        let of = |text: &str| Keepalive::of(&text.parse().expect("valid"));
        assert_eq!(of("host=a"), Some(Keepalive::default()));
        assert_eq!(of("host=a keepalives=0"), None);
        let said = Keepalive { idle: Duration::from_secs(5), retries: 2, ..Keepalive::default() };
        assert_eq!(of("host=a keepalives_idle=5 keepalives_retries=2"), Some(said));
        assert_eq!(of("host=a tcp_user_timeout=7").map(|k| k.unacknowledged), Some(Duration::from_secs(7)));
    }

    #[tokio::test]
    async fn a_socket_has_it() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let socket = TcpStream::connect(listener.local_addr().expect("bound")).await.expect("it listens");
        Keepalive::default().apply(&socket).expect("every system has it");
        let socket = socket2::SockRef::from(&socket);
        assert_eq!(socket.tcp_keepalive_time().expect("set"), Duration::from_secs(60));
    }
}
