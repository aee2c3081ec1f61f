//! One row per case, and random worlds in which we know what is really there.

use super::*;
use proptest::prelude::*;

fn table(n: u8) -> TableId {
    TableId::from_bytes([n; 16])
}

fn id(n: u8) -> SegmentId {
    SegmentId::from_bytes([n; 16])
}

fn segment(n: u8) -> CatalogSegment {
    CatalogSegment {
        segment_id: id(n),
        table_id: table(1),
        object_key: Some(format!("{n}-1-1")),
        byte_size: 100,
        etag: Some("right".into()),
        staged: false,
        uploaded: true,
    }
}

fn object(n: u8, attempt: u32) -> Listed {
    Listed {
        key: format!("{n}-1-{attempt}"),
        table_id: table(1),
        segment_id: id(n),
        generation: 1,
        attempt,
        size: 100,
        etag: Some("right".into()),
    }
}

fn finding(segment: CatalogSegment, listing: &[Listed], etag: bool, trash: &[&str]) -> Finding {
    let trash = trash.iter().map(|key| (*key).to_owned()).collect();
    compare(&[segment], listing, etag, &trash).findings[0].2.clone()
}

fn present(key: &str) -> Finding {
    Finding::Present { key: key.into() }
}

fn lost(reason: LostReason) -> Finding {
    Finding::Lost { reason }
}

#[test]
fn name_and_size_agree() {
    assert_eq!(finding(segment(1), &[object(1, 1)], true, &[]), present("1-1-1"));
    assert_eq!(finding(segment(1), &[], true, &[]), lost(LostReason::Missing));
    let mut short = object(1, 1);
    short.size = 99;
    assert_eq!(
        finding(segment(1), std::slice::from_ref(&short), true, &[]),
        lost(LostReason::WrongSize)
    );
    let mut staged = segment(1);
    staged.staged = true;
    assert_eq!(finding(staged, &[short], true, &[]), Finding::Refill);
}

#[test]
fn the_etag_counts_where_it_is_made_of_the_content() {
    let mut rotten = object(1, 1);
    rotten.etag = Some("wrong".into());
    let listing = [rotten];
    assert_eq!(finding(segment(1), &listing, true, &[]), lost(LostReason::WrongEtag));
    assert_eq!(finding(segment(1), &listing, false, &[]), present("1-1-1"));
    let mut unrecorded = segment(1);
    unrecorded.etag = None;
    assert_eq!(finding(unrecorded, &listing, true, &[]), present("1-1-1"));
}

#[test]
fn a_refilled_object_serves_an_older_catalog() {
    // F26: the catalog of T says attempt 1, which vanished; attempt 3 has the same bytes.
    let listing = [object(1, 2), object(1, 3)];
    assert_eq!(finding(segment(1), &listing, true, &[]), present("1-1-3"));
    // Uploaded after T: the catalog knows no key yet.
    let mut not_uploaded = segment(1);
    not_uploaded.uploaded = false;
    not_uploaded.object_key = None;
    not_uploaded.staged = true;
    assert_eq!(finding(not_uploaded.clone(), &listing, true, &[]), present("1-1-3"));
    assert_eq!(finding(not_uploaded, &[], true, &[]), Finding::Pending);
    // The recorded key wins while it is there.
    let listing = [object(1, 3), object(1, 1)];
    assert_eq!(finding(segment(1), &listing, true, &[]), present("1-1-1"));
}

#[test]
fn what_is_marked_for_collection_is_in_doubt() {
    let listing = [object(1, 1), object(1, 2)];
    assert_eq!(finding(segment(1), &listing, true, &["1-1-1"]), present("1-1-2"));
    let all = ["1-1-1", "1-1-2"];
    assert_eq!(
        finding(segment(1), &listing, true, &all),
        Finding::InDoubt { key: "1-1-1".into() }
    );
    let mut staged = segment(1);
    staged.staged = true;
    assert_eq!(finding(staged, &listing, true, &all), Finding::Refill);
}

#[test]
fn what_the_catalog_does_not_know_is_ahead() {
    let mut foreign = object(9, 1);
    foreign.table_id = table(2);
    let plan = compare(
        &[segment(1), segment(2)],
        &[object(1, 1), foreign],
        true,
        &HashSet::new(),
    );
    assert_eq!(plan.ahead, [(table(2), "9-1-1".to_owned())]);
    let counts = plan.by_table();
    assert_eq!((counts[&table(1)].segments, counts[&table(1)].lost), (2, 1));
    assert!(!counts[&table(1)].is_reconciled());
    assert_eq!(counts[&table(2)].ahead, 1);
    assert!(counts[&table(2)].is_reconciled());
}

/// An object of a random world.
struct Thing {
    segment: u8,
    attempt: u32,
    size: bool,
    content: bool,
    marked: bool,
}

impl Thing {
    fn key(&self) -> String {
        format!("{}-1-{}", self.segment, self.attempt)
    }

    fn listed(&self) -> Listed {
        Listed {
            size: if self.size { 100 } else { 50 },
            etag: Some(if self.content { "right" } else { "wrong" }.into()),
            ..object(self.segment, self.attempt)
        }
    }
}

#[test]
fn the_plan_agrees_with_the_world() {
    let worlds = (
        prop::collection::btree_map(0..6u8, any::<(bool, bool)>(), 0..6),
        prop::collection::btree_map((0..8u8, 1..4u32), any::<(bool, bool, bool)>(), 0..14),
        any::<bool>(),
    );
    let kinds = std::cell::RefCell::new([0u32; 6]);
    crate::seeded::runner(2000)
        .run(&worlds, |(segments, things, content_etag)| {
            let things: Vec<Thing> = things
                .into_iter()
                .map(|((segment, attempt), (size, content, marked))| Thing {
                    segment,
                    attempt,
                    size,
                    content,
                    marked,
                })
                .collect();
            let catalog: Vec<_> = segments
                .iter()
                .map(|(&n, &(staged, uploaded))| CatalogSegment {
                    staged,
                    uploaded,
                    object_key: uploaded.then(|| format!("{n}-1-1")),
                    etag: uploaded.then(|| "right".into()),
                    ..segment(n)
                })
                .collect();
            let listing: Vec<_> = things.iter().map(Thing::listed).collect();
            let trash = things.iter().filter(|t| t.marked).map(Thing::key).collect();
            let plan = compare(&catalog, &listing, content_etag, &trash);

            prop_assert_eq!(plan.findings.len(), catalog.len());
            for (segment, (segment_id, _, finding)) in catalog.iter().zip(&plan.findings) {
                prop_assert_eq!(*segment_id, segment.segment_id);
                let usable = |marked: bool| -> Vec<String> {
                    things
                        .iter()
                        .filter(|t| id(t.segment) == segment.segment_id && t.size)
                        .filter(|t| t.content || !content_etag || segment.etag.is_none())
                        .filter(|t| t.marked == marked)
                        .map(Thing::key)
                        .collect()
                };
                let (safe, marked) = (usable(false), usable(true));
                let (kind, right) = match finding {
                    Finding::Present { key } => (0, safe.contains(key)),
                    Finding::Pending => (1, safe.is_empty() && segment.staged && !segment.uploaded),
                    Finding::Refill => (2, safe.is_empty() && segment.staged && segment.uploaded),
                    Finding::InDoubt { key } => (3, safe.is_empty() && !segment.staged && marked.contains(key)),
                    Finding::Lost { .. } => (4, safe.is_empty() && !segment.staged && marked.is_empty()),
                };
                kinds.borrow_mut()[kind] += 1;
                prop_assert!(right, "{:?} for {:?}", finding, segment);
            }
            let ahead = things.iter().filter(|t| !segments.contains_key(&t.segment)).count();
            kinds.borrow_mut()[5] += u32::from(ahead > 0);
            prop_assert_eq!(plan.ahead.len(), ahead);
            Ok(())
        })
        .expect("the plan agrees");
    assert!(
        kinds.borrow().iter().all(|&n| n > 0),
        "a kind never occurred: {kinds:?}"
    );
}
