//! Facts for the tests: time goes in days, and now is day 100.

use crate::collect::facts::{
    Cover, Facts, Horizon, Life, Mark, Object, ObjectName, Pin, Pinned, Place, Promise, Retirement, Row, Scope,
    SegmentOf, Sighting, Standing,
};
use crate::collect::join::Streams;
use crate::collect::plan::{NoPlan, Plan, plan};
use crate::collect::times::{ServerTime, Stamp, StoreTime};
use crate::ids::{BranchId, SegmentId, TableId};
use std::collections::BTreeSet;
use std::convert::Infallible;
use std::time::Duration;

pub const DAY: Duration = Duration::from_secs(24 * 3600);
pub const GRACE: Duration = Duration::from_secs(3600);
pub const GENERATION: u64 = 5;

/// A moment so many days ago, by both clocks.
pub fn ago(days: u32) -> Stamp {
    let at = DAY * (100 - days);
    Stamp {
        store: StoreTime(at),
        connected: at,
    }
}

pub fn table(number: u128) -> TableId {
    TableId::from_uuid(uuid::Uuid::from_u128(number))
}

/// A segment of table 1, which is stretched.
pub fn of(segment: u128) -> SegmentOf {
    of_table(1, segment)
}

pub fn of_table(number: u128, segment: u128) -> SegmentOf {
    SegmentOf {
        table: table(number),
        segment: SegmentId::from_uuid(uuid::Uuid::from_u128(segment)),
    }
}

pub fn branch(number: u128) -> BranchId {
    BranchId::from_uuid(uuid::Uuid::from_u128(number))
}

/// An object of generation 2 that is 30 days old.
pub fn object(of: SegmentOf) -> Object {
    Object {
        name: ObjectName {
            of,
            generation: 2,
            attempt: 0,
        },
        size: 10,
        modified: ago(30).store,
    }
}

pub fn live(of: SegmentOf) -> Row {
    let uploaded = ServerTime(Duration::ZERO);
    Row {
        of,
        life: Life::Live,
        place: Place::Here { uploaded },
    }
}

pub fn retired(of: SegmentOf, days: u32) -> Row {
    Row {
        life: Life::Retired(Retirement {
            at: ago(days),
            lsn: 1000,
            horizon: Horizon::Passed,
            promise: Promise::Retention,
        }),
        ..live(of)
    }
}

pub fn mark(object: &Object, modified: StoreTime) -> Mark {
    Mark {
        of: object.name,
        generation: 4,
        modified,
    }
}

pub fn backup(from: u64, generation: u64, expires: Option<StoreTime>) -> Pin {
    Pin::Backup {
        label: "monthly".to_owned(),
        from,
        generation,
        expires,
    }
}

/// What the streams bring, and what holds for all.
#[derive(Debug, Clone)]
pub struct World {
    pub branch: Standing,
    pub now: Stamp,
    pub tables: BTreeSet<TableId>,
    pub pins: Vec<Pin>,
    pub objects: Vec<Object>,
    pub rows: Vec<Row>,
    pub pinned: Vec<Pinned>,
    pub marks: Vec<Mark>,
    pub sightings: Vec<Sighting>,
    pub limit: usize,
    pub scope: Scope,
}

impl World {
    /// Nothing; table 1 is stretched, the retention is 7 days.
    pub fn new() -> Self {
        Self {
            branch: Standing::Owned,
            now: ago(0),
            tables: BTreeSet::from([table(1)]),
            pins: Vec::new(),
            objects: Vec::new(),
            rows: Vec::new(),
            pinned: Vec::new(),
            marks: Vec::new(),
            sightings: Vec::new(),
            limit: usize::MAX,
            scope: Scope::Branch,
        }
    }

    pub fn facts(&self) -> Facts<'_> {
        Facts {
            branch: self.branch,
            generation: GENERATION,
            now: self.now,
            retention: DAY * 7,
            grace: GRACE,
            tables: &self.tables,
            pins: &self.pins,
            scope: self.scope,
        }
    }

    /// Live segments, as the manifests should count them.
    pub fn live(&self) -> u64 {
        self.rows.iter().filter(|row| row.life == Life::Live).count() as u64
    }

    pub fn plan(&self) -> Result<Plan, NoPlan<Infallible>> {
        self.plan_with(self.live())
    }

    pub fn plan_with(&self, live: u64) -> Result<Plan, NoPlan<Infallible>> {
        let cover = Cover::Whole {
            live,
            listing_began: ServerTime(DAY),
        };
        let streams = Streams {
            objects: self.objects.iter().copied().map(Ok),
            rows: self.rows.iter().copied().map(Ok),
            pinned: self.pinned.iter().copied().map(Ok),
            marks: self.marks.iter().copied().map(Ok),
            sightings: self.sightings.iter().copied().map(Ok),
        };
        plan(&self.facts(), cover, streams, self.limit, |_, _| {})
    }
}
