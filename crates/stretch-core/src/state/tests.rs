//! Words are read in any case and shown in one.

use super::*;

#[test]
fn words_round_trip_in_any_case() {
    for mode in [
        QueryMode::LocalAndRemote,
        QueryMode::LocalOnly,
        QueryMode::RemoteOnly,
        QueryMode::Disabled,
    ] {
        assert_eq!(mode.to_string().to_lowercase().parse(), Ok(mode));
        assert_eq!(mode.to_string(), mode.to_string().to_uppercase());
    }
    for state in [
        MigrationState::Outbound,
        MigrationState::Inbound,
        MigrationState::Paused,
    ] {
        assert_eq!(state.to_string().to_uppercase().parse(), Ok(state));
        assert_eq!(state.to_string(), state.to_string().to_lowercase());
    }
}

#[test]
fn zeroed_memory_is_undecided() {
    assert_eq!(size_of::<DatabaseState>(), 1);
    assert_eq!(DatabaseState::Undecided as u8, 0);
    assert_eq!(DatabaseState::default(), DatabaseState::Undecided);
}

#[test]
fn blanks_count_in_a_migration_state_only() {
    assert_eq!(" disabled ".parse(), Ok(QueryMode::Disabled));
    let error = " sideways".parse::<QueryMode>().unwrap_err();
    assert_eq!(error.given, " sideways");
    assert!(" paused ".parse::<MigrationState>().is_err());
}

#[test]
fn an_unknown_word_names_the_known_ones() {
    let error = "sideways".parse::<MigrationState>().unwrap_err();
    assert_eq!(
        error.to_string(),
        "\"sideways\" is not one of outbound, inbound, paused"
    );
    assert!("LOCAL".parse::<QueryMode>().is_err());
}
