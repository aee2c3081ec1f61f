//! What commands may do to a stretched table: `enable` holds the commands of ours, `guard` judges those of everybody
//! else, and by `follow` the catalog follows those that change columns and keys.

pub mod enable;
pub mod follow;
pub mod guard;
