//! Hooks that keep PostgreSQL and other commands from doing to a stretched table what cannot be done exactly.
