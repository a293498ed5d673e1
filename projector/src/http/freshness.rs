//! Reading one's own writes: `minPosition=N` waits until the read model holds everything up to position N, which a
//! command's answer names; and a ticket that was just handed in is waited for in any case.

use std::time::Duration;

use axum::http::StatusCode;
use schemars::JsonSchema;
use schemas::Position;
use serde::Deserialize;
use service_host::Problem;
use subscription::Progress;

use super::{AppState, no_such_ticket, parameter::Within};
use crate::queries::{QueryError, log, ticket::TicketKey};

/// Longer than any lag of a healthy projection.
const PATIENCE: Duration = Duration::from_secs(5);

/// The query parameters of questions that take nothing else.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FreshParams {
    /// Wait until the answer holds everything up to this position of the log.
    min_position: Option<MinPosition>,
}

/// A position of the log.
pub type MinPosition = Within<0, { i64::MAX }>;

impl FreshParams {
    /// What `ask` finds of a ticket, as [`of_ticket`].
    ///
    /// # Errors
    /// As [`of_ticket`].
    pub async fn of_ticket<T, F: Future<Output = Result<Option<T>, QueryError>>>(
        &self,
        state: &AppState,
        key: TicketKey,
        ask: impl Fn() -> F,
    ) -> Result<T, Problem> {
        of_ticket(state, key, self.min_position, ask).await
    }
}

/// What `ask` finds of a ticket once the read model is at `wanted`. A ticket that only the log knows yet is waited for
/// too: 404 says that there is none, not that it is new.
///
/// # Errors
/// 404 where there is no such ticket, and as [`wait_for`].
pub async fn of_ticket<T, F: Future<Output = Result<Option<T>, QueryError>>>(
    state: &AppState,
    key: TicketKey,
    wanted: Option<MinPosition>,
    ask: impl Fn() -> F,
) -> Result<T, Problem> {
    wait_for(state, &[&state.progress], wanted).await?;
    if let Some(found) = ask().await? {
        return Ok(found);
    }
    let first = log::first_event(&state.log, key).await?.ok_or_else(no_such_ticket)?;
    reach(&[&state.progress], first).await?;
    ask().await?.ok_or_else(no_such_ticket)
}

/// Returns as soon as every one of `stages` is at `wanted`, at once where nothing is wanted.
///
/// # Errors
/// 400 for a position that is beyond the end of the log, 504 when it is not reached in time.
pub async fn wait_for(
    state: &AppState,
    stages: &[&Progress],
    wanted: Option<MinPosition>,
) -> Result<(), Problem> {
    let Some(Within(wanted)) = wanted else { return Ok(()) };
    let wanted = Position(wanted);
    if stages.iter().all(|stage| stage.position() >= wanted) {
        return Ok(());
    }
    // Nobody can have written it: waiting would be for nothing.
    check_written(state, "minPosition", wanted).await?;
    reach(stages, wanted).await
}

/// A position that a parameter names must be in the log.
///
/// # Errors
/// 400 for one that is beyond its end.
pub async fn check_written(state: &AppState, parameter: &str, wanted: Position) -> Result<(), Problem> {
    let head = log::head(&state.log).await?;
    if wanted > head {
        let detail = format!("{parameter} is {wanted}, but the log ends at {head}");
        return Err(Problem::bad_request(detail).with_member("headPosition", head.0));
    }
    Ok(())
}

/// Waits until every one of `stages` is at `wanted`.
///
/// # Errors
/// 504 when that takes too long.
pub async fn reach(stages: &[&Progress], wanted: Position) -> Result<(), Problem> {
    let reached = async {
        for stage in stages {
            stage.reached(wanted).await;
        }
    };
    tokio::time::timeout(PATIENCE, reached).await.map_err(|_| behind(stages, wanted))
}

fn behind(stages: &[&Progress], wanted: Position) -> Problem {
    let now = stages.iter().map(|stage| stage.position()).min().unwrap_or_default();
    let detail = format!("tickets are known up to position {now}, not yet up to {wanted}; ask again");
    Problem::new(StatusCode::GATEWAY_TIMEOUT, detail)
        .with_member("type", "urn:smart-service-hub:problem:read-model-behind")
        .with_member("position", now.0)
        .retry_after(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_position_that_is_not_reached_in_time_is_a_504() {
        let (there, late) = (Progress::new("there"), Progress::new("late"));
        there.reset(Position(1));
        let problem = reach(&[&there, &late], Position(1)).await.unwrap_err();
        assert!(format!("{problem:?}").contains("504"), "{problem:?}");
        assert_eq!(reach(&[&there], Position(1)).await, Ok(()));
    }
}
