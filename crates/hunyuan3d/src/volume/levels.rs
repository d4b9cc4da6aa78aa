//! The resolutions of a coarse-to-fine decoding (specification sections 12.2 and 12.4).

/// Resolutions R, R/2, R/4 ... down to `min_resolution`, coarsest first; just R if that is below `min_resolution`.
pub(crate) fn levels(resolution: u32, min_resolution: u32) -> Vec<u32> {
    let halves = std::iter::successors(Some(resolution), |r| Some(r / 2)).take_while(|&r| r > 0 && r >= min_resolution);
    let mut levels: Vec<u32> = halves.collect();
    levels.reverse();
    if levels.is_empty() { vec![resolution] } else { levels }
}

/// The level list of the FlashVDM decoder: the coarsest grid must cut into 4x4x4 blocks, so its resolution becomes the
/// nearest multiple of 4 (ties to an even quotient) less 1, and every further level doubles it.
pub(crate) fn flash_levels(resolution: u32, min_resolution: u32) -> Vec<u32> {
    let levels = levels(resolution, min_resolution);
    let quarter = (f64::from(levels[0]) / 4.0).round_ties_even() as u32;
    let coarsest = (4 * quarter).max(4) - 1;
    (0..levels.len()).map(|i| coarsest << i).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_down_to_the_minimum() {
        assert_eq!(levels(384, 63), [96, 192, 384]);
        assert_eq!(levels(128, 63), [64, 128]);
        assert_eq!(levels(64, 63), [64]);
        assert_eq!(levels(256, 63), [64, 128, 256]);
        assert_eq!(levels(132, 63), [66, 132]);
        assert_eq!(levels(24, 63), [24]);
        assert_eq!(levels(127, 63), [63, 127]);
    }

    #[test]
    fn flash_grids_cut_into_blocks() {
        assert_eq!(flash_levels(64, 63), [63]);
        assert_eq!(flash_levels(128, 63), [63, 126]);
        assert_eq!(flash_levels(256, 63), [63, 126, 252]);
        assert_eq!(flash_levels(380, 63), [95, 190, 380]);
        assert_eq!(flash_levels(384, 63), [95, 190, 380]);
        assert_eq!(flash_levels(512, 63), [63, 126, 252, 504]);
        assert_eq!(flash_levels(132, 63), [63, 126]);
    }
}
