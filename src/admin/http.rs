//! Metrics and health by HTTP/1.1.

use super::{Admin, Phase, metrics};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

/// Connections at a time; the next one waits.
const CONNECTIONS: usize = 32;
/// A connection's life, however slowly it speaks.
const LIFE: Duration = Duration::from_secs(60);
/// From a connection, or an answer, to the end of the next request's head.
const HEAD: Duration = Duration::from_secs(5);
/// How long the backends have to answer for /readyz.
const READY: Duration = Duration::from_secs(3);
/// After an `accept` that failed for want of resources.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Answers on `listener` as long as the process lives.
pub async fn serve(listener: TcpListener, admin: Arc<Admin>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let Ok(place) = places.clone().acquire_owned().await else { return };
        match listener.accept().await {
            Ok((socket, _)) => {
                let admin = admin.clone();
                tokio::spawn(async move {
                    let _place = place;
                    // Whoever is too slow, or speaks no HTTP, is let go without a word.
                    let _ = tokio::time::timeout(LIFE, connection(socket, admin)).await;
                });
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection for metrics");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn connection(socket: TcpStream, admin: Arc<Admin>) -> hyper::Result<()> {
    let answer = service_fn(move |request| {
        let admin = admin.clone();
        async move { Ok::<_, Infallible>(answer(&request, &admin).await) }
    });
    // Heads of up to 16 KiB; bodies are never read.
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(16 * 1024)
        .serve_connection(TokioIo::new(socket), answer)
        .await
}

async fn answer(request: &Request<Incoming>, admin: &Admin) -> Response<Full<Bytes>> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut refused = plain(StatusCode::METHOD_NOT_ALLOWED, "GET and HEAD only\n".to_owned());
        refused.headers_mut().insert(ALLOW, hyper::header::HeaderValue::from_static("GET, HEAD"));
        return refused;
    }
    match request.uri().path() {
        "/metrics" => {
            let mut told = plain(StatusCode::OK, metrics::text(admin));
            told.headers_mut().insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8"));
            told
        }
        "/healthz" => plain(StatusCode::OK, "alive\n".to_owned()),
        "/readyz" => match ready(admin).await {
            Ok(()) => plain(StatusCode::OK, "ready\n".to_owned()),
            Err(reason) => plain(StatusCode::SERVICE_UNAVAILABLE, format!("{reason}\n")),
        },
        _ => plain(StatusCode::NOT_FOUND, "/metrics, /healthz, /readyz\n".to_owned()),
    }
}

/// Would a client be served? The reason why not names no address: whoever may ask need not know the backends.
async fn ready(admin: &Admin) -> Result<(), &'static str> {
    match admin.phase() {
        Phase::Running => {}
        Phase::Draining => return Err("draining"),
        Phase::Stopping => return Err("stopping"),
    }
    if admin.pools.is_paused() {
        return Err("paused");
    }
    match tokio::time::timeout(READY, admin.pools.answer()).await {
        Ok(true) => Ok(()),
        Ok(false) | Err(_) => Err("no backend answers"),
    }
}

fn plain(status: StatusCode, text: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(CACHE_CONTROL, hyper::header::HeaderValue::from_static("no-store"));
    response
}
