//! The encoder with its layers in whole numbers of 8 bits: three times as fast where the processor multiplies them.

use integer_encoder::{LayerWeights, Linear, Norm};
use tch::{Kind, Tensor};

use super::encoder::{self, Encoder, Weights};

/// Word pieces to states through rounded layers; the embeddings below them stay as they were learned.
pub struct RoundedEncoder {
    embeddings: Encoder,
    layers: integer_encoder::Encoder,
}

impl RoundedEncoder {
    /// `None` where the processor has no instructions for it.
    #[must_use]
    pub fn new(weights: &Weights) -> Option<Self> {
        let mut embeddings = weights.encoder(Kind::Float);
        let layers: Vec<_> = embeddings.take_layers().iter().map(layer).collect();
        let layers = integer_encoder::Encoder::new(&layers)?;
        Some(Self { embeddings, layers })
    }

    /// As [`Encoder::states`].
    ///
    /// # Panics
    /// As [`Encoder::states`].
    pub fn states(&self, texts: &[&[i64]]) -> Tensor {
        let embedded = self.embeddings.states(texts);
        let shape = embedded.size();
        let mut states = numbers(&embedded);
        let lengths: Vec<_> = texts.iter().map(|text| text.len()).collect();
        self.layers.run(&mut states, &lengths);
        Tensor::from_slice(&states).view(shape.as_slice())
    }
}

fn layer(layer: &encoder::Layer) -> LayerWeights {
    let linear =
        |linear: &encoder::Linear| Linear { weight: numbers(&linear.weight), bias: numbers(&linear.bias) };
    LayerWeights {
        query_key_value: linear(&layer.query_key_value),
        attended: linear(&layer.attended),
        attended_norm: norm(&layer.attended_norm),
        widen: linear(&layer.widen),
        narrow: linear(&layer.narrow),
        output_norm: norm(&layer.output_norm),
    }
}

fn norm(norm: &encoder::Norm) -> Norm {
    Norm { scale: numbers(&norm.scale), shift: numbers(&norm.shift) }
}

fn numbers(tensor: &Tensor) -> Vec<f32> {
    let flat = tensor.contiguous().view(-1);
    let mut numbers = vec![0.0; flat.numel()];
    let count = numbers.len();
    flat.copy_data(&mut numbers, count);
    numbers
}
