use crate::backend::TlsError;
use crate::backend::tls::{ALPN, certificates, pair, versions};
use crate::config::{self, TlsPolicy};
use crate::wire::certificate;
use rustls_pki_types::pem;
use std::path::PathBuf;
use std::sync::Arc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::server::{NoClientAuth, WebPkiClientVerifier, danger::ClientCertVerifier};
use tokio_rustls::rustls::{RootCertStore, ServerConfig, crypto::ring};

/// A certificate or key of no use.
#[derive(Debug, thiserror::Error)]
pub enum ServerTlsError {
    /// A file cannot be read, or is not PEM.
    #[error("cannot read {path}: {source}; it must be PEM")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: pem::Error,
    },
    /// rustls refuses the pair.
    #[error("[server] tls_cert and tls_key cannot be used: {0}")]
    Pair(#[from] tokio_rustls::rustls::Error),
    /// rustls refuses the roots.
    #[error("[server] tls_client_ca cannot be used: {0}")]
    ClientCa(String),
    /// `[server] unix_socket_dir` cannot be listened in.
    #[error("cannot listen in [server] unix_socket_dir: {0}; the directory must exist, and nobody else listen there on this port")]
    Local(std::io::Error),
    /// TLS towards the backend; see [`TlsError`].
    #[error(transparent)]
    Backend(#[from] TlsError),
}

/// TLS for clients.
pub(super) struct ServerTls {
    pub(super) acceptor: TlsAcceptor,
    /// The hash of the certificate, for channel binding.
    pub(super) end_point: Option<Vec<u8>>,
}

/// What `[server] tls…` asks for; None without TLS.
pub(super) fn server_tls(server: &config::Server) -> Result<Option<ServerTls>, ServerTlsError> {
    let (Some(cert), Some(key)) = (&server.tls_cert, &server.tls_key) else { return Ok(None) };
    if server.tls == TlsPolicy::Disable {
        return Ok(None);
    }
    let unreadable = |(path, source)| ServerTlsError::File { path, source };
    let (chain, key) = pair(cert, key).map_err(unreadable)?;
    let end_point = chain.first().and_then(certificate::end_point);
    let provider = Arc::new(ring::default_provider());
    let verifier: Arc<dyn ClientCertVerifier> = match &server.tls_client_ca {
        None => Arc::new(NoClientAuth),
        Some(path) => {
            let mut roots = RootCertStore::empty();
            for root in certificates(path).map_err(unreadable)? {
                roots.add(root).map_err(|e| ServerTlsError::ClientCa(e.to_string()))?;
            }
            // Who must have one is a matter of the rules.
            let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone()).allow_unauthenticated();
            builder.build().map_err(|e| ServerTlsError::ClientCa(e.to_string()))?
        }
    };
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(versions(server.tls_min_version))?
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![ALPN.to_vec()];
    Ok(Some(ServerTls { acceptor: TlsAcceptor::from(Arc::new(config)), end_point }))
}
