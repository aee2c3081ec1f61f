//! The states of the model.

use super::scope::{DOUBT, GRACE, Scope};

/// One segment with its one object in the original's branch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Thing {
    pub object: Stored,
    /// The age of its mark.
    pub mark: Option<u8>,
    pub original: Life,
    pub copy: Known,
    /// The copy's pin lists it.
    pub pinned: bool,
    /// The backup's pin lists it.
    pub listed: bool,
    /// It was made or retired since the backup began.
    pub since_backup: bool,
    pub quarantined: bool,
    /// Since when the copy has seen it as an orphan.
    pub seen: Option<u8>,
    /// What the collectors have decided to do, in the order of [`Who`].
    pub todo: [Todo; 2],
}

/// The object on the endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stored {
    Never,
    There,
    Gone,
}

/// A retirement: its age, and that of its stamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Left {
    pub age: u8,
    pub stamp: Option<u8>,
    /// No crash, standby or snapshot is without it.
    pub settled: bool,
    /// `purge_remote` waived its retention.
    pub waived: bool,
}

/// A segment in the original's catalog.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Life {
    Unknown,
    /// With its age.
    Live(u8),
    Left(Left),
}

/// A segment in the copy's catalog.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Known {
    Unknown,
    /// As restored: the endpoint was not asked.
    Unchecked,
    /// The listing of marks shows one; the objects are not listed yet.
    Marked,
    /// The listing shows the object; the marks are not listed yet.
    Found,
    /// The catalog does not know it, and the listing of marks shows one.
    Passed,
    /// The listing shows object and mark.
    Doubt,
    /// Counted on.
    Live,
    Left(Left),
    /// The copy has an object of its own, which the model forgets.
    Apart,
    /// Named as lost.
    Lost,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Todo {
    Nothing,
    Mark,
    LookAgain,
    Delete,
}

/// The two databases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    Original = 0,
    Copy = 1,
}

/// Where a collector is in its round. Ages are those of its readings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Phase {
    Idle,
    Looked,
    LookedAgain(u8),
    Validated(u8),
}

/// How the copy lives on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mode {
    /// With a branch of its own.
    Branch,
    /// On the original's branch.
    TookOver,
}

/// How much of the branch the copy has listed: marks and objects are a request each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Listing {
    Nothing,
    Half,
    Whole,
}

/// The copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Copy {
    None,
    /// Restored to a moment of this age, and disconnected.
    Restored(u8),
    /// It pinned or claimed so long ago.
    Reauthorizing {
        mode: Mode,
        since: u8,
        listing: Listing,
    },
    Connected(Mode),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct State {
    pub things: [Thing; 3],
    pub phases: [Phase; 2],
    pub copy: Copy,
    /// The copy was promised its moment when it pinned or claimed.
    pub promised: bool,
    /// The age of the copy's pin: 0 or 1.
    pub pin: Option<u8>,
    /// The age of the backup's pin: 0 or 1.
    pub backup: Option<u8>,
    /// Since when the copy has the claim of the branch.
    pub taken: Option<u8>,
}

impl Thing {
    pub fn is_there(&self) -> bool {
        self.object == Stored::There
    }
}

impl State {
    /// Everything is live and old, or yet to come.
    pub fn initial(scope: &Scope) -> Self {
        let nothing = Thing {
            object: Stored::Gone,
            mark: None,
            original: Life::Unknown,
            copy: Known::Unknown,
            pinned: false,
            listed: false,
            since_backup: false,
            quarantined: false,
            seen: None,
            todo: [Todo::Nothing; 2],
        };
        let mut things = [nothing; 3];
        for (at, thing) in things.iter_mut().enumerate() {
            if at < scope.live {
                thing.object = Stored::There;
                thing.original = Life::Live(scope.old());
            } else if at < scope.live + scope.to_come {
                thing.object = Stored::Never;
            }
        }
        Self {
            things,
            phases: [Phase::Idle; 2],
            copy: Copy::None,
            promised: false,
            pin: None,
            backup: None,
            taken: None,
        }
        .canonical()
    }

    /// The same without what cannot matter any more, and with the things in order.
    pub fn canonical(mut self) -> Self {
        for thing in &mut self.things {
            if thing.object == Stored::Gone {
                thing.mark = None;
                thing.seen = None;
            }
        }
        let is_in_doubt = self.things.iter().any(|thing| thing.copy == Known::Doubt);
        match &mut self.copy {
            Copy::Reauthorizing {
                since,
                listing: Listing::Whole,
                ..
            } if !is_in_doubt => *since = 0,
            Copy::Connected(_) => {
                self.promised = false;
                for thing in &mut self.things {
                    if let Known::Apart | Known::Lost = thing.copy {
                        thing.copy = Known::Unknown;
                    }
                }
            }
            _ => {}
        }
        self.things.sort_unstable();
        self
    }

    pub fn collects(&self, who: Who) -> bool {
        match who {
            Who::Original => true,
            Who::Copy => matches!(self.copy, Copy::Connected(_)),
        }
    }

    /// Whether the database has the highest claim of the original's branch.
    pub fn owns(&self, who: Who) -> bool {
        match who {
            Who::Original => self.taken.is_none(),
            Who::Copy => self.taken.is_some(),
        }
    }

    /// What a collector that is not idle is about to do, and where.
    pub fn todo(&self, who: Who) -> (usize, Todo) {
        let all = self.things.iter().map(|thing| thing.todo[who as usize]).enumerate();
        let mut all = all.filter(|(_, todo)| *todo != Todo::Nothing);
        all.next().expect("a collector that is not idle has something to do")
    }

    /// One tick later.
    pub fn tick(mut self, scope: &Scope) -> Self {
        let older = |age: &mut u8| *age = (*age + 1).min(scope.old());
        for thing in &mut self.things {
            if let Life::Live(age) = &mut thing.original {
                older(age);
            }
            if let Life::Left(left) = &mut thing.original {
                left.tick(older);
            }
            if let Known::Left(left) = &mut thing.copy {
                left.tick(older);
            }
            thing.mark = thing.mark.map(|_| GRACE);
            thing.seen.as_mut().map(older);
        }
        match &mut self.copy {
            Copy::Restored(age) => older(age),
            Copy::Reauthorizing { since, .. } => *since = (*since + 1).min(DOUBT),
            Copy::None | Copy::Connected(_) => {}
        }
        for phase in &mut self.phases {
            if let Phase::LookedAgain(age) | Phase::Validated(age) = phase {
                *age = 1;
            }
        }
        self.pin = self.pin.map(|_| 1);
        self.backup = self.backup.map(|_| 1);
        self.taken.as_mut().map(older);
        self
    }
}

impl Left {
    pub const NOW: Self = Self {
        age: 0,
        stamp: None,
        settled: false,
        waived: false,
    };

    fn tick(&mut self, older: impl Fn(&mut u8)) {
        older(&mut self.age);
        self.stamp.as_mut().map(older);
    }
}
