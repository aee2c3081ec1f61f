//! Why a URL is refused.

/// Words for a user, without a value of the URL.
pub(super) type Reason = String;
