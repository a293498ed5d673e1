//! `analyzer-worker evaluate`: how the shipped heads answer about tickets nobody learned from.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use clap::Args;
use schemas::{
    Analysis,
    analysis::{ModelRef, Priority, Sentiment},
};
use serde::Serialize;

use super::{
    calibration::calibration_error,
    dataset::{self, Example, LabelledSpan},
    metrics::{Confusion, SpanScore, span_scores},
    progress::progress,
    report, split,
};
use crate::{
    analyst::Analyst,
    engine::Request,
    entities::entities,
    labels::{CATEGORIES, KINDS, MOODS, PRIORITIES, Question, ROUTES},
    model::{Embedder, adapters::Adapters},
    rules,
    settings::ModelSettings,
};
use tch::Kind;

/// How the hold-out was chosen.
const BY_HASH: &str = "never learned from, chosen by the hash of their ids";

/// What to evaluate, and where to write it.
#[derive(Clone, Debug, Args)]
pub struct EvaluateSettings {
    /// Folder of the labelled tickets (*.jsonl)
    #[arg(long, default_value = "analyzer-worker/training")]
    pub data: PathBuf,
    /// Folder of tickets set apart, by others than the training folder's authors (*.jsonl)
    #[arg(long, default_value = "analyzer-worker/holdout")]
    pub set_apart: PathBuf,
    /// Answer the tickets of this file instead; those that --data says were learned from are left out and counted
    #[arg(long, value_name = "FILE")]
    pub on: Option<PathBuf>,
    /// Write the report to this file as well
    #[arg(long, value_name = "FILE")]
    pub write: Option<PathBuf>,
    /// Encoder and heads
    #[command(flatten)]
    pub model: ModelSettings,
}

/// All figures of an evaluation.
pub struct Evaluation {
    /// What was evaluated.
    pub model: ModelRef,
    /// Tickets learned from.
    pub trained_on: usize,
    /// Tickets answered here.
    pub held_out: usize,
    /// How they were chosen.
    pub chosen: String,
    /// Figures by question.
    pub questions: BTreeMap<Question, QuestionResult>,
    /// Sentiments, emotions aside.
    pub sentiment: Confusion,
    /// Tickets whose form names another category than the right one, and how many of them were answered right.
    pub form_wrong: (usize, usize),
    /// Entities by label as patterns alone find them.
    pub patterns: BTreeMap<String, SpanScore>,
    /// How well cross-validation over the training part answered.
    pub cross_validation: BTreeMap<String, f64>,
    /// The keyword rule's priorities, and the form's categories.
    pub baseline: BTreeMap<Question, Confusion>,
    /// Mean distance of the urgency, in steps.
    pub urgency_error: f64,
    /// Entities by label.
    pub entities: BTreeMap<String, SpanScore>,
    /// Share of tickets sent to a person, and share of right categories and priorities among the others.
    pub review: Review,
    /// Cosine between the embeddings of the adapted encoder and of the original one: the mean and the least.
    pub moved: (f64, f64),
    /// The surest wrong answers.
    pub mistakes: Vec<Mistake>,
    /// The same, of those tickets that no other ticket resembles; none where the question does not arise.
    pub alone: Option<Box<Evaluation>>,
    /// The same, of tickets by others than the training folder's authors.
    pub set_apart: Option<Box<Evaluation>>,
}

/// Figures of one question.
pub struct QuestionResult {
    /// Who was taken for whom.
    pub confusion: Confusion,
    /// How far confidence and truth are apart.
    pub calibration_error: f64,
}

/// What sending the unsure ones to a person brings.
pub struct Review {
    /// Share sent to a person.
    pub share: f64,
    /// Share of right categories among the rest.
    pub category_accuracy: f64,
    /// Share of right priorities among the rest.
    pub priority_accuracy: f64,
}

/// A wrong answer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Mistake {
    /// Which ticket.
    pub id: String,
    /// Which question.
    pub question: Question,
    /// The right label.
    pub right: &'static str,
    /// The given label.
    pub given: &'static str,
    /// How sure it was.
    pub confidence: f32,
}

/// Evaluates and reports; returns the report.
pub fn evaluate(settings: &EvaluateSettings) -> anyhow::Result<String> {
    tch::set_num_threads(i32::from(settings.model.threads));
    let (held_out, chosen) = choose(settings)?;
    let analyst = Analyst::load(&settings.model)?;
    let alone: Vec<_> = held_out.iter().filter(|example| stands_alone(&example.id)).cloned().collect();
    let is_on_hold_out = settings.on.is_none();
    let evaluation = Evaluation {
        moved: moved(settings, &analyst, &held_out)?,
        alone: part(&analyst, is_on_hold_out, &alone)?,
        set_apart: part(&analyst, is_on_hold_out, &dataset::load_set_apart(&settings.set_apart)?)?,
        chosen,
        ..Evaluation::run(&analyst, &held_out)?
    };
    let report = report::markdown(&evaluation);
    if let Some(path) = &settings.write {
        fs::write(path, &report).with_context(|| format!("writing {}", path.display()))?;
    }
    Ok(report)
}

/// The tickets to answer, and how they were chosen.
fn choose(settings: &EvaluateSettings) -> anyhow::Result<(Vec<Example>, String)> {
    if let Some(file) = &settings.on {
        return choose_from(file, &settings.data);
    }
    let held_out = split::split(dataset::load(&settings.data)?).1;
    anyhow::ensure!(!held_out.is_empty(), "no ticket to answer: add labelled tickets");
    Ok((held_out, BY_HASH.to_owned()))
}

/// The tickets of a file without those that were learned from: what a model knows by heart says nothing about it.
fn choose_from(file: &Path, learned_from: &Path) -> anyhow::Result<(Vec<Example>, String)> {
    let all = dataset::read(file)?;
    anyhow::ensure!(!all.is_empty(), "no ticket to answer: {} is empty", file.display());
    if !learned_from.is_dir() {
        tracing::warn!(folder = %learned_from.display(), "no folder says what was learned from");
        return Ok((all, "of a file of their own; whether they were learned from is not known".to_owned()));
    }
    let (count, learned) = (all.len(), split::split(dataset::load(learned_from)?).0);
    let unknown = dataset::not_among(all, &learned);
    let left_out = count - unknown.len();
    anyhow::ensure!(!unknown.is_empty(), "all {count} tickets of {} were learned from", file.display());
    let chosen = match left_out {
        0 => "of a file of their own".to_owned(),
        _ => format!("of a file of their own; {left_out} more are left out, because they were learned from"),
    };
    Ok((unknown, chosen))
}

/// An evaluation within another one.
fn part(analyst: &Analyst, is_wanted: bool, examples: &[Example]) -> anyhow::Result<Option<Box<Evaluation>>> {
    let is_wanted = is_wanted && !examples.is_empty();
    is_wanted.then(|| Evaluation::run(analyst, examples).map(Box::new)).transpose()
}

impl Evaluation {
    /// Lets the model answer about every ticket and counts.
    pub fn run(analyst: &Analyst, held_out: &[Example]) -> anyhow::Result<Self> {
        let answers = answers(analyst, held_out)?;
        let pairs: Vec<_> = held_out.iter().zip(&answers).collect();
        Ok(Self {
            model: analyst.heads().model(),
            trained_on: analyst.heads().manifest().trained_on,
            held_out: held_out.len(),
            chosen: BY_HASH.to_owned(),
            questions: questions(&pairs)?,
            sentiment: Confusion::new(Sentiment::ALL.len(), pairs.iter().filter_map(sentiments)),
            form_wrong: form_wrong(&pairs),
            patterns: span_scores(
                &held_out.iter().map(|e| (e.entities.as_slice(), patterns(e))).collect::<Vec<_>>(),
            ),
            cross_validation: analyst.heads().manifest().cross_validation.clone(),
            baseline: baseline(held_out)?,
            urgency_error: mean(pairs.iter().map(|(e, a)| f64::from(e.urgency.abs_diff(a.urgency)))),
            entities: span_scores(
                &pairs.iter().map(|(e, a)| (e.entities.as_slice(), spans(a))).collect::<Vec<_>>(),
            ),
            review: review(&pairs),
            moved: (1.0, 1.0),
            mistakes: mistakes(&pairs)?,
            alone: None,
            set_apart: None,
        })
    }
}

/// First number of the tickets that were written in sets: the same event in another mood, or with another impact.
const FIRST_IN_SETS: u32 = 200;

/// Whether a ticket was written by itself, so that none of those learned from retells it.
fn stands_alone(id: &str) -> bool {
    let number = id.rsplit('-').next().and_then(|number| number.parse::<u32>().ok());
    number.is_some_and(|number| number < FIRST_IN_SETS)
}

fn moved(settings: &EvaluateSettings, analyst: &Analyst, held_out: &[Example]) -> anyhow::Result<(f64, f64)> {
    let original = Embedder::load(&settings.model.model_dir, Adapters::default(), settings.model.precision)?;
    let texts: Vec<_> = held_out.iter().map(|example| example.description.as_str()).collect();
    let cosines = tch::no_grad(|| original.embed(&texts) * analyst.embedder().embed(&texts));
    let cosines = cosines.sum_dim_intlist([1i64].as_slice(), false, Kind::Float);
    Ok((cosines.mean(Kind::Float).double_value(&[]), cosines.min().double_value(&[])))
}

/// Tickets answered together.
const BATCH: usize = 8;

fn answers(analyst: &Analyst, examples: &[Example]) -> anyhow::Result<Vec<Analysis>> {
    let requests: Vec<_> = examples.iter().map(request).collect();
    let bar = progress("answering", requests.len());
    let mut answers = Vec::with_capacity(requests.len());
    for batch in requests.chunks(BATCH) {
        let batch: Vec<_> = batch.iter().collect();
        answers.extend(tch::no_grad(|| analyst.analyze(&batch))?);
        bar.inc(batch.len() as u64);
    }
    bar.finish_and_clear();
    Ok(answers)
}

fn request(example: &Example) -> Request {
    Request { description: example.description.clone(), request_type: example.request_type.clone() }
}

/// The given answer as a label index, and how sure it was.
fn given(question: Question, answer: &Analysis) -> anyhow::Result<(usize, f32)> {
    let place = |labels: &[&str], label: &str| labels.iter().position(|&l| l == label);
    let (index, confidence) = match question {
        Question::Category => (place(&CATEGORIES, &answer.category.label), answer.category.confidence),
        Question::Priority => {
            (place(&PRIORITIES.map(Priority::name), answer.priority.label.name()), answer.priority.confidence)
        }
        Question::Kind => (place(&KINDS, &answer.kind.label), answer.kind.confidence),
        Question::Mood => {
            let mood = &answer.sentiment;
            let index = MOODS.iter().position(|m| (m.sentiment, m.emotion) == (mood.label, mood.emotion));
            (index, mood.confidence)
        }
        Question::Route => (place(&ROUTES, &answer.route.label), answer.route.confidence),
    };
    Ok((index.context("an answer outside of the labels")?, confidence))
}

type Pair<'a> = (&'a Example, &'a Analysis);

fn questions(pairs: &[Pair<'_>]) -> anyhow::Result<BTreeMap<Question, QuestionResult>> {
    Question::ALL.into_iter().map(|question| Ok((question, question_result(question, pairs)?))).collect()
}

fn question_result(question: Question, pairs: &[Pair<'_>]) -> anyhow::Result<QuestionResult> {
    let (mut counted, mut outcomes) = (Vec::new(), Vec::new());
    for (example, answer) in pairs {
        let (right, (given, confidence)) = (example.answer(question)?, given(question, answer)?);
        counted.push((right, given));
        // A mood's confidence is about its sentiment.
        let is_right = match question {
            Question::Mood => example.sentiment == answer.sentiment.label,
            _ => right == given,
        };
        outcomes.push((confidence, is_right));
    }
    Ok(QuestionResult {
        confusion: Confusion::new(question.labels().len(), counted),
        calibration_error: calibration_error(&outcomes),
    })
}

fn sentiments((example, answer): &Pair<'_>) -> Option<(usize, usize)> {
    let place = |sentiment: Sentiment| Sentiment::ALL.iter().position(|&s| s == sentiment);
    Some((place(example.sentiment)?, place(answer.sentiment.label)?))
}

fn form_wrong(pairs: &[Pair<'_>]) -> (usize, usize) {
    let wrong = pairs.iter().filter(|(e, _)| rules::form_category(&e.request_type) != e.category);
    let right = wrong.clone().filter(|(example, answer)| example.category == answer.category.label);
    (wrong.count(), right.count())
}

fn patterns(example: &Example) -> Vec<LabelledSpan> {
    let found = entities(&example.description).into_iter();
    found.map(|entity| LabelledSpan { text: entity.text, label: entity.label }).collect()
}

fn baseline(examples: &[Example]) -> anyhow::Result<BTreeMap<Question, Confusion>> {
    let (mut categories, mut priorities) = (Vec::new(), Vec::new());
    for example in examples {
        let category = rules::form_category(&example.request_type);
        let category = CATEGORIES.iter().position(|&c| c == category).unwrap_or_default();
        let priority = rules::keyword_priority(&example.description);
        let priority = PRIORITIES.iter().position(|&p| p == priority).unwrap_or_default();
        categories.push((example.answer(Question::Category)?, category));
        priorities.push((example.answer(Question::Priority)?, priority));
    }
    Ok(BTreeMap::from([
        (Question::Category, Confusion::new(CATEGORIES.len(), categories)),
        (Question::Priority, Confusion::new(PRIORITIES.len(), priorities)),
    ]))
}

fn review(pairs: &[Pair<'_>]) -> Review {
    let rest: Vec<_> = pairs.iter().copied().filter(|(_, answer)| !answer.needs_review).collect();
    Review {
        share: 1.0 - rest.len() as f64 / pairs.len().max(1) as f64,
        category_accuracy: share(&rest, |(example, answer)| example.category == answer.category.label),
        priority_accuracy: share(&rest, |(example, answer)| example.priority == answer.priority.label),
    }
}

fn mistakes(pairs: &[Pair<'_>]) -> anyhow::Result<Vec<Mistake>> {
    let mut mistakes = Vec::new();
    for (question, (example, answer)) in
        Question::ALL.into_iter().flat_map(|question| pairs.iter().map(move |pair| (question, pair)))
    {
        let (right, (given, confidence)) = (example.answer(question)?, given(question, answer)?);
        if right != given {
            let labels = question.labels();
            let (id, right, given) = (example.id.clone(), labels[right], labels[given]);
            mistakes.push(Mistake { id, question, right, given, confidence });
        }
    }
    mistakes.sort_by(|a, b| b.confidence.total_cmp(&a.confidence));
    Ok(mistakes)
}

fn spans(answer: &Analysis) -> Vec<LabelledSpan> {
    let entities = answer.entities.iter();
    entities.map(|entity| LabelledSpan { text: entity.text.clone(), label: entity.label.clone() }).collect()
}

fn share(pairs: &[Pair<'_>], is_right: impl Fn(&Pair<'_>) -> bool) -> f64 {
    mean(pairs.iter().map(|pair| f64::from(u8::from(is_right(pair)))))
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let values: Vec<_> = values.collect();
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(id: &str, description: &str) -> String {
        serde_json::json!({
            "id": id, "request_type": "Network", "description": description, "category": "Network",
            "priority": "High", "kind": "urgent", "sentiment": "neutral", "emotion": "none", "urgency": 7,
            "route": "live-chat", "entities": [], "summary": description,
        })
        .to_string()
    }

    #[test]
    fn what_was_learned_from_is_left_out_and_counted() {
        let dir = tempfile::tempdir().unwrap();
        let (folder, file) = (dir.path().join("learned"), dir.path().join("own.jsonl"));
        fs::create_dir(&folder).unwrap();
        // net-003 is held out by its hash: knowing its text is no advantage.
        let learned = [line("net-001", "The switch is dark."), line("net-003", "The dock is dead.")];
        fs::write(folder.join("known.jsonl"), learned.join("\n")).unwrap();
        let choose = |texts: &[&str]| {
            let lines: Vec<_> = texts.iter().map(|text| line(text, text)).collect();
            fs::write(&file, lines.join("\n")).unwrap();
            choose_from(&file, &folder)
        };
        let (kept, chosen) =
            choose(&["the SWITCH is  dark!", "The dock is dead.", "The phone is mute."]).unwrap();
        assert_eq!(
            kept.iter().map(|e| e.id.as_str()).collect::<Vec<_>>(),
            ["The dock is dead.", "The phone is mute."]
        );
        assert!(chosen.contains("1 more are left out"), "{chosen}");
        assert_eq!(choose(&["The phone is mute."]).unwrap().1, "of a file of their own");
        let refused = choose(&["The switch is dark."]).unwrap_err().to_string();
        assert!(refused.starts_with("all 1 tickets of"), "{refused}");
        let unknown = choose_from(&file, &dir.path().join("nowhere")).unwrap().1;
        assert!(unknown.contains("not known"), "{unknown}");
    }
}
