//! Temperatures, the say of neighbours, thresholds and honest figures from the training part alone: every ticket is answered by a
//! model that did not learn from it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tch::Tensor;

use super::{
    calibration::{best, calibration_error, lowest_share, weighing},
    dataset::LabelledSpan,
    evaluate::Mistake,
    lesson::Item,
    metrics::{Confusion, SpanScore, all_spans, span_scores},
    progress::progress,
    split,
    tuning::{Plan, tune},
};
use crate::{
    entities::{Candidate, combined},
    labels::{ENTITIES, Question},
    model::{
        encoder::{Encoder, Weights},
        heads::{QuestionManifest, central, matrix, rows},
        known::Known,
        net::Net,
        reading::embeddings,
        tags,
        weighing::Weighing,
    },
    rules::form_category,
};

/// Parts the training part is divided into.
pub const FOLDS: u64 = 5;
/// Share of the answers a person looks at, per question.
const REVIEW_SHARE: f64 = 0.1;
/// Gain in F1 below which a label's tags are not worth their false alarms.
const LEAST_GAIN: f64 = 0.005;

/// Answers about tickets that were not learned from, in their order.
pub struct Unseen<'i> {
    items: Vec<&'i Item<'i>>,
    logits: BTreeMap<Question, Vec<Vec<f32>>>,
    /// Of each label among the nearest of the tickets that were learned from.
    shares: BTreeMap<Question, Vec<Vec<f32>>>,
    /// What makes probabilities of both.
    weighings: BTreeMap<Question, Weighing>,
    urgency: Vec<f32>,
    tagged: Vec<Vec<Candidate>>,
    /// Whether the sentence of the summary was picked, where there was a choice.
    quoted: Vec<bool>,
}

/// What cross-validation says of a way to learn.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Verdict {
    /// What the manifest says of each question.
    pub questions: BTreeMap<String, QuestionManifest>,
    /// Mean distance of the urgency from the right one.
    pub urgency_error: f64,
    /// Confidence from which on a tag counts, by entity label.
    #[serde(default)]
    pub tags_from: BTreeMap<String, f32>,
    /// How well unseen tickets were answered.
    pub figures: Figures,
}

/// Figures by name.
pub type Figures = BTreeMap<String, f64>;

impl<'i> Unseen<'i> {
    /// Learns without each of the first `folds` parts and answers about it.
    pub fn new(weights: &Weights, items: &'i [Item<'i>], plan: Plan, folds: u64) -> anyhow::Result<Self> {
        let mut unseen = Self {
            items: Vec::new(),
            logits: BTreeMap::new(),
            shares: BTreeMap::new(),
            weighings: BTreeMap::new(),
            urgency: Vec::new(),
            tagged: Vec::new(),
            quoted: Vec::new(),
        };
        for fold in 0..folds {
            let (inside, outside): (Vec<_>, Vec<_>) =
                items.iter().partition(|item| split::fold(&item.example.id, FOLDS) == fold);
            let bar = progress("fold", plan.steps(outside.len()));
            let tuned = tune(weights, &outside, plan, |loss| {
                bar.set_message(format!("{} of {folds}, loss {loss:.2}", fold + 1));
                bar.inc(1);
            })?;
            bar.finish_and_clear();
            let (encoder, net) = tuned.model(weights, plan.kind)?;
            tch::no_grad(|| {
                let known = known(&outside, &encoder)?;
                unseen.answer(&encoder, &net, &known, &inside);
                anyhow::Ok(())
            })?;
            unseen.weigh();
            tracing::info!(fold = fold + 1, folds, figures = ?unseen.figures(), "cross-validation");
        }
        Ok(unseen)
    }

    fn answer(&mut self, encoder: &Encoder, net: &Net, known: &Known, items: &[&'i Item<'i>]) {
        for item in items {
            let states = item.states(encoder);
            let outputs = net.decide(std::slice::from_ref(&states), &item.features);
            let neighbours = known.nearest(&embedding(item, &states)).pop().unwrap_or_default().tickets;
            for (question, logits) in outputs.questions {
                let shares = known.shares(question, &neighbours);
                let shares = shares.unwrap_or_else(|| vec![0.0; question.labels().len()]);
                self.logits.entry(question).or_default().extend(rows(&logits));
                self.shares.entry(question).or_default().push(shares);
            }
            self.urgency.push(outputs.urgency.double_value(&[0]) as f32);
            self.tagged.push(tags::decode(&item.words, &net.tag(&states, &item.marks)));
            if let Some(right) = &item.quoted {
                let given = central(net, &item.passages, &states);
                let right = item.passages.sentences.get(right.int64_value(&[0]) as usize);
                self.quoted.push(given == right.copied());
            }
            self.items.push(item);
        }
    }

    /// All of it.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        let each = Question::ALL.map(|question| (question.name().to_owned(), self.manifest(question)));
        Verdict {
            questions: each.into(),
            urgency_error: self.urgency_error(),
            tags_from: self.tags_from(),
            figures: self.figures(),
        }
    }

    /// Every wrong answer, the surest first.
    #[must_use]
    pub fn mistakes(&self) -> Vec<Mistake> {
        let mut mistakes: Vec<_> =
            Question::ALL.into_iter().flat_map(|question| self.mistakes_about(question)).collect();
        mistakes.sort_by(|a, b| b.confidence.total_cmp(&a.confidence));
        mistakes
    }

    fn mistakes_about(&self, question: Question) -> Vec<Mistake> {
        let labels = question.labels();
        let given = best(&self.probabilities(question));
        let each = self.items.iter().zip(given).zip(self.answers(question));
        each.filter(|((_, (_, given)), right)| given != right)
            .map(|((item, (confidence, given)), right)| Mistake {
                id: item.example.id.clone(),
                question,
                right: labels[right as usize],
                given: labels[given as usize],
                confidence,
            })
            .collect()
    }

    fn answers(&self, question: Question) -> Vec<i64> {
        let index = Question::ALL.iter().position(|&q| q == question).unwrap_or_default();
        self.items.iter().map(|item| item.answers[index]).collect()
    }

    /// Chooses what makes probabilities of outputs and shares, by all answers so far.
    fn weigh(&mut self) {
        let best = |question: Question| {
            let (logits, shares) = self.evidence(question);
            (question, weighing(&logits, &shares, &Tensor::from_slice(&self.answers(question))))
        };
        self.weighings = Question::ALL.map(best).into();
    }

    fn probabilities(&self, question: Question) -> Tensor {
        let (logits, shares) = self.evidence(question);
        self.weighings[&question].probabilities(&logits, Some(&shares))
    }

    /// What heads and neighbours answered, `[tickets, labels]` each.
    fn evidence(&self, question: Question) -> (Tensor, Tensor) {
        (matrix(&self.logits[&question]), matrix(&self.shares[&question]))
    }

    fn manifest(&self, question: Question) -> QuestionManifest {
        let right = self.answers(question);
        let Weighing { temperature, neighbours } = self.weighings[&question];
        let best = best(&self.probabilities(question));
        let outcomes: Vec<_> =
            best.iter().zip(&right).map(|((p, label), right)| (*p, label == right)).collect();
        let confidences: Vec<_> = best.iter().map(|(confidence, _)| *confidence).collect();
        QuestionManifest {
            labels: question.labels().into_iter().map(str::to_owned).collect(),
            temperature,
            neighbours,
            review_below: lowest_share(&confidences, REVIEW_SHARE),
            accuracy: self.confusion(question).accuracy(),
            calibration_error: calibration_error(&outcomes),
        }
    }

    fn confusion(&self, question: Question) -> Confusion {
        let given = best(&self.probabilities(question)).into_iter().map(|(_, label)| label as usize);
        let pairs = self.answers(question).into_iter().map(|right| right as usize).zip(given);
        Confusion::new(question.labels().len(), pairs)
    }

    fn urgency_error(&self) -> f64 {
        let distances = self.items.iter().zip(&self.urgency);
        let distances =
            distances.map(|(item, given)| f64::from((f32::from(item.example.urgency) - given).abs()));
        distances.sum::<f64>() / self.items.len().max(1) as f64
    }

    fn figures(&self) -> Figures {
        let mut figures = Figures::new();
        for question in Question::ALL {
            let confusion = self.confusion(question);
            figures.insert(format!("{} accuracy", question.name()), confusion.accuracy());
            figures.insert(format!("{} macro F1", question.name()), confusion.macro_f1());
            let say = self.weighings[&question].neighbours;
            figures.insert(format!("{}, say of the nearest known tickets", question.name()), say);
        }
        let mut add = |name: &str, value: f64| figures.insert(name.to_owned(), value);
        add("priority kappa", self.confusion(Question::Priority).quadratic_kappa());
        add("category accuracy, form wrong", self.accuracy_where_the_form_is_wrong());
        add("sentiment macro F1", self.sentiments().macro_f1());
        add("entity F1", all_spans(&self.entities(&self.tags_from())).f1());
        add("entity F1, patterns alone", all_spans(&self.entities(&BTreeMap::new())).f1());
        let quoted = self.quoted.iter().filter(|&&is_right| is_right).count();
        add("summary sentence accuracy", quoted as f64 / self.quoted.len().max(1) as f64);
        add("urgency error", self.urgency_error());
        figures
    }

    fn accuracy_where_the_form_is_wrong(&self) -> f64 {
        let given = best(&self.probabilities(Question::Category));
        let wrong = self.items.iter().zip(given).zip(self.answers(Question::Category));
        let wrong: Vec<_> = wrong
            .filter(|((item, _), _)| form_category(&item.example.request_type) != item.example.category)
            .map(|((_, (_, given)), right)| given == right)
            .collect();
        wrong.iter().filter(|&&is_right| is_right).count() as f64 / wrong.len().max(1) as f64
    }

    /// Neutral, negative, positive, by the sums of their moods.
    fn sentiments(&self) -> Confusion {
        let probabilities = rows(&self.probabilities(Question::Mood));
        let pairs = probabilities.iter().zip(self.answers(Question::Mood)).map(|(p, right)| {
            let sums = [p[0], p[1] + p[2] + p[3], p[4] + p[5]];
            let given = (0..3).max_by(|&a, &b| sums[a].total_cmp(&sums[b])).unwrap_or_default();
            ([0, 1, 1, 1, 2, 2][right as usize], given)
        });
        Confusion::new(3, pairs)
    }

    /// The least confidence of each label's tags that finds most together with the patterns. A label whose tags do
    /// more harm than good at any confidence gets none.
    fn tags_from(&self) -> BTreeMap<String, f32> {
        let mut best: BTreeMap<_, _> = self
            .entities(&BTreeMap::new())
            .into_iter()
            .map(|(label, score)| (label, (score.f1() + LEAST_GAIN, None)))
            .collect();
        for confidence in (6..20).map(|step| 0.05 * step as f32) {
            let each = ENTITIES.map(|label| (label.to_owned(), confidence));
            for (label, score) in self.entities(&each.into()) {
                let entry = best.entry(label).or_default();
                if score.f1() > entry.0 {
                    *entry = (score.f1(), Some(confidence));
                }
            }
        }
        best.into_iter().filter_map(|(label, (_, confidence))| Some((label, confidence?))).collect()
    }

    fn entities(&self, tags_from: &BTreeMap<String, f32>) -> BTreeMap<String, SpanScore> {
        let each = self.items.iter().zip(&self.tagged).map(|(item, tagged)| {
            let (text, patterns) = (&item.example.description, item.candidates.clone());
            let found = combined(text, patterns, tagged.clone(), tags_from).into_iter();
            let found = found.map(|e| LabelledSpan { text: e.text, label: e.label }).collect();
            (item.example.entities.as_slice(), found)
        });
        span_scores(&each.collect::<Vec<_>>())
    }
}

/// The tickets learned from, as the encoder reads them.
fn known(items: &[&Item<'_>], encoder: &Encoder) -> anyhow::Result<Known> {
    let bar = progress("comparing", items.len());
    let read = |item: &&Item<'_>| {
        bar.inc(1);
        embedding(item, &item.states(encoder))
    };
    let embeddings = Tensor::cat(&items.iter().map(read).collect::<Vec<_>>(), 0);
    bar.finish_and_clear();
    let labels = |(index, question): (usize, Question)| {
        let labels = items.iter().map(|item| item.answers[index] as usize).collect();
        (question.name().to_owned(), labels)
    };
    let labels = Question::ALL.into_iter().enumerate().map(labels).collect();
    Known::new(&embeddings, &labels).map_err(anyhow::Error::msg)
}

/// `[1, dimension]`.
fn embedding(item: &Item<'_>, states: &Tensor) -> Tensor {
    embeddings(std::slice::from_ref(&item.pieces), std::slice::from_ref(states))
}
