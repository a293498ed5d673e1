//! Whether the form takes what would be sent: asked once, before the first ticket leaves.

use std::time::Duration;

use anyhow::Context as _;
use chrono::{DateTime, Utc};
use tokio_util::sync::CancellationToken;

use crate::{
    destination::{Destination as _, NoPermit, Purpose, Refusal, Refused},
    queue,
    zoho::{Answer, Client, form, mapping::Mapping},
};

/// Before asking again what nobody answered; at most, where no call may be made yet.
const AGAIN: Duration = Duration::from_secs(30);

/// The form is not as the mapping takes it to be.
#[derive(Debug, thiserror::Error)]
#[error("the form does not fit the mapping: {}", .0.join("; "))]
pub struct Mismatch(pub Vec<String>);

/// What asking came to.
#[derive(Debug)]
pub enum Checked {
    /// It fits.
    Fits,
    /// It does not.
    Mismatch(Mismatch),
    /// Nobody said; perhaps later.
    Unanswered(String),
    /// No call may be made before this time.
    NotBefore(DateTime<Utc>),
    /// Names or permissions are wrong.
    Refused(Refused),
}

/// Asks once.
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
    Ok(match client.fields(permit).await {
        Ok(form) => judge(client.mapping(), &form),
        Err(Answer::Refused(refused)) if refused.why == Refusal::Config => Checked::Refused(refused),
        Err(answer) => Checked::Unanswered(answer.name().to_owned()),
    })
}

fn judge(mapping: &Mapping, form: &[form::Field]) -> Checked {
    match form::mismatches(mapping, form) {
        wrong if wrong.is_empty() => Checked::Fits,
        wrong => Checked::Mismatch(Mismatch(wrong)),
    }
}

/// Asks until somebody answers, or the process stops: a CRM that is away must not keep the sink from starting, but nothing
/// is sent to a form that does not fit. Whether the form fits.
///
/// # Errors
/// [`Mismatch`], for which the process ends; or a time zone that Postgres does not know.
pub async fn until_checked(
    client: &Client,
    pool: &sqlx::PgPool,
    stop: &CancellationToken,
) -> anyhow::Result<bool> {
    client.budget().check_zone().await.context("ZOHO_TIME_ZONE")?;
    while !stop.is_cancelled() {
        let now = queue::clock(pool).await?;
        let again = match check(client, now).await? {
            Checked::Fits => return Ok(true),
            Checked::Mismatch(mismatch) => return Err(mismatch.into()),
            // The lane's breaker says so from now on, and asks again.
            Checked::Refused(Refused { code, .. }) => {
                tracing::error!(code, "Zoho does not show the form: wrong names, or no permission");
                return Ok(true);
            }
            Checked::NotBefore(time) => {
                tracing::info!(not_before = %time, "the form is checked once a call may be made");
                (time - now).to_std().unwrap_or_default().min(AGAIN)
            }
            Checked::Unanswered(why) => {
                tracing::warn!(why, "the form could not be checked yet");
                AGAIN
            }
        };
        stop.run_until_cancelled(tokio::time::sleep(again)).await;
    }
    Ok(false)
}
