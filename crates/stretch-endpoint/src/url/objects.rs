//! What an `s3://` URL says about new objects: their encryption and their storage class.

use super::reason::Reason;

/// Which keys the store encrypts objects with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EncryptionKind {
    /// Keys of the store's own (SSE-S3).
    Store,
    /// A key of the key management service (SSE-KMS).
    Kms,
    /// Such a key, in two layers (DSSE-KMS).
    TwoLayers,
}

impl EncryptionKind {
    const ALL: [Self; 3] = [Self::Store, Self::Kms, Self::TwoLayers];

    /// S3's own name for it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Store => "AES256",
            Self::Kms => "aws:kms",
            Self::TwoLayers => "aws:kms:dsse",
        }
    }
}

/// The parameters `sse` and `kms_key`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Encryption {
    pub(crate) kind: EncryptionKind,
    /// Id, alias or ARN of the key; without it, the bucket's or the account's.
    pub(crate) key: Option<String>,
}

impl Encryption {
    pub(super) fn parse(sse: Option<&str>, key: Option<String>) -> Result<Option<Self>, Reason> {
        let Some(sse) = sse else {
            return match key {
                Some(_) => Err("parameter \"kms_key\" needs sse=aws:kms".into()),
                None => Ok(None),
            };
        };
        let kind = EncryptionKind::ALL
            .into_iter()
            .find(|kind| kind.as_str() == sse)
            .ok_or("parameter \"sse\" must be AES256, aws:kms or aws:kms:dsse")?;
        let Some(key) = key else {
            return Ok(Some(Self { kind, key: None }));
        };
        if kind == EncryptionKind::Store {
            return Err("parameter \"kms_key\" needs sse=aws:kms".into());
        }
        // An ARN has at most this length, and these characters.
        let plain = |c: char| c.is_ascii_alphanumeric() || ":/_-".contains(c);
        if key.len() > 2048 || !key.chars().all(plain) {
            return Err("parameter \"kms_key\" must be the id, alias or ARN of a key".into());
        }
        Ok(Some(Self { kind, key: Some(key) }))
    }
}

/// Storage classes of S3 whose objects can be read at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StorageClass {
    Standard,
    StandardIa,
    OnezoneIa,
    IntelligentTiering,
    GlacierIr,
    ReducedRedundancy,
}

impl StorageClass {
    const ALL: [Self; 6] = [
        Self::Standard,
        Self::StandardIa,
        Self::OnezoneIa,
        Self::IntelligentTiering,
        Self::GlacierIr,
        Self::ReducedRedundancy,
    ];

    /// S3's own name for it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Standard => "STANDARD",
            Self::StandardIa => "STANDARD_IA",
            Self::OnezoneIa => "ONEZONE_IA",
            Self::IntelligentTiering => "INTELLIGENT_TIERING",
            Self::GlacierIr => "GLACIER_IR",
            Self::ReducedRedundancy => "REDUCED_REDUNDANCY",
        }
    }

    pub(super) fn parse(text: &str) -> Result<Self, Reason> {
        if matches!(text, "GLACIER" | "DEEP_ARCHIVE") {
            return Err(
                "objects of an archived storage class cannot be read at once; GLACIER_IR is the coldest class that can"
                    .into(),
            );
        }
        Self::ALL
            .into_iter()
            .find(|class| class.as_str() == text)
            .ok_or_else(|| {
                "parameter \"storage_class\" must be STANDARD, STANDARD_IA, ONEZONE_IA, INTELLIGENT_TIERING, \
                 GLACIER_IR or REDUCED_REDUNDANCY"
                    .into()
            })
    }
}
