//! Putting a state together from the pieces that arrive.

use super::{ContainerProcessState, StateError};

/// Longest state, in bytes, white space around it included.
pub const LONGEST: usize = 1 << 20;

/// How far a state has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// More is to come.
    Incomplete,
    /// This is it. What followed it is left out.
    Complete(Box<ContainerProcessState>),
}

/// A state that arrives. It is complete with the brace that closes it: runtimes have been seen to keep the connection open.
#[derive(Debug, Default)]
pub struct Incoming {
    received: Vec<u8>,
    place: Place,
    /// Braces that are open.
    depth: usize,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    #[default]
    Before,
    Object,
    Text,
    /// In a text, after a backslash.
    Escape,
    End,
}

impl Incoming {
    /// Takes the next piece, of any length.
    ///
    /// # Errors
    /// [`StateError`] but [`StateError::NoListener`] and [`StateError::CutShort`]. Nothing is taken after an error or a
    /// complete state.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Progress, StateError> {
        if self.place == Place::End {
            return Err(StateError::Ended);
        }
        let room = LONGEST - self.received.len();
        let fitting = bytes.get(..room).unwrap_or(bytes);
        for (index, byte) in fitting.iter().enumerate() {
            let place = self.step(*byte).inspect_err(|_| self.place = Place::End)?;
            self.place = place;
            if place == Place::End {
                self.received.extend(fitting.iter().take(index + 1));
                return self.parse();
            }
        }
        if fitting.len() < bytes.len() {
            self.place = Place::End;
            self.received = Vec::new();
            return Err(StateError::TooLong);
        }
        self.received.extend_from_slice(fitting);
        Ok(Progress::Incomplete)
    }

    /// Why there is no state when the connection has ended.
    pub fn end(&self) -> StateError {
        match self.place {
            Place::End => StateError::Ended,
            _ => StateError::CutShort { received: self.received.len() },
        }
    }

    fn step(&mut self, byte: u8) -> Result<Place, StateError> {
        Ok(match (self.place, byte) {
            (Place::Before, b' ' | b'\t' | b'\r' | b'\n') => Place::Before,
            (Place::Before | Place::Object, b'{') => {
                self.depth += 1;
                Place::Object
            }
            (Place::Before, byte) => return Err(StateError::NoObject { byte }),
            (Place::Object, b'}') => {
                self.depth = self.depth.saturating_sub(1);
                if self.depth == 0 { Place::End } else { Place::Object }
            }
            (Place::Text, b'"') => Place::Object,
            (Place::Text, b'\\') => Place::Escape,
            (Place::Object, b'"') | (Place::Escape, _) => Place::Text,
            (place, _) => place,
        })
    }

    fn parse(&mut self) -> Result<Progress, StateError> {
        let received = std::mem::take(&mut self.received);
        serde_json::from_slice(&received)
            .map(|state| Progress::Complete(Box::new(state)))
            .map_err(|error| StateError::Malformed { line: error.line(), column: error.column() })
    }
}
