//! Which rows a scan of ours shows, as a plan has it: decided when planning, known when running.

/// Which rows a scan shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum Shows {
    /// Hot and cold ones.
    All,
    /// At most one, hot or cold.
    One,
    /// Hot ones alone: the query wants no other.
    Hot,
    /// Hot ones, and of the cold ones what an aggregate above leaves, which opens the cold side.
    Rest,
}

impl Shows {
    /// As the plan has it.
    pub fn of(number: Option<&i32>) -> Self {
        match number {
            Some(1) => Self::One,
            Some(2) => Self::Hot,
            Some(3) => Self::Rest,
            _ => Self::All,
        }
    }
}
