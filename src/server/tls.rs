use crate::config;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::{ServerConfig, crypto::ring};

/// A certificate or key of no use.
#[derive(Debug, thiserror::Error)]
pub enum ServerTlsError {
    /// A file cannot be read, or is not PEM.
    #[error("cannot read {path}: {source}; it must be PEM")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: rustls_pki_types::pem::Error,
    },
    /// rustls refuses the pair.
    #[error("[server] tls_cert and tls_key cannot be used: {0}")]
    Pair(#[from] tokio_rustls::rustls::Error),
}

/// The acceptor that `[server] tls_cert` and `tls_key` ask for; None without them.
pub(super) fn acceptor(server: &config::Server) -> Result<Option<TlsAcceptor>, ServerTlsError> {
    let (Some(cert), Some(key)) = (&server.tls_cert, &server.tls_key) else { return Ok(None) };
    let chain = CertificateDer::pem_file_iter(cert).and_then(Iterator::collect::<Result<Vec<_>, _>>).map_err(unreadable(cert))?;
    let key = PrivateKeyDer::from_pem_file(key).map_err(unreadable(key))?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    // For clients that start with TLS at once (sslnegotiation=direct).
    config.alpn_protocols = vec![b"postgresql".to_vec()];
    Ok(Some(TlsAcceptor::from(Arc::new(config))))
}

fn unreadable(path: &Path) -> impl Fn(rustls_pki_types::pem::Error) -> ServerTlsError {
    move |source| ServerTlsError::File { path: path.to_owned(), source }
}
