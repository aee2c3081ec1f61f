//! PostgreSQL's own regression suite on stretched tables: whatever table a file fills is stretched and drained at once,
//! and the file prints what it prints on heaps, but for differences that are listed with their reasons.
//!
//! `docs/compatibility.md` tells what comes out. `STRETCH_SUITE` names the files to run, between spaces, or says `all`;
//! without it a choice of them is run. `STRETCH_SUITE_OUT` is a folder for all that differs.

#[path = "compatibility/file.rs"]
mod file;
#[path = "compatibility/listed.rs"]
mod listed;
#[path = "compatibility/mover.rs"]
mod mover;
#[path = "compatibility/run.rs"]
mod run;

/// Files that fill tables in many ways and print nearly all that they do, and those that they need.
const CHOICE: &str = "\
    test_setup copy copydml insert insert_conflict create_misc create_aggregate create_index constraints \
    triggers inherit updatable_views select_into subselect union join aggregates transactions update \
    delete prepared_xacts matview rowsecurity identity generated merge portals_p2 foreign_key window \
    combocid copy2 plancache plpgsql truncate returning with rangefuncs domain rowtypes";

#[test]
fn files_of_postgresqls_suite_print_on_stretched_tables_what_they_print_on_heaps() {
    let wish = std::env::var("STRETCH_SUITE").unwrap_or_else(|_| CHOICE.to_owned());
    run::stretched(&wish);
}

/// The harness is no difference itself: where nothing is stretched, the suite's own answers come out.
#[test]
fn files_of_postgresqls_suite_given_piece_by_piece_print_what_they_should() {
    let wish = std::env::var("STRETCH_SUITE").unwrap_or_else(|_| "test_setup strings insert copy2".to_owned());
    run::plain(&wish);
}
