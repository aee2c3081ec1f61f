//! The foreign data wrapper that serves the cold side of a stretched table.
