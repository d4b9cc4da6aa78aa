//! What a client may ask for, and the ranges of it.

use serde::{Deserialize, Serialize};
use std::str::FromStr;

/// The file format of a result.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum MeshFormat {
    /// Binary glTF 2.0.
    #[default]
    Glb,
    /// Wavefront OBJ.
    Obj,
    /// Binary STL.
    Stl,
}

impl MeshFormat {
    /// The registered media type.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Glb => "model/gltf-binary",
            Self::Obj => "model/obj",
            Self::Stl => "model/stl",
        }
    }

    /// The usual file extension, without the dot.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Glb => "glb",
            Self::Obj => "obj",
            Self::Stl => "stl",
        }
    }
}

impl FromStr for MeshFormat {
    type Err = InvalidParameter;

    fn from_str(text: &str) -> Result<Self, InvalidParameter> {
        match text {
            "glb" => Ok(Self::Glb),
            "obj" => Ok(Self::Obj),
            "stl" => Ok(Self::Stl),
            _ => Err(InvalidParameter { name: "format", expected: "one of glb, obj, stl".to_owned() }),
        }
    }
}

/// What a job is to be made with. `None` means the model's own default.
///
/// The fields are what a client may send; [`Parameters::validate`] holds them against [`RANGES`].
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Parameters {
    /// Denoising steps, 1 to 200.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 200)]
    pub steps: Option<u32>,
    /// Classifier-free guidance scale, 0 to 20.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0.0, maximum = 20.0)]
    pub guidance_scale: Option<f64>,
    /// Seed of the initial noise, 0 to 2^53 - 1 (exact in JSON everywhere); drawn at random when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 9007199254740991_u64)]
    pub seed: Option<u64>,
    /// Cells along each side of the grid that the surface is read from, 16 to 512.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 16, maximum = 512)]
    pub octree_resolution: Option<u32>,
    /// File format of the mesh.
    pub format: MeshFormat,
    /// Most triangles the mesh may have, 100 to 5,000,000; absent means as extracted.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 100, maximum = 5000000)]
    pub face_budget: Option<u32>,
}

/// The allowed range of one numeric parameter, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ParameterRange {
    /// The parameter's name as clients write it.
    pub name: &'static str,
    /// Smallest allowed value.
    pub min: f64,
    /// Largest allowed value.
    pub max: f64,
}

/// Every numeric parameter's range.
pub const RANGES: [ParameterRange; 5] = [
    ParameterRange { name: "steps", min: 1.0, max: 200.0 },
    ParameterRange { name: "guidance_scale", min: 0.0, max: 20.0 },
    ParameterRange { name: "seed", min: 0.0, max: 9_007_199_254_740_991.0 },
    ParameterRange { name: "octree_resolution", min: 16.0, max: 512.0 },
    ParameterRange { name: "face_budget", min: 100.0, max: 5_000_000.0 },
];

/// A parameter outside its range or of the wrong form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name} must be {expected}")]
pub struct InvalidParameter {
    /// The parameter's name.
    pub name: &'static str,
    /// What would have been right, as a noun phrase.
    pub expected: String,
}

impl Parameters {
    /// Holds every value against its range.
    ///
    /// # Errors
    /// The first value outside its range.
    pub fn validate(&self) -> Result<(), InvalidParameter> {
        let given = [
            self.steps.map(f64::from),
            self.guidance_scale,
            self.seed.map(|s| s as f64),
            self.octree_resolution.map(f64::from),
            self.face_budget.map(f64::from),
        ];
        for (range, value) in RANGES.iter().zip(given) {
            // NaN is in no range.
            if value.is_some_and(|v| !(range.min..=range.max).contains(&v)) {
                let expected = format!("between {} and {}", range.min, range.max);
                return Err(InvalidParameter { name: range.name, expected });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_range_is_held_at_both_ends() {
        for range in RANGES {
            let with = |v: f64| {
                let json = if range.name == "guidance_scale" {
                    format!("{{\"{}\": {v}}}", range.name)
                } else {
                    format!("{{\"{}\": {}}}", range.name, v as u64)
                };
                serde_json::from_str::<Parameters>(&json).unwrap().validate()
            };
            assert!(with(range.min).is_ok() && with(range.max).is_ok(), "{}", range.name);
            assert_eq!(with(range.max + 1.0).unwrap_err().name, range.name);
        }
        assert!(Parameters { guidance_scale: Some(f64::NAN), ..Default::default() }.validate().is_err());
    }

    #[test]
    fn unknown_fields_are_refused() {
        assert!(serde_json::from_str::<Parameters>("{\"stepz\": 3}").is_err());
    }
}
