use crate::mesh::Mesh;
use crate::vector::{Vector, cross, dot, sub, unit};

/// Azimuth of the camera from the front (+Z towards +X) and its elevation, in degrees.
const AZIMUTH: f64 = 32.0;
const ELEVATION: f64 = 20.0;
/// Distance of the camera in radii of the mesh: a long lens.
const DISTANCE: f64 = 5.0;
/// The share of the picture that the mesh fills.
const FILL: f64 = 0.82;

/// A camera that looks at the whole mesh from the front, a little from the right and from above.
pub(super) struct View {
    eye: Vector,
    right: Vector,
    up: Vector,
    /// Towards the camera.
    pub(super) back: Vector,
    /// From the image plane at distance 1 to pixels.
    scale: f64,
    centre: [f64; 2],
    middle: f64,
    /// Half the diagonal of the bounding box.
    pub(super) radius: f64,
}

impl View {
    /// Frames the mesh in a square of `size` pixels. The mesh must have vertices.
    pub(super) fn framing(mesh: &Mesh, size: u32) -> Self {
        let [low, high] = mesh.bounding_box().unwrap_or_default().map(|corner| corner.map(f64::from));
        let target: Vector = std::array::from_fn(|i| (low[i] + high[i]) / 2.0);
        let diagonal = sub(high, low);
        // A mesh in one point has no size; any will do.
        let radius = Some(dot(diagonal, diagonal).sqrt() / 2.0).filter(|&r| r > 0.0).unwrap_or(1.0);
        let (azimuth, elevation) = (AZIMUTH.to_radians(), ELEVATION.to_radians());
        let back = [elevation.cos() * azimuth.sin(), elevation.sin(), elevation.cos() * azimuth.cos()];
        let right = unit(cross([0.0, 1.0, 0.0], back)).unwrap_or([1.0, 0.0, 0.0]);
        let up = cross(back, right);
        let eye = std::array::from_fn(|i| target[i] + DISTANCE * radius * back[i]);
        let mut view = View { eye, right, up, back, scale: 1.0, centre: [0.0; 2], middle: 0.0, radius };

        let (mut low, mut high) = ([f64::INFINITY; 2], [f64::NEG_INFINITY; 2]);
        for vertex in &mesh.vertices {
            let [x, y, _] = view.project(vertex.map(f64::from));
            low = [low[0].min(x), low[1].min(y)];
            high = [high[0].max(x), high[1].max(y)];
        }
        let extent = (high[0] - low[0]).max(high[1] - low[1]);
        view.scale = if extent > 0.0 { FILL * f64::from(size) / extent } else { f64::from(size) };
        view.centre = [(low[0] + high[0]) / 2.0, (low[1] + high[1]) / 2.0];
        view.middle = f64::from(size) / 2.0;
        view
    }

    /// A point's place in the picture, x to the right and y down in pixels, and its distance from the camera's plane.
    pub(super) fn project(&self, point: Vector) -> [f64; 3] {
        let from_eye = sub(point, self.eye);
        let depth = -dot(from_eye, self.back);
        let (x, y) = (dot(from_eye, self.right) / depth, -dot(from_eye, self.up) / depth);
        [(x - self.centre[0]) * self.scale + self.middle, (y - self.centre[1]) * self.scale + self.middle, depth]
    }

    /// Where the line of sight through a pixel meets the horizontal plane at `height`, if it goes down to it.
    pub(super) fn on_ground(&self, pixel: [f64; 2], height: f64) -> Option<[f64; 2]> {
        let x = (pixel[0] - self.middle) / self.scale + self.centre[0];
        let y = (pixel[1] - self.middle) / self.scale + self.centre[1];
        let direction: Vector = std::array::from_fn(|i| x * self.right[i] - y * self.up[i] - self.back[i]);
        let along = (height - self.eye[1]) / direction[1];
        (along > 0.0 && direction[1] < 0.0)
            .then(|| [self.eye[0] + along * direction[0], self.eye[2] + along * direction[2]])
    }

    /// Pixels per unit of length at the given distance.
    pub(super) fn pixels_per_unit(&self, depth: f64) -> f64 {
        self.scale / depth
    }

    /// The same view of a picture with `factor` times the pixels along each axis.
    pub(super) fn at_scale(&self, factor: f64) -> Self {
        View { scale: self.scale * factor, middle: self.middle * factor, ..*self }
    }

    /// A direction relative to the camera: right, up, towards the viewer.
    pub(super) fn direction(&self, [right, up, back]: [f64; 3]) -> Vector {
        let direction = std::array::from_fn(|i| right * self.right[i] + up * self.up[i] + back * self.back[i]);
        unit(direction).unwrap_or(self.back)
    }
}
