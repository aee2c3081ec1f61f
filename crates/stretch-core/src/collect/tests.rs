//! Tests of the decisions, one file for each part.
