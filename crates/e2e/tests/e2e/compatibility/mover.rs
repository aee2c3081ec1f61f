//! Stretches and drains what a file of the suite has filled, from a session of its own and between two statements of
//! the file; brings tables back where a command is refused on them, as the hint of the refusal says.

use std::collections::{BTreeMap, BTreeSet};
use testkit::{Client, Cluster};

/// Beside the file's own session.
pub struct Mover {
    db: Client,
    /// Tables that cannot be stretched, with the reason.
    unfit: BTreeMap<String, String>,
    /// Tables with cold rows, by name, since the last [`Mover::take_cold`].
    cold: BTreeSet<String>,
    rows: i64,
    /// Tables become cold as a whole from now on, and whenever they become cold again.
    pub whole: bool,
    always_whole: BTreeSet<String>,
}

/// Tables that have rows, or had some, and that are heaps.
const FILLED: &str = "
    SELECT c.oid::text, c.oid::regclass::text, c.relname::text
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE relkind = 'r' AND relpersistence = 'p' AND c.oid >= 16384 AND nspname NOT IN ('stretch', 'information_schema')
        AND relam = (SELECT oid FROM pg_am WHERE amname = 'heap') AND pg_relation_size(c.oid) > 0
    ORDER BY c.oid";

/// Stretched tables of these names, and below tables of these names.
const NAMED: &str = "
    WITH RECURSIVE named(oid) AS (
        SELECT oid FROM pg_class WHERE relname::text = ANY($names)
        UNION SELECT inhrelid FROM pg_inherits JOIN named ON inhparent = named.oid
    )
    SELECT s.relation::oid::text, s.relation::regclass::text
    FROM stretch.stretched_table s JOIN named ON named.oid = s.relation ORDER BY 1";

impl Mover {
    pub fn new(cluster: &Cluster) -> Mover {
        let db = cluster.connect("regression");
        db.sql("SET lock_timeout = '2s'; SET statement_timeout = '60s'; SET search_path = pg_catalog");
        Mover {
            db,
            unfit: BTreeMap::new(),
            cold: BTreeSet::new(),
            rows: 0,
            whole: false,
            always_whole: BTreeSet::new(),
        }
    }

    /// True while no transaction of a client is open, nor a prepared one.
    pub fn idle(&self) -> bool {
        self.db.bool(
            "SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE datname = 'regression' AND pid <> pg_backend_pid()
                AND backend_type = 'client backend' AND state <> 'idle')
             AND NOT EXISTS (SELECT FROM pg_prepared_xacts)",
        )
    }

    /// Stretches every table that was filled, and drains those and the ones that the text names.
    pub fn follow(&mut self, text: &str) {
        // A prepared transaction may hold a table; the next time will do.
        for table in self.db.try_rows(FILLED).unwrap_or_default() {
            let [oid, name, short] = [0, 1, 2].map(|at| table[at].clone().unwrap_or_default());
            if !self.unfit.contains_key(&oid) && self.has_rows(&name) {
                self.stretch(&oid, &name, &short);
            }
        }
        for (oid, name) in self.named(text) {
            self.drain(&oid, &name);
        }
    }

    fn named(&self, text: &str) -> Vec<(String, String)> {
        let words: BTreeSet<&str> = words(text).collect();
        let names: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
        let names = format!("ARRAY[{}]::text[]", names.join(","));
        let rows = self.db.rows(&NAMED.replace("$names", &names));
        rows.into_iter()
            .map(|row| (row[0].clone().unwrap_or_default(), row[1].clone().unwrap_or_default()))
            .collect()
    }

    fn has_rows(&self, table: &str) -> bool {
        let sql = format!("SELECT EXISTS (SELECT FROM ONLY {table})");
        self.db.try_text(&sql).is_ok_and(|there| there.as_deref() == Some("t"))
    }

    fn stretch(&mut self, oid: &str, name: &str, short: &str) {
        if self.whole {
            self.always_whole.insert(name.to_owned());
        }
        let filter = self.filter(oid, name, short);
        let filter = filter.map_or_else(|| "NULL".to_owned(), |filter| format!("$filter${filter}$filter$"));
        match self
            .db
            .try_sql(&format!("SELECT stretch.enable_table({oid}::regclass, {filter})"))
        {
            Ok(()) => self.drain(oid, name),
            Err(error) if error.code == "55P03" => {}
            Err(error) => {
                let reason = if error.detail.is_empty() {
                    &error.message
                } else {
                    &error.detail
                };
                self.unfit.insert(oid.to_owned(), format!("{name}: {reason}"));
            }
        }
    }

    fn drain(&mut self, oid: &str, name: &str) {
        match self.db.try_text(&format!("SELECT stretch.drain({oid}::regclass)")) {
            Ok(Some(moved)) if moved != "0" => {
                self.cold.insert(name.to_owned());
                self.rows += moved.parse::<i64>().unwrap_or(0);
            }
            Ok(_) => {}
            Err(error) => println!("{name} is not drained: {error}"),
        }
    }

    /// Half of the tables become cold as a whole, and so do those that later files use, so that their rows keep their
    /// order; of the others the lower half of a column does, or the even values of one.
    fn filter(&self, oid: &str, name: &str, short: &str) -> Option<String> {
        let columns = self.db.rows(&format!(
            "SELECT quote_ident(attname), atttypid::regtype::text FROM pg_attribute
             WHERE attrelid = {oid} AND attnum > 0 AND NOT attisdropped ORDER BY attnum"
        ));
        let columns: Vec<(String, String)> = columns
            .into_iter()
            .map(|row| (row[0].clone().unwrap_or_default(), row[1].clone().unwrap_or_default()))
            .collect();
        let column = |kinds: &[&str]| columns.iter().find(|(_, kind)| kinds.contains(&kind.as_str()));
        let filter = match short.bytes().map(usize::from).sum::<usize>() % 4 {
            _ if self.always_whole.contains(name) => return None,
            0 | 1 => return None,
            2 => {
                let (column, kind) = column(&["integer", "bigint", "smallint", "numeric", "date", "double precision"])?;
                let middle =
                    format!("SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY {column})::text FROM ONLY {name}");
                let middle = self.db.try_text(&middle).ok()??;
                format!("{column} <= '{middle}'::{kind}")
            }
            _ => match column(&["integer", "bigint", "smallint", "text"])? {
                (column, kind) if kind == "text" => format!("length({column}) % 2 = 0"),
                (column, _) => format!("{column} % 2 = 0"),
            },
        };
        let some = format!("SELECT EXISTS (SELECT FROM ONLY {name} WHERE {filter})");
        let some = self.db.try_text(&some).ok()??;
        (some == "t").then_some(filter)
    }

    /// Makes the stretched table of that name a heap with all its rows. False where there is none, or that fails.
    pub fn bring_back(&mut self, name: &str) -> bool {
        let short = name.rsplit('.').next().unwrap_or(name).trim_matches('"');
        let found = self.db.rows(&format!(
            "SELECT relation::oid::text, relation::regclass::text, (
                SELECT quote_ident(attname) FROM pg_attribute WHERE attrelid = relation AND attnum > 0
                    AND NOT attisdropped AND attgenerated = '' AND attidentity <> 'a' ORDER BY attnum LIMIT 1)
             FROM stretch.stretched_table JOIN pg_class c ON c.oid = relation WHERE relname = $n${short}$n$"
        ));
        let mut done = false;
        for row in found {
            let [oid, name, column] = [0, 1, 2].map(|at| row[at].clone().unwrap_or_default());
            // Neither triggers nor foreign keys see what is a change of place only.
            let touch = match column.as_str() {
                "" => String::new(),
                column => format!(
                    "SET session_replication_role = replica;
                     UPDATE ONLY {name} SET {column} = {column} WHERE ctid >= '(2147483648,0)'"
                ),
            };
            // Rows may violate checks that are NOT VALID, which are taken away meanwhile.
            let checks = self.db.rows(&format!(
                "SELECT quote_ident(conname), pg_get_constraintdef(oid) FROM pg_constraint
                 WHERE conrelid = {oid} AND contype = 'c' AND conislocal AND NOT convalidated"
            ));
            let (mut drops, mut makes) = (String::new(), String::new());
            for check in checks {
                let [check, definition] = [0, 1].map(|at| check[at].clone().unwrap_or_default());
                drops += &format!("ALTER TABLE {name} DROP CONSTRAINT {check}; ");
                makes += &format!("ALTER TABLE {name} ADD CONSTRAINT {check} {definition}; ");
            }
            let steps = [
                format!("SELECT stretch.set_migration_state({oid}::regclass, 'paused')"),
                drops,
                touch,
                "RESET session_replication_role".to_owned(),
                makes,
                format!("SELECT stretch.purge_staged({oid}::regclass)"),
                format!("SELECT stretch.disable_table({oid}::regclass, false)"),
            ];
            let back = steps.iter().try_for_each(|step| self.db.try_sql(step));
            if let Err(error) = &back {
                println!("{name} is not brought back: {error}");
                self.db.sql("RESET session_replication_role");
            }
            done |= back.is_ok();
        }
        done
    }

    /// Tables that have got cold rows since the last call, and how many rows moved.
    pub fn take_cold(&mut self) -> (BTreeSet<String>, i64) {
        (std::mem::take(&mut self.cold), std::mem::take(&mut self.rows))
    }

    /// Names, without schemas, of all stretched tables.
    pub fn stretched(&self) -> BTreeSet<String> {
        let names = self
            .db
            .lines("SELECT relname FROM stretch.stretched_table JOIN pg_class c ON c.oid = relation");
        names.into_iter().collect()
    }

    /// Why tables could not be stretched, each with its name.
    pub fn unfit(&self) -> impl Iterator<Item = &String> {
        self.unfit.values()
    }
}

/// Words that can be names.
pub fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric() && c != '_')
        .filter(|word| !word.is_empty() && !word.contains(|c: char| !c.is_ascii()))
}
