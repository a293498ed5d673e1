//! `hubctl up`: starts the whole system, sends the sample tickets through it, shows each one's journey, and stays until
//! Ctrl-C.

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::Context as _;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use local_stack::{Ports, Stack, StackOptions};
use tokio::signal::unix::{SignalKind, signal};

use crate::{
    hub_client::{HubClient, Sample},
    view,
};

/// Before looking again at the tickets under way.
const PAUSE: Duration = Duration::from_millis(100);
/// A ticket that needs longer is shown as it stands.
const PATIENCE: Duration = Duration::from_mins(1);

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Everything kept between runs is here
    #[arg(long, default_value = ".local")]
    data_dir: PathBuf,
    /// The sample tickets, one JSON object a line; sent once, whatever the number of runs
    #[arg(long, default_value = "examples/tickets.jsonl")]
    samples: PathBuf,
    /// Folder of the encoder, which `make deps` fetches
    #[arg(long, default_value = ".local/minilm-l6-v2")]
    model_dir: PathBuf,
    /// Folder of the trained heads
    #[arg(long, default_value = "analyzer-worker/model")]
    heads_dir: PathBuf,
    /// Moves every port up by this much
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u16).range(0..=40000))]
    port_offset: u16,
}

pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let started = Instant::now();
    let samples = read_samples(&args.samples)?;
    let options = options(&args)?;
    let stack = tokio::select! {
        stack = Stack::start(&options, |step| println!("  {step}")) => stack?,
        _ = interrupt.recv() => return Ok(()),
        _ = terminate.recv() => return Ok(()),
    };
    println!("  ready after {:.1} s\n", started.elapsed().as_secs_f64());
    let outcome = tokio::select! {
        outcome = accompany(&stack, &options, &samples) => outcome,
        (name, _) = stack.first_end() => {
            let log = options.data_dir.join("logs").join(format!("{name}.log"));
            Err(anyhow::anyhow!("{name} ended by itself; its log is {}", log.display()))
        }
        _ = interrupt.recv() => Ok(()),
        _ = terminate.recv() => Ok(()),
    };
    println!("\nstopping");
    stack.stop().await?;
    outcome
}

fn read_samples(path: &Path) -> anyhow::Result<Vec<Sample>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    let samples = text.lines().filter(|line| !line.trim().is_empty()).map(serde_json::from_str);
    samples.collect::<Result<_, _>>().with_context(|| format!("reading the tickets of {}", path.display()))
}

fn options(args: &Args) -> anyhow::Result<StackOptions> {
    std::fs::create_dir_all(&args.data_dir)
        .with_context(|| format!("creating {}", args.data_dir.display()))?;
    let data_dir = args.data_dir.canonicalize()?;
    let program = std::env::current_exe().context("finding the programs beside hubctl")?;
    Ok(StackOptions {
        bin_dir: program.parent().unwrap_or(Path::new(".")).to_owned(),
        model_dir: args.model_dir.canonicalize().with_context(|| {
            format!("finding the encoder in {}: run `make deps`", args.model_dir.display())
        })?,
        heads_dir: args.heads_dir.canonicalize().context("finding the trained heads")?,
        ports: Ports::standard(args.port_offset),
        crm_linger: Duration::from_secs(1),
        data_dir,
    })
}

/// Sends the samples, shows their journeys, and waits for ever.
async fn accompany(stack: &Stack, options: &StackOptions, samples: &[Sample]) -> anyhow::Result<()> {
    let api = HubClient::new(&stack.url())?;
    println!(
        "{} sample tickets on their way (a ticket sent by an earlier run is not sent again)\n",
        samples.len()
    );
    let lines = MultiProgress::new();
    let tickets = samples.iter().map(|sample| accompany_one(&api, &lines, sample));
    futures::future::try_join_all(tickets).await?;
    println!("{}", view::urls(stack, &options.data_dir));
    std::future::pending().await
}

async fn accompany_one(api: &HubClient, lines: &MultiProgress, sample: &Sample) -> anyhow::Result<()> {
    let line = lines.add(ProgressBar::new_spinner());
    line.set_style(ProgressStyle::with_template("{spinner} {wide_msg}")?);
    let accepted = api.submit(sample).await?;
    let deadline = Instant::now() + PATIENCE;
    loop {
        let ticket = api.ticket(&accepted.id, accepted.position).await?;
        line.set_message(view::under_way(&ticket));
        line.tick();
        if ticket.is_delivered() || Instant::now() >= deadline {
            let journey = api.journey(&accepted.id).await?;
            line.finish_and_clear();
            // Without a terminal indicatif draws nothing, so the finished journey is printed here in both cases.
            lines.suspend(|| println!("{}\n", view::arrived(&ticket, &journey)));
            return Ok(());
        }
        tokio::time::sleep(PAUSE).await;
    }
}
