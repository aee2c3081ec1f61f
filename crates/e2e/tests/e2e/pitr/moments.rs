//! What happened in a window, read from the write-ahead log, and moments drawn from it.

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use std::collections::BTreeMap;
use testkit::{Client, Target};

/// What a moment is to prove.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Right after the commit of a migration, so before its upload.
    Migrated,
    /// After the commit that notes an upload, before the purge.
    Uploaded,
    /// After a purge of staging.
    Purged,
    /// While a client's transaction has written and not ended.
    Open,
    Anywhere,
}

impl Kind {
    pub const ALL: [Kind; 5] = [Kind::Migrated, Kind::Uploaded, Kind::Purged, Kind::Open, Kind::Anywhere];
}

/// A record of the write-ahead log, as far as it matters here.
#[derive(Clone)]
enum Event {
    /// The commit of a transaction of the extension.
    Commit(Kind),
    Point(String),
    Other,
}

/// A time in which no client wrote.
pub struct Window {
    pub content: String,
    open: bool,
    /// Start of each record, in order.
    events: Vec<(String, Event)>,
}

/// Reads the records between two positions. `db` is connected to the stretched database.
pub fn window(db: &Client, log: &Client, from: &str, to: &str, content: String, open: bool) -> Window {
    let file = |relation: &str| {
        db.text(&format!(
            "SELECT format('/%s/%s fork main', (SELECT oid FROM pg_database \
             WHERE datname = current_database()), pg_relation_filenode('{relation}'))"
        ))
    };
    let (segment, detail, staged) = (
        file("stretch.segment"),
        file("stretch.segment_detail"),
        file("stretch.staged_chunk"),
    );
    let mut by_xid: BTreeMap<String, Kind> = BTreeMap::new();
    let mut events = Vec::new();
    let records = log.rows(&format!(
        "SELECT start_lsn, xid, record_type, description, block_ref FROM pg_get_wal_records_info('{from}', '{to}')"
    ));
    for row in records {
        let mut cells = row.into_iter().map(Option::unwrap_or_default);
        let mut cell = || cells.next().unwrap_or_default();
        let (lsn, xid, record, description, blocks) = (cell(), cell(), cell(), cell(), cell());
        let touches = |file: &String| blocks.contains(file.as_str());
        if touches(&detail) && record.contains("INSERT") {
            by_xid.insert(xid.clone(), Kind::Migrated);
        } else if touches(&staged) && record.contains("DELETE") {
            by_xid.insert(xid.clone(), Kind::Purged);
        } else if touches(&segment) && record.contains("UPDATE") {
            // Of a purge, the update comes first and the deletes decide.
            by_xid.entry(xid.clone()).or_insert(Kind::Uploaded);
        }
        let event = match record.as_str() {
            "COMMIT" => by_xid.remove(&xid).map_or(Event::Other, Event::Commit),
            "RESTORE_POINT" => Event::Point(description),
            _ => Event::Other,
        };
        events.push((lsn, event));
    }
    Window { content, open, events }
}

/// A moment of this kind and the number of its window; panics when there was none.
pub fn draw(r: &mut StdRng, windows: &[Window], kind: Kind, by_name: bool) -> (Target, usize) {
    let mut candidates = Vec::new();
    for (number, window) in windows.iter().enumerate() {
        // The last commit of the extension before the record at hand.
        let mut last = None;
        for (lsn, event) in &window.events {
            if let Event::Commit(kind) = event {
                last = Some(*kind);
            }
            let fits = match kind {
                Kind::Open => window.open,
                Kind::Anywhere => true,
                _ if by_name => last == Some(kind),
                _ => matches!(event, Event::Commit(done) if *done == kind),
            };
            match event {
                Event::Point(name) if fits && by_name => candidates.push((Target::Name(name.clone()), number)),
                _ if fits && !by_name => candidates.push((Target::Lsn(lsn.clone()), number)),
                _ => {}
            }
        }
    }
    println!("{kind:?}: one of {} moments", candidates.len());
    candidates
        .choose(r)
        .unwrap_or_else(|| panic!("no moment of kind {kind:?} occurred"))
        .clone()
}
