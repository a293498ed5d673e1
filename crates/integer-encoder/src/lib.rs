//! The layers of a BERT encoder with heads of 32 numbers (MiniLM), multiplied in whole numbers.
//!
//! On processors with AVX-512 VNNI an instruction does four times the work of one in f32 when it multiplies 8-bit numbers.
//! So few bits are enough because every 64 numbers, of an output's weights as of a word piece's states, are rounded with
//! a scale of their own. Attention, norms and activations stay in f32.
//!
//! Reading order: [`Encoder`], then `layer` (one layer from matrix to norm), `matrix` (the multiplication),
//! `attention`, `rows` (norms and residuals), `lanes` (sixteen numbers at a time).

#[cfg(target_arch = "x86_64")]
mod attention;
#[cfg(target_arch = "x86_64")]
mod lanes;
#[cfg(target_arch = "x86_64")]
mod layer;
#[cfg(not(target_arch = "x86_64"))]
#[path = "elsewhere.rs"]
mod layer;
#[cfg(target_arch = "x86_64")]
mod matrix;
#[cfg(target_arch = "x86_64")]
mod rows;

use layer::Layer;

/// Numbers of one attention head: two vectors of sixteen.
pub const HEAD: usize = 32;

/// A linear layer as it was learned.
#[derive(Debug, Clone)]
pub struct Linear {
    /// Output by output, each with one number per input.
    pub weight: Vec<f32>,
    /// One number per output.
    pub bias: Vec<f32>,
}

/// Scale and shift of a layer norm, one number each per dimension.
#[derive(Debug, Clone)]
pub struct Norm {
    /// What the normalised numbers are multiplied by.
    pub scale: Vec<f32>,
    /// What is added to them.
    pub shift: Vec<f32>,
}

/// One transformer layer as it was learned; its norms come after the residuals, as in BERT.
#[derive(Debug, Clone)]
pub struct LayerWeights {
    /// Query, key and value of all heads, one below the other.
    pub query_key_value: Linear,
    /// What mixes the heads.
    pub attended: Linear,
    /// After attention.
    pub attended_norm: Norm,
    /// To the inner dimension, followed by GELU.
    pub widen: Linear,
    /// And back.
    pub narrow: Linear,
    /// After the inner dimension.
    pub output_norm: Norm,
}

impl Linear {
    fn fits(&self, inputs: usize, outputs: usize) -> bool {
        outputs.is_multiple_of(64) && self.bias.len() == outputs && self.weight.len() == inputs * outputs
    }
}

impl LayerWeights {
    fn fits(&self, dimension: usize) -> bool {
        let inner = self.widen.bias.len();
        let norms = [&self.attended_norm, &self.output_norm];
        self.query_key_value.fits(dimension, 3 * dimension)
            && self.attended.fits(dimension, dimension)
            && self.widen.fits(dimension, inner)
            && self.narrow.fits(inner, dimension)
            && norms
                .into_iter()
                .all(|norm| [&norm.scale, &norm.shift].into_iter().all(|part| part.len() == dimension))
    }
}

/// The layers, ready to run on this processor.
pub struct Encoder {
    layers: Vec<Layer>,
    dimension: usize,
}

impl Encoder {
    /// Rounds the weights. `None` where the processor lacks AVX-512 VNNI, or where the shapes do not divide into what
    /// it multiplies at once: a dimension of whole heads, and outputs by 64.
    #[must_use]
    pub fn new(layers: &[LayerWeights]) -> Option<Self> {
        let dimension = layers.first()?.attended.bias.len();
        let all_fit = dimension.is_multiple_of(HEAD) && layers.iter().all(|layer| layer.fits(dimension));
        (layer::is_supported() && all_fit)
            .then(|| Self { layers: layers.iter().map(Layer::new).collect(), dimension })
    }

    /// Takes the states of several texts, one below the other, through all layers, in place. `lengths` are the pieces
    /// of each text: a text attends to itself alone.
    ///
    /// # Panics
    /// Where `states` are not as many as `lengths` say.
    pub fn run(&self, states: &mut [f32], lengths: &[usize]) {
        assert_eq!(states.len(), lengths.iter().sum::<usize>() * self.dimension, "one row per piece");
        let mut room = layer::Room::default();
        for layer in &self.layers {
            layer.run(states, lengths, &mut room);
        }
    }
}
