//! Which segments of a table are to be written anew, and together: a pure decision, one job at a time.
//!
//! Segments are full, or small. Small ones are merged as a log-structured tree merges its runs: [`FANOUT`] segments
//! of a size class become one of the next class. So a row is written anew at most once for each class that there is
//! between the smallest segment and a full one. A segment is written anew for its dead rows when at least half of it
//! is dead, so that no more than one row is written for each that died.
//!
//! **The bound.** With full segments of `full` rows and first segments of `first` rows, [`classes`]`(full, first)`
//! merges write a row at most, and dead rows cost one more row each. A simulation of a year checks both.

#[cfg(test)]
mod tests;

/// Segments of a class that are merged into one of the next.
pub const FANOUT: usize = 8;

/// What the plan needs to know of a live segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidate {
    /// Its permanent number in the table.
    pub number: u32,
    /// Rows, dead ones included.
    pub rows: u64,
    pub dead: u64,
    pub bytes: u64,
    /// Segments are merged only with those of the same shape: the same columns, stored in the same way.
    pub shape: u64,
}

impl Candidate {
    fn living(&self) -> u64 {
        self.rows.saturating_sub(self.dead)
    }

    /// Bytes that its living rows take, about.
    fn living_bytes(&self) -> u64 {
        let share = u128::from(self.bytes) * u128::from(self.living());
        share.checked_div(u128::from(self.rows)).unwrap_or(0) as u64
    }

    fn is_half_dead(&self) -> bool {
        self.dead.saturating_mul(2) >= self.rows
    }
}

/// How large a segment is to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Full {
    pub rows: u64,
    pub bytes: u64,
}

impl Full {
    /// The share of a full segment that the living rows are, in 1/2^20: by rows or bytes, whichever is more.
    fn share(self, segment: &Candidate) -> u64 {
        let of = |part: u64, whole: u64| (u128::from(part) << 20).checked_div(u128::from(whole)).unwrap_or(0) as u64;
        of(segment.living(), self.rows).max(of(segment.living_bytes(), self.bytes))
    }
}

/// A whole full segment, as [`Full::share`] counts it.
const WHOLE: u64 = 1 << 20;

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Job {
    /// No row of these lives: they leave the table, and nothing is written.
    Retire(Vec<u32>),
    /// The living rows of these become one segment, or as many as they fill.
    Rewrite(Vec<u32>),
}

/// How eager the plan is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effort {
    /// Of the worker: what the rules above say.
    Routine,
    /// Asked for by hand: any two segments that fit into one, and any dead row.
    Asked,
}

/// The next job; `None` when the segments are as they should be.
pub fn next(segments: &[Candidate], full: Full, effort: Effort) -> Option<Job> {
    let empty: Vec<u32> = segments
        .iter()
        .filter(|segment| segment.living() == 0)
        .map(|segment| segment.number)
        .collect();
    if !empty.is_empty() {
        return Some(Job::Retire(empty));
    }
    let merged = shapes(segments)
        .into_iter()
        .find_map(|shape| merge(segments, shape, full, effort));
    merged.or_else(|| dead(segments, effort))
}

fn shapes(segments: &[Candidate]) -> Vec<u64> {
    let mut shapes: Vec<u64> = segments.iter().map(|segment| segment.shape).collect();
    shapes.sort_unstable();
    shapes.dedup();
    shapes
}

/// The segments of the lowest class that has enough of them, oldest first, as many as fit into one.
fn merge(segments: &[Candidate], shape: u64, full: Full, effort: Effort) -> Option<Job> {
    let mut small: Vec<(u32, &Candidate)> = segments
        .iter()
        .filter(|segment| segment.shape == shape)
        .filter_map(|segment| Some((class(full.share(segment))?, segment)))
        .collect();
    let mut classes: Vec<u32> = small.iter().map(|(class, _)| *class).collect();
    // Small classes have high numbers.
    classes.sort_unstable_by(|a, b| b.cmp(a));
    classes.dedup();
    small.sort_by_key(|(_, segment)| segment.number);
    let (lists, least): (Vec<Vec<&Candidate>>, usize) = match effort {
        Effort::Routine => {
            let of = |class: u32| small.iter().filter(|(of, _)| *of == class).map(|(_, it)| *it).collect();
            (classes.into_iter().map(of).collect(), FANOUT)
        }
        Effort::Asked => (vec![small.into_iter().map(|(_, segment)| segment).collect()], 2),
    };
    lists
        .into_iter()
        .filter(|list| list.len() >= least)
        .find_map(|list| fitting(&list, full))
}

/// The first of these that fit into one full segment together; two at least.
fn fitting(list: &[&Candidate], full: Full) -> Option<Job> {
    let mut share = 0;
    let taken: Vec<u32> = list
        .iter()
        .take_while(|segment| {
            share += full.share(segment);
            share <= WHOLE
        })
        .map(|segment| segment.number)
        .collect();
    (taken.len() >= 2).then_some(Job::Rewrite(taken))
}

/// The class of a segment that is so full: 0 is the largest one, whose segments merge into full ones; `None` for a full
/// one, which has more than half of what fits.
fn class(share: u64) -> Option<u32> {
    if share > WHOLE / 2 {
        return None;
    }
    Some((WHOLE / share.max(1)).ilog(FANOUT as u64))
}

/// One segment that is written anew for its dead rows.
fn dead(segments: &[Candidate], effort: Effort) -> Option<Job> {
    let is_due = |segment: &&Candidate| match effort {
        Effort::Routine => segment.is_half_dead(),
        Effort::Asked => segment.dead > 0,
    };
    let most = segments.iter().filter(is_due).max_by_key(|segment| segment.dead)?;
    Some(Job::Rewrite(vec![most.number]))
}

/// How often a row is written anew by merges at most, from first segments of `first` rows to full ones of `full`.
pub fn classes(full: u64, first: u64) -> u32 {
    (full / first.max(1)).max(1).ilog(FANOUT as u64) + 1
}
