//! How long a stage that halted waits before it begins again.

use std::time::Duration;

use schemas::Position;
use sqlx::PgPool;
use tokio::time::sleep;

use crate::{
    checkpoint,
    failure::Failure,
    stage::{POLL, SWEEP},
};

/// The longest: whoever asks from outside still finds the halt a fresh one (`halts::FRESH`).
const LONGEST: Duration = Duration::from_secs(30);

/// The pauses of one stage. What cannot be applied now can hardly be applied a second later, so those before it grow.
#[derive(Debug, Default)]
pub(crate) struct Pauses {
    /// Where the last event could not be applied, and how often again.
    stuck: Option<(Position, u32)>,
}

impl Pauses {
    /// Before beginning again after this failure.
    pub(crate) fn after(&mut self, failure: &Failure) -> Duration {
        match failure {
            Failure::Apply { after, .. } => self.grown(*after),
            // What an operator has to mend is not mended within a second.
            failure if failure.needs_an_operator() => SWEEP,
            _ => POLL,
        }
    }

    fn grown(&mut self, place: Position) -> Duration {
        let again = match self.stuck {
            Some((known, again)) if known == place => again.saturating_add(1),
            _ => 0,
        };
        self.stuck = Some((place, again));
        POLL.saturating_mul(2_u32.saturating_pow(again)).min(LONGEST)
    }
}

/// Waits for `pause`, or until the checkpoint stands elsewhere than at `place`: an operator has set it back, a rebuild or the
/// process that leads meanwhile has moved it. A second is waited for in any case.
pub(crate) async fn rest(pool: &PgPool, stage: &str, place: Option<Position>, pause: Duration) {
    sleep(pause.min(POLL)).await;
    tokio::select! {
        () = sleep(pause.saturating_sub(POLL)) => {}
        () = moved(pool, stage, place) => {}
    }
}

async fn moved(pool: &PgPool, stage: &str, place: Option<Position>) {
    let Some(place) = place else { return std::future::pending().await };
    // While the database is away, nobody moves anything.
    while !matches!(checkpoint::position(pool, stage).await, Ok(Some(now)) if now != place) {
        sleep(POLL).await;
    }
}

#[cfg(test)]
mod tests {
    use event_store::database;
    use local_stack::testing::{TestDatabase, within};

    use super::*;

    fn cannot_apply(after: i64) -> Failure {
        Failure::Apply { after: Position(after), source: anyhow::anyhow!("told to fail") }
    }

    #[test]
    fn pauses_grow_where_a_stage_is_stuck_and_begin_anew_elsewhere() {
        let mut pauses = Pauses::default();
        let mut seconds = |failure: &Failure| pauses.after(failure).as_secs();
        let grown: Vec<_> = (0..40).map(|_| seconds(&cannot_apply(7))).collect();
        assert_eq!(grown[..7], [1, 2, 4, 8, 16, 30, 30]);
        assert_eq!(grown[39], 30);
        assert_eq!(seconds(&Failure::Deposed), 1);
        assert_eq!(seconds(&Failure::Stopped { at: Position(8), reason: "no model".to_owned() }), 10);
        assert_eq!(seconds(&cannot_apply(7)), 30, "it is stuck there still");
        assert_eq!(seconds(&cannot_apply(8)), 1);
    }

    #[tokio::test]
    async fn a_checkpoint_that_is_moved_ends_the_rest() {
        let database = TestDatabase::create().await.unwrap();
        let pool = database::pool(database.url(), "test", 2).unwrap();
        database::MIGRATOR.run(&pool).await.unwrap();
        checkpoint::load(&pool, "stage").await.unwrap();
        let mut connection = pool.acquire().await.unwrap();
        checkpoint::advance(&mut connection, "stage", Position(0), Position(4)).await.unwrap().unwrap();
        let day = Duration::from_hours(24);
        within("the end of the rest", rest(&pool, "stage", Some(Position(0)), day)).await;
    }
}
