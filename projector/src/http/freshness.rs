//! Reading one's own writes: `minPosition=N` waits until the read model holds everything up to position N, which a
//! command's answer names.

use std::time::Duration;

use axum::http::StatusCode;
use schemas::Position;
use service_host::Problem;
use subscription::Progress;

/// Longer than any lag of a healthy projection.
const PATIENCE: Duration = Duration::from_secs(5);

/// Returns as soon as the read model is at `wanted`, at once where nothing is wanted.
///
/// # Errors
/// 504 when it is not there in time.
pub async fn wait_for(progress: &Progress, wanted: Option<Position>) -> Result<(), Problem> {
    let Some(wanted) = wanted else { return Ok(()) };
    let reached = tokio::time::timeout(PATIENCE, progress.reached(wanted)).await;
    reached.map_err(|_| {
        let now = progress.position();
        let detail = format!("tickets are known up to position {now}, not yet up to {wanted}; ask again");
        Problem::new(StatusCode::GATEWAY_TIMEOUT, detail).retry_after(1)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_position_that_is_not_reached_in_time_is_a_504() {
        let progress = Progress::new("test");
        let problem = wait_for(&progress, Some(Position(1))).await.unwrap_err();
        assert!(format!("{problem:?}").contains("504"), "{problem:?}");
        assert_eq!(wait_for(&progress, None).await, Ok(()));
    }
}
