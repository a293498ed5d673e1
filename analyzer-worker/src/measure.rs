//! `analyzer-worker measure`: loads the model once, then times what each line on standard input asks for, so that a
//! benchmark can let contestants take turns. Answers are lines of JSON.

use std::{
    fs,
    io::{BufRead as _, Write as _},
    path::PathBuf,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use clap::Args;
use schemas::{Analysis, work::Decision};
use serde::Deserialize;
use serde_json::{Value, json};
use tch::{Device, Kind, Tensor};

use crate::{
    analyst::Analyst,
    engine::Request,
    model::{embedder::TOKEN_BUDGET, precision::Precision},
    settings::{ModelSettings, PrecisionChoice},
};

/// Tickets that are analyzed at a time where no time counts.
const CHUNK: usize = 16;
/// Rows of the multiplication that shows the processor's limit.
const LIMIT_ROWS: i64 = 1024;

/// What to measure with.
#[derive(Clone, Debug, Args)]
pub struct MeasureSettings {
    /// JSON lines, each with a `description` and a `request_type`
    #[arg(long, value_name = "FILE")]
    pub texts: PathBuf,
    /// Encoder and heads
    #[command(flatten)]
    pub model: ModelSettings,
}

/// A ticket of the file; what else a line holds is of no interest.
#[derive(Deserialize)]
struct Line {
    description: String,
    request_type: String,
}

/// Answers until standard input ends: `embed N`, `analyze N` (N tickets at a time), `sameness`
/// (with what f32 answers), `limit`, `memory`.
///
/// # Errors
/// When the model or the texts cannot be had, or a line asks for something else.
pub fn measure(settings: &MeasureSettings) -> anyhow::Result<()> {
    tch::set_num_threads(i32::from(settings.model.threads));
    let _no_gradients = tch::no_grad_guard();
    let text = fs::read_to_string(&settings.texts).context("reading the texts")?;
    let lines: Vec<Line> = text.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let tickets: Vec<_> = lines
        .into_iter()
        .map(|line| Request { description: line.description, request_type: line.request_type })
        .collect();
    let analyst = Analyst::load(&settings.model)?;
    say(&json!({ "ready": true, "tickets": tickets.len(), "pieces": pieces(&analyst, &tickets) }))?;
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let words: Vec<_> = line.split_whitespace().collect();
        say(&match words.as_slice() {
            ["embed", count] => timed(&tickets, count.parse()?, |chunk| {
                let texts: Vec<_> = chunk.iter().map(|ticket| ticket.description.as_str()).collect();
                drop(analyst.embedder().embed(&texts));
                Ok(())
            })?,
            ["analyze", count] => timed(&tickets, count.parse()?, |chunk| {
                analyst.analyze(&chunk.iter().collect::<Vec<_>>())?;
                Ok(())
            })?,
            ["limit"] => limit(analyst.embedder().precision()),
            ["sameness"] => sameness(&settings.model, &analyst, &tickets)?,
            ["memory"] => json!({ "resident": resident() }),
            _ => bail!("cannot measure {line:?}"),
        })?;
    }
    Ok(())
}

fn say(answer: &Value) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{answer}")?;
    out.flush()
}

/// Word pieces that are read of the tickets as wholes.
fn pieces(analyst: &Analyst, tickets: &[Request]) -> usize {
    tickets.iter().map(|ticket| analyst.embedder().tokenize(&ticket.description).ids.len()).sum()
}

fn timed(
    tickets: &[Request],
    at_a_time: usize,
    work: impl Fn(&[Request]) -> anyhow::Result<()>,
) -> anyhow::Result<Value> {
    let started = Instant::now();
    let mut each = Vec::new();
    for chunk in tickets.chunks(at_a_time.max(1)) {
        let since = Instant::now();
        work(chunk)?;
        each.push(since.elapsed());
    }
    let seconds = started.elapsed().as_secs_f64();
    each.sort_unstable();
    let at = |share: f64| each.get((each.len() as f64 * share) as usize).or(each.last()).copied();
    let ms = |duration: Option<Duration>| duration.unwrap_or_default().as_secs_f64() * 1e3;
    Ok(json!({ "seconds": seconds, "p50": ms(at(0.5)), "p99": ms(at(0.99)) }))
}

/// The mean and the least cosine of the tickets' embeddings and those that f32 makes, and how many decisions (category,
/// priority, kind, sentiment and route of each ticket) came out otherwise than in f32.
fn sameness(settings: &ModelSettings, analyst: &Analyst, tickets: &[Request]) -> anyhow::Result<Value> {
    let exact = Analyst::load(&ModelSettings { precision: PrecisionChoice::F32, ..settings.clone() })?;
    let texts: Vec<_> = tickets.iter().map(|ticket| ticket.description.as_str()).collect();
    let products = exact.embedder().embed(&texts) * analyst.embedder().embed(&texts);
    let cosines = products.sum_dim_intlist([1i64].as_slice(), false, Kind::Float);
    let mut others = 0;
    for chunk in tickets.chunks(CHUNK) {
        let chunk: Vec<_> = chunk.iter().collect();
        let pairs = exact.analyze(&chunk)?.into_iter().zip(analyst.analyze(&chunk)?);
        others += pairs.map(|(exact, answer)| other_decisions(&exact, &answer)).sum::<usize>();
    }
    Ok(json!({
        "mean": cosines.mean(Kind::Float).double_value(&[]),
        "least": cosines.min().double_value(&[]),
        "others": others,
        "decisions": choices().count() * tickets.len(),
    }))
}

fn other_decisions(one: &Analysis, other: &Analysis) -> usize {
    choices().filter(|&decision| one.decided(decision) != other.decided(decision)).count()
}

/// What heads choose of labels. The urgency is a level, emotions come with the sentiment, and no model tells the language.
fn choices() -> impl Iterator<Item = Decision> {
    use Decision::{Category, Kind, Priority, Route, Sentiment};
    [Category, Priority, Kind, Sentiment, Route].into_iter()
}

/// The fastest of some multiplications as the encoder's widest layer makes them, by libtorch, in floating point
/// operations a second. libtorch has none in whole numbers: bf16 is what the processor multiplies at the same rate.
fn limit(precision: Precision) -> Value {
    let kind = if precision == Precision::F32 { Kind::Float } else { Kind::BFloat16 };
    let (narrow, wide) = (384, 1536);
    let input = Tensor::rand([LIMIT_ROWS, narrow], (Kind::Float, Device::Cpu)).to_kind(kind);
    let weight = Tensor::rand([wide, narrow], (Kind::Float, Device::Cpu)).to_kind(kind);
    let once = || {
        let started = Instant::now();
        drop(input.linear(&weight, None::<Tensor>));
        started.elapsed()
    };
    let fastest = (0..10).map(|_| once()).min().unwrap_or_default();
    let operations = 2 * LIMIT_ROWS * narrow * wide;
    json!({ "flops": operations as f64 / fastest.as_secs_f64(), "budget": TOKEN_BUDGET })
}

/// Resident memory of this process, bytes.
fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kilobytes.unwrap_or_default() * 1024
}
