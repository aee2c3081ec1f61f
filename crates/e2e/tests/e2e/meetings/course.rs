//! What moves the rows while two sessions meet over them: who, where he pauses, and when.

use super::pairs::MEETING;
use stretch_core::steps::Step;

/// Who moves rows.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Mover {
    /// Bringing back, segment after segment.
    Home,
    /// Compaction.
    Compaction,
}

/// The course of one move.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Course {
    pub mover: Mover,
    /// He begins before this act of the meeting.
    pub starts: usize,
    /// And stays where his database pauses him until this one; `None` when he goes through.
    pub paused_until: Option<usize>,
    /// He is killed where he pauses, and begins anew.
    pub undone: bool,
}

/// The steps at which somebody pauses; each database has one of them.
pub const PAUSES: [(Step, Mover); 5] = [
    (Step::HomeInserted, Mover::Home),
    (Step::HomeRecorded, Mover::Home),
    (Step::CompactMade, Mover::Compaction),
    (Step::CompactWritten, Mover::Compaction),
    (Step::CompactRecorded, Mover::Compaction),
];

/// The courses of a database that pauses there. Nobody can pause while both have rows: he would not get so far.
pub fn all(pause: Step, mover: Mover) -> Vec<Course> {
    let course = |starts, paused_until, undone| Course {
        mover,
        starts,
        paused_until,
        undone,
    };
    let mut courses = vec![
        // Between the looks, and between them and the deeds.
        course(2, None, false),
        course(4, None, false),
        // While the first has the row; while the second waits for it.
        course(5, None, false),
        course(6, None, false),
        course(8, None, false),
        // Held open over the looks, over a deed, over both.
        course(1, Some(4), false),
        course(2, Some(5), false),
        course(4, Some(5), false),
        course(4, Some(6), false),
        course(0, Some(6), false),
        course(4, Some(6), true),
        course(1, Some(5), true),
    ];
    if pause == Step::CompactMade {
        // Nobody waits for him here: rows change and die meanwhile.
        courses.extend([course(4, Some(9), false), course(0, Some(MEETING.len()), false)]);
    }
    courses
}
