//! MiniLM's forward pass, packed: the texts of a batch lie end to end in one matrix, so no linear layer ever
//! multiplies padding; only attention runs text by text. Query, key and value are one multiplication.
//!
//! The weights come from rust-bert's own model, and a test holds this pass against rust-bert's.

use std::{collections::HashMap, ops::Range, path::Path};

use rust_bert::{
    Config as _,
    bert::{BertConfig, BertEmbeddings, BertModel},
};
use tch::{Device, Kind, Tensor, nn};

use super::{LoadError, adapters::Adapters};

/// BERT's epsilon in every layer norm.
const EPSILON: f64 = 1e-12;

/// A matrix and its bias.
pub(super) struct Linear {
    pub(super) weight: Tensor,
    pub(super) bias: Tensor,
}

impl Linear {
    fn forward(&self, input: &Tensor) -> Tensor {
        input.linear(&self.weight, Some(&self.bias))
    }

    /// The same matrix, laid out column by column: one that lies row by row MKL copies whenever it multiplies few rows by
    /// it, which takes a text of 50 word pieces 1.3 times as long. From 200 pieces on it makes no difference.
    fn by_columns(self) -> Self {
        let columns = self.weight.transpose(0, 1).contiguous();
        Self { weight: columns.transpose(0, 1), bias: self.bias }
    }
}

/// Scale and shift of a layer norm.
pub(super) struct Norm {
    pub(super) scale: Tensor,
    pub(super) shift: Tensor,
}

impl Norm {
    fn forward(&self, input: &Tensor) -> Tensor {
        input.layer_norm(self.scale.size(), Some(&self.scale), Some(&self.shift), EPSILON, false)
    }
}

/// One transformer layer.
pub(super) struct Layer {
    pub(super) query_key_value: Linear,
    pub(super) attended: Linear,
    pub(super) attended_norm: Norm,
    pub(super) widen: Linear,
    pub(super) narrow: Linear,
    pub(super) output_norm: Norm,
}

impl Layer {
    fn by_columns(self) -> Self {
        Self {
            query_key_value: self.query_key_value.by_columns(),
            attended: self.attended.by_columns(),
            widen: self.widen.by_columns(),
            narrow: self.narrow.by_columns(),
            ..self
        }
    }
}

/// The encoder, in one number format, on one device.
pub struct Encoder {
    words: Tensor,
    /// Position and token type embeddings added up: there is one token type.
    places: Tensor,
    pub(super) embedding_norm: Norm,
    layers: Vec<Layer>,
    heads: i64,
    kind: Kind,
    device: Device,
}

/// rust-bert's model with the weights loaded, of which encoders are made.
pub struct Weights {
    variables: nn::VarStore,
    config: BertConfig,
    adapters: Adapters,
    /// The model as rust-bert computes it: the reference of the tests.
    pub reference: BertModel<BertEmbeddings>,
}

impl Weights {
    /// Reads `config.json` and `model.safetensors`.
    pub fn load(model_dir: &Path) -> Result<Self, LoadError> {
        let (config_path, path) = (model_dir.join("config.json"), model_dir.join("model.safetensors"));
        LoadError::unless_present(&config_path)?;
        LoadError::unless_present(&path)?;
        let config = BertConfig::from_file(config_path);
        let mut variables = nn::VarStore::new(Device::Cpu);
        let reference = BertModel::new_with_optional_pooler(variables.root(), &config, false);
        variables.load(&path).map_err(|error| LoadError::unusable(&path, error))?;
        variables.freeze();
        Ok(Self { variables, config, adapters: Adapters::default(), reference })
    }

    /// The weights with what was learned on top of them; the reference stays as it is.
    #[must_use]
    pub fn adapted(self, adapters: Adapters) -> Self {
        Self { adapters, ..self }
    }

    /// All weights by name, as they were before anything was learned on top of them.
    #[must_use]
    pub fn named(&self) -> HashMap<String, Tensor> {
        self.variables.variables()
    }

    /// An encoder of these weights that computes in `kind` on the processor.
    #[must_use]
    pub fn encoder(&self, kind: Kind) -> Encoder {
        self.encoder_on(Device::Cpu, kind)
    }

    /// An encoder of these weights that computes in `kind` on `device`.
    #[must_use]
    pub fn encoder_on(&self, device: Device, kind: Kind) -> Encoder {
        let named = self.named();
        let get = |name: &str| {
            let adapted = || self.adapters.applied(name, &named[name]).detach();
            tch::no_grad(|| adapted().to_kind(kind).contiguous().to_device(device))
        };
        let encoder = self.assemble(kind, &get);
        Encoder {
            layers: tch::no_grad(|| encoder.layers.into_iter().map(Layer::by_columns).collect()),
            ..encoder
        }
    }

    /// An encoder of weights that `get` finds by their names: training makes them anew for each step.
    pub fn assemble(&self, kind: Kind, get: &impl Fn(&str) -> Tensor) -> Encoder {
        let places = get("embeddings.position_embeddings.weight")
            + get("embeddings.token_type_embeddings.weight").select(0, 0);
        Encoder {
            device: places.device(),
            words: get("embeddings.word_embeddings.weight"),
            places,
            embedding_norm: norm(get, "embeddings.LayerNorm"),
            layers: (0..self.config.num_hidden_layers).map(|index| layer(get, index)).collect(),
            heads: self.config.num_attention_heads,
            kind,
        }
    }
}

fn linear(get: &impl Fn(&str) -> Tensor, name: &str) -> Linear {
    Linear { weight: get(&format!("{name}.weight")), bias: get(&format!("{name}.bias")) }
}

fn norm(get: &impl Fn(&str) -> Tensor, name: &str) -> Norm {
    Norm { scale: get(&format!("{name}.weight")), shift: get(&format!("{name}.bias")) }
}

fn layer(get: &impl Fn(&str) -> Tensor, index: i64) -> Layer {
    let part = |name: &str| format!("encoder.layer.{index}.{name}");
    let fused = |suffix: &str| {
        let three =
            ["query", "key", "value"].map(|role| get(&part(&format!("attention.self.{role}.{suffix}"))));
        Tensor::cat(&three, 0)
    };
    Layer {
        query_key_value: Linear { weight: fused("weight"), bias: fused("bias") },
        attended: linear(get, &part("attention.output.dense")),
        attended_norm: norm(get, &part("attention.output.LayerNorm")),
        widen: linear(get, &part("intermediate.dense")),
        narrow: linear(get, &part("output.dense")),
        output_norm: norm(get, &part("output.LayerNorm")),
    }
}

/// Where each text of a packed batch lies, and the mask its attention needs.
struct Packing {
    /// First row and number of rows of each text.
    spans: Vec<(i64, i64)>,
    masks: Vec<Tensor>,
}

impl Packing {
    fn new(lengths: impl Iterator<Item = i64>, heads: i64, format: (Kind, Device)) -> Self {
        let spans: Vec<_> = lengths
            .scan(0, |next, length| {
                let start = std::mem::replace(next, *next + length);
                Some((start, length))
            })
            .collect();
        // tch 0.17 hands "no mask" to libtorch 2.4 as an undefined tensor, which throws: a mask of zeros does not.
        let zero = Tensor::zeros([1, 1, 1, 1], format);
        let masks = spans.iter().map(|&(_, l)| zero.expand([1, heads, l, l], false)).collect();
        Self { spans, masks }
    }
}

impl Encoder {
    /// The number format it computes in.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// What computes it.
    #[must_use]
    pub const fn device(&self) -> Device {
        self.device
    }

    /// Length of an embedding.
    #[must_use]
    pub fn dimension(&self) -> i64 {
        self.words.size()[1]
    }

    /// Leaves the embeddings alone: for those who take their states further in another way.
    pub(super) fn take_layers(&mut self) -> Vec<Layer> {
        std::mem::take(&mut self.layers)
    }

    /// The last hidden states of all texts, one text below the other, `[pieces, dimension]` in f32.
    ///
    /// # Panics
    /// As libtorch does, on a word piece outside of the vocabulary or a text over 512 pieces: the caller
    /// truncates, and catches.
    pub fn states(&self, texts: &[&[i64]]) -> Tensor {
        if texts.is_empty() {
            return Tensor::zeros([0, self.dimension()], (Kind::Float, Device::Cpu));
        }
        let lengths: Vec<_> = texts.iter().map(|text| text.len() as i64).collect();
        self.through(0..self.layers.len(), self.embeddings(texts), &lengths)
            .to_kind(Kind::Float)
            .to_device(Device::Cpu)
    }

    /// The states of one text after the first `layers` layers, `[pieces, dimension]`.
    pub fn lower(&self, text: &[i64], layers: usize) -> Tensor {
        self.through(0..layers, self.embeddings(&[text]), &[text.len() as i64])
    }

    /// Goes on where [`Self::lower`] stopped, for several texts: the last hidden states of each, in f32.
    #[must_use]
    pub fn upper(&self, lower: &[Tensor], layers: usize) -> Vec<Tensor> {
        let lengths: Vec<_> = lower.iter().map(|states| states.size()[0]).collect();
        let states = self.through(layers..self.layers.len(), Tensor::cat(lower, 0), &lengths);
        states.to_kind(Kind::Float).split_with_sizes(&lengths, 0)
    }

    fn through(&self, layers: Range<usize>, state: Tensor, lengths: &[i64]) -> Tensor {
        let packing = Packing::new(lengths.iter().copied(), self.heads, (self.kind, self.device));
        self.layers[layers].iter().fold(state, |state, layer| self.layer(layer, &state, &packing))
    }

    fn embeddings(&self, texts: &[&[i64]]) -> Tensor {
        let ids: Vec<i64> = texts.iter().flat_map(|text| text.iter().copied()).collect();
        let places: Vec<i64> = texts.iter().flat_map(|text| 0..text.len() as i64).collect();
        let here = |numbers: &[i64]| Tensor::from_slice(numbers).to_device(self.device);
        let sum = self.words.index_select(0, &here(&ids)) + self.places.index_select(0, &here(&places));
        self.embedding_norm.forward(&sum)
    }

    fn layer(&self, layer: &Layer, state: &Tensor, packing: &Packing) -> Tensor {
        let attended = self.attention(&layer.query_key_value.forward(state), packing);
        let state = layer.attended_norm.forward(&(layer.attended.forward(&attended) + state));
        let wide = layer.widen.forward(&state).gelu("none");
        layer.output_norm.forward(&(layer.narrow.forward(&wide) + state))
    }

    fn attention(&self, query_key_value: &Tensor, packing: &Packing) -> Tensor {
        let (rows, dimension) = (query_key_value.size()[0], self.dimension());
        let split = query_key_value.view([rows, 3, self.heads, dimension / self.heads]);
        let texts = packing.spans.iter().zip(&packing.masks);
        let attended: Vec<_> = texts
            .map(|(&(start, length), mask)| {
                // [3, 1, heads, pieces, dimension of a head]
                let text = split.narrow(0, start, length).permute([1, 2, 0, 3]).unsqueeze(1);
                let [q, k, v] = [0, 1, 2].map(|part| text.select(0, part));
                Tensor::scaled_dot_product_attention(&q, &k, &v, Some(mask), 0.0, false, None)
                    .transpose(1, 2)
                    .reshape([length, dimension])
            })
            .collect();
        Tensor::cat(&attended, 0)
    }
}

/// One embedding per text, `[texts, dimension]`, of the states of all: their mean, of length 1.
pub fn embeddings(states: &Tensor, texts: &[&[i64]]) -> Tensor {
    let mut start = 0;
    let rows: Vec<_> = texts
        .iter()
        .map(|text| {
            start += text.len();
            (start - text.len()..start).collect()
        })
        .collect();
    pool(states, &rows)
}

/// Means of groups of rows, of length 1, `[groups, dimension]`: one multiplication, whatever the groups are.
pub fn pool(states: &Tensor, groups: &[Vec<usize>]) -> Tensor {
    let pieces = states.size()[0] as usize;
    let mut weights = vec![0f32; groups.len() * pieces];
    for (group, weights) in groups.iter().zip(weights.chunks_mut(pieces.max(1))) {
        for &row in group {
            weights[row] = 1.0 / group.len() as f32;
        }
    }
    let weights = Tensor::from_slice(&weights).view([groups.len() as i64, pieces as i64]);
    let means = weights.matmul(states);
    let lengths = means.norm_scalaropt_dim(2, [-1], true).clamp_min(f64::EPSILON);
    means / lengths
}
