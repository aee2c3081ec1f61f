//! The moment at which a credential says that it ends.

use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};

/// A date and time as stores write them: ISO 8601 in UTC, with or without seconds or time, or with an offset. A text of
/// another form is no moment that we know; the store does.
pub(super) fn parse(text: &str) -> Option<DateTime<Utc>> {
    if let Ok(moment) = DateTime::parse_from_rfc3339(text) {
        return Some(moment.to_utc());
    }
    NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%MZ")
        .ok()
        .or_else(|| NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?.and_hms_opt(0, 0, 0))
        .map(|moment| moment.and_utc())
}
