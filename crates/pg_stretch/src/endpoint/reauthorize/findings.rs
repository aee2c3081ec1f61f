//! What was found is written into the segments' rows, many with one statement.

use super::recorded::Recorded;
use crate::pg::error::Result;
use crate::pg::{spi, steps};
use stretch_core::reconcile::{Finding, Plan};
use stretch_endpoint::branch::Listing;

/// Findings of one statement: a statement for each takes many times as long.
const AT_ONCE: usize = 1000;
/// Lost segments that are named.
const NAMED: usize = 20;

/// What [`apply`] is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// A new incarnation: the RPO of every segment starts anew (F15).
    Reauthorize,
    /// The same one: only what differs is written.
    Reconcile,
}

type Texts = Vec<Option<String>>;

/// Segments that an object serves: ids, keys and tags of the store.
#[derive(Default)]
struct Present {
    ids: Texts,
    keys: Texts,
    etags: Texts,
}

/// Writes the findings into the segments' rows.
pub fn apply(
    plan: &Plan,
    listing: &Listing,
    catalog: &Recorded,
    scope: Scope,
    notices: &mut Vec<String>,
) -> Result<()> {
    let mut lost = 0;
    let before = catalog.segments.chunks(AT_ONCE);
    for (findings, before) in plan.findings.chunks(AT_ONCE).zip(before) {
        let (mut present, mut refill, mut gone) = (Present::default(), Texts::new(), Texts::new());
        for ((segment, _, finding), before) in findings.iter().zip(before) {
            let id = Some(segment.to_string());
            match finding {
                Finding::Present { key } => {
                    let etag = match before.object_key.as_ref() == Some(key) {
                        true => before.etag.as_deref(),
                        false => listing.etag(key),
                    };
                    present.ids.push(id);
                    present.keys.push(Some(key.clone()));
                    present.etags.push(etag.map(str::to_owned));
                }
                Finding::Refill | Finding::Pending => refill.push(id),
                Finding::InDoubt { .. } => {}
                Finding::Lost { reason } => {
                    lost += 1;
                    if lost <= NAMED {
                        notices.push(format!("segment {segment} is lost: {}", reason.text()));
                    }
                    gone.push(id);
                }
            }
        }
        present.record(scope)?;
        record_refill(refill)?;
        record_lost(gone)?;
    }
    Ok(())
}

impl Present {
    fn record(self, scope: Scope) -> Result<()> {
        if self.ids.is_empty() {
            return Ok(());
        }
        spi::execute(
            "UPDATE stretch.segment SET object_key = found.key, etag = found.etag, lost = false,
                 uploaded_at = now(), verified_at = NULL, verified_generation = NULL
               FROM unnest($1::text[]::uuid[], $2::text[], $3::text[]) AS found (id, key, etag)
              WHERE segment_id = found.id AND ($4 OR lost OR object_key IS DISTINCT FROM found.key)",
            &[
                self.ids.into(),
                self.keys.into(),
                self.etags.into(),
                (scope == Scope::Reauthorize).into(),
            ],
        )
        .map(drop)
    }
}

/// The uploader takes whatever is staged and has no object.
fn record_refill(ids: Texts) -> Result<()> {
    if ids.is_empty() {
        return Ok(());
    }
    spi::execute(
        "UPDATE stretch.segment SET object_key = NULL, etag = NULL, lost = false,
             uploaded_at = NULL, verified_at = NULL, verified_generation = NULL
          WHERE segment_id = ANY ($1::text[]::uuid[])
            AND (lost OR object_key IS NOT NULL OR uploaded_at IS NOT NULL)",
        &[ids.into()],
    )?;
    steps::reached(steps::RefillRecorded);
    Ok(())
}

fn record_lost(ids: Texts) -> Result<()> {
    if ids.is_empty() {
        return Ok(());
    }
    spi::execute(
        "UPDATE stretch.segment SET lost = true WHERE segment_id = ANY ($1::text[]::uuid[]) AND NOT lost",
        &[ids.into()],
    )
    .map(drop)
}
