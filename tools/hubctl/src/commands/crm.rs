//! `hubctl crm`: the CRM sink, operated like a queue.

use std::{
    fs,
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use anyhow::Context as _;
use chrono::TimeDelta;
use crm_sink::{
    check::{self, Checked},
    control,
    operator::{self, Chosen, Line, Standing},
    queue, reconciliation,
    settings::Sink,
    zoho::{
        Client, Vault, ZohoSettings,
        authorize::{Authorization, code_in},
        mapping::Mapping,
    },
};
use event_store::MasterKeys;
use schemas::TicketId;
use secrecy::ExposeSecret as _;

use crate::{backbone::Database, output};

/// Findings shown.
const SHOWN: i64 = 50;
const TIMEOUT: Duration = Duration::from_secs(30);

#[derive(clap::Subcommand)]
pub(crate) enum Args {
    /// Show how the sink stands: tickets by state, pause, breaker, calls, token, latest comparison
    Status(Of),
    /// Show what is owed, the longest waiting first
    Backlog {
        #[command(flatten)]
        of: Of,
        /// At most so many
        #[arg(long, default_value_t = 50)]
        limit: i64,
    },
    /// Show what was given up: tickets the CRM will not have, records that stay out of date
    Parked {
        #[command(flatten)]
        of: Of,
        #[command(flatten)]
        which: Which,
    },
    /// Let the sink try again what was given up
    Retry {
        #[command(flatten)]
        of: Of,
        #[command(flatten)]
        which: Which,
        /// Only show what would be tried again
        #[arg(long)]
        dry_run: bool,
    },
    /// Leave undone for good what was given up; who decided it and why is kept
    Discard {
        #[command(flatten)]
        of: Of,
        #[command(flatten)]
        which: Which,
        /// Only show what would be discarded
        #[arg(long)]
        dry_run: bool,
        /// Why it may stay undone
        #[arg(long)]
        note: String,
        /// Who decides
        #[arg(long, env = "USER")]
        by: String,
        /// Without it nothing is done
        #[arg(long)]
        yes: bool,
    },
    /// Send nothing until `resume`; tickets go on being taken in
    Pause {
        #[command(flatten)]
        of: Of,
        /// Why
        #[arg(long)]
        note: Option<String>,
        /// Who says so
        #[arg(long, env = "USER")]
        by: String,
    },
    /// Go on at once, whatever breaker is open
    Resume(Of),
    /// Compare what the CRM holds with the log; what is missing is delivered anew, the rest is reported
    Reconcile {
        #[command(flatten)]
        of: Of,
        /// Only what was added within so many days; without it, everything
        #[arg(long)]
        days: Option<u32>,
        /// Who asks
        #[arg(long, env = "USER", required_unless_present = "show")]
        by: Option<String>,
        /// Only show what the latest comparison found
        #[arg(long)]
        show: bool,
    },
    /// Compare the mapping with the form (one call); ends with 1 where they do not fit
    MapCheck {
        #[command(flatten)]
        zoho: Box<ZohoSettings>,
        /// Print the default mapping as a file to start from, and ask nobody
        #[arg(long)]
        print_default: bool,
        /// The database of the log, where tokens and calls are counted
        #[arg(long, env = "DATABASE_URL", hide_env_values = true, required_unless_present = "print_default")]
        database_url: Option<secrecy::SecretString>,
        /// File with the master key of personal data
        #[arg(long, env = "HUB_MASTER_KEY_FILE", required_unless_present = "print_default")]
        master_key_file: Option<PathBuf>,
    },
    /// Get the refresh token, once: prints where to consent, takes the code, writes the file the sink reads
    Authorize {
        #[command(flatten)]
        zoho: Box<ZohoSettings>,
        /// Redirect address that the client is registered with; nothing has to listen there
        #[arg(long, default_value = "http://127.0.0.1:8989/")]
        redirect: String,
        /// Where the refresh token goes, readable by you alone
        #[arg(long, default_value = "zoho-refresh-token")]
        file: PathBuf,
        /// Replace the file
        #[arg(long)]
        replace: bool,
    },
}

/// Whose work list.
#[derive(clap::Args)]
pub(crate) struct Of {
    #[command(flatten)]
    database: Database,
    /// Which system
    #[arg(long, value_enum, default_value_t)]
    sink: Sink,
}

/// The flags that choose tickets.
#[derive(clap::Args)]
pub(crate) struct Which {
    /// Only this ticket (`tkt_…`)
    #[arg(long)]
    ticket: Option<TicketId>,
    /// Only those whose reason contains this text
    #[arg(long)]
    reason: Option<String>,
    /// At most so many, the oldest first
    #[arg(long)]
    limit: Option<i64>,
}

impl Of {
    fn open(&self) -> anyhow::Result<(sqlx::PgPool, &'static str)> {
        Ok((self.database.pool()?, self.sink.system()))
    }
}

impl Which {
    fn chosen(self) -> Chosen {
        Chosen { ticket: self.ticket, reason: self.reason, limit: self.limit }
    }
}

pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    match args {
        Args::Status(of) => status(&of).await?,
        Args::Backlog { of, limit } => {
            let (pool, sink) = of.open()?;
            show_all(&operator::backlog(&pool, sink, limit).await?);
        }
        Args::Parked { of, which } => {
            let (pool, sink) = of.open()?;
            show_all(&operator::parked(&pool, sink, &which.chosen()).await?);
        }
        Args::Retry { of, which, dry_run } => {
            let ((pool, sink), chosen) = (of.open()?, which.chosen());
            if dry_run {
                return preview(&pool, sink, &chosen, "would be tried again").await;
            }
            println!("{} due now", operator::retry(&pool, sink, &chosen).await?);
        }
        Args::Discard { of, which, dry_run, note, by, yes } => {
            let ((pool, sink), chosen) = (of.open()?, which.chosen());
            anyhow::ensure!(!note.trim().is_empty(), "the note says nothing");
            if dry_run {
                return preview(&pool, sink, &chosen, "would be discarded").await;
            }
            anyhow::ensure!(yes, "nothing done: discarding is for good; look with --dry-run, then add --yes");
            println!("{} discarded", operator::discard(&pool, sink, &chosen, &by, &note).await?);
        }
        Args::Pause { of, note, by } => {
            let (pool, sink) = of.open()?;
            control::pause(&pool, sink, &by, note.as_deref(), queue::clock(&pool).await?).await?;
            println!("paused; what comes in waits, `hubctl crm resume` lets it go");
        }
        Args::Resume(of) => {
            let (pool, sink) = of.open()?;
            let was = if control::resume(&pool, sink).await? { "goes on" } else { "was not held up" };
            println!("the lane {was}");
        }
        Args::Reconcile { of, days, by, show } => reconcile(&of, days, by.as_deref(), show).await?,
        Args::MapCheck { print_default: true, .. } => {
            println!("{}", serde_json::to_string_pretty(&Mapping::default())?);
        }
        Args::MapCheck { zoho, database_url, master_key_file, .. } => {
            let database_url = database_url.context("DATABASE_URL is not set")?;
            let master_key_file = master_key_file.context("HUB_MASTER_KEY_FILE is not set")?;
            return map_check(&zoho, database_url.expose_secret(), &master_key_file).await;
        }
        Args::Authorize { zoho, redirect, file, replace } => {
            authorize(&zoho, &redirect, &file, replace).await?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn status(of: &Of) -> anyhow::Result<()> {
    let (pool, sink) = of.open()?;
    let Standing { backlog, paused, breaker, calls, exhausted_at, token, form, comparison } =
        operator::standing(&pool, sink).await?;
    println!("pending    {:>8}   oldest due for {} s", backlog.pending, backlog.oldest_pending_seconds);
    println!("ambiguous  {:>8}", backlog.ambiguous);
    println!("parked     {:>8}", backlog.parked);
    println!(
        "delivered  {:>8}   {} out of date, {} stuck",
        backlog.delivered, backlog.outdated, backlog.stuck
    );
    match paused {
        Some((by, at, note)) => {
            let note = note.map_or_else(String::new, |note| format!(": {note}"));
            println!("lane       paused by {by} at {}{note}", at.format("%F %T"));
        }
        None => println!("lane       not paused"),
    }
    match breaker {
        Some((name, until, person)) => {
            let needs = if person { ", needs a person" } else { "" };
            println!("breaker    {name} until {}{needs}", until.format("%F %T"));
        }
        None => println!("breaker    none open"),
    }
    let used: Vec<_> = calls.iter().map(|(purpose, calls)| format!("{purpose} {calls}")).collect();
    println!("calls      {}", if used.is_empty() { "none yet".to_owned() } else { used.join(", ") });
    if let Some(at) = exhausted_at {
        println!("           Zoho said at {} that the day's calls are used up", at.format("%F %T"));
    }
    match token {
        Some((_, Some(problem))) => println!("token      stopped: {problem}"),
        Some((Some(until), None)) => println!("token      in use until {}", until.format("%F %T")),
        Some((None, None)) | None => println!("token      none"),
    }
    if let Some((outcome, at)) = form {
        println!("form       {outcome}, asked for {}", at.format("%F %T"));
    }
    if let Some(run) = comparison {
        let state = run.finished_at.map_or_else(
            || format!("under way, {} pages", run.pages),
            |at| format!("finished {}", at.format("%F %T")),
        );
        println!("comparison #{} by {}, {state}: {}", run.id, run.asked_by, found(&run.findings));
    }
    Ok(())
}

fn found(findings: &reconciliation::Findings) -> String {
    let reconciliation::Findings { missing, unknown, double, recovered } = findings;
    format!("{missing} missing, {unknown} unknown, {double} double, {recovered} recovered")
}

async fn reconcile(of: &Of, days: Option<u32>, by: Option<&str>, show: bool) -> anyhow::Result<()> {
    let (pool, sink) = of.open()?;
    anyhow::ensure!(sink == crm_sink::zoho::SYSTEM, "a receiver of webhooks cannot be asked what it holds");
    if !show {
        let by = by.context("--by says who asks")?;
        let now = queue::clock(&pool).await?;
        let since = days.map(|days| now - TimeDelta::days(days.into()));
        let run = reconciliation::ask(&pool, sink, by, since, now).await?;
        println!("comparison #{run} asked for; `hubctl crm reconcile --show` tells what it finds");
        return Ok(());
    }
    let standing = operator::standing(&pool, sink).await?;
    let run = standing.comparison.context("there was none yet")?;
    let state = if run.finished_at.is_some() { "finished" } else { "under way" };
    println!("comparison #{}, {state}: {}", run.id, found(&run.findings));
    for (kind, record, ticket) in operator::findings(&pool, run.id, SHOWN).await? {
        println!("{kind:<10} record {record}  {ticket}");
    }
    Ok(())
}

async fn preview(pool: &sqlx::PgPool, sink: &str, chosen: &Chosen, what: &str) -> anyhow::Result<ExitCode> {
    let lines = operator::parked(pool, sink, chosen).await?;
    show_all(&lines);
    println!("{} {what}", lines.len());
    Ok(ExitCode::SUCCESS)
}

fn show_all(lines: &[Line]) {
    for line in lines {
        let Line { ticket, state, attempts, at, batch, record_id, reason } = line;
        let at = at.map(|at| at.format("%F %T").to_string()).unwrap_or_default();
        let what = record_id.as_ref().or(batch.as_ref()).map_or("", String::as_str);
        let reason = reason.as_deref().unwrap_or_default();
        println!("{ticket}  {state:<9}  {at:<19}  attempts {attempts}  {what}  {reason}");
    }
    if lines.is_empty() {
        println!("nothing");
    }
}

async fn map_check(zoho: &ZohoSettings, database_url: &str, master_key: &Path) -> anyhow::Result<ExitCode> {
    let pool = event_store::database::pool(database_url, "hubctl", 2)?;
    let key = crm_sink::token_key(zoho, &MasterKeys::from_file(master_key)?)?;
    let client = Client::new(zoho, TIMEOUT, Vault { pool: pool.clone(), key })?;
    for (item, target) in client.mapping().iter() {
        let length = target.length.map(|length| format!("  up to {length}")).unwrap_or_default();
        let item = serde_json::to_value(item)?;
        println!("{:<16} {}{length}", item.as_str().unwrap_or_default(), target.field);
    }
    client.budget().check_zone().await.context("ZOHO_TIME_ZONE")?;
    match check::check(&client, queue::clock(&pool).await?).await? {
        Checked::Fits => {
            println!("the form fits");
            Ok(ExitCode::SUCCESS)
        }
        Checked::Mismatch(mismatch) => {
            mismatch.0.iter().for_each(|wrong| println!("! {wrong}"));
            Ok(ExitCode::FAILURE)
        }
        Checked::DidNotFit(_) => Ok(ExitCode::FAILURE), // only a sink that starts is told so
        Checked::Refused(refused) => anyhow::bail!("Zoho does not show the form: code {}", refused.code),
        Checked::NotBefore(time) => {
            anyhow::bail!("the form could not be checked: not before {time}; `hubctl crm status` says why")
        }
        Checked::Unanswered(why) => anyhow::bail!("the form could not be checked: {why}"),
    }
}

async fn authorize(zoho: &ZohoSettings, redirect: &str, file: &Path, replace: bool) -> anyhow::Result<()> {
    anyhow::ensure!(replace || !file.exists(), "{} exists; add --replace", file.display());
    let authorization = Authorization::new(zoho, redirect)?;
    println!(
        "1. Open this address as the account's super-admin and accept:\n\n   {}\n",
        authorization.consent_url()
    );
    println!(
        "2. The browser ends at an address that does not answer. Paste it, or the code in it, within two minutes:"
    );
    output::prompt("   ");
    let mut pasted = String::new();
    io::stdin().read_line(&mut pasted)?;
    let token = authorization.exchange(&code_in(&pasted)).await?;
    write_secret(file, token.expose_secret())?;
    println!("\n3. Done. Give the sink ZOHO_REFRESH_TOKEN_FILE={}", file.display());
    Ok(())
}

/// Readable by nobody else at any time: the file is made so, not changed to be so.
fn write_secret(file: &Path, secret: &str) -> anyhow::Result<()> {
    let fresh = file.with_extension("new");
    let _ = fs::remove_file(&fresh);
    let mut opened = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&fresh)
        .with_context(|| format!("cannot write {}", fresh.display()))?;
    writeln!(opened, "{secret}")?;
    opened.sync_all()?;
    fs::rename(&fresh, file).with_context(|| format!("cannot write {}", file.display()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_secret_is_readable_by_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token");
        for secret in ["first", "second"] {
            write_secret(&file, secret).unwrap();
            assert_eq!(fs::read_to_string(&file).unwrap(), format!("{secret}\n"));
            assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }
}
