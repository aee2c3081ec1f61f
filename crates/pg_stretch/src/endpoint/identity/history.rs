//! Where this server is in the write-ahead log, and which positions lie in its past (timeline history files).

use crate::pg::gucs;
use pgrx::pg_sys;

/// What the server writes into a history file when recovery ended without a target: a promotion, or a restore to the
/// end of the archive.
const NO_TARGET: &str = "no recovery target specified";

/// The end of an earlier timeline.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Switch {
    timeline: u32,
    lsn: u64,
    reason: String,
}

/// The path by which this server came to its present timeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct History {
    pub timeline: u32,
    /// Position up to which the present timeline is known to be ours.
    pub flushed: u64,
    /// `None` when the history file of the timeline cannot be read: then nothing before it counts as ours.
    switches: Option<Vec<Switch>>,
}

/// `pg_control`'s system identifier.
pub fn system_identifier() -> u64 {
    // SAFETY: reads shared memory that exists in every process.
    unsafe { pg_sys::GetSystemIdentifier() }
}

/// Timeline and position up to which the log is flushed; in recovery the position that was replayed.
pub fn flushed() -> (u32, u64) {
    let mut timeline = 0;
    // SAFETY: getters on shared memory; the flush position may be asked for outside recovery only.
    let lsn = unsafe {
        if pg_sys::RecoveryInProgress() {
            pg_sys::GetXLogReplayRecPtr(&mut timeline)
        } else {
            pg_sys::GetFlushRecPtr(&mut timeline)
        }
    };
    (timeline, lsn)
}

impl History {
    /// As of now.
    pub fn now() -> Self {
        let (timeline, flushed) = flushed();
        let switches = if timeline <= 1 {
            Some(Vec::new())
        } else {
            let path = gucs::data_directory().join(format!("pg_wal/{timeline:08X}.history"));
            std::fs::read_to_string(path).ok().map(|text| parse(&text))
        };
        Self {
            timeline,
            flushed,
            switches,
        }
    }

    /// Whether a position on a timeline lies in this server's past.
    pub fn contains(&self, timeline: u32, lsn: u64) -> bool {
        if timeline == self.timeline {
            return lsn <= self.flushed;
        }
        self.switches
            .iter()
            .flatten()
            .any(|switch| switch.timeline == timeline && lsn <= switch.lsn)
    }

    /// Whether the server, after the position, left a timeline at a recovery target (F19c). A history that cannot be
    /// read might hide one, but then the position is not contained either and nothing is proven.
    pub fn targeted_after(&self, timeline: u32, lsn: u64) -> bool {
        self.switches.iter().flatten().any(|switch| {
            let after = switch.timeline > timeline || (switch.timeline == timeline && switch.lsn >= lsn);
            after && switch.reason != NO_TARGET
        })
    }
}

/// Lines of `timeline, position, reason`; anything else is a comment to PostgreSQL as well.
fn parse(text: &str) -> Vec<Switch> {
    text.lines()
        .filter_map(|line| {
            let mut fields = line.trim().splitn(2, char::is_whitespace);
            let timeline = fields.next()?.parse().ok()?;
            let mut rest = fields.next()?.trim_start().splitn(2, char::is_whitespace);
            let (high, low) = rest.next()?.split_once('/')?;
            let lsn = (u64::from_str_radix(high, 16).ok()? << 32) | u64::from_str_radix(low, 16).ok()?;
            Some(Switch {
                timeline,
                lsn,
                reason: rest.next().unwrap_or("").trim().to_string(),
            })
        })
        .collect()
}
