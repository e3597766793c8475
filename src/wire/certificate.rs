//! What a certificate (X.509, DER) tells.

use rustls_pki_types::CertificateDer;
use sha2::{Digest, Sha256, Sha384, Sha512};
use x509_certificate::{SignatureAlgorithm, X509Certificate};

/// The hash of a server's certificate for the channel binding `tls-server-end-point` (RFC 5929, section 4.1): by the hash of its
/// signature, but SHA-256 for MD5 and SHA-1. None where the signature has none of its own, as Ed25519.
pub fn end_point(certificate: &CertificateDer<'_>) -> Option<Vec<u8>> {
    Some(match X509Certificate::from_der(certificate).ok()?.signature_algorithm()? {
        SignatureAlgorithm::RsaSha1 | SignatureAlgorithm::RsaSha256 | SignatureAlgorithm::EcdsaSha256 => Sha256::digest(certificate).to_vec(),
        SignatureAlgorithm::RsaSha384 | SignatureAlgorithm::EcdsaSha384 => Sha384::digest(certificate).to_vec(),
        SignatureAlgorithm::RsaSha512 => Sha512::digest(certificate).to_vec(),
        SignatureAlgorithm::Ed25519 | SignatureAlgorithm::NoSignature(_) => return None,
    })
}

/// Is a client's certificate for this name: as its common name, or one of its DNS names?
pub fn is_for(certificate: &CertificateDer<'_>, name: &str) -> bool {
    let common = X509Certificate::from_der(certificate).ok().and_then(|certificate| certificate.subject_common_name());
    let dns = || webpki::EndEntityCert::try_from(certificate).is_ok_and(|certificate| certificate.valid_dns_names().any(|dns| dns == name));
    common.is_some_and(|common| common == name) || dns()
}
