//! The read model made anew from the log, beside the live one, which goes on being read and kept up to date meanwhile.
//!
//! The log is read ticket by ticket, not in the order of positions: each ticket is a stream of its own, so several
//! readers share the tickets, a ticket's row is written once and complete, and nothing is held in memory but the portion
//! at hand. What happens meanwhile is caught up by folding the tickets it touched once more. The exchange is one
//! transaction that holds the stage's checkpoint: the live projection waits, readers see the old tables until it commits
//! and the new ones from then on.
//!
//! A rebuild can have no side effect: all it has is connections to the database and keys to read with. There is no bus,
//! no CRM and no writer of the log in any type of this module (`tests/architecture.rs` keeps it so).
//!
//! - `turn`: one rebuild at a time
//! - [`place`]: where a read model stands, and its tables there
//! - [`plan`]: what is to be done, kept so that it can be resumed
//! - `fold`: streams become rows; `copy`: rows go to their tables
//! - `build`: the portions, in parallel; then indexes and counters
//! - `catch_up`: what happened since; also a part of the live tables
//! - [`digest`]: whether two read models are equal
//! - `exchange`: the new one becomes the live one, or the previous one again

mod build;
mod catch_up;
mod copy;
pub mod digest;
mod exchange;
mod fold;
pub mod place;
pub mod plan;
mod turn;

use anyhow::Context as _;
use event_store::PersonalKeys;
use schemas::{Position, TicketId};
use sqlx::{Connection as _, PgConnection, PgPool, postgres::PgConnectOptions};
use tokio_util::sync::CancellationToken;

use crate::projection::contract::Contract;
use digest::Comparison;
use place::Place;
use plan::Build;
pub use turn::{Busy, Turn};

/// Makes read models anew.
#[derive(Clone, Debug)]
pub struct Rebuild {
    pool: PgPool,
    keys: PersonalKeys,
    pace: Pace,
    stop: CancellationToken,
}

/// How hard to work.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Connections that write at once.
    pub workers: usize,
    /// Tickets written in one transaction.
    pub portion: i64,
    /// How long to rest after a portion, as a multiple of the time it took.
    pub rest: f32,
}

impl Pace {
    /// As fast as the machine allows.
    pub const FAST: Self = Self { workers: 4, portion: 2_000, rest: 0.0 };
    /// Hardly noticed: one connection, small portions, a quarter of the time.
    pub const GENTLE: Self = Self { workers: 1, portion: 200, rest: 3.0 };
}

/// How far a build is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Portions of tickets.
    Portions {
        /// Done.
        done: usize,
        /// Of so many.
        of: usize,
    },
    /// Indexes are made.
    Indexes,
    /// Catching up with the log.
    CatchUp {
        /// Here now.
        at: Position,
        /// And up to here.
        to: Position,
    },
    /// Reading both to compare them.
    Compare,
}

/// Hears of every step; it is called often.
pub type Observer<'a> = &'a (dyn Fn(Step) + Sync);

/// What a rebuild ended with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The place holds a whole read model.
    Built(Build),
    /// It was told to stop; the next run goes on from here.
    Cancelled,
}

/// Told to stop meanwhile: nothing was exchanged that was not whole.
#[derive(Debug, thiserror::Error)]
#[error("stopped")]
pub struct Stopped;

impl Rebuild {
    /// On the database behind `pool`, reading personal data with `keys`, until told to `stop`.
    #[must_use]
    pub const fn new(pool: PgPool, keys: PersonalKeys, pace: Pace, stop: CancellationToken) -> Self {
        Self { pool, keys, pace, stop }
    }

    /// The same, until told to `stop` by another one.
    #[must_use]
    pub fn until(&self, stop: CancellationToken) -> Self {
        Self { stop, ..self.clone() }
    }

    /// What tells it to stop.
    #[must_use]
    pub const fn stop(&self) -> &CancellationToken {
        &self.stop
    }

    /// The database.
    #[must_use]
    pub const fn pool(&self) -> &PgPool {
        &self.pool
    }

    fn go_on(&self) -> Result<(), Stopped> {
        if self.stop.is_cancelled() { Err(Stopped) } else { Ok(()) }
    }

    /// Builds `projections`, all of one stage, in `place` up to the head of the log, going on with what stands there
    /// already. Where some of their stage are missing, it goes as far as the live ones are.
    ///
    /// # Errors
    /// When the database fails, or an event cannot be applied.
    pub async fn build(
        &self,
        place: Place,
        projections: &[&'static Contract],
        observe: Observer<'_>,
    ) -> anyhow::Result<Ended> {
        let build = plan::start_or_resume(self, place, projections).await?;
        if !build.finished && !build::run(self, &build, observe).await? {
            return Ok(Ended::Cancelled);
        }
        let build = plan::load(&self.pool, place).await?.context("the build is gone")?;
        catch_up::to_head(self, build, observe).await
    }

    /// Compares what stands in `place` with the live read model, both at one position.
    ///
    /// # Errors
    /// When the database fails, or the live projection does not move; [`Stopped`] inside when told to stop.
    pub async fn compare(&self, place: Place, observe: Observer<'_>) -> anyhow::Result<Comparison> {
        digest::compare(self, place, observe).await
    }

    /// Makes `projections`, all of one stage, anew only to compare them with the live ones: nothing stands there afterwards,
    /// however it ends.
    ///
    /// # Errors
    /// As building and comparing; [`Stopped`] inside when told to stop.
    pub async fn check(
        &self,
        projections: &[&'static Contract],
        observe: Observer<'_>,
    ) -> anyhow::Result<Comparison> {
        let compared = self.shadow(projections, observe).await;
        // It holds clear text. What went wrong before is the better explanation, though.
        let discarded = self.discard(Place::Shadow).await;
        let compared = compared?;
        discarded?;
        Ok(compared)
    }

    async fn shadow(
        &self,
        projections: &[&'static Contract],
        observe: Observer<'_>,
    ) -> anyhow::Result<Comparison> {
        match self.build(Place::Shadow, projections, observe).await? {
            Ended::Built(_) => self.compare(Place::Shadow, observe).await,
            Ended::Cancelled => Err(Stopped.into()),
        }
    }

    /// What stands in `place`, if anything does.
    ///
    /// # Errors
    /// When the database cannot be asked, or something unknown stands there.
    pub async fn standing(&self, place: Place) -> anyhow::Result<Option<Build>> {
        plan::load(&self.pool, place).await
    }

    /// Makes what stands in `place` the live read model; what was live becomes the previous one of its stage.
    ///
    /// # Errors
    /// When nothing whole stands there, its columns differ, or the database fails; [`Stopped`] inside when told to stop.
    /// Then nothing has changed.
    pub async fn exchange(&self, place: Place) -> anyhow::Result<Position> {
        exchange::run(self, place).await
    }

    /// Folds these tickets once more and replaces their live rows, at the position of the live projection.
    ///
    /// # Errors
    /// When the database fails, or an event cannot be applied; [`Stopped`] inside when told to stop, and then only the
    /// first of them are replaced.
    pub async fn tickets(&self, tickets: &[TicketId]) -> anyhow::Result<()> {
        catch_up::live_tickets(self, tickets).await
    }

    /// The tickets that events from `from` on touch.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn touched_since(&self, from: Position) -> anyhow::Result<Vec<TicketId>> {
        let before = Position(from.0 - 1);
        Ok(event_store::read::streams::touched_between(&self.pool, before, Position(i64::MAX)).await?)
    }

    /// Drops what stands in `place`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn discard(&self, place: Place) -> anyhow::Result<()> {
        let mut transaction = self.pool.begin().await?;
        place::clear(&mut transaction, place).await?;
        plan::forget(&mut transaction, place).await?;
        Ok(transaction.commit().await?)
    }

    /// A connection for long work.
    async fn connection(&self) -> Result<PgConnection, sqlx::Error> {
        let options: PgConnectOptions = (*self.pool.connect_options()).clone();
        let options = options.application_name("hub-rebuild").options([
            ("statement_timeout", "0"),
            ("idle_in_transaction_session_timeout", "60s"),
            ("maintenance_work_mem", "256MB"),
            // Several indexes are made at once anyway.
            ("max_parallel_maintenance_workers", "0"),
            // A crash may take the last portions back, with the marks that they are done.
            ("synchronous_commit", "off"),
        ]);
        PgConnection::connect_with(&options).await
    }
}

/// Notes, where `projections`, all of one stage, have projected nothing yet and the log is short, that their tables are of the
/// versions this build makes. Of a long log they are made at once, which takes half as long as event by event.
///
/// # Errors
/// When the database fails.
pub async fn note_fresh(pool: &PgPool, projections: &[&'static Contract]) -> Result<(), sqlx::Error> {
    exchange::note_fresh(pool, projections).await
}

/// Those of `projections` whose tables an older build made.
///
/// # Errors
/// When the database cannot be asked.
pub async fn outdated(
    pool: &PgPool,
    projections: &[&'static Contract],
) -> Result<Vec<&'static Contract>, sqlx::Error> {
    let rows = sqlx::query!("select projection, version from projector.versions").fetch_all(pool).await?;
    let is_current = |projection: &Contract| {
        rows.iter().any(|row| (row.projection.as_str(), row.version) == projection.id())
    };
    Ok(projections.iter().copied().filter(|projection| !is_current(projection)).collect())
}
