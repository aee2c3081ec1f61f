//! The plan over a simulated year, and its edges.

use super::*;
use crate::seeded::runner;
use proptest::collection::vec;
use proptest::prelude::*;

const FULL: Full = Full {
    rows: 200_000,
    bytes: 128 << 20,
};

fn segment(number: u32, rows: u64, dead: u64) -> Candidate {
    Candidate {
        number,
        rows,
        dead,
        bytes: rows * 100,
        shape: 1,
    }
}

/// A table whose jobs are carried out as the movement does it.
#[derive(Default)]
struct Table {
    segments: Vec<Candidate>,
    next: u32,
    /// Rows that jobs wrote.
    written: u64,
    objects: u64,
}

impl Table {
    fn add(&mut self, rows: u64) {
        self.segments.push(segment(self.next, rows, 0));
        self.next += 1;
        self.objects += 1;
    }

    fn run(&mut self, effort: Effort) -> u32 {
        let mut jobs = 0;
        while let Some(job) = next(&self.segments, FULL, effort) {
            jobs += 1;
            assert!(jobs < 100_000, "it never ends");
            let (numbers, rewrites) = match job {
                Job::Retire(numbers) => (numbers, false),
                Job::Rewrite(numbers) => (numbers, true),
            };
            let gone = |segment: &Candidate| numbers.contains(&segment.number);
            let living: u64 = self.segments.iter().filter(|s| gone(s)).map(Candidate::living).sum();
            let shapes: Vec<u64> = self.segments.iter().filter(|s| gone(s)).map(|s| s.shape).collect();
            assert!(shapes.windows(2).all(|two| two[0] == two[1]), "shapes are mixed");
            assert_eq!(shapes.len(), numbers.len());
            self.segments.retain(|segment| !gone(segment));
            assert_eq!(rewrites, living > 0, "what lives is written, and nothing else");
            if living > 0 {
                assert!(living <= FULL.rows, "{living} rows");
                self.written += living;
                self.add(living);
            }
        }
        jobs
    }
}

#[test]
fn a_year_of_trickle_ends_in_few_segments_and_writes_each_row_seldom() {
    // A batch every five minutes.
    let (batches, rows) = (365 * 24 * 12, 500);
    let mut table = Table::default();
    for _ in 0..batches {
        table.add(rows);
        table.run(Effort::Routine);
    }
    let total = batches * rows;
    let amplification = table.written as f64 / total as f64;
    println!(
        "a year of trickle: {batches} batches of {rows} rows, {} segments at the end, {} objects written, \
         each row written {amplification:.2} times by compaction",
        table.segments.len(),
        table.objects
    );
    assert!(amplification <= f64::from(classes(FULL.rows, rows)), "{amplification}");
    let full = total / FULL.rows;
    let small = (FANOUT as u64) * u64::from(classes(FULL.rows, rows));
    assert!(
        (table.segments.len() as u64) <= 2 * full + small,
        "{}",
        table.segments.len()
    );
    assert_eq!(table.segments.iter().map(Candidate::living).sum::<u64>(), total);
}

#[test]
fn random_deletes_cost_no_more_than_they_free() {
    let deletes = vec((0usize..1000, 1u64..=20_000), 2000);
    runner(5)
        .run(&deletes, |deletes| {
            let mut table = Table::default();
            (0..100).for_each(|_| table.add(FULL.rows));
            let mut killed = 0;
            for (at, more) in deletes {
                let many = table.segments.len();
                let Some(one) = table.segments.get_mut(at % many.max(1)) else {
                    break;
                };
                let more = more.min(one.living());
                one.dead += more;
                killed += more;
                table.run(Effort::Routine);
                prop_assert!(table.segments.iter().all(|segment| !segment.is_half_dead()));
            }
            println!(
                "random deletes: {killed} rows died, {} were written anew",
                table.written
            );
            // What was rewritten is merged with others later.
            prop_assert!(table.written <= 2 * killed);
            Ok(())
        })
        .unwrap();
}

#[test]
fn full_segments_rest_and_shapes_do_not_mix() {
    let full = [
        segment(0, 200_000, 0),
        segment(1, 150_000, 10),
        segment(2, 120_000, 59_999),
    ];
    assert_eq!(next(&full, FULL, Effort::Routine), None);
    assert_eq!(next(&full, FULL, Effort::Asked), Some(Job::Rewrite(vec![2])));
    let mut small: Vec<_> = (0..7).map(|number| segment(number, 100, 0)).collect();
    assert_eq!(next(&small, FULL, Effort::Routine), None);
    small.push(Candidate {
        shape: 2,
        ..segment(7, 100, 0)
    });
    assert_eq!(next(&small, FULL, Effort::Routine), None);
    assert_eq!(next(&small, FULL, Effort::Asked), Some(Job::Rewrite((0..7).collect())));
    small.push(segment(8, 100, 0));
    let oldest = vec![0, 1, 2, 3, 4, 5, 6, 8];
    assert_eq!(next(&small, FULL, Effort::Routine), Some(Job::Rewrite(oldest)));
    // The dead leave first, all at once.
    small.push(segment(9, 100, 100));
    small.push(segment(10, 0, 0));
    assert_eq!(next(&small, FULL, Effort::Routine), Some(Job::Retire(vec![9, 10])));
    assert_eq!(next(&[], FULL, Effort::Asked), None);
    assert_eq!(next(&[segment(3, 10, 0)], FULL, Effort::Asked), None);
    // Wide rows fill a segment with bytes.
    let wide = |number| Candidate {
        bytes: 100 << 20,
        ..segment(number, 100, 0)
    };
    assert_eq!(next(&[wide(0), wide(1)], FULL, Effort::Asked), None);
}

#[test]
fn what_is_asked_for_comes_to_an_end() {
    let segments = vec((1..=FULL.rows, 0..=FULL.rows), 1..60);
    runner(100)
        .run(&segments, |segments| {
            let mut table = Table::default();
            for (rows, _) in &segments {
                table.add(*rows);
            }
            for (segment, (rows, dead)) in table.segments.iter_mut().zip(&segments) {
                segment.dead = *dead.min(rows);
            }
            table.run(Effort::Asked);
            prop_assert!(table.segments.iter().all(|segment| segment.dead == 0));
            Ok(())
        })
        .unwrap();
}
