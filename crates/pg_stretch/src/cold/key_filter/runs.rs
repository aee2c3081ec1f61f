//! Which runs a list of segments has: found, made of the catalog, or merged by the worker.

use super::files::{self, Run};
use super::hash;
use crate::catalog::rows::{Segment, StretchedTable};
use crate::catalog::snapshot::LATEST;
use crate::catalog::tables;
use crate::cold::segments::{List, Version};
use crate::pg::error::Result;
use pgrx::pg_sys;
use sha2::{Digest, Sha256};
use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use std::time::{Duration, Instant};
use stretch_core::bounded::Bounded;
use stretch_core::ids::{SegmentId, TableId};
use stretch_segment::key_filter::{KeyFilters, KeyId};
use stretch_segment::key_run::{self, CHILDREN, Member, tiers};

/// How long a session goes on with runs that were not merged yet.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// Keys whose runs one session keeps mapped.
const MAX_KEYS: usize = 256;

/// The runs of a list of segments for one key.
pub struct Search {
    runs: HashMap<String, Rc<Run>>,
    /// Segments of which nothing is known.
    unknown: Vec<SegmentId>,
    /// When the runs were looked for, while the worker has not merged all of them.
    scattered: Option<Instant>,
}

impl Search {
    /// Whether the worker has merged all that it is going to merge.
    pub fn is_settled(&self) -> bool {
        self.scattered.is_none()
    }

    /// The segments that may hold one of the keys, by their hashes, which are sorted so that memory is read in its
    /// order.
    pub fn find(&self, hashes: &mut [u64]) -> HashSet<SegmentId> {
        hashes.sort_unstable();
        let mut found: HashSet<SegmentId> = self.unknown.iter().copied().collect();
        for run in self.runs.values() {
            run.find_each(hashes, |number| {
                found.insert(id(&run.members()[number]));
            });
        }
        found
    }
}

fn id(member: &Member) -> SegmentId {
    SegmentId::from_uuid(uuid::Uuid::from_bytes(member.id))
}

/// The version of the table that a search was made of, and the search.
type Known = (Version, Rc<Search>);

thread_local! {
    static KNOWN: RefCell<Bounded<(TableId, KeyId), Known>> = RefCell::new(Bounded::new(MAX_KEYS));
}

/// The search for a key in the segments that `cold::segments` gave; made once per version of the table.
pub fn search(table: &TableId, segments: &List, key: &KeyId, snapshot: pg_sys::Snapshot) -> Result<Rc<Search>> {
    let place = (*table, key.clone());
    let before = KNOWN.with_borrow_mut(|known| known.get(&place).cloned());
    if let Some((version, search)) = &before
        && *version == segments.version()
        && search.scattered.is_none_or(|since| since.elapsed() < LOOK_AGAIN)
    {
        return Ok(search.clone());
    }
    let source = Source::new(table, segments, key, snapshot);
    let mut runs = HashMap::new();
    let groups = source.groups();
    for group in &groups {
        source.collect(group, before.as_ref().map(|(_, search)| &**search), &mut runs)?;
    }
    let members = runs.values().flat_map(|run: &Rc<Run>| run.members());
    let unknown = members.filter(|member| !member.known).map(id).collect();
    let search = Rc::new(Search {
        scattered: (runs.len() > groups.len()).then(Instant::now),
        runs,
        unknown,
    });
    KNOWN.with_borrow_mut(|known| known.insert(place, (segments.version(), search.clone()), 1));
    Ok(search)
}

/// Merges the runs of all keys until each group of segments has one. For the worker: others use what there is.
/// Errors of the disk are logged, for the parts serve as well.
pub fn merge(table: &TableId, segments: &[Segment], snapshot: pg_sys::Snapshot) -> Result<()> {
    let by_age = |segment: &&Segment| (segment.migrated_at, segment.segment_id);
    let (oldest, newest) = (segments.iter().min_by_key(by_age), segments.iter().max_by_key(by_age));
    let mut keys = HashSet::new();
    // Unique keys are the same as long as a table is stretched, foreign keys come and go.
    for segment in oldest.into_iter().chain(newest) {
        keys.extend(
            (filters(segment, snapshot)?.into_iter())
                .flat_map(|all| all.filters)
                .map(|filter| filter.key),
        );
    }
    for key in keys {
        let source = Source::new(table, segments, &key, snapshot);
        source.groups().iter().try_for_each(|group| source.merge(group))?;
    }
    Ok(())
}

/// The filters of a segment; `None` when there are none, or they are damaged, newer or of another environment: then
/// nothing is known of its keys, and it is looked into.
fn filters(segment: &Segment, snapshot: pg_sys::Snapshot) -> Result<Option<KeyFilters>> {
    let id = &segment.segment_id;
    let bytes = match tables::key_filters(id, snapshot)? {
        Some(bytes) => Some(bytes),
        None => tables::key_filters(id, LATEST)?,
    };
    let filters = bytes.and_then(|bytes| KeyFilters::from_bytes(&bytes).ok());
    Ok(filters.filter(|filters| filters.environment == hash::environment()))
}

/// Removes the files of tables that are not stretched any more.
pub fn forget_dropped(tables: &[StretchedTable]) {
    files::sweep(&tables.iter().map(|table| table.table_id).collect::<Vec<_>>());
}

/// The segments of a table, oldest first, and where their filters are.
struct Source<'a> {
    table: &'a TableId,
    key: &'a KeyId,
    by_age: Vec<&'a Segment>,
    environment: String,
    snapshot: pg_sys::Snapshot,
}

impl<'a> Source<'a> {
    fn new(table: &'a TableId, segments: &'a [Segment], key: &'a KeyId, snapshot: pg_sys::Snapshot) -> Self {
        let mut by_age: Vec<&Segment> = segments.iter().collect();
        by_age.sort_by_key(|segment| (segment.migrated_at, segment.segment_id));
        Self {
            table,
            key,
            by_age,
            environment: hash::environment(),
            snapshot,
        }
    }

    fn groups(&self) -> Vec<&[&'a Segment]> {
        let rows: Vec<u64> = self.by_age.iter().map(|segment| segment.row_count as u64).collect();
        tiers(&rows).into_iter().map(|range| &self.by_age[range]).collect()
    }

    /// A group's run is named after all that its bytes depend on.
    fn name(&self, group: &[&Segment]) -> String {
        let mut digest = Sha256::new();
        digest.update([self.key.nulls_not_distinct.into(), self.key.fields.len() as u8]);
        self.key
            .fields
            .iter()
            .for_each(|field| digest.update(field.to_be_bytes()));
        digest.update(&self.environment);
        group
            .iter()
            .for_each(|segment| digest.update(segment.segment_id.as_bytes()));
        digest.finalize()[..16]
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }

    /// The runs of a group: its own, or those of its parts. Those of the version before are used again.
    fn collect(&self, group: &[&Segment], before: Option<&Search>, runs: &mut HashMap<String, Rc<Run>>) -> Result<()> {
        let name = self.name(group);
        let known = before.and_then(|before| before.runs.get(&name).cloned());
        let found = known.or_else(|| files::open(self.table, &name).map(Rc::new));
        match (found, group) {
            (Some(run), _) => {
                runs.insert(name, run);
            }
            (None, [segment]) => {
                let run = self.first(segment, &name)?;
                runs.insert(name, Rc::new(run));
            }
            (None, group) => {
                for part in group.chunks(group.len() / CHILDREN) {
                    pgrx::check_for_interrupts!();
                    self.collect(part, before, runs)?;
                }
            }
        }
        Ok(())
    }

    /// Makes the run of one segment, in memory where there is no place for a file.
    fn first(&self, segment: &Segment, name: &str) -> Result<Run> {
        let filters = filters(segment, self.snapshot)?;
        let filter = filters.and_then(|filters| filters.filters.into_iter().find(|filter| filter.key == *self.key));
        let (id, filter) = (*segment.segment_id.as_bytes(), filter.as_ref());
        let made = files::create(self.table, name, |out| key_run::write_one(out, id, filter));
        match made.ok().and_then(|()| files::open(self.table, name)) {
            Some(run) => Ok(run),
            None => files::in_memory(|out| key_run::write_one(out, id, filter)),
        }
    }

    /// Makes the group's run of those of its parts, and removes these.
    fn merge(&self, group: &[&Segment]) -> Result<()> {
        let name = self.name(group);
        if files::exists(self.table, &name) {
            return Ok(());
        }
        if let [segment] = group {
            return self.first(segment, &name).map(drop);
        }
        let parts: Vec<&[&Segment]> = group.chunks(group.len() / CHILDREN).collect();
        parts.iter().try_for_each(|part| self.merge(part))?;
        let names: Vec<String> = parts.iter().map(|part| self.name(part)).collect();
        let runs: Vec<Run> = names.iter().filter_map(|name| files::open(self.table, name)).collect();
        if runs.len() < parts.len() {
            // Somebody else removed a part; the next time makes it again.
            return Ok(());
        }
        let interrupts = || {
            pgrx::check_for_interrupts!();
        };
        match files::create(self.table, &name, |out| key_run::write_merged(out, &runs, interrupts)) {
            Ok(()) => names.iter().for_each(|name| files::remove(self.table, name)),
            Err(error) => crate::pg::error::log(&format!("pg_stretch key filters: a run was not written: {error}")),
        }
        Ok(())
    }
}
