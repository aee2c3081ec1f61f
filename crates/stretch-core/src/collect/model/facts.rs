//! What a collector of the model reads, as facts for the decisions of the product.

use super::scope::{GRACE, Rule, Scope};
use super::state::{Copy, Known, Left, Life, Mode, State, Thing, Who};
use crate::collect::facts::{
    Facts, Horizon, Life as RowLife, Mark, Object, ObjectName, Pin, Pinned, Place, Promise, Retirement, Row,
    Scope as Acts, SegmentOf, Sighting, Standing,
};
use crate::collect::times::{ServerTime, Stamp, StoreTime};
use crate::ids::{BranchId, SegmentId, TableId};
use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::LazyLock;
use std::time::Duration;

/// A stream of the model never fails.
pub type Item<T> = Result<T, Infallible>;

const TICK: Duration = Duration::from_secs(1000);
/// Where the log stood when the backup began. What changed since has a later place, anything else an earlier one.
const BACKUP_LSN: u64 = 1;
const TABLE: TableId = TableId::from_uuid(uuid::Uuid::from_u128(1));
static TABLES: LazyLock<BTreeSet<TableId>> = LazyLock::new(|| BTreeSet::from([TABLE]));

pub fn ticks(number: u8) -> Duration {
    TICK * u32::from(number)
}

/// The moment of an age.
fn moment(age: u8) -> Stamp {
    let at = ticks(100) - ticks(age);
    Stamp {
        store: StoreTime(at),
        connected: at,
    }
}

pub fn of(place: usize) -> SegmentOf {
    SegmentOf {
        table: TABLE,
        segment: SegmentId::from_uuid(uuid::Uuid::from_u128(place as u128)),
    }
}

/// The place of a segment among the things.
pub fn place(of: SegmentOf) -> usize {
    of.segment.uuid().as_u128() as usize
}

/// What a collector has read.
pub struct Read {
    pub pins: Vec<Pin>,
    pub objects: Vec<Item<Object>>,
    pub rows: Vec<Item<Row>>,
    pub pinned: Vec<Item<Pinned>>,
    pub marks: Vec<Item<Mark>>,
    pub sightings: Vec<Item<Sighting>>,
    retention: Duration,
    grace: Duration,
    generation: u64,
}

impl Read {
    /// What `who` reads now. A listing that lags misses what was written in this tick.
    pub fn new(state: &State, who: Who, lags: bool, scope: &Scope) -> Self {
        let mut read = Self {
            pins: Vec::new(),
            objects: Vec::new(),
            rows: Vec::new(),
            pinned: Vec::new(),
            marks: Vec::new(),
            sightings: Vec::new(),
            retention: ticks(if scope.lacks(Rule::Retention) {
                0
            } else {
                scope.retention
            }),
            grace: grace(scope),
            generation: who as u64 + 1,
        };
        // A copy with a branch of its own reads the pins of that one, which has none.
        let is_elsewhere = who == Who::Copy && state.copy == Copy::Connected(Mode::Branch);
        let is_seen = |age: Option<u8>| !is_elsewhere && age.is_some_and(|age| age > 0 || !lags);
        let branch_pin = is_seen(state.pin) && !scope.lacks(Rule::BranchPins);
        let branch_pin = branch_pin.then(|| read.pin(child()));
        let backup_pin = is_seen(state.backup) && !scope.lacks(Rule::BackupPins);
        let backup_pin = backup_pin.then(|| read.pin(backup(scope)));
        let quarantine = (!scope.lacks(Rule::Quarantine)).then(|| read.pin(Pin::Quarantine { number: 1 }));
        for (place, thing) in state.things.iter().enumerate() {
            let of = of(place);
            if who == Who::Original || state.copy == Copy::Connected(Mode::TookOver) || scope.lacks(Rule::OwnBranch) {
                read.listing(of, thing);
            }
            read.rows.extend(row(state, who, of, thing, scope).map(Ok));
            let holders = [
                branch_pin.filter(|_| thing.pinned),
                backup_pin.filter(|_| thing.listed),
                quarantine.filter(|_| thing.quarantined),
            ];
            let pinned = holders.into_iter().flatten().map(|pin| Ok(Pinned { of, pin }));
            read.pinned.extend(pinned);
            let seen = match scope.lacks(Rule::Sighting) {
                true => Some(scope.old()),
                false => thing.seen,
            };
            let sighting = seen
                .filter(|_| who == Who::Copy)
                .map(|age| Ok(Sighting { of, at: moment(age) }));
            read.sightings.extend(sighting);
        }
        read
    }

    pub fn facts(&self) -> Facts<'_> {
        Facts {
            branch: Standing::Owned,
            generation: self.generation,
            now: moment(0),
            retention: self.retention,
            grace: self.grace,
            tables: &TABLES,
            pins: &self.pins,
            scope: Acts::Branch,
        }
    }

    fn pin(&mut self, pin: Pin) -> usize {
        self.pins.push(pin);
        self.pins.len() - 1
    }

    fn listing(&mut self, of: SegmentOf, thing: &Thing) {
        let name = ObjectName {
            of,
            generation: 1,
            attempt: 0,
        };
        if thing.is_there() {
            // Of an orphan the sighting is the younger age, of a retired segment the stamp.
            let modified = StoreTime(Duration::ZERO);
            self.objects.push(Ok(Object {
                name,
                size: 1,
                modified,
            }));
        }
        let mark = thing.mark.map(|age| Mark {
            of: name,
            generation: 1,
            modified: moment(age).store,
        });
        self.marks.extend(mark.map(Ok));
    }
}

pub fn grace(scope: &Scope) -> Duration {
    ticks(if scope.lacks(Rule::Grace) { 0 } else { GRACE })
}

fn child() -> Pin {
    Pin::Child {
        branch: BranchId::from_uuid(uuid::Uuid::from_u128(2)),
        standing: Standing::Owned,
    }
}

fn backup(scope: &Scope) -> Pin {
    let covers = !scope.lacks(Rule::BackupRange);
    Pin::Backup {
        label: String::new(),
        from: if covers { BACKUP_LSN } else { u64::MAX },
        generation: if covers { 1 } else { u64::MAX },
        expires: None,
    }
}

/// The row of a thing in the catalog of `who`.
fn row(state: &State, who: Who, of: SegmentOf, thing: &Thing, scope: &Scope) -> Option<Row> {
    let live = match scope.lacks(Rule::Catalog) {
        // As if the catalog had let it go long ago.
        true => RowLife::Retired(Retirement {
            at: moment(scope.old()),
            lsn: 0,
            horizon: Horizon::Passed,
            promise: Promise::Retention,
        }),
        false => RowLife::Live,
    };
    let left = |left: &Left| retired(left, thing.since_backup, scope);
    let life = match who {
        Who::Original => match &thing.original {
            Life::Unknown => return None,
            Life::Live(_) => live,
            Life::Left(of) => left(of),
        },
        Who::Copy => match &thing.copy {
            Known::Unknown | Known::Passed | Known::Apart => return None,
            Known::Left(of) => left(of),
            Known::Unchecked | Known::Marked | Known::Found | Known::Doubt | Known::Live | Known::Lost => live,
        },
    };
    let is_elsewhere = who == Who::Copy && state.copy == Copy::Connected(Mode::Branch);
    let place = match is_elsewhere && !scope.lacks(Rule::OwnBranch) {
        true => Place::Elsewhere(BranchId::from_uuid(uuid::Uuid::from_u128(1))),
        false => Place::Here {
            uploaded: ServerTime(Duration::ZERO),
        },
    };
    Some(Row { of, life, place })
}

fn retired(left: &Left, since_backup: bool, scope: &Scope) -> RowLife {
    let stamp = match scope.lacks(Rule::Stamp) {
        true => Some(scope.old()),
        false => left.stamp,
    };
    let is_settled = left.settled || scope.lacks(Rule::Horizon);
    match stamp {
        None => RowLife::Unstamped,
        Some(age) => RowLife::Retired(Retirement {
            at: moment(age),
            lsn: if since_backup { BACKUP_LSN + 1 } else { 0 },
            horizon: if is_settled { Horizon::Passed } else { Horizon::Snapshot },
            promise: if left.waived {
                Promise::Waived
            } else {
                Promise::Retention
            },
        }),
    }
}
