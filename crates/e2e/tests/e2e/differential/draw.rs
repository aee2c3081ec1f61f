//! Random parts of statements: keys, values, conditions. Keys come from small ranges, so that statements meet.

use super::tables::{EVENTS, ITEMS, PARTS};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// The numbers of a run.
pub struct Draw {
    rng: StdRng,
    fresh: u32,
    /// Whether there are two sessions, which are to meet at few rows.
    pub meet: bool,
}

impl Draw {
    pub fn new(seed: u64) -> Self {
        Self {
            rng: StdRng::seed_from_u64(seed),
            fresh: 10_000,
            meet: false,
        }
    }

    /// A number below the bound.
    pub fn below(&mut self, bound: u32) -> u32 {
        self.rng.random_range(0..bound)
    }

    /// True in so many of a hundred cases.
    pub fn percent(&mut self, percent: u32) -> bool {
        self.below(100) < percent
    }

    pub fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len() as u32) as usize]
    }

    /// A number that no row of any table has yet.
    pub fn fresh(&mut self) -> u32 {
        self.fresh += 1;
        self.fresh
    }

    /// An item's key; of one in ten there is no row at first.
    pub fn item(&mut self) -> u32 {
        self.key(ITEMS * 11 / 10)
    }

    pub fn part(&mut self) -> u32 {
        self.key(PARTS * 11 / 10)
    }

    pub fn event(&mut self) -> u32 {
        self.key(EVENTS * 11 / 10)
    }

    /// Often one of a few.
    fn key(&mut self, bound: u32) -> u32 {
        let (percent, few) = if self.meet { (65, 4) } else { (20, 10) };
        let bound = if self.percent(percent) { few } else { bound };
        1 + self.below(bound)
    }

    /// A list for IN.
    pub fn items(&mut self) -> String {
        let count = 1 + self.below(4);
        let list: Vec<String> = (0..count).map(|_| self.item().to_string()).collect();
        list.join(", ")
    }

    pub fn state(&mut self) -> &'static str {
        self.pick(&["done", "done", "done", "open", "open", "void"])
    }

    pub fn strength(&mut self) -> &'static str {
        self.pick(&["UPDATE", "UPDATE", "NO KEY UPDATE", "SHARE", "KEY SHARE"])
    }

    pub fn text(&mut self) -> String {
        match self.below(5) {
            0 => "NULL".into(),
            1 => "''".into(),
            2 => format!("repeat('long {} ', 40)", self.below(9)),
            _ => format!("'text {}'", self.below(50)),
        }
    }

    pub fn amount(&mut self) -> String {
        match self.below(6) {
            0 => "NULL".into(),
            _ => format!("{}.{}", self.below(300), self.below(100)),
        }
    }

    pub fn doc(&mut self) -> String {
        match self.below(4) {
            0 => "NULL".into(),
            _ => format!("'{{\"k\": {}, \"s\": [1, {}]}}'", self.below(5), self.below(9)),
        }
    }

    pub fn tags(&mut self) -> String {
        match self.below(4) {
            0 => "NULL".into(),
            1 => "'{}'".into(),
            _ => format!("ARRAY['t{}', NULL, 'u{}']", self.below(4), self.below(7)),
        }
    }

    pub fn day(&mut self) -> String {
        format!("date '2024-01-01' + {}", self.below(360))
    }

    /// A condition that few items `i` satisfy.
    pub fn few_items(&mut self) -> String {
        let id = self.item();
        match self.below(9) {
            0..=2 => format!("i.id = {id}"),
            3 => format!("i.id IN ({})", self.items()),
            4 => format!("i.id BETWEEN {id} AND {}", id + self.below(6)),
            5 => format!("i.code = 'c{id}'"),
            6 => format!("lower(i.label) = 'label {id}'"),
            7 => format!(
                "i.grp = {} AND i.n = {} AND i.state <> 'void'",
                self.below(8),
                self.below(20)
            ),
            _ => format!("i.pos = {}", id * 2),
        }
    }

    /// A condition that any number of items `i` satisfies.
    pub fn some_items(&mut self) -> String {
        match self.below(10) {
            0..=1 => self.few_items(),
            2 => format!("{} AND {}", self.one_of_items(), self.one_of_items()),
            3 => format!("({} OR {})", self.one_of_items(), self.few_items()),
            4 => format!("NOT ({})", self.one_of_items()),
            _ => self.one_of_items(),
        }
    }

    fn one_of_items(&mut self) -> String {
        let id = self.item();
        let small = self.below(8);
        match self.below(20) {
            0 => format!("i.id > {id}"),
            1 => "i.state = 'done'".into(),
            2 => format!("i.state <> 'done' AND i.id < {id}"),
            3 => format!("i.grp = {small}"),
            4 => format!("i.grp IN ({small}, {})", small + 2),
            5 => format!("i.n < {small}"),
            6 => format!("i.amount > {}", self.below(125)),
            7 => "i.label IS NULL".into(),
            8 => format!("i.doc ->> 'k' = '{small}'"),
            9 => format!("i.doc @> '{{\"k\": {small}}}'"),
            10 => format!("i.tags @> ARRAY['t{small}']"),
            11 => format!("'u{small}' = ANY (i.tags)"),
            12 => format!("i.at < timestamptz '2024-01-01 00:00+00' + interval '{id} days'"),
            13 => format!("i.code LIKE 'c{small}%'"),
            14 => format!("i.up IS {} NULL", self.pick(&["", "NOT"])),
            15 => format!("i.pos % 7 = {small}"),
            16 => format!(
                "{} (SELECT FROM part p WHERE p.item = i.id AND p.shipped)",
                self.pick(&["EXISTS", "NOT EXISTS"])
            ),
            17 => format!(
                "i.id {} (SELECT b.item FROM bill b WHERE b.item IS NOT NULL AND b.total < {id})",
                self.pick(&["IN", "NOT IN"])
            ),
            18 => format!("(i.state, i.grp) IN (('done', {small}), ('open', {}))", self.below(8)),
            _ => format!("i.qty >= (SELECT avg(qty) FROM part WHERE line = {small})"),
        }
    }

    /// A condition on parts `p`.
    pub fn some_parts(&mut self) -> String {
        let (id, item) = (self.part(), self.item());
        match self.below(9) {
            0..=1 => format!("p.id = {id}"),
            2 => format!("p.id BETWEEN {id} AND {}", id + self.below(12)),
            3..=4 => format!("p.item = {item}"),
            5 => format!("p.sku = 's{}'", self.below(30)),
            6 => format!("p.shipped AND p.qty < {}", self.below(50)),
            7 => format!("p.item IN (SELECT id FROM item i WHERE {})", self.few_items()),
            _ => format!("(p.sku IS NULL OR p.id = {id}) AND NOT p.shipped"),
        }
    }

    /// A condition on events `e`.
    pub fn some_events(&mut self) -> String {
        let (id, day, n) = (self.event(), self.day(), self.below(100));
        match self.below(8) {
            0..=1 => format!("e.id = {id}"),
            2 => format!("e.day = {day}"),
            3 => format!("e.day BETWEEN {day} AND {}", self.day()),
            4 => format!("e.id BETWEEN {id} AND {} AND e.day >= {day}", id + 20),
            5 => format!("e.n BETWEEN {n} AND {}", n + 5),
            6 => "e.n IS NULL".into(),
            _ => format!("e.kind = 'new' AND e.id < {id}"),
        }
    }
}
