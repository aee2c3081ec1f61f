//! Commands that change a stretched table do to its cold rows what they do to hot ones, or are refused: compared with a
//! plain twin, command by command and in random schedules.

#[path = "ddl/columns.rs"]
mod columns;
#[path = "ddl/keys.rs"]
mod keys;
#[path = "ddl/matrix.rs"]
mod matrix;
#[path = "ddl/moments.rs"]
mod moments;
#[path = "ddl/moves.rs"]
mod moves;
#[path = "ddl/rewrite.rs"]
mod rewrite;
#[path = "ddl/schedule.rs"]
mod schedule;
#[path = "ddl/twin.rs"]
mod twin;
