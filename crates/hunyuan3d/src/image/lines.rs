/// The `N` rows of a source that a target row is made of, filtered along x. Rows that the next target row needs again are
/// kept, so each is filtered once as long as targets are made in order.
pub(super) struct Lines<T, const N: usize> {
    width: usize,
    slots: [(Option<usize>, Vec<T>); N],
}

impl<T: Copy + Default, const N: usize> Lines<T, N> {
    /// For rows of `width` values.
    pub(super) fn new(width: usize) -> Self {
        Self { width, slots: std::array::from_fn(|_| (None, Vec::new())) }
    }

    /// Makes `filter` fill in the rows that are not there yet.
    pub(super) fn load(&mut self, wanted: [usize; N], filter: impl Fn(usize, &mut [T])) {
        for row in wanted {
            if self.slots.iter().any(|(held, _)| *held == Some(row)) {
                continue;
            }
            let free = self.slots.iter_mut().find(|(held, _)| held.is_none_or(|held| !wanted.contains(&held)));
            let (held, line) = free.expect("there is a slot for each wanted row. This is a bug.");
            *held = Some(row);
            line.resize(self.width, T::default());
            filter(row, line);
        }
    }

    /// A row that has been loaded.
    pub(super) fn line(&self, row: usize) -> &[T] {
        let slot = self.slots.iter().find(|(held, _)| *held == Some(row));
        &slot.expect("the row has been loaded. This is a bug.").1
    }
}
