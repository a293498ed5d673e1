//! bf16 doubles the speed on processors with the right instructions and slows the others down, so it is not
//! guessed: where the processor claims to have them, both formats run once at start and the better one stays.

use std::time::{Duration, Instant};

use tch::Kind;

use super::{
    encoder::{Encoder, Weights},
    tokenizer::Tokenizer,
};
use crate::settings::PrecisionChoice;

/// The least cosine between the embeddings of both formats.
const SAME_ENOUGH: f64 = 0.999;
/// Rounds of each format; the fastest counts, which foreign load disturbs least.
const ROUNDS: usize = 4;
/// What the check embeds: about as long as tickets are.
const SAMPLES: [&str; 4] = [
    "The printer on the second floor shows a paper jam, but there is no paper in it. We opened every cover \
     and looked twice. The other printer works, so it can wait until the next visit of the technician.",
    "Since this morning nobody in the office can reach the file server. All forty of us stand still and the \
     tender must be handed in before noon. Please call us back as soon as somebody looks at it.",
    "How do I share a calendar with a colleague from another company?",
    "Thank you for the quick help with the new laptops, everything works and the whole team is happy.",
];

/// Picks the encoder to compute with and says why in the log.
#[must_use]
pub fn choose(weights: &Weights, tokenizer: &Tokenizer, choice: PrecisionChoice) -> Encoder {
    match choice {
        PrecisionChoice::F32 => weights.encoder(Kind::Float),
        PrecisionChoice::Bf16 => weights.encoder(Kind::BFloat16),
        PrecisionChoice::Auto if !has_bf16_instructions() => {
            tracing::info!(precision = "f32", "the processor has no bf16 instructions");
            weights.encoder(Kind::Float)
        }
        PrecisionChoice::Auto => faster(weights, tokenizer),
    }
}

fn faster(weights: &Weights, tokenizer: &Tokenizer) -> Encoder {
    let (exact, short) = (weights.encoder(Kind::Float), weights.encoder(Kind::BFloat16));
    let samples = SAMPLES.map(|text| tokenizer.encode(text).ids);
    let samples: Vec<&[i64]> = samples.iter().map(Vec::as_slice).collect();
    let cosine = least_cosine(&exact, &short, &samples);
    let (f32_time, bf16_time) = (fastest(&exact, &samples), fastest(&short, &samples));
    let is_bf16 = bf16_time < f32_time && cosine >= SAME_ENOUGH;
    let precision = if is_bf16 { "bf16" } else { "f32" };
    tracing::info!(precision, cosine, ?f32_time, ?bf16_time, "compared the number formats");
    if is_bf16 { short } else { exact }
}

fn least_cosine(one: &Encoder, other: &Encoder, samples: &[&[i64]]) -> f64 {
    let product = tch::no_grad(|| one.embed(samples) * other.embed(samples));
    product.sum_dim_intlist([-1i64].as_slice(), false, Kind::Float).min().double_value(&[])
}

fn fastest(encoder: &Encoder, samples: &[&[i64]]) -> Duration {
    let round = || {
        let start = Instant::now();
        let _ = tch::no_grad(|| encoder.embed(samples));
        start.elapsed()
    };
    (0..ROUNDS).map(|_| round()).min().unwrap_or_default()
}

fn has_bf16_instructions() -> bool {
    has("avx512_bf16") || has_bf16_tiles()
}

/// Whether the processor multiplies whole tiles of bf16 (AMX), twice as fast as f32. One with `avx512_bf16` alone was half as
/// fast.
#[must_use]
pub fn has_bf16_tiles() -> bool {
    has("amx_bf16")
}

/// Whether Linux lists an instruction set.
fn has(instructions: &str) -> bool {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    info.split_ascii_whitespace().any(|flag| flag == instructions)
}
