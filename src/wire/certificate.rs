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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::sync::LazyLock;

    static CERTIFICATE: LazyLock<Vec<u8>> = LazyLock::new(|| {
        let key = rcgen::KeyPair::generate().expect("a key");
        let mut params = rcgen::CertificateParams::new(vec!["ann-too".to_owned()]).expect("a name");
        params.distinguished_name.push(rcgen::DnType::CommonName, "ann");
        params.self_signed(&key).expect("signed").der().to_vec()
    });

    #[test]
    fn names_are_the_common_one_and_those_of_dns() {
        let certificate = CERTIFICATE.clone().into();
        assert!(is_for(&certificate, "ann") && is_for(&certificate, "ann-too"));
        assert!(!is_for(&certificate, "") && !is_for(&certificate, "an") && !is_for(&certificate, "Ann"));
        assert_eq!(end_point(&certificate), Some(Sha256::digest(&*CERTIFICATE).to_vec()));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(3000))]

        /// A backend's certificate may be anybody's, and so anything.
        #[test]
        fn a_damaged_certificate_does_not_panic(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6), cut in any::<prop::sample::Index>()) {
            let mut bytes = CERTIFICATE.clone();
            for (at, byte) in changes {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            end_point(&bytes.clone().into());
            is_for(&bytes.clone().into(), "ann");
            bytes.truncate(cut.index(bytes.len()));
            end_point(&bytes.into());
        }
    }
}
