//! What commands may do to a stretched table: `enable` holds the commands of ours, `guard` judges those of everybody
//! else.

pub mod enable;
pub mod guard;
