//! `analyzer-worker replay`: recorded answers beside those of another model, from the log, in the past or as they come.
//! Nothing is appended and no checkpoint moves: the log and the keys are only read.
//!
//! - here: the command
//! - [`difference`]: what would change

pub mod difference;

use std::{path::PathBuf, time::Duration};

use anyhow::{bail, ensure};
use clap::Args;
use event_store::{EventStore, MasterKeys, PersonalKeys, database};
use schemas::{Envelope, Position, TicketEvent, Version, event::TicketAnalyzed};
use secrecy::ExposeSecret as _;
use service_host::settings::Backbone;

use crate::{
    engine::{AnalyzeError, Engine},
    settings::ModelSettings,
    ticket_text::{UnreadableTicket, of_stream},
};
use difference::Difference;

/// Positions looked at in one statement.
const WINDOW: i64 = 1000;
/// How often the log is asked for what is new.
const POLL: Duration = Duration::from_secs(1);

/// What to compare.
#[derive(Clone, Debug, Args)]
pub struct ReplaySettings {
    /// Folder of the other model's heads
    #[arg(long = "model", value_name = "FOLDER")]
    pub candidate: PathBuf,
    /// First position of the log
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(i64).range(1..))]
    pub from: i64,
    /// Last position of the log; its end by default
    #[arg(long, value_parser = clap::value_parser!(i64).range(1..))]
    pub to: Option<i64>,
    /// List the tickets whose decisions would change, N changes at most: position, ticket, decision, from, to
    #[arg(long, value_name = "N", num_args = 0..=1, default_value_t = 0, default_missing_value = "50")]
    pub list: usize,
    /// Go on with what is analyzed from now on, until Ctrl-C
    #[arg(long, conflicts_with_all = ["from", "to"])]
    pub shadow: bool,
    /// The log and the keys
    #[command(flatten)]
    pub backbone: Backbone,
    /// The encoder
    #[command(flatten)]
    pub model: ModelSettings,
}

/// Compares and returns the report.
///
/// # Errors
/// When the log or the model cannot be had.
pub async fn replay(settings: ReplaySettings) -> anyhow::Result<String> {
    if let Some(to) = settings.to.filter(|to| *to < settings.from) {
        bail!("--from {} is after --to {to}", settings.from);
    }
    let comparison = Comparison::new(&settings).await?;
    let mut difference = Difference::listing(settings.list);
    if settings.shadow {
        comparison.follow(&mut difference).await?;
    } else {
        let end = comparison.store.head().await?.0;
        let last = settings.to.map_or(end, |to| to.min(end));
        // Nothing compared would look like nothing changed.
        ensure!(
            settings.from <= last,
            "positions {} to {last} are none: the log ends at {end}",
            settings.from
        );
        comparison.walk(Position(settings.from - 1), Position(last), &mut difference).await?;
    }
    Ok(difference.report(&comparison.engine.model().map_or_else(String::new, |model| model.revision)))
}

/// The log, and the other model.
pub(crate) struct Comparison {
    pub(crate) store: EventStore,
    pub(crate) keys: PersonalKeys,
    engine: Engine,
}

impl Comparison {
    async fn new(settings: &ReplaySettings) -> anyhow::Result<Self> {
        let pool = database::pool(settings.backbone.database_url.expose_secret(), "analyzer-replay", 2)?;
        let store = EventStore::open(pool.clone()).await?;
        let keys =
            PersonalKeys::open(pool, MasterKeys::from_file(&settings.backbone.master_key_file)?).await?;
        let model = settings.model.with_heads(settings.candidate.clone());
        let engine = tokio::task::spawn_blocking(move || Engine::start(&model)).await??;
        Ok(Self { store, keys, engine })
    }

    async fn walk(
        &self,
        mut after: Position,
        last: Position,
        difference: &mut Difference,
    ) -> anyhow::Result<()> {
        let analyzed = event_store::read::Selection {
            types: Some(vec!["hub.ticket.analyzed.v1".to_owned()]),
            ..Default::default()
        };
        while after < last {
            let through = Position((after.0 + WINDOW).min(last.0));
            for event in self.store.select(&analyzed, after, through).await? {
                self.compare(&event, difference).await?;
            }
            after = through;
        }
        Ok(())
    }

    /// Until Ctrl-C.
    async fn follow(&self, difference: &mut Difference) -> anyhow::Result<()> {
        let mut after = self.store.head().await?;
        let mut stop = std::pin::pin!(tokio::signal::ctrl_c());
        loop {
            let head = self.store.head().await?;
            self.walk(after, head, difference).await?;
            after = head;
            tokio::select! {
                _ = &mut stop => return Ok(()),
                () = tokio::time::sleep(POLL) => {}
            }
        }
    }

    /// One recorded answer with the candidate's to the same text.
    async fn compare(&self, event: &Envelope, difference: &mut Difference) -> anyhow::Result<()> {
        let TicketEvent::Analyzed(recorded) = event.event()? else { return Ok(()) };
        if recorded.degraded {
            return Ok(());
        }
        let stream = self.store.read_stream(event.subject, Version::NONE).await?;
        let before: Vec<_> =
            stream.iter().take_while(|earlier| earlier.version < event.version).cloned().collect();
        let text = match of_stream(&self.keys, &before).await {
            Ok(text) => text,
            Err(UnreadableTicket::Keys(event_store::personal_keys::KeyError::Erased(_))) => {
                difference.skip();
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        };
        match self.engine.analyze(text.request).await {
            Ok(candidate) => {
                difference.add(event, &recorded, &candidate.analysis, &corrections(&stream, event));
            }
            Err(AnalyzeError::Panicked(_) | AnalyzeError::BadAnswer(_)) => difference.fail(),
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }
}

/// What people corrected in this answer later.
fn corrections(stream: &[Envelope], answer: &Envelope) -> Vec<schemas::event::AnalysisCorrected> {
    let facts = stream.iter().filter(|event| event.version > answer.version);
    let facts = facts.filter_map(|event| event.event().ok());
    let corrections = facts.filter_map(|fact| match fact {
        TicketEvent::AnalysisCorrected(correction) => Some(correction),
        _ => None,
    });
    corrections.filter(|correction| correction.analysis_id == answer.id).collect()
}

/// What [`Difference`] compares.
pub(crate) type Recorded = TicketAnalyzed;
