//! How much of each group of features a head is fed. Where a ticket belongs depends on its topic, how urgent it is
//! on its wording; cross-validation picks the diet of each head.

use tch::{Kind, Tensor};

use crate::model::features::GROUPS;

/// Multipliers of the groups: embedding, statements, form, style, cues.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Diet {
    /// Its name in the manifest.
    pub name: &'static str,
    multipliers: [f32; GROUPS],
}

/// The diets tried.
pub const DIETS: [Diet; 3] = [
    Diet { name: "topic", multipliers: [6.0, 2.0, 2.0, 0.5, 0.0] },
    Diet { name: "wording", multipliers: [4.0, 4.0, 2.0, 1.0, 2.0] },
    Diet { name: "both", multipliers: [6.0, 3.0, 2.0, 1.0, 1.0] },
];

impl Diet {
    /// One multiplier per feature, for groups of these widths.
    pub fn multipliers(&self, widths: &[i64; GROUPS]) -> Tensor {
        let groups = self.multipliers.iter().zip(widths);
        let flat: Vec<f32> = groups.flat_map(|(&m, &width)| std::iter::repeat_n(m, width as usize)).collect();
        Tensor::from_slice(&flat).to_kind(Kind::Float)
    }
}
