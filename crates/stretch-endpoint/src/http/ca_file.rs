//! Certificates of authorities that are trusted beside the system's: those of stores with a private one.

use crate::error::{BadCaFile, EndpointError};
use reqwest::Certificate;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use std::path::Path;

/// A bundle of all public authorities has a fourth of a megabyte.
const LIMIT: u64 = 16 * 1024 * 1024;

/// All certificates of a PEM file.
///
/// # Errors
/// [`EndpointError::CaFile`]; its text does not hold what the file does.
pub(crate) fn read(path: &Path) -> Result<Vec<Certificate>, EndpointError> {
    parse(&text(path)?).map_err(EndpointError::CaFile)
}

fn text(path: &Path) -> Result<Vec<u8>, EndpointError> {
    let unreadable = |error: std::io::Error| EndpointError::CaFile(BadCaFile::Unreadable(error.kind()));
    // A FIFO would hang whoever opens it.
    let about = std::fs::metadata(path).map_err(unreadable)?;
    if !about.is_file() || about.len() > LIMIT {
        return Err(EndpointError::CaFile(BadCaFile::NoFile));
    }
    std::fs::read(path).map_err(unreadable)
}

fn parse(text: &[u8]) -> Result<Vec<Certificate>, BadCaFile> {
    let mut found = Vec::new();
    for certificate in CertificateDer::pem_slice_iter(text) {
        let certificate = certificate.map_err(|_| BadCaFile::NoCertificate)?;
        // The client would fail on it later and could not say why.
        RootCertStore::empty()
            .add(certificate.clone())
            .map_err(|_| BadCaFile::NoCertificate)?;
        found.push(Certificate::from_der(&certificate).map_err(|_| BadCaFile::NoCertificate)?);
    }
    match found.is_empty() {
        true => Err(BadCaFile::NoCertificate),
        false => Ok(found),
    }
}
