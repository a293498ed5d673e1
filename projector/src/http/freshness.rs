//! Reading one's own writes: `minPosition=N` waits until the read model holds everything up to position N, which a
//! command's answer names.

use std::time::Duration;

use axum::http::StatusCode;
use schemas::Position;
use service_host::Problem;
use subscription::Progress;

use super::AppState;
use crate::queries::log;

/// Longer than any lag of a healthy projection.
const PATIENCE: Duration = Duration::from_secs(5);

/// Returns as soon as every one of `stages` is at `wanted`, at once where nothing is wanted.
///
/// # Errors
/// 400 for a position that is beyond the end of the log, 504 when it is not reached in time.
pub async fn wait_for(
    state: &AppState,
    stages: &[&Progress],
    wanted: Option<Position>,
) -> Result<(), Problem> {
    let Some(wanted) = wanted else { return Ok(()) };
    if stages.iter().all(|stage| stage.position() >= wanted) {
        return Ok(());
    }
    // Nobody can have written it: waiting would be for nothing.
    let head = log::head(&state.pool).await?;
    if wanted > head {
        let detail = format!("minPosition is {wanted}, but the log ends at {head}");
        return Err(Problem::bad_request(detail).with_member("headPosition", head.0));
    }
    reach(stages, wanted).await
}

async fn reach(stages: &[&Progress], wanted: Position) -> Result<(), Problem> {
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
