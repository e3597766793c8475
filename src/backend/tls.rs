use crate::config::{BackendTls, Roots, SslMode, TlsVersion};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem::PemObject};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::client::WebPkiServerVerifier;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::{
    ALL_VERSIONS, CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme, SupportedProtocolVersion, version,
};

static TLS13_ONLY: &[&SupportedProtocolVersion] = &[&version::TLS13];

/// What clients and servers of PostgreSQL call their protocol within TLS (ALPN).
pub(crate) const ALPN: &[u8] = b"postgresql";

/// TLS that cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The roots are unreadable.
    #[error("cannot read root certificates from {path}: {reason}")]
    Roots {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The operating system has no roots.
    #[error("sslrootcert=system: the system has no root certificates that can be read")]
    NoSystemRoots,
    /// The client certificate, or its key.
    #[error("cannot read {path}: {source}; it must be PEM")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: rustls_pki_types::pem::Error,
    },
    /// rustls refuses the settings.
    #[error(transparent)]
    Rustls(#[from] Error),
}

/// A connector that demands what `tls` says, whatever the mode says of doing without.
pub(super) fn connector(tls: &BackendTls) -> Result<TlsConnector, TlsError> {
    let provider = Arc::new(ring::default_provider());
    let verifier: Arc<dyn ServerCertVerifier> = match (&tls.roots, tls.mode) {
        (Some(roots), SslMode::VerifyFull) => verifier(roots, &provider)?,
        (Some(roots), SslMode::VerifyCa) => Arc::new(Lenient { inner: Some(verifier(roots, &provider)?), provider: provider.clone() }),
        _ => Arc::new(Lenient { inner: None, provider: provider.clone() }),
    };
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions(tls.min_version))?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let mut config = match (&tls.cert, &tls.key) {
        (Some(cert), Some(key)) => {
            let (chain, key) = pair(cert, key).map_err(|(path, source)| TlsError::File { path, source })?;
            builder.with_client_auth_cert(chain, key)?
        }
        _ => builder.with_no_client_auth(),
    };
    config.alpn_protocols = vec![ALPN.to_vec()];
    Ok(TlsConnector::from(Arc::new(config)))
}

/// The versions from one on.
pub(crate) fn versions(least: TlsVersion) -> &'static [&'static SupportedProtocolVersion] {
    match least {
        TlsVersion::Tls12 => ALL_VERSIONS,
        TlsVersion::Tls13 => TLS13_ONLY,
    }
}

type Pair = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

/// A certificate chain and its private key from PEM files. The error names the file.
pub(crate) fn pair(cert: &Path, key: &Path) -> Result<Pair, (PathBuf, rustls_pki_types::pem::Error)> {
    Ok((certificates(cert)?, PrivateKeyDer::from_pem_file(key).map_err(|source| (key.to_owned(), source))?))
}

/// The certificates of a PEM file; at least one.
pub(crate) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, (PathBuf, rustls_pki_types::pem::Error)> {
    let all = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let all = all.and_then(|all| if all.is_empty() { Err(rustls_pki_types::pem::Error::NoItemsFound) } else { Ok(all) });
    all.map_err(|source| (path.to_owned(), source))
}

fn verifier(roots: &Roots, provider: &Arc<CryptoProvider>) -> Result<Arc<WebPkiServerVerifier>, TlsError> {
    let mut store = RootCertStore::empty();
    let unreadable = |reason: String| match roots {
        Roots::File(path) => TlsError::Roots { path: path.clone(), reason },
        Roots::System => TlsError::NoSystemRoots,
    };
    match roots {
        Roots::File(path) => {
            for certificate in certificates(path).map_err(|(_, e)| unreadable(e.to_string()))? {
                store.add(certificate).map_err(|e| unreadable(e.to_string()))?;
            }
        }
        // One that is no good among hundreds does no harm.
        Roots::System => _ = store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs),
    }
    WebPkiServerVerifier::builder_with_provider(Arc::new(store), provider.clone()).build().map_err(|e| unreadable(e.to_string()))
}

/// Looks at the chain only (`inner`), or at nothing; handshake signatures always count.
#[derive(Debug)]
struct Lenient {
    inner: Option<Arc<WebPkiServerVerifier>>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Lenient {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(inner) = &self.inner else { return Ok(ServerCertVerified::assertion()) };
        match inner.verify_server_cert(end_entity, intermediates, name, ocsp, now) {
            // webpki checks the name last: with this error the chain is good.
            Err(Error::InvalidCertificate(CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. })) => {
                Ok(ServerCertVerified::assertion())
            }
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        tokio_rustls::rustls::crypto::verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        tokio_rustls::rustls::crypto::verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
