//! `analyzer-worker train`: labelled tickets to heads.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use clap::Args;
use sha2::{Digest as _, Sha256};
use tch::{Kind, Tensor};

use super::{
    classifier::{fit_labels, fit_number},
    cross_validation::Folded,
    dataset::{self, Example},
    progress::progress,
    split,
};
use crate::{
    labels::Question,
    model::{
        Embedder, Reading, anchors,
        features::{Features, features},
        heads::{ANCHORS, KNOWN, MANIFEST_FILE, Manifest, QuestionManifest, URGENCY, WEIGHTS_FILE},
    },
    settings::{ModelSettings, PrecisionChoice},
};

/// Name of the encoder in every answer.
const ENCODER: &str = "minilm-l6";

/// What to learn from and where to put the heads.
#[derive(Clone, Debug, Args)]
pub struct TrainSettings {
    /// Folder of the labelled tickets (*.jsonl)
    #[arg(long, default_value = "analyzer-worker/training")]
    pub data: PathBuf,
    /// Folder to write heads.safetensors and heads.json to
    #[arg(long, default_value = "analyzer-worker/model")]
    pub out: PathBuf,
    /// The encoder
    #[command(flatten)]
    pub model: ModelSettings,
}

/// The tickets to learn from, in numbers.
struct Lesson {
    examples: Vec<Example>,
    anchors: Tensor,
    embeddings: Tensor,
    folded: Folded,
}

/// What was learned, before it is written.
struct Learned {
    tensors: Vec<(String, Tensor)>,
    questions: BTreeMap<String, QuestionManifest>,
    known: BTreeMap<String, Vec<usize>>,
    urgency_error: f64,
}

/// Learns from everything that is not held out and writes the heads; `today` is part of their revision.
pub fn train(settings: &TrainSettings, today: chrono::NaiveDate) -> anyhow::Result<Manifest> {
    // One thread: sums in another order would be other weights.
    tch::set_num_threads(1);
    let (examples, held_out) = split::split(dataset::load(&settings.data)?);
    tracing::info!(learn_from = examples.len(), held_out = held_out.len(), "training");
    let embedder = Embedder::load(&settings.model.model_dir, PrecisionChoice::F32)?;
    let lesson = tch::no_grad(|| Lesson::new(examples, &embedder));
    let learned = lesson.learn()?;
    write(&settings.out, lesson.examples.len(), learned, today)
}

impl Lesson {
    fn new(examples: Vec<Example>, embedder: &Embedder) -> Self {
        let anchors = embedder.embed(&anchors::statements().collect::<Vec<_>>());
        // Rounded before anything is learned from them, because rounded they are stored.
        let anchors = anchors.to_kind(Kind::Half).to_kind(Kind::Float);
        let bar = progress("embedding", examples.len());
        let (mut embeddings, mut groups) = (Vec::new(), Vec::new());
        for chunk in examples.chunks(16) {
            let tickets: Vec<_> =
                chunk.iter().map(|e| (e.description.as_str(), e.request_type.as_str())).collect();
            let reading = Reading::new(embedder, &tickets.iter().map(|(text, _)| *text).collect::<Vec<_>>());
            groups.push(features(&reading, &anchors, &tickets));
            embeddings.push(reading.tickets);
            bar.inc(chunk.len() as u64);
        }
        bar.finish_and_clear();
        let ids: Vec<_> = examples.iter().map(|example| example.id.as_str()).collect();
        let folded = Folded::new(Features::stack(&groups), &ids);
        let embeddings = Tensor::cat(&embeddings, 0);
        Self { examples, anchors, embeddings, folded }
    }

    fn learn(&self) -> anyhow::Result<Learned> {
        let mut learned = self.learn_urgency()?;
        let bar = progress("fitting", Question::ALL.len());
        for question in Question::ALL {
            bar.set_message(question.name());
            self.learn_question(question, &mut learned)?;
            bar.inc(1);
        }
        bar.finish_and_clear();
        // Half precision: neighbours do not change, the file is half the size.
        for (name, tensor) in [(KNOWN, &self.embeddings), (ANCHORS, &self.anchors)] {
            learned.tensors.push((name.to_owned(), tensor.to_kind(Kind::Half)));
        }
        Ok(learned)
    }

    fn learn_urgency(&self) -> anyhow::Result<Learned> {
        let values: Vec<_> = self.examples.iter().map(|example| f32::from(example.urgency)).collect();
        let values = Tensor::from_slice(&values);
        let (recipe, urgency_error) = self.folded.tune_number(&values)?;
        let fitted = fit_number(self.folded.features(), &values, &recipe)?;
        Ok(Learned {
            tensors: named(URGENCY, fitted.weight, fitted.bias).into(),
            questions: BTreeMap::new(),
            known: BTreeMap::new(),
            urgency_error,
        })
    }

    fn learn_question(&self, question: Question, learned: &mut Learned) -> anyhow::Result<()> {
        let answers: Vec<_> = self.examples.iter().map(|e| e.answer(question)).collect::<Result<_, _>>()?;
        let tensor = Tensor::from_slice(&answers.iter().map(|&a| a as i64).collect::<Vec<_>>());
        let (recipe, entry) = self.folded.tune(question, &tensor)?;
        let classes = question.labels().len() as i64;
        let fitted = fit_labels(self.folded.features(), &tensor, classes, &recipe)?;
        learned.tensors.extend(named(question.name(), fitted.weight, fitted.bias));
        learned.questions.insert(question.name().to_owned(), entry);
        learned.known.insert(question.name().to_owned(), answers);
        Ok(())
    }
}

fn named(name: &str, weight: Tensor, bias: Tensor) -> [(String, Tensor); 2] {
    [(format!("{name}.weight"), weight), (format!("{name}.bias"), bias)]
}

fn write(
    out: &Path,
    trained_on: usize,
    learned: Learned,
    today: chrono::NaiveDate,
) -> anyhow::Result<Manifest> {
    fs::create_dir_all(out).with_context(|| format!("creating {}", out.display()))?;
    let path = out.join(WEIGHTS_FILE);
    Tensor::write_safetensors(&learned.tensors, &path)
        .with_context(|| format!("writing {}", path.display()))?;
    let sha256 = hex::encode(Sha256::digest(fs::read(&path)?));
    let manifest = Manifest {
        revision: format!("{today}-{}", &sha256[..8]),
        encoder: ENCODER.to_owned(),
        sha256,
        trained_on,
        questions: learned.questions,
        urgency_error: learned.urgency_error,
        known: learned.known,
    };
    let path = out.join(MANIFEST_FILE);
    fs::write(&path, to_json(&manifest)?).with_context(|| format!("writing {}", path.display()))?;
    Ok(manifest)
}

/// Pretty, with the long lists of numbers on one line each.
fn to_json(manifest: &Manifest) -> anyhow::Result<String> {
    let mut value = serde_json::to_value(manifest)?;
    let known = value["known"].take();
    let pretty = serde_json::to_string_pretty(&value)?;
    let lists: Vec<_> = known
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, list)| format!("    \"{name}\": {list}"))
        .collect();
    Ok(pretty.replace("\"known\": null", &format!("\"known\": {{\n{}\n  }}", lists.join(",\n"))) + "\n")
}
