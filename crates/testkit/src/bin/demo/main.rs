//! The demo: one table's whole life with pg_stretch, on real data, in a private PostgreSQL.
//!
//! It narrates, compares every pair of answers that must be equal, and fails when one differs.

mod answers;
mod restore;
mod show;
mod sizes;
mod stretch;
mod tongue;

use answers::Comparisons;
use show::Show;
use std::process::ExitCode;
use stretch::Story;
use tongue::Tongue;

const HELP: &str = "\
demo [--keep] [--tsql]

Loads the flights of New York in 2013, stretches them, restores the database in two ways, and compares.
  --keep   leave the servers running at the end, and say how to connect
  --tsql   tell the story in the T-SQL of SQL Server's documentation
";

fn main() -> ExitCode {
    let mut keep = false;
    let mut tongue = Tongue::Sql;
    for arg in std::env::args().skip(1) {
        match arg.as_str() {
            "--keep" => keep = true,
            "--tsql" => tongue = Tongue::Tsql,
            "--help" | "-h" => {
                print!("{HELP}");
                return ExitCode::SUCCESS;
            }
            other => {
                eprintln!("demo: unexpected argument {other:?}\n{HELP}");
                return ExitCode::FAILURE;
            }
        }
    }
    // The testkit panics with a sentence for people; where in our sources it stood is of no use here.
    std::panic::set_hook(Box::new(|panic| {
        let text = panic.payload_as_str().unwrap_or("something unexpected happened");
        eprintln!("\ndemo: {text}");
    }));
    match std::panic::catch_unwind(|| tell(keep, tongue)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) | Err(_) => ExitCode::FAILURE,
    }
}

/// The whole story; true when every comparison held.
fn tell(keep: bool, tongue: Tongue) -> bool {
    let show = Show::new();
    let mut compared = Comparisons::default();

    show.chapter("A table as anybody has it");
    let mut story = Story::begin(&show, tongue);
    show.chapter("Stretched");
    story.stretch(&show);
    story.migrate(&show);
    story.same_answers(&show, &mut compared);
    story.shallow_backups(&show);

    show.chapter("Back to a moment T, beside the living original");
    let moment = story.moment_t(&show);
    story.life_goes_on(&show);
    let mut restored = restore::to_moment(&show, &story, &moment, &mut compared);
    story.still_alive(&show, &mut compared);

    show.chapter("From a dump, into another server");
    let mut elsewhere = restore::from_dump(&show, &story, &mut compared);

    show.chapter("Result");
    show.sizes(&story.sizes);
    let all_equal = show.comparisons(&compared);
    if keep {
        for (what, cluster) in [
            ("the original", &mut story.cluster),
            ("restored to T", &mut restored),
            ("restored from the dump", &mut elsewhere),
        ] {
            cluster.keep();
            show.kept(what, cluster);
        }
        show.how_to_remove();
    }
    all_equal
}
