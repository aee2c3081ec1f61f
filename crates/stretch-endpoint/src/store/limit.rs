//! A limit in time for whole operations.

use crate::error::EndpointError;
use std::time::Duration;

/// Bounds a whole operation of several requests in time.
///
/// # Errors
/// What `operation` returns, or `Unreachable` (timeout).
pub async fn within<T>(
    limit: Duration,
    operation: impl Future<Output = Result<T, EndpointError>>,
) -> Result<T, EndpointError> {
    match tokio::time::timeout(limit, operation).await {
        Ok(result) => result,
        Err(_) => Err(EndpointError::timeout()),
    }
}
