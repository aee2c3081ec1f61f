//! What a session does to one row, as a table of statements: each row lock, and everybody whom a row lock may meet.
//!
//! `{n}` stands for the number of the row, `{s}` for that of the session. Row N has the keys (N, N) and one child, N.

/// What a statement locks or changes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Touches {
    Row,
    Child,
    /// The row, and its child by a foreign key's action.
    Both,
}

impl Touches {
    /// Whether two statements can get in each other's way.
    pub fn meets(self, other: Self) -> bool {
        self == other || self == Self::Both || other == Self::Both
    }
}

/// What a statement is to those who come with another one for the same row, in the heap's terms.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Does {
    /// Locks the row, or its parent by a foreign key's check, FOR KEY SHARE.
    KeyShare,
    Share,
    NoKeyUpdate,
    Update,
    /// Makes a new version with the same keys.
    Changes,
    /// Makes a new version with another key.
    Rekeys,
    Deletes,
    /// Writes the same key once more.
    Doubles,
    /// Leaves out the key that is there.
    Passes,
}

impl Does {
    pub fn locks(self) -> bool {
        matches!(self, Self::KeyShare | Self::Share | Self::NoKeyUpdate | Self::Update)
    }
}

/// What becomes of a statement that meets a lock.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Policy {
    Wait,
    NoWait,
    Skip,
}

/// One statement.
#[derive(Clone, Debug)]
pub struct Deed {
    pub name: String,
    pub sql: String,
    pub touches: Touches,
    pub does: Does,
    pub policy: Policy,
}

/// The statements, each with what it touches and does.
const STATEMENTS: [(&str, Touches, Does, &str); 17] = [
    (
        "update",
        Touches::Row,
        Does::Changes,
        "UPDATE t SET v = v + 1 WHERE id = {n} RETURNING id, v",
    ),
    (
        "update if untouched",
        Touches::Row,
        Does::Changes,
        "UPDATE t SET v = v + 1 WHERE id = {n} AND v = 0 RETURNING id, v",
    ),
    (
        "update of a key",
        Touches::Row,
        Does::Rekeys,
        "UPDATE t SET key = key + 100000 WHERE id = {n} RETURNING id, key",
    ),
    (
        "update that cascades",
        Touches::Both,
        Does::Rekeys,
        "UPDATE t SET id = id + 100000 WHERE id = {n} RETURNING id",
    ),
    (
        "delete if untouched",
        Touches::Both,
        Does::Deletes,
        "DELETE FROM t WHERE id = {n} AND v = 0 RETURNING id",
    ),
    (
        "delete that cascades",
        Touches::Both,
        Does::Deletes,
        "DELETE FROM t WHERE id = {n} RETURNING id",
    ),
    (
        "insert of a child",
        Touches::Row,
        Does::KeyShare,
        "INSERT INTO child VALUES ({n} + {s}00000, {n}) RETURNING of",
    ),
    (
        "upsert",
        Touches::Row,
        Does::Changes,
        "INSERT INTO t VALUES ({n}, {n} + 200000, 1) ON CONFLICT (id) DO UPDATE SET v = t.v + 10 RETURNING id, v",
    ),
    (
        "upsert if untouched",
        Touches::Row,
        Does::Changes,
        "INSERT INTO t VALUES ({n}, {n} + 200000, 1) ON CONFLICT (id) DO UPDATE SET v = t.v + 10 WHERE t.v = 0 \
         RETURNING id, v",
    ),
    (
        "insert or nothing",
        Touches::Row,
        Does::Passes,
        "INSERT INTO t VALUES ({n}, {n} + 200000, 1) ON CONFLICT DO NOTHING RETURNING id, v",
    ),
    (
        "insert",
        Touches::Row,
        Does::Doubles,
        "INSERT INTO t VALUES ({n}, {n} + 200000, 1) RETURNING id, v",
    ),
    (
        "merge",
        Touches::Row,
        Does::Changes,
        "MERGE INTO t USING (VALUES ({n})) s (i) ON id = i WHEN MATCHED THEN UPDATE SET v = v + 20 \
         WHEN NOT MATCHED THEN INSERT VALUES (i, i + 200000, 1)",
    ),
    (
        "merge that deletes",
        Touches::Both,
        Does::Deletes,
        "MERGE INTO t USING (VALUES ({n})) s (i) ON id = i WHEN MATCHED AND v = 0 THEN DELETE \
         WHEN MATCHED THEN UPDATE SET v = v + 20",
    ),
    (
        "lock of a child",
        Touches::Child,
        Does::KeyShare,
        "SELECT id, of FROM child WHERE id = {n} FOR KEY SHARE",
    ),
    (
        "strong lock of a child",
        Touches::Child,
        Does::Update,
        "SELECT id, of FROM child WHERE id = {n} FOR UPDATE",
    ),
    (
        "update of a child",
        Touches::Child,
        Does::Changes,
        "UPDATE child SET note = 'new' WHERE id = {n} RETURNING id, of",
    ),
    (
        "delete of a child",
        Touches::Child,
        Does::Deletes,
        "DELETE FROM child WHERE id = {n} RETURNING id, of",
    ),
];

const LOCKS: [(&str, Does); 4] = [
    ("FOR KEY SHARE", Does::KeyShare),
    ("FOR SHARE", Does::Share),
    ("FOR NO KEY UPDATE", Does::NoKeyUpdate),
    ("FOR UPDATE", Does::Update),
];

const POLICIES: [(&str, Policy); 3] = [
    ("", Policy::Wait),
    (" NOWAIT", Policy::NoWait),
    (" SKIP LOCKED", Policy::Skip),
];

/// All of them, the row locks first.
pub fn all() -> Vec<Deed> {
    let mut deeds = Vec::new();
    for (lock, does) in LOCKS {
        for (suffix, policy) in POLICIES {
            deeds.push(Deed {
                name: format!("{lock}{suffix}"),
                sql: format!("SELECT id, v FROM t WHERE id = {{n}} {lock}{suffix}"),
                touches: Touches::Row,
                does,
                policy,
            });
        }
    }
    deeds.extend(STATEMENTS.map(|(name, touches, does, sql)| Deed {
        name: name.into(),
        sql: sql.into(),
        touches,
        does,
        policy: Policy::Wait,
    }));
    deeds
}

/// What does to the row and to 150 others what one statement may do to many: a segment of 200 rows gets a bitmap of
/// those that are deleted, and one lock as a whole.
pub fn of_many() -> [Deed; 2] {
    let rows = "id = {n} OR id BETWEEN 10000000 + 300000 * {n} AND 10000149 + 300000 * {n}";
    let deed = |name: &str, touches, does, sql: &str| Deed {
        name: name.into(),
        sql: format!("{sql} WHERE {rows}"),
        touches,
        does,
        policy: Policy::Wait,
    };
    [
        deed("delete of many", Touches::Both, Does::Deletes, "DELETE FROM t"),
        deed("update of many", Touches::Row, Does::Changes, "UPDATE t SET v = v + 1"),
    ]
}

impl Deed {
    /// The statement for a row, by the session with this number.
    pub fn on(&self, row: u32, session: u32) -> String {
        self.sql
            .replace("{n}", &row.to_string())
            .replace("{s}", &session.to_string())
    }

    /// Whether it can be what others wait for: policies make no difference there, nor does an insert that fails.
    pub fn comes_first(&self) -> bool {
        self.policy == Policy::Wait && self.does != Does::Doubles && !self.name.ends_with("untouched")
    }
}
