use crate::Error;
use std::any::Any;

/// A sample between its first and its last step. Only its model knows what it holds, usually tensors on the device.
pub trait Row: Any + Send {
    /// Name of the stage that the next step belongs to, one of the model's stages.
    fn stage(&self) -> &'static str {
        "denoise"
    }

    /// Steps taken.
    fn step(&self) -> u32;

    /// Steps to take in all.
    fn steps(&self) -> u32;

    /// Whether all steps are taken.
    fn is_done(&self) -> bool {
        self.step() >= self.steps()
    }
}

impl dyn Row {
    /// The row as the type of its model.
    ///
    /// # Errors
    /// [`Error::Failed`] if it is the row of another model.
    pub fn downcast_ref<T: Row>(&self) -> Result<&T, Error> {
        let row: &dyn Any = self;
        row.downcast_ref().ok_or_else(foreign)
    }

    /// The row as the type of its model, to be changed.
    ///
    /// # Errors
    /// [`Error::Failed`] if it is the row of another model.
    pub fn downcast_mut<T: Row>(&mut self) -> Result<&mut T, Error> {
        let row: &mut dyn Any = self;
        row.downcast_mut().ok_or_else(foreign)
    }
}

/// The preprocessed input of a model. Only its model knows what it holds.
#[derive(Debug)]
pub struct Prepared(Box<dyn Any + Send>);

impl Prepared {
    /// Hides the type of an input.
    pub fn new<T: Any + Send>(input: T) -> Self {
        Self(Box::new(input))
    }

    /// The input as the type of its model.
    ///
    /// # Errors
    /// [`Error::Failed`] if it is the input of another model.
    pub fn downcast_ref<T: Any>(&self) -> Result<&T, Error> {
        self.0.downcast_ref().ok_or_else(foreign)
    }
}

fn foreign() -> Error {
    Error::Failed("a model was given the state of another model. This is a bug.".to_owned())
}
