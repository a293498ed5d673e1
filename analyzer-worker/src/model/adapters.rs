//! What was learned on top of the encoder: to each matrix a product of two thin ones is added, to each vector
//! a vector. A few percent of the encoder's size, and nothing at run time: they are added once, at load.

use std::collections::BTreeMap;

use tch::Tensor;

/// Ending of the thin matrix that reads a matrix's input, `[rank, inputs]`.
pub const DOWN: &str = "down";
/// Ending of the thin matrix that writes a matrix's output, `[outputs, rank]`.
pub const UP: &str = "up";
/// Ending of what is added to a vector.
pub const SHIFT: &str = "shift";

/// Updates of weights by the name of the weight and an ending.
#[derive(Debug, Default)]
pub struct Adapters(BTreeMap<String, Tensor>);

impl Adapters {
    /// Picks the updates out of named tensors.
    #[must_use]
    pub fn new<'a>(tensors: impl IntoIterator<Item = (&'a String, &'a Tensor)>) -> Self {
        let is_update = |name: &str| [DOWN, UP, SHIFT].iter().any(|ending| name.ends_with(ending));
        let updates = tensors.into_iter().filter(|(name, _)| is_update(name));
        Self(updates.map(|(name, tensor)| (name.clone(), tensor.shallow_clone())).collect())
    }

    /// The same tensors under another owner.
    #[must_use]
    pub fn shared(&self) -> Self {
        Self::new(&self.0)
    }

    /// The weight with its update, if it has one.
    pub fn applied(&self, name: &str, base: &Tensor) -> Tensor {
        let update = |ending: &str| self.0.get(&format!("{name}.{ending}"));
        match (update(DOWN), update(UP), update(SHIFT)) {
            (Some(down), Some(up), _) => base + up.matmul(down),
            (_, _, Some(shift)) => base + shift,
            _ => base.shallow_clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_update_changes_its_own_weight_only() {
        let down = Tensor::from_slice(&[1f32, 0.]).view([1, 2]);
        let up = Tensor::from_slice(&[2f32, 3.]).view([2, 1]);
        let tensors = BTreeMap::from([("a.weight.down".to_owned(), down), ("a.weight.up".to_owned(), up)]);
        let adapters = Adapters::new(&tensors);
        let base = Tensor::eye(2, (tch::Kind::Float, tch::Device::Cpu));
        assert!(adapters.applied("b.weight", &base).equal(&base));
        let expected = Tensor::from_slice(&[3f32, 0., 3., 1.]).view([2, 2]);
        assert!(adapters.applied("a.weight", &base).equal(&expected));
    }
}
