//! Decisions about columns that need no server: what compares exactly, what a scan reads, how values look in memory.
//!
//! The extension recognises expressions, evaluates them and copies memory; all that follows from the values is here, so
//! that it is tested without PostgreSQL. Nothing here does I/O, reads a clock or a source of randomness.
//!
//! | module | which part of the extension needs it, and for what |
//! |---|---|
//! | [`exact`] | recognising and evaluating conditions, key ranges, key hashes: what compares exactly |
//! | [`stored`] | reading columns: how a stored column becomes values of the table's column |
//! | [`missing`] | reading columns: the value that rows show in a column which their segment lacks |
//! | [`conditions`] | choosing segments and row groups, and the look for new keys: what statistics leave |
//! | [`select`] | the scan, before it makes datums: which rows of a batch the conditions leave |
//! | [`aggregate`] | aggregates over cold rows: partial ones of whole arrays |
//! | [`expression`], [`calendar`] | conditions, keys and aggregates: arithmetic of columns, parts of days and moments |
//! | [`source`] | scans and aggregates: where the values of a batch are |
//! | [`clusters`] | ordered scans: which row groups can be sorted by themselves, and when the next are needed |
//! | [`images`] | the scan: values as PostgreSQL holds them in memory |
//! | [`reading`] | the fetcher of column chunks: pieces of staging, requests, how far to read ahead |
//! | [`identity`] | scans and the access method, wherever a row is named: the item pointer of a cold row |
//! | [`places`] | writers that waited for a batch: which cold row came of a row of the heap |

pub mod aggregate;
pub mod calendar;
pub mod clusters;
pub mod conditions;
pub mod exact;
pub mod expression;
pub mod identity;
pub mod images;
pub mod missing;
mod numbers;
pub mod places;
pub mod reading;
pub mod select;
pub mod source;
pub mod stored;

#[cfg(test)]
mod seeded;
