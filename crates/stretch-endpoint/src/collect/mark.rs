//! Marks: the announcement that an object will be deleted. Whoever pins looks at them afterwards (F17).

use crate::error::EndpointError;
use crate::keys::Key;
use crate::store::Endpoint;
use bytes::Bytes;
use stretch_core::collect::facts::ObjectName;
use uuid::Uuid;

/// Marks an object of the branch under the claim of this generation. One that is marked already is success.
///
/// # Errors
/// The store's own.
pub async fn write_mark(
    endpoint: &Endpoint,
    db: &Uuid,
    branch: &Uuid,
    object: ObjectName,
    generation: u64,
) -> Result<(), EndpointError> {
    let key = Key::Trash {
        branch: *branch,
        name: object.into(),
        mark: generation,
    };
    endpoint.put_new(&key.path(db), &Bytes::new()).await.map(drop)
}
