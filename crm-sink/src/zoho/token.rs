//! The access token: one for all calls and all processes, drawn ahead of its end, and drawn sparingly. Accounts gives ten
//! tokens per refresh token in ten minutes and then nothing for a while, and every asking in that while makes it longer.
//!
//! It is kept in the database, encrypted, so that restarts cost none. Whoever finds no usable one writes down that it asks,
//! under the row's lock and before it asks: no second process asks in that minute, and a process that dies while asking has
//! been counted.

use std::{
    sync::{Mutex as StdMutex, PoisonError},
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use crash_points::reach;
use event_store::cipher::SecretKey;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use sqlx::{PgConnection, PgPool};
use tokio::sync::Mutex;

use super::{
    SYSTEM,
    data_centre::DataCentre,
    settings::{Credentials, Endpoints},
};
use crate::{destination::NoPermit, metric};

/// Between two askings, whatever came of the first.
const SPACING: TimeDelta = TimeDelta::seconds(60);
/// Askings within [`WINDOW`]: half of what Accounts allows.
const ASKINGS: usize = 5;
const WINDOW: TimeDelta = TimeDelta::minutes(10);
/// After "Access Denied": too many askings. Reports say that 15 to 30 minutes without one are needed.
const LOCKED_OUT: TimeDelta = TimeDelta::minutes(20);
/// A token is not used in its last minutes: a call must not meet its end on the way.
const MARGIN: TimeDelta = TimeDelta::minutes(5);
/// Spread of that margin, seconds, so that processes do not ask in step.
const JITTER: i64 = 60;

/// Where tokens are kept, and the key that encrypts them, which is not there.
#[derive(Clone, Debug)]
pub struct Vault {
    /// The database.
    pub pool: PgPool,
    /// The key.
    pub key: SecretKey,
}

/// Where tokens come from. One at a time: whoever comes second waits and gets the first one's token.
#[derive(Debug)]
pub struct Tokens {
    http: reqwest::Client,
    endpoints: Endpoints,
    credentials: Credentials,
    vault: Vault,
    held: Mutex<Option<Held>>,
    known: StdMutex<Known>,
}

/// A token as this process has it.
#[derive(Clone, Debug)]
struct Held {
    secret: SecretString,
    generation: i64,
    use_until: DateTime<Utc>,
}

/// For the health answer.
#[derive(Clone, Debug, Default)]
struct Known {
    problem: Option<String>,
    use_until: Option<DateTime<Utc>>,
}

/// The row, locked.
struct Row {
    fingerprint: Vec<u8>,
    generation: i64,
    ciphertext: Option<Vec<u8>>,
    use_until: Option<DateTime<Utc>>,
    asked: Vec<DateTime<Utc>>,
    next_at: Option<DateTime<Utc>>,
    stopped: Option<String>,
}

impl Tokens {
    pub(super) fn new(
        http: reqwest::Client,
        endpoints: Endpoints,
        credentials: Credentials,
        vault: Vault,
    ) -> Self {
        let (held, known) = (Mutex::default(), StdMutex::default());
        Self { http, endpoints, credentials, vault, held, known }
    }

    /// The token in use, or a new one.
    ///
    /// # Errors
    /// As [`NoPermit`].
    pub async fn get(&self, now: DateTime<Utc>) -> Result<SecretString, NoPermit> {
        let mut held = self.held.lock().await;
        if let Some(token) = held.as_ref().filter(|token| now < token.use_until) {
            return Ok(token.secret.clone());
        }
        let got = match self.kept_or_turn(now).await {
            Ok(Some(token)) => Ok(token),
            Ok(None) => self.ask_and_keep(now).await,
            Err(lack) => Err(lack),
        };
        self.note(&got);
        let token = got?;
        *held = Some(token.clone());
        Ok(token.secret)
    }

    /// The CRM does not accept the token: the next one to ask gets another. Does nothing where that has happened already.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn discard(&self, refused: &SecretString) -> sqlx::Result<()> {
        let mut held = self.held.lock().await;
        let same = |token: &&mut Held| token.secret.expose_secret() == refused.expose_secret();
        let Some(generation) = held.as_mut().filter(same).map(|token| token.generation) else {
            return Ok(());
        };
        *held = None;
        sqlx::query!(
            "update crm.oauth_token set ciphertext = null where provider = $1 and generation = $2",
            SYSTEM,
            generation,
        )
        .execute(&self.vault.pool)
        .await?;
        Ok(())
    }

    /// Why there will be no token until somebody acts.
    #[must_use]
    pub fn problem(&self) -> Option<String> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).problem.clone()
    }

    /// Until when the token will be used, if there is one.
    #[must_use]
    pub fn use_until(&self) -> Option<DateTime<Utc>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).use_until
    }

    fn note(&self, got: &Result<Held, NoPermit>) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        *known = match got {
            Ok(token) => Known { problem: None, use_until: Some(token.use_until) },
            Err(NoPermit::Stopped(problem)) => Known { problem: Some(problem.clone()), use_until: None },
            Err(NoPermit::NotBefore(_) | NoPermit::Database(_)) => Known::default(),
        };
        metric::token(match got {
            Ok(_) => "held",
            Err(NoPermit::Stopped(_)) => "stopped",
            Err(_) => "none",
        });
    }

    /// The token that is kept; `None` when it is this process's turn to ask for one, which is then written down.
    async fn kept_or_turn(&self, now: DateTime<Utc>) -> Result<Option<Held>, NoPermit> {
        let mut transaction = self.vault.pool.begin().await?;
        let row = self.row(&mut transaction).await?;
        if let Some(token) = self.usable(&row, now) {
            return Ok(Some(token));
        }
        let asked = may_ask(&row, now)?;
        sqlx::query!(
            "update crm.oauth_token set asked = $2, next_at = $3 where provider = $1",
            SYSTEM,
            &asked,
            now + SPACING,
        )
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(None)
    }

    /// The row, for these credentials: others begin anew, but not with the askings.
    async fn row(&self, connection: &mut PgConnection) -> sqlx::Result<Row> {
        let fingerprint = self.fingerprint();
        sqlx::query!(
            "insert into crm.oauth_token (provider, fingerprint) values ($1, $2) on conflict do nothing",
            SYSTEM,
            &fingerprint,
        )
        .execute(&mut *connection)
        .await?;
        let row = sqlx::query_as!(
            Row,
            "select fingerprint, generation, ciphertext, use_until, asked, next_at, stopped
             from crm.oauth_token where provider = $1 for update",
            SYSTEM,
        )
        .fetch_one(&mut *connection)
        .await?;
        if row.fingerprint == fingerprint {
            return Ok(row);
        }
        sqlx::query!(
            "update crm.oauth_token set fingerprint = $2, generation = generation + 1, ciphertext = null,
                    use_until = null, stopped = null where provider = $1",
            SYSTEM,
            &fingerprint,
        )
        .execute(connection)
        .await?;
        let generation = row.generation + 1;
        Ok(Row { fingerprint, generation, ciphertext: None, use_until: None, stopped: None, ..row })
    }

    /// One that does not open was encrypted with another key: as if there were none.
    fn usable(&self, row: &Row, now: DateTime<Utc>) -> Option<Held> {
        let use_until = row.use_until.filter(|until| now < *until)?;
        let clear = self.vault.key.decrypt(row.ciphertext.as_ref()?, &place(&row.fingerprint)).ok()?;
        let secret = String::from_utf8(clear).ok()?.into();
        Some(Held { secret, generation: row.generation, use_until })
    }

    async fn ask_and_keep(&self, now: DateTime<Utc>) -> Result<Held, NoPermit> {
        reach("crm.token-turn");
        let granted = self.ask().await;
        reach("crm.token-granted");
        let class = granted.as_ref().map_or_else(|refused| refused.name(), |_| "done");
        metric::request(SYSTEM, "token", class);
        tracing::info!(class, "asked for an access token");
        match judged(granted, self.endpoints.data_centre) {
            Ok(granted) => self.keep(granted, now).await,
            Err(Lack::Until(wait)) => {
                let next_at = now + wait;
                sqlx::query!("update crm.oauth_token set next_at = $2 where provider = $1", SYSTEM, next_at,)
                    .execute(&self.vault.pool)
                    .await?;
                Err(NoPermit::NotBefore(next_at))
            }
            Err(Lack::Stopped(problem)) => {
                tracing::error!(problem, "no more access tokens until somebody acts");
                sqlx::query!("update crm.oauth_token set stopped = $2 where provider = $1", SYSTEM, problem,)
                    .execute(&self.vault.pool)
                    .await?;
                Err(NoPermit::Stopped(problem.to_owned()))
            }
        }
    }

    async fn keep(&self, granted: Granted, now: DateTime<Utc>) -> Result<Held, NoPermit> {
        let (use_until, fingerprint) = (now + granted.usable_for(), self.fingerprint());
        // A token that cannot be encrypted is not kept: the next process asks for its own.
        let clear = granted.secret.expose_secret().as_bytes();
        let ciphertext = self.vault.key.encrypt(clear, &place(&fingerprint)).ok();
        let generation = sqlx::query_scalar!(
            "update crm.oauth_token set generation = generation + 1, ciphertext = $3, use_until = $4
             where provider = $1 and fingerprint = $2 returning generation",
            SYSTEM,
            &fingerprint,
            ciphertext,
            use_until,
        )
        .fetch_optional(&self.vault.pool)
        .await?;
        Ok(Held { secret: granted.secret, generation: generation.unwrap_or_default(), use_until })
    }

    /// What the kept token belongs to. A refresh token is 64 random digits: its hash gives nothing away.
    fn fingerprint(&self) -> Vec<u8> {
        let mut hash = Sha256::new();
        let Credentials { client_id, client_secret, refresh_token } = &self.credentials;
        for part in [
            self.endpoints.token.as_str(),
            client_id,
            client_secret.expose_secret(),
            refresh_token.expose_secret(),
        ] {
            hash.update(part.len().to_be_bytes());
            hash.update(part);
        }
        hash.finalize().to_vec()
    }

    /// The form body keeps the secrets out of addresses, and so out of logs.
    async fn ask(&self) -> Result<Granted, AskRefused> {
        let form = [
            ("grant_type", "refresh_token"),
            ("client_id", self.credentials.client_id.as_str()),
            ("client_secret", self.credentials.client_secret.expose_secret()),
            ("refresh_token", self.credentials.refresh_token.expose_secret()),
        ];
        let asked = self.http.post(self.endpoints.token.clone()).form(&form).send().await;
        let response = asked.map_err(|_| AskRefused::NoAnswer)?;
        let body = super::client::body(response).await.map_err(|_| AskRefused::NoAnswer)?;
        read(&body)
    }
}

fn place(fingerprint: &[u8]) -> Vec<u8> {
    [b"crm.oauth_token ".as_slice(), fingerprint].concat()
}

/// The askings of the last ten minutes with this one, if it is allowed.
fn may_ask(row: &Row, now: DateTime<Utc>) -> Result<Vec<DateTime<Utc>>, NoPermit> {
    if let Some(problem) = &row.stopped {
        return Err(NoPermit::Stopped(problem.clone()));
    }
    if let Some(next_at) = row.next_at.filter(|next_at| now < *next_at) {
        return Err(NoPermit::NotBefore(next_at));
    }
    let mut asked: Vec<_> = row.asked.iter().copied().filter(|at| now < *at + WINDOW).collect();
    if asked.len() >= ASKINGS {
        return Err(NoPermit::NotBefore(asked[0] + WINDOW));
    }
    asked.push(now);
    Ok(asked)
}

/// Why there is no token now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lack {
    Until(TimeDelta),
    Stopped(&'static str),
}

fn judged(granted: Result<Granted, AskRefused>, data_centre: &DataCentre) -> Result<Granted, Lack> {
    match granted {
        Ok(granted) if granted.is_for(data_centre) => Ok(granted),
        Ok(_) => Err(Lack::Stopped("the access token is for another data centre")),
        Err(AskRefused::Credentials(problem)) => Err(Lack::Stopped(problem)),
        Err(AskRefused::TooOften) => Err(Lack::Until(LOCKED_OUT)),
        Err(AskRefused::NoAnswer) => Err(Lack::Until(SPACING)),
    }
}

/// What Accounts gave.
#[derive(Debug)]
struct Granted {
    secret: SecretString,
    lifetime: TimeDelta,
    api_domain: Option<String>,
}

impl Granted {
    /// Accounts names the gateway the token is good for; it must be the one we call.
    fn is_for(&self, data_centre: &DataCentre) -> bool {
        self.api_domain.as_ref().is_none_or(|domain| {
            domain.parse().is_ok_and(|url| DataCentre::of_gateway(&url) == Some(data_centre))
        })
    }

    /// Its life less a margin; half its life where it is short.
    fn usable_for(&self) -> TimeDelta {
        let jitter = TimeDelta::seconds(rand::random_range(0..=JITTER));
        (self.lifetime - MARGIN - jitter).max(self.lifetime / 2)
    }
}

/// Why Accounts gave nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum AskRefused {
    Credentials(&'static str),
    TooOften,
    NoAnswer,
}

impl AskRefused {
    const fn name(self) -> &'static str {
        match self {
            Self::Credentials(_) => "credentials",
            Self::TooOften => "locked-out",
            Self::NoAnswer => "unreachable",
        }
    }
}

/// Failures come with HTTP 200 as well: only a token is a success.
fn read(body: &[u8]) -> Result<Granted, AskRefused> {
    let body: Value = serde_json::from_slice(body).map_err(|_| AskRefused::NoAnswer)?;
    let text = |name: &str| body[name].as_str().filter(|text| !text.is_empty());
    if let Some(token) = text("access_token") {
        let lifetime = body["expires_in"].as_u64().map_or(3600, |seconds| seconds.min(3600));
        let lifetime = TimeDelta::from_std(Duration::from_secs(lifetime)).unwrap_or_default();
        let api_domain = text("api_domain").map(str::to_owned);
        return Ok(Granted { secret: token.into(), lifetime, api_domain });
    }
    Err(match text("error") {
        Some("invalid_code") => AskRefused::Credentials(
            "Zoho Accounts refuses the refresh token: revoked, or of another data centre",
        ),
        Some("invalid_client" | "invalid_client_secret") => AskRefused::Credentials(
            "Zoho Accounts refuses the client: wrong id, wrong secret, or another data centre",
        ),
        Some("Access Denied") => AskRefused::TooOften,
        _ => AskRefused::NoAnswer,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start() -> DateTime<Utc> {
        DateTime::UNIX_EPOCH
    }

    fn local() -> &'static DataCentre {
        DataCentre::of_gateway(&"http://127.0.0.1:5002".parse().unwrap()).unwrap()
    }

    fn granted(json: &str) -> Granted {
        read(json.as_bytes()).unwrap()
    }

    fn refused(json: &str) -> Lack {
        judged(read(json.as_bytes()), local()).map(|_| ()).unwrap_err()
    }

    fn row(asked: Vec<DateTime<Utc>>) -> Row {
        let (fingerprint, ciphertext, use_until) = (vec![], None, None);
        Row { fingerprint, generation: 0, ciphertext, use_until, asked, next_at: None, stopped: None }
    }

    #[test]
    fn a_token_is_used_until_some_minutes_before_its_end() {
        let token = granted(r#"{"access_token":"1000.a.b","expires_in":3600}"#);
        let usable = token.usable_for().num_seconds();
        assert!((3600 - 360..=3600 - 300).contains(&usable), "{usable}");
    }

    #[test]
    fn a_short_life_is_used_for_half_of_it() {
        let token = granted(r#"{"access_token":"t","expires_in":60}"#);
        assert_eq!(token.usable_for(), TimeDelta::seconds(30));
    }

    #[test]
    fn refused_credentials_are_never_tried_again() {
        for error in ["invalid_code", "invalid_client", "invalid_client_secret"] {
            assert!(matches!(refused(&format!(r#"{{"error":"{error}"}}"#)), Lack::Stopped(_)), "{error}");
        }
        let stopped = Row { stopped: Some("revoked".into()), ..row(vec![]) };
        let years_later = start() + TimeDelta::days(1000);
        assert!(matches!(may_ask(&stopped, years_later), Err(NoPermit::Stopped(_))));
    }

    #[test]
    fn a_lockout_is_waited_out_in_silence() {
        let denied = r#"{"error_description":"You have made too many requests continuously.","error":"Access Denied","status":"failure"}"#;
        assert_eq!(refused(denied), Lack::Until(LOCKED_OUT));
        let locked_out = Row { next_at: Some(start() + LOCKED_OUT), ..row(vec![]) };
        assert!(may_ask(&locked_out, start() + TimeDelta::minutes(19)).is_err());
        assert!(may_ask(&locked_out, start() + TimeDelta::minutes(20)).is_ok());
    }

    #[test]
    fn nobody_asks_more_than_five_times_in_ten_minutes() {
        let asked: Vec<_> = (0..5).map(|n| start() + TimeDelta::minutes(n)).collect();
        let now = start() + TimeDelta::minutes(6);
        match may_ask(&row(asked.clone()), now) {
            Err(NoPermit::NotBefore(time)) => assert_eq!(time, start() + WINDOW),
            other => panic!("{other:?}"),
        }
        let later = may_ask(&row(asked), start() + WINDOW).unwrap();
        assert_eq!(later.len(), 5, "the oldest has left the window");
    }

    #[test]
    fn a_success_without_a_token_is_no_success() {
        for body in ["", "<html>", "{}", r#"{"access_token":""}"#, r#"{"expires_in":3600}"#] {
            assert_eq!(read(body.as_bytes()).unwrap_err(), AskRefused::NoAnswer, "{body}");
        }
    }

    #[test]
    fn a_token_of_another_gateway_is_not_sent_anywhere() {
        let token = r#"{"access_token":"t","api_domain":"https://www.zohoapis.eu"}"#;
        assert!(matches!(refused(token), Lack::Stopped(_)));
    }
}
