//! Faults on demand: what can go wrong between a client and Zoho, by chance or by number, the same for the same seed.
//!
//! A fault befalls a call that the gate let in, so every hit is one of a call that would have gone well. What ran before
//! the answer was lost has really happened, and the oracle shows it.

mod inject;
mod late;
mod plan;
mod schedule;
mod text;
mod twist;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use crate::counters::CallKind;

pub use plan::{Plan, PlanError, Rule};

pub(crate) use inject::{befall, token_layer};
pub(crate) use late::Held;
pub(crate) use schedule::{Hit, Schedule};
pub(crate) use twist::Twist;

/// What can go wrong.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub enum Fault {
    // Nothing runs.
    /// The connection is closed before the body is read
    CloseBefore,
    /// 500, 502, 503 or 504 with HTML; nothing ran
    GatewayError,
    /// 1030 although the token is valid
    BadToken,
    /// 429 with 2955
    MinuteLimit,
    /// 200 with 4000
    DailyLimit,
    // All is well, later.
    /// The answer takes `seconds` (1) of real time longer
    Delay,
    // The call runs, its answer is lost.
    /// The connection is closed instead of an answer: the maker of duplicates
    CommitThenClose,
    /// No answer for `seconds` (120) of real time, then the connection is closed
    CommitThenSilence,
    /// 500, 502, 503 or 504 with HTML instead of the answer
    CommitThenError,
    /// The answer ends in the middle: with the connection, or as a complete HTTP answer with half the JSON
    CommitThenCut,
    /// 200 with an empty body instead of the answer
    EmptyBody,
    /// 404 with 2930 "Error Occurred": one time after the call ran, another time without
    ErrorOccurred,
    /// The zombie: the connection is closed, and the call runs `seconds` (90) of the mock's time later
    Late,
    /// The first half of the rows is added, then 500 with HTML
    HalfBatch,
    // The call runs, its answer is odd.
    /// `result` lacks its last item
    ShortResult,
    /// `result` is in another order
    ReorderedResult,
    /// 3000 and an ID, and an error of an "On success" script beside them
    CreatedWithError,
    // The call runs, what it leaves is odd.
    /// Get Records does not show the new rows for `seconds` (30) of the mock's time
    ReadDelay,
    /// Unique fields are not compared with rows of the last `seconds` (1) of the mock's time: simultaneous inserts
    UniqueRace,
    // Of the token endpoint.
    /// "Access Denied" with HTTP 400
    AccessDenied,
    /// "Access Denied" with HTTP 200
    AccessDeniedOk,
    /// `{"error":"invalid_code"}` for a good refresh token
    InvalidCode,
}

/// Every fault with what it does, for `--help`.
pub(crate) fn list() -> String {
    let lines = Fault::value_variants().iter().filter_map(|fault| {
        let value = fault.to_possible_value()?;
        Some(format!("\n  {:<20} {}", value.get_name(), value.get_help()?))
    });
    std::iter::once("Faults:".to_owned()).chain(lines).collect()
}

impl Fault {
    /// Whether the fault can befall such a call.
    #[must_use]
    pub fn can_befall(self, call: CallKind) -> bool {
        use CallKind::{Add, Delete, DeleteMany, Legacy, Token, Update, UpdateMany};
        match self {
            Self::AccessDenied | Self::AccessDeniedOk | Self::InvalidCode => call == Token,
            Self::HalfBatch
            | Self::ShortResult
            | Self::ReorderedResult
            | Self::CreatedWithError
            | Self::ReadDelay
            | Self::UniqueRace => call == Add,
            Self::Late => matches!(call, Add | Update | UpdateMany | Delete | DeleteMany),
            Self::BadToken | Self::MinuteLimit | Self::DailyLimit | Self::ErrorOccurred => {
                !matches!(call, Token | Legacy)
            }
            _ => call != Legacy,
        }
    }

    /// Whether it befalls such a call when the rule names none: those of Creator, unless the fault is of the token
    /// endpoint only.
    fn befalls_unasked(self, call: CallKind) -> bool {
        let of_tokens = matches!(self, Self::AccessDenied | Self::AccessDeniedOk | Self::InvalidCode);
        self.can_befall(call) && (of_tokens || call != CallKind::Token)
    }

    /// Seconds, where the rule names none.
    const fn usual_seconds(self) -> f64 {
        match self {
            Self::CommitThenSilence => 120.0,
            Self::Late => 90.0,
            Self::ReadDelay | Self::MinuteLimit => 30.0,
            _ => 1.0,
        }
    }
}
