//! Requests to the endpoint, ahead of need, for what the segment cache has not.

use super::failed;
use super::place::Place;
use super::segments::Segments;
use super::want::{Brought, Want};
use crate::catalog::snapshot::LATEST;
use crate::cold::counters::Counters;
use crate::cold::recent;
use crate::endpoint::open;
use crate::pg::error::{Error, Result};
use crate::pg::{gucs, io};
use bytes::Bytes;
use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;
use stretch_columns::reading::{Cost, Window, cost};
use stretch_core::errors;
use stretch_endpoint::{Endpoint, EndpointError};

type Answer = std::result::Result<Vec<Bytes>, EndpointError>;

/// Columns of a row group that were asked for.
#[derive(Default)]
struct Asked {
    /// Their places among the wanted ones.
    columns: Vec<usize>,
    /// Where there is any.
    ticket: Option<io::Ticket<Answer>>,
}

/// What is on its way.
#[derive(Default)]
pub struct Requests {
    endpoint: Option<Arc<Endpoint>>,
    window: Window<Asked>,
}

/// Which row group is read, of those that are read one after the other.
pub struct At<'a> {
    pub picked: &'a [(usize, Rc<Want>)],
    pub number: usize,
    /// The end of those that may be asked for ahead of need; nothing where this one may be the last.
    pub end: Option<usize>,
}

impl Requests {
    /// Forgets what is on its way.
    pub fn clear(&mut self) {
        self.window.clear();
    }

    /// The columns of a row group that is not staged: from the segment cache, and what that has not from the endpoint.
    pub fn bring(&mut self, segments: &mut Segments, at: &At<'_>, counters: &mut Counters) -> Result<Vec<Brought>> {
        let want = &*at.picked[at.number].1;
        let is_asked = self.window.advance(at.number);
        let waits: &[usize] = match self.window.front() {
            Some(front) if is_asked => &front.columns,
            _ => &[],
        };
        let mut brought: Vec<Option<Brought>> = (0..want.columns.len())
            .map(|place| match waits.contains(&place) {
                true => None,
                false => cached(segments, want, place, counters),
            })
            .collect();
        // Also what seemed to be in the cache when the look ahead came by.
        let is_left = |place: &usize| brought[*place].is_none() && !waits.contains(place);
        let left: Vec<usize> = (0..want.columns.len()).filter(is_left).collect();
        let cost = self.cost(want, &left)?;
        let left = self.ask(segments, want, left, counters)?;
        match is_asked {
            true => receive(segments, want, left, &mut brought)?,
            false => self.window.started(at.number, cost, left),
        }
        if let Some(end) = at.end {
            self.look_ahead(segments, at, end, counters)?;
        }
        let asked = self.window.take().unwrap_or_default();
        receive(segments, want, asked, &mut brought)?;
        let all = brought.into_iter().collect::<Option<_>>();
        all.ok_or_else(|| Error::internal("a request was not started"))
    }

    /// Starts the request for columns of a row group, by their places.
    fn ask(
        &mut self,
        segments: &mut Segments,
        want: &Want,
        columns: Vec<usize>,
        counters: &mut Counters,
    ) -> Result<Asked> {
        if columns.is_empty() {
            return Ok(Asked::default());
        }
        let Place::Remote(key) = segments.place(want.segment)? else {
            return Err(Error::internal("a staged segment was asked for"));
        };
        let endpoint = self.endpoint()?;
        let ranges = columns.iter().flat_map(|place| want.columns[*place].ranges.clone());
        let ranges: Vec<Range<u64>> = ranges.collect();
        let cost = cost(&ranges, endpoint.max_gap());
        counters.requests += cost.requests;
        counters.remote_bytes += cost.bytes;
        let ticket = io::spawn(async move { endpoint.get_ranges(&key, &ranges).await })?;
        Ok(Asked {
            columns,
            ticket: Some(ticket),
        })
    }

    /// Starts requests for what follows. A row group that is in the cache takes its place in the window, though nothing
    /// travels: so the look ahead has an end.
    fn look_ahead(&mut self, segments: &mut Segments, at: &At<'_>, end: usize, counters: &mut Counters) -> Result<()> {
        let limit = gucs::PREFETCH_BYTES.get() as u64 * 1024;
        let mut next = self.window.next(at.number);
        while next < end {
            let want = &at.picked[next].1;
            let missing = missing(segments, want);
            let cost = match self.cost(want, &missing) {
                // What the cache has is read all the same, and may be all that is needed.
                Err(error) if error.is(&errors::ENDPOINT_UNREACHABLE) => break,
                other => other?,
            };
            if !self.window.admits(cost, limit) || segments.place(want.segment)? == Place::Staged {
                break;
            }
            let asked = self.ask(segments, want, missing, counters)?;
            self.window.started(next, cost, asked);
            next += 1;
        }
        Ok(())
    }

    /// What all columns of a row group cost the window. Where none is missing, no endpoint is opened for that.
    fn cost(&mut self, want: &Want, missing: &[usize]) -> Result<Cost> {
        let max_gap = match missing {
            [] => 0,
            _ => self.endpoint()?.max_gap(),
        };
        Ok(cost(&want.ranges(), max_gap))
    }

    /// The endpoint, opened at its first need.
    fn endpoint(&mut self) -> Result<Arc<Endpoint>> {
        if let Some(endpoint) = &self.endpoint {
            return Ok(endpoint.clone());
        }
        Ok(self.endpoint.insert(open::bound(LATEST)?).clone())
    }
}

/// Waits for columns that were asked for.
fn receive(segments: &Segments, want: &Want, asked: Asked, brought: &mut [Option<Brought>]) -> Result<()> {
    let Some(ticket) = asked.ticket else {
        return Ok(());
    };
    let (table, segment) = (segments.reader.table(), segments.get(want.segment));
    let answer = ticket
        .wait()?
        .map_err(|error| failed::answer(&error, table, segment, want.row_group))?;
    let mut answer = answer.into_iter();
    for place in asked.columns {
        let column = &want.columns[place];
        let bytes: Vec<Bytes> = answer.by_ref().take(column.ranges.len()).collect();
        let one = match segments.cached(want) {
            Some(cached) => cached.keep(column, bytes),
            None => Brought { bytes, checked: None },
        };
        keep(segments, want, place, &one);
        brought[place] = Some(one);
    }
    Ok(())
}

/// A column from the segment cache.
fn cached(segments: &Segments, want: &Want, place: usize, counters: &mut Counters) -> Option<Brought> {
    let found = segments.cached(want)?.get(&want.columns[place])?;
    counters.cached_bytes += found.bytes.iter().map(|bytes| bytes.len() as u64).sum::<u64>();
    keep(segments, want, place, &found);
    Some(found)
}

/// Places of the columns that do not even seem to be in the segment cache.
fn missing(segments: &Segments, want: &Want) -> Vec<usize> {
    let cached = segments.cached(want);
    let is_missing = |place: &usize| !cached.as_ref().is_some_and(|cached| cached.has(&want.columns[*place]));
    (0..want.columns.len()).filter(is_missing).collect()
}

/// Keeps pages that were checked for the next time that this process needs them.
fn keep(segments: &Segments, want: &Want, place: usize, brought: &Brought) {
    if segments.keeps(want) && brought.checked.is_some() {
        let id = &segments.get(want.segment).segment_id;
        recent::keep(id, &want.columns[place].ranges, &brought.bytes);
    }
}
