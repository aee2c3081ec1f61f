//! Background workers: the launcher of the server and one worker per stretched database.

pub mod database;
pub mod launcher;
pub mod serve;
pub mod settings;
