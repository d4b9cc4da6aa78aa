use image::RgbaImage;
use mesh::{Error, Mesh, thumbnail};

use crate::shapes::ball;

fn draw(mesh: &Mesh, size: u32) -> RgbaImage {
    let picture =
        image::load_from_memory_with_format(&thumbnail(mesh, size).unwrap(), image::ImageFormat::Png).unwrap();
    assert_eq!((picture.width(), picture.height()), (size, size));
    picture.into_rgba8()
}

fn brightness(picture: &RgbaImage, x: u32, y: u32) -> u32 {
    let [r, g, b, a] = picture.get_pixel(x, y).0;
    assert_eq!(a, 255, "pixel ({x}, {y}) is not covered");
    u32::from(r) + u32::from(g) + u32::from(b)
}

#[test]
fn a_ball_is_a_shaded_disc_in_the_middle() {
    const SIZE: u32 = 128;
    let picture = draw(&ball(48), SIZE);
    assert_eq!(picture.get_pixel(0, 0).0[3], 0, "the corner is clear");
    let covered = picture.pixels().filter(|p| p.0[3] == 255).count() as f64;
    let disc = std::f64::consts::PI * (0.82 * f64::from(SIZE) / 2.0).powi(2);
    assert!((covered / disc - 1.0).abs() < 0.03, "{covered} pixels of {disc}");
    let [light, middle, dark] = [(48, 40), (64, 64), (84, 92)].map(|(x, y)| brightness(&picture, x, y));
    assert!(light > middle && middle > dark, "{light} {middle} {dark}");
    let soft = picture.pixels().filter(|p| (1..255).contains(&p.0[3]) && p.0[0] > 0).count();
    assert!(soft > 100, "the edge is smooth: {soft} pixels");
    let shade = picture.pixels().filter(|p| p.0[..3] == [0; 3] && p.0[3] > 0).count();
    assert!(shade > 100, "there is a shade on the ground: {shade} pixels");
}

#[test]
fn nearer_faces_occlude_farther_ones() {
    let square = |z: f32, half: f32, first: u32| {
        let corners = [[-half, -half, z], [half, -half, z], [half, half, z], [-half, half, z]];
        (corners, [[first, first + 1, first + 2], [first, first + 2, first + 3]])
    };
    let ((near, near_faces), (far, far_faces)) = (square(1.0, 1.0, 0), square(-1.0, 0.5, 4));
    let both = Mesh { vertices: [near, far].concat(), faces: [near_faces, far_faces].concat() };
    let reversed = Mesh { faces: both.faces.iter().rev().copied().collect(), ..both.clone() };
    assert_eq!(draw(&both, 64), draw(&reversed, 64), "whatever the order of the faces");
}

#[test]
fn the_inside_of_an_open_surface_is_lit() {
    let mut triangle =
        Mesh { vertices: vec![[-1.0, -1.0, 0.0], [1.0, -1.0, 0.0], [0.0, 1.0, 0.0]], faces: vec![[0, 1, 2]] };
    let outside = draw(&triangle, 64);
    triangle.faces[0].reverse();
    assert_eq!(draw(&triangle, 64), outside);
}

#[test]
fn the_picture_is_the_same_on_any_number_of_threads() {
    let ball = ball(32);
    let on = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| thumbnail(&ball, 100).unwrap())
    };
    assert_eq!(on(1), on(5));
}

#[test]
fn degenerate_and_invalid_meshes_are_drawn_or_refused() {
    assert!(matches!(thumbnail(&Mesh::default(), 64), Err(Error::Empty)));
    let ball = ball(12);
    for size in [0, 15, 4097] {
        assert!(matches!(thumbnail(&ball, size), Err(Error::ThumbnailSize { .. })), "{size}");
    }
    draw(&ball, 16);
    let face = |vertices: [[f32; 3]; 3]| Mesh { vertices: vertices.to_vec(), faces: vec![[0, 1, 2]] };
    for vertices in [[[1.0; 3]; 3], [[0.0; 3], [1.0; 3], [2.0; 3]], [[0.0; 3], [1e30, 0.0, 0.0], [0.0, 1e30, 0.0]]] {
        draw(&face(vertices), 32);
    }
    for scale in [1e-20, 1e15] {
        let scaled = Mesh { vertices: ball.vertices.iter().map(|v| v.map(|c| c * scale)).collect(), ..ball.clone() };
        assert_eq!(
            draw(&scaled, 32).pixels().filter(|p| p.0[3] == 255).count(),
            draw(&ball, 32).pixels().filter(|p| p.0[3] == 255).count()
        );
    }
}
