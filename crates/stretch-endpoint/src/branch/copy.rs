//! Copies of objects that are marked for collection, so that a delete may be under way (F17).

use crate::error::EndpointError;
use crate::keys::SegmentName;
use crate::store::Endpoint;
use crate::upload::{has_checksum, upload_segment};
use std::collections::HashMap;
use std::sync::Arc;
use stretch_core::ids::SegmentId;
use uuid::Uuid;

/// An object to be copied because its only right name is marked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doubtful {
    /// Its key.
    pub key: String,
    /// The segment in the key.
    pub segment: SegmentId,
    /// Of the segment's bytes.
    pub sha256: [u8; 32],
    /// Name of its copy.
    pub copy: SegmentName,
}

/// The copy of a doubtful object: its new key, or `None` when it is gone.
pub type Copies = HashMap<SegmentId, Option<String>>;

/// Copies doubtful objects into our own branch, proven by their checksums.
///
/// # Errors
/// As of [`upload_segment`]; the store's own.
pub async fn copy(
    endpoint: Arc<Endpoint>,
    db: Uuid,
    branch: Uuid,
    doubtful: Vec<Doubtful>,
) -> Result<Copies, EndpointError> {
    let mut copies = Copies::new();
    for item in doubtful {
        let bytes = match endpoint.get(&item.key).await {
            Ok(bytes) if has_checksum(&bytes, &item.sha256) => bytes,
            Ok(_) | Err(EndpointError::NotFound { .. }) => {
                copies.insert(item.segment, None);
                continue;
            }
            Err(error) => return Err(error),
        };
        let uploaded = upload_segment(&endpoint, &db, &branch, item.copy, &bytes, &item.sha256).await?;
        copies.insert(item.segment, Some(uploaded.key));
    }
    Ok(copies)
}
