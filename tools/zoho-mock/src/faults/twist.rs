//! What a fault asks of the handler itself; everything else happens around it.

use chrono::TimeDelta;

/// Travels with every request of Creator; by itself it asks for nothing.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Twist {
    /// Only the first half of the rows is looked at.
    pub(crate) half: bool,
    /// The new rows are not shown for so long.
    pub(crate) hidden_for: Option<TimeDelta>,
    /// Unique fields are not compared with what was inserted within this time: two inserts at one moment do not see each
    /// other.
    pub(crate) races_with: Option<TimeDelta>,
}
