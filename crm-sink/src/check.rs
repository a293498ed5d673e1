//! Whether the form takes what would be sent: asked before the first ticket leaves, unless that is known already.

use std::time::Duration;

use anyhow::Context as _;
use chrono::{DateTime, Utc};
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use crate::{
    destination::{Destination as _, NoPermit, Purpose, Refusal, Refused},
    queue,
    status::Status,
    zoho::{
        Answer, Client,
        form::{self, Field},
        form_memory::{Asked, Outcome},
        mapping::Mapping,
    },
};

/// How often whoever waits looks whether somebody else knows by now: `hubctl crm map-check`, or another process.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

/// The form is not as the mapping takes it to be.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the form does not fit the mapping: {}", .0.join("; "))]
pub struct Mismatch(pub Vec<String>);

/// Whether the form fits, as far as it can be said.
#[derive(Debug, PartialEq, Eq)]
pub enum Checked {
    /// It fits.
    Fits,
    /// It does not.
    Mismatch(Mismatch),
    /// It did not, and is not asked for again before this time.
    DidNotFit(DateTime<Utc>),
    /// Nobody said; perhaps later.
    Unanswered(String),
    /// No call may be made before this time.
    NotBefore(DateTime<Utc>),
    /// Names or permissions are wrong.
    Refused(Refused),
}

/// Asks, and remembers the answer.
///
/// # Errors
/// When the database fails.
pub async fn check(client: &Client, now: DateTime<Utc>) -> anyhow::Result<Checked> {
    let permit = match client.permit(Purpose::People, now).await {
        Ok(permit) => permit,
        Err(NoPermit::Database(error)) => return Err(error.into()),
        Err(NoPermit::NotBefore(time)) => return Ok(Checked::NotBefore(time)),
        Err(lack) => return Ok(Checked::Unanswered(lack.to_string())),
    };
    let memory = client.form_memory();
    memory.begin(now).await?;
    let checked = judge(client.mapping(), client.fields(permit).await);
    memory.conclude(checked.outcome()).await?;
    Ok(checked)
}

/// As [`check`], but without a call where an earlier one still says enough.
///
/// # Errors
/// When the database fails.
pub async fn check_unless_known(client: &Client, now: DateTime<Utc>) -> anyhow::Result<Checked> {
    let Some(Asked { outcome, holds_until }) = client.form_memory().recall(now).await? else {
        return check(client, now).await;
    };
    Ok(match outcome {
        Outcome::Fits => Checked::Fits,
        Outcome::Misfit => Checked::DidNotFit(holds_until),
        Outcome::Refused => Checked::Refused(Refused::silently(Refusal::Config)),
        Outcome::Unanswered => Checked::NotBefore(holds_until),
    })
}

fn judge(mapping: &Mapping, answer: Result<Vec<Field>, Answer>) -> Checked {
    match answer.map(|form| form::mismatches(mapping, &form)) {
        Ok(wrong) if wrong.is_empty() => Checked::Fits,
        Ok(wrong) => Checked::Mismatch(Mismatch(wrong)),
        Err(Answer::Refused(refused)) if refused.why == Refusal::Config => Checked::Refused(refused),
        Err(answer) => Checked::Unanswered(answer.name().to_owned()),
    }
}

impl Checked {
    const fn outcome(&self) -> Outcome {
        match self {
            Self::Fits => Outcome::Fits,
            Self::Mismatch(_) | Self::DidNotFit(_) => Outcome::Misfit,
            Self::Refused(_) => Outcome::Refused,
            Self::Unanswered(_) | Self::NotBefore(_) => Outcome::Unanswered,
        }
    }

    /// Before looking again, for whoever cannot go on.
    fn pause(&self, now: DateTime<Utc>) -> Duration {
        match self {
            Self::NotBefore(time) | Self::DidNotFit(time) => {
                (*time - now).to_std().unwrap_or_default().min(LOOK_AGAIN)
            }
            _ => LOOK_AGAIN,
        }
    }

    /// Says why the lane does not start.
    fn tell(&self) {
        match self {
            Self::DidNotFit(time) => {
                tracing::error!(not_before = %time, "the form did not fit the mapping; it is checked again then, or by `hubctl crm map-check`");
            }
            Self::NotBefore(time) => {
                tracing::info!(not_before = %time, "the form is checked once a call may be made");
            }
            Self::Unanswered(why) => tracing::warn!(why, "the form could not be checked yet"),
            _ => {}
        }
    }
}

/// Asks until somebody answers, or the process stops: a CRM that is away must not keep the sink from starting, but nothing
/// is sent to a form that does not fit. Whether the lane may start.
///
/// # Errors
/// [`Mismatch`], for which the process ends; or a time zone that Postgres does not know.
pub async fn until_checked(
    client: &Client,
    pool: &PgPool,
    status: &Status,
    stop: &CancellationToken,
) -> anyhow::Result<bool> {
    client.budget().check_zone().await.context("ZOHO_TIME_ZONE")?;
    let mut told = None;
    while !stop.is_cancelled() {
        let now = queue::clock(pool).await?;
        let checked = check_unless_known(client, now).await?;
        status.misfit(matches!(checked, Checked::DidNotFit(_)));
        match checked {
            Checked::Fits => return Ok(true),
            Checked::Mismatch(mismatch) => return Err(mismatch.into()),
            // The lane's breaker says so from now on, and asks again.
            Checked::Refused(Refused { code, .. }) => {
                tracing::error!(code, "Zoho does not show the form: wrong names, or no permission");
                return Ok(true);
            }
            waiting => {
                if told.as_ref() != Some(&waiting) {
                    waiting.tell();
                }
                stop.run_until_cancelled(tokio::time::sleep(waiting.pause(now))).await;
                told = Some(waiting);
            }
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    #[test]
    fn whoever_waits_for_a_call_waits_no_longer_than_for_that() {
        let now = DateTime::UNIX_EPOCH;
        let pause = |wait: TimeDelta| Checked::NotBefore(now + wait).pause(now);
        assert_eq!(pause(TimeDelta::milliseconds(1500)), Duration::from_millis(1500));
        assert_eq!(pause(TimeDelta::hours(9)), LOOK_AGAIN);
        assert_eq!(pause(TimeDelta::seconds(-1)), Duration::ZERO);
    }
}
