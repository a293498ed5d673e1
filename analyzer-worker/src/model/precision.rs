//! Fewer bits are faster on processors with the right instructions and slower on others, so it is not guessed: all
//! formats that the machine claims to have run once at start, and the fastest of those that are good enough stays.

use std::{
    fmt,
    time::{Duration, Instant},
};

use tch::{Cuda, Device, Kind, Tensor};

use super::{
    encoder::{self, Weights},
    rounded::RoundedEncoder,
    tokenizer::Tokenizer,
};
use crate::settings::PrecisionChoice;

/// The least cosine between the embeddings of f32 and those of a format that takes its place.
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

/// An encoder in one of the number formats.
pub enum Encoder {
    /// f32, bf16, or on a GPU, by libtorch.
    Torch(encoder::Encoder),
    /// Whole numbers, on the processor's own instructions.
    Rounded(RoundedEncoder),
}

/// A number format, and what computes in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// 32 bits.
    F32,
    /// The upper 16 of 32 bits.
    Bf16,
    /// Whole numbers of 8 bits, 64 to a scale.
    Int8,
    /// bf16 on the first CUDA device.
    Gpu,
}

impl fmt::Display for Precision {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::F32 => "f32",
            Self::Bf16 => "bf16",
            Self::Int8 => "int8",
            Self::Gpu => "bf16 on a GPU",
        })
    }
}

impl Encoder {
    /// An encoder in this format. `None` where the machine has nothing for it: f32 and bf16 run on all, if slowly.
    #[must_use]
    pub fn new(weights: &Weights, precision: Precision) -> Option<Self> {
        Some(match precision {
            Precision::F32 => Self::Torch(weights.encoder(Kind::Float)),
            Precision::Bf16 => Self::Torch(weights.encoder(Kind::BFloat16)),
            Precision::Int8 => Self::Rounded(RoundedEncoder::new(weights)?),
            Precision::Gpu if !Cuda::is_available() => return None,
            Precision::Gpu => Self::Torch(weights.encoder_on(Device::Cuda(0), Kind::BFloat16)),
        })
    }

    /// The number format it computes in.
    #[must_use]
    pub fn precision(&self) -> Precision {
        match self {
            Self::Torch(encoder) if encoder.device().is_cuda() => Precision::Gpu,
            Self::Torch(encoder) if encoder.kind() == Kind::BFloat16 => Precision::Bf16,
            Self::Torch(_) => Precision::F32,
            Self::Rounded(_) => Precision::Int8,
        }
    }

    /// The last hidden states of all texts, one text below the other, `[pieces, dimension]` in f32.
    ///
    /// # Panics
    /// As libtorch does, on a word piece outside of the vocabulary or a text over 512 pieces: the caller
    /// truncates, and catches.
    pub fn states(&self, texts: &[&[i64]]) -> Tensor {
        match self {
            Self::Torch(encoder) => encoder.states(texts),
            Self::Rounded(encoder) => encoder.states(texts),
        }
    }

    /// One embedding per text, `[texts, dimension]` in f32: the mean of its last hidden states, of length 1.
    ///
    /// # Panics
    /// As [`Self::states`].
    pub fn embed(&self, texts: &[&[i64]]) -> Tensor {
        encoder::embeddings(&self.states(texts), texts)
    }
}

/// Picks the encoder to compute with and says why in the log.
///
/// # Errors
/// [`Unsupported`] where the settings name a format that this machine cannot compute in.
pub fn choose(
    weights: &Weights,
    tokenizer: &Tokenizer,
    choice: PrecisionChoice,
) -> Result<Encoder, Unsupported> {
    let wanted = match choice {
        PrecisionChoice::F32 => Precision::F32,
        PrecisionChoice::Bf16 => Precision::Bf16,
        PrecisionChoice::Int8 => Precision::Int8,
        PrecisionChoice::Gpu => Precision::Gpu,
        PrecisionChoice::Auto => return Ok(fastest(weights, tokenizer)),
    };
    Encoder::new(weights, wanted).ok_or(Unsupported(wanted))
}

/// The machine has nothing to compute with in the format that the settings ask for.
#[derive(Debug, thiserror::Error)]
#[error("this machine cannot compute in {0}: leave ANALYZER_PRECISION at auto")]
pub struct Unsupported(Precision);

fn fastest(weights: &Weights, tokenizer: &Tokenizer) -> Encoder {
    let samples = SAMPLES.map(|text| tokenizer.encode(text).ids);
    let samples: Vec<&[i64]> = samples.iter().map(Vec::as_slice).collect();
    let exact = Encoder::Torch(weights.encoder(Kind::Float));
    let right = tch::no_grad(|| exact.embed(&samples));
    let mut best = (time(&exact, &samples), exact);
    let bf16 = has_bf16_instructions().then_some(Precision::Bf16);
    for precision in bf16.into_iter().chain([Precision::Int8, Precision::Gpu]) {
        let Some(other) = Encoder::new(weights, precision) else { continue };
        let cosine = least_cosine(&right, &tch::no_grad(|| other.embed(&samples)));
        let taken = time(&other, &samples);
        tracing::info!(%precision, cosine, ?taken, against = ?best.0, "compared a number format");
        if taken < best.0 && cosine >= SAME_ENOUGH {
            best = (taken, other);
        }
    }
    tracing::info!(precision = %best.1.precision(), "settled on a number format");
    best.1
}

fn least_cosine(one: &Tensor, other: &Tensor) -> f64 {
    (one * other).sum_dim_intlist([-1i64].as_slice(), false, Kind::Float).min().double_value(&[])
}

fn time(encoder: &Encoder, samples: &[&[i64]]) -> Duration {
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
