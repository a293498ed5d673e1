//! What came of asking for the form, in the database: each asking costs one of the day's calls, and a process that starts
//! over and over must not ask each time.
//!
//! A form that fits is taken to fit for a day, unless it or the mapping is another one by then, or a record was refused
//! for what is in it. Anything else is asked again, after a wait that grows with every asking.

use chrono::{DateTime, TimeDelta, Utc};
use sha2::{Digest as _, Sha256};
use sqlx::PgPool;

use super::{SYSTEM, mapping::Mapping, settings::Environment};
use crate::retry;

/// How long a form that fits is taken to fit.
const BELIEVED: TimeDelta = TimeDelta::days(1);

/// What came of an asking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The form is as the mapping takes it to be.
    Fits,
    /// It is not.
    Misfit,
    /// Zoho does not show it.
    Refused,
    /// Nobody said, or whoever asked died.
    Unanswered,
}

impl Outcome {
    const ALL: [Self; 4] = [Self::Fits, Self::Misfit, Self::Refused, Self::Unanswered];

    /// For the database.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fits => "fits",
            Self::Misfit => "misfit",
            Self::Refused => "refused",
            Self::Unanswered => "unanswered",
        }
    }

    fn named(name: &str) -> Self {
        Self::ALL.into_iter().find(|outcome| outcome.name() == name).unwrap_or(Self::Unanswered)
    }
}

/// The latest asking about this form and mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked {
    /// What came of it.
    pub outcome: Outcome,
    /// Before when nobody who starts asks again.
    pub holds_until: DateTime<Utc>,
}

/// Remembers for one form and one mapping.
#[derive(Clone, Debug)]
pub struct FormMemory {
    pool: PgPool,
    fingerprint: Vec<u8>,
}

impl FormMemory {
    /// For the form that is described at `address`.
    #[must_use]
    pub fn new(pool: PgPool, address: &str, environment: Option<Environment>, mapping: &Mapping) -> Self {
        let mapping = serde_json::to_vec(mapping).unwrap_or_default();
        let mut hash = Sha256::new();
        for part in [address.as_bytes(), environment.map_or("", Environment::name).as_bytes(), &mapping] {
            hash.update(part.len().to_be_bytes());
            hash.update(part);
        }
        Self { pool, fingerprint: hash.finalize().to_vec() }
    }

    /// What is known; `None` where it is time to ask.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn recall(&self, now: DateTime<Utc>) -> sqlx::Result<Option<Asked>> {
        let row = sqlx::query!(
            "select outcome, in_a_row, asked_at from crm.form_check where sink = $1 and fingerprint = $2",
            SYSTEM,
            &self.fingerprint,
        )
        .fetch_optional(&self.pool)
        .await?;
        let asked = row.map(|row| {
            let outcome = Outcome::named(&row.outcome);
            Asked { outcome, holds_until: row.asked_at + holds(outcome, row.in_a_row) }
        });
        Ok(asked.filter(|asked| now < asked.holds_until))
    }

    /// Somebody is about to ask: until it is known what came of it, nothing did.
    ///
    /// # Errors
    /// When the database fails: then nobody may ask.
    pub async fn begin(&self, now: DateTime<Utc>) -> sqlx::Result<()> {
        sqlx::query!(
            "insert into crm.form_check as known (sink, fingerprint, outcome, in_a_row, asked_at)
             values ($1, $2, 'unanswered', 1, $3)
             on conflict (sink) do update
             set fingerprint = $2, outcome = 'unanswered', asked_at = $3,
                 in_a_row = case when known.fingerprint = $2 then known.in_a_row + 1 else 1 end",
            SYSTEM,
            &self.fingerprint,
            now,
        )
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// What came of it.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn conclude(&self, outcome: Outcome) -> sqlx::Result<()> {
        sqlx::query!(
            "update crm.form_check set outcome = $3, in_a_row = case when $3 = 'fits' then 0 else in_a_row end
             where sink = $1 and fingerprint = $2",
            SYSTEM,
            &self.fingerprint,
            outcome.name(),
        )
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// A record was refused for what is in it: perhaps the form changed. Whoever starts next asks.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn doubt(&self) -> sqlx::Result<()> {
        sqlx::query!("delete from crm.form_check where sink = $1 and outcome = 'fits'", SYSTEM)
            .execute(&self.pool)
            .await?;
        Ok(())
    }
}

/// The waits of a lost answer: 5 s, 30 s, doubling to 15 min, which is a hundred calls in a day at most.
fn holds(outcome: Outcome, in_a_row: i32) -> TimeDelta {
    if outcome == Outcome::Fits {
        return BELIEVED;
    }
    let wait = retry::transport_rest((in_a_row - 1).max(0).unsigned_abs());
    TimeDelta::from_std(wait).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_outcome_is_found_by_its_name() {
        for outcome in Outcome::ALL {
            assert_eq!(Outcome::named(outcome.name()), outcome);
        }
    }

    #[test]
    fn each_asking_in_vain_is_waited_for_longer() {
        let waits: Vec<_> = (1..=8).map(|n| holds(Outcome::Unanswered, n).num_seconds()).collect();
        assert_eq!(waits, [5, 30, 60, 120, 240, 480, 900, 900]);
        assert_eq!(holds(Outcome::Fits, 0), TimeDelta::days(1));
    }
}
