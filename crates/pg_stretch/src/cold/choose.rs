//! Which segments and row groups a scan must read: those that neither statistics nor key filters rule out (design §7,
//! F12, F13).

use super::conditions::{self, Equal};
use super::counters::Counters;
use super::key_filter::{self, Hasher};
use super::reader::{Ask, Reader};
use super::{columns, segments};
use crate::catalog::rows::Segment;
use crate::catalog::{keys, tables};
use crate::pg::error::Result;
use crate::pg::relation::OpenRelation;
use std::collections::HashSet;
use stretch_columns::conditions::{Choice as ByStatistics, Clause, Field, Place};
use stretch_columns::exact;
use stretch_core::ids::SegmentId;
use stretch_segment::key_filter::KeyId;
use stretch_segment::{RowRanges, SegmentDetail, SegmentReader};

/// Up to so many segments are looked at one by one at once.
const FEW_SEGMENTS: usize = 8;
/// Up to so many keys are looked for, as `IN` lists of two columns may name very many.
const MANY_KEYS: usize = 10_000;

/// What a reader must read.
#[derive(Default)]
pub struct Choice {
    pub segments: Vec<Chosen>,
    /// Rows of segments that are only on the endpoint, where the purpose does not allow to ask it.
    pub left_out: i64,
}

/// A segment that may hold matching rows.
pub struct Chosen {
    pub segment: Segment,
    pub reader: SegmentReader,
    /// Its row groups that may.
    pub row_groups: Vec<Part>,
}

/// A row group, and those of its rows that lie in pages that may hold matching ones.
pub struct Part {
    pub row_group: usize,
    pub rows: RowRanges,
}

impl Reader {
    /// The segments to read, and counts what was left out.
    ///
    /// # Safety
    /// The values of the conditions are alive.
    pub unsafe fn choose(&self, ask: &Ask, counters: &mut Counters) -> Result<Choice> {
        // SAFETY: the caller's promise.
        let mut chosen = unsafe { self.matching(ask, counters)? };
        for one in &chosen {
            let left = |part: &Part| one.reader.row_groups()[part.row_group].rows as usize - part.rows.count();
            counters.rows_pruned += one.row_groups.iter().map(left).sum::<usize>() as u64;
        }
        let mut left_out = 0;
        if !self.purpose.may_ask_endpoint() {
            let mut staged = Vec::new();
            for one in chosen {
                match tables::is_staged(&one.segment.segment_id, self.snapshot)? {
                    true => staged.push(one),
                    false => left_out += one.segment.row_count,
                }
            }
            chosen = staged;
        }
        Ok(Choice {
            segments: chosen,
            left_out,
        })
    }

    unsafe fn matching(&self, ask: &Ask, counters: &mut Counters) -> Result<Vec<Chosen>> {
        let segments = segments::segments(&self.table.table_id, self.table.relation, self.snapshot)?;
        let conditions = ask.conditions;
        if !self.may_match_any(&segments, &conditions.clauses, counters)? {
            return Ok(Vec::new());
        }
        let mut chosen = self.by_statistics(&segments, ask, counters)?;
        if chosen.is_empty() {
            return Ok(chosen);
        }
        // SAFETY: the caller's promise.
        if let Some(left) = unsafe { self.by_keys(&segments, &conditions.equal)? } {
            chosen.retain(|one| {
                let stays = left.contains(&one.segment.segment_id);
                if !stays {
                    counters.segments_pruned += 1;
                    counters.row_groups_pruned += one.row_groups.len() as u64;
                }
                stays
            });
        }
        Ok(chosen)
    }

    /// False when the statistics of all segments together rule all of them out.
    fn may_match_any(&self, segments: &segments::List, clauses: &[Clause], counters: &mut Counters) -> Result<bool> {
        if segments.len() <= FEW_SEGMENTS || clauses.is_empty() {
            return Ok(true);
        }
        let overview = segments::overview(&self.table.table_id, segments, self.snapshot)?;
        let may = conditions::may_match_any(&overview, clauses, &|attribute| self.summary_field(attribute));
        if !may {
            counters.segments += segments.len() as u64;
            counters.segments_pruned += segments.len() as u64;
            counters.row_groups_pruned += overview.summary.row_groups();
        }
        Ok(may)
    }

    /// What the statistics of each segment leave.
    fn by_statistics(&self, segments: &[Segment], ask: &Ask, counters: &mut Counters) -> Result<Vec<Chosen>> {
        let encoding = conditions::database_encoding();
        let mut chosen = Vec::new();
        for segment in segments {
            pgrx::check_for_interrupts!();
            if ask.except.is_some_and(|except| except.contains(&segment.segment_id)) {
                continue;
            }
            let reader = segments::reader(segment, self.snapshot)?;
            counters.segments += 1;
            let all = reader.row_groups().len() as u64;
            let choice = ByStatistics {
                detail: reader.detail(),
                column_of: &|attribute| self.place_in(reader.detail(), attribute),
                text_comparable: exact::text_comparable(&encoding, &segment.server_encoding),
            };
            let Some(row_groups) = choice
                .row_groups(&ask.conditions.clauses)
                .filter(|groups| !groups.is_empty())
            else {
                counters.segments_pruned += 1;
                counters.row_groups_pruned += all;
                continue;
            };
            counters.row_groups_pruned += all - row_groups.len() as u64;
            let part = |(row_group, rows)| Part { row_group, rows };
            chosen.push(Chosen {
                segment: segment.clone(),
                row_groups: row_groups.into_iter().map(part).collect(),
                reader,
            });
        }
        Ok(chosen)
    }

    /// The field of an attribute in the statistics of all segments.
    fn summary_field(&self, attribute: i16) -> Field {
        match self.target(attribute) {
            Some(target) if target.missing.is_none() => Field::Id(target.field_id),
            _ => Field::Unknown,
        }
    }

    /// Where a segment has an attribute.
    fn place_in(&self, detail: &SegmentDetail, attribute: i16) -> Place {
        let Some(target) = self.target(attribute) else {
            return Place::Unknown;
        };
        match columns::find(detail, target.field_id) {
            Some(place) => Place::At(place),
            None if target.missing.is_some() => Place::Unknown,
            None => Place::Nulls,
        }
    }

    /// The segments that may hold the key that the conditions give in full, a unique one or the columns of a foreign
    /// key; `None` when they give none.
    unsafe fn by_keys(&self, segments: &segments::List, equal: &[Equal]) -> Result<Option<HashSet<SegmentId>>> {
        if equal.is_empty() {
            return Ok(None);
        }
        for key in &self.table.unique_keys {
            // SAFETY: the caller's promise.
            let found = unsafe { self.by_key(segments, &key.columns, key.nulls_not_distinct, equal)? };
            if found.is_some() {
                return Ok(found);
            }
        }
        let referencing = {
            let table = OpenRelation::locked(self.table.relation)?;
            // SAFETY: open until the end of this block.
            unsafe { keys::referencing(table.as_ptr()) }
        };
        for parts in referencing {
            let columns: Vec<String> = parts.into_iter().map(|part| part.name).collect();
            // SAFETY: the caller's promise.
            let found = unsafe { self.by_key(segments, &columns, false, equal)? };
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    unsafe fn by_key(
        &self,
        segments: &segments::List,
        columns: &[String],
        nulls_not_distinct: bool,
        equal: &[Equal],
    ) -> Result<Option<HashSet<SegmentId>>> {
        let Some(columns) = self.given(columns, equal) else {
            return Ok(None);
        };
        // SAFETY: the caller's promise.
        let Some(mut hashes) = (unsafe { hashes(&columns, nulls_not_distinct) }) else {
            return Ok(None);
        };
        let id = KeyId {
            fields: columns.iter().map(|(field, _)| *field).collect(),
            nulls_not_distinct,
        };
        let search = key_filter::search(&self.table.table_id, segments, &id, self.snapshot)?;
        Ok(Some(search.find(&mut hashes)))
    }

    /// Field and values of each column of a key; `None` when a column has no values.
    fn given<'a>(&self, columns: &[String], equal: &'a [Equal]) -> Option<Vec<(i32, &'a Equal)>> {
        let of = |name: &String| {
            let field = self.table.columns.iter().find(|column| column.name == *name)?.field_id;
            let values = equal
                .iter()
                .find(|equal| self.field_of(equal.attribute) == Some(field))?;
            Some((field, values))
        };
        columns.iter().map(of).collect()
    }
}

/// The hashes of all keys that the values make; `None` when they are too many, or have no hash.
unsafe fn hashes(columns: &[(i32, &Equal)], nulls_not_distinct: bool) -> Option<Vec<u64>> {
    let count = columns
        .iter()
        .try_fold(1usize, |count, (_, equal)| count.checked_mul(equal.values.len()))?;
    if count > MANY_KEYS {
        return None;
    }
    let types: Vec<_> = columns.iter().map(|(_, equal)| equal.value_type).collect();
    let mut hasher = Hasher::of_types(&types, nulls_not_distinct)?;
    let hash = |mut number: usize| {
        let mut values = Vec::with_capacity(columns.len());
        for (_, equal) in columns {
            values.push(equal.values[number % equal.values.len()]);
            number /= equal.values.len();
        }
        // SAFETY: values of these types.
        unsafe { hasher.hash(|place| values.get(place).copied()) }
    };
    (0..count).map(hash).collect()
}
